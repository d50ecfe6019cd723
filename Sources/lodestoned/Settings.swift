// SPDX-License-Identifier: Apache-2.0
import Foundation
package import LodestoneCore
import LodestoneCredentials
package import LodestoneEngine
package import LodestoneServer
package import Logging

/// All settings; a new value has the documented defaults.
package struct Settings: Sendable {
    /// The directory of the store.
    package var data: String?
    /// The address to listen at.
    package var listen = Endpoint.standard
    /// The address of the pages for machines; `nil`: none.
    package var http: Endpoint?
    /// The least time between two searches of a collection that are repeated; zero: none is.
    package var recallSample = Duration.seconds(10)
    /// The file with the tokens.
    package var tokenFile: String?
    /// The file with the certificate of the server.
    package var tlsCertificate: String?
    /// The file with the key of the certificate.
    package var tlsKey: String?
    /// The file with the authorities of clients' certificates.
    package var tlsClientCA: String?
    /// The file of the audit log, `stderr` or `none`.
    package var auditLog: String?
    /// The calls that the audit log has.
    package var auditCalls = AuditedCalls.admin
    /// The durability of acknowledged writes.
    package var durability = Durability.full
    /// Whether the server only reads the store.
    package var isReadOnly = false
    /// The policy for compactions.
    package var compaction = CompactionPolicy()
    /// The limits on open collections.
    package var openCollections = OpenCollections(bytes: MemoryShares.changes)
    /// The anonymous memory that graphs of vectors may take.
    package var graphMemory = MemoryShares.graphs
    /// The memory for SQLite's caches.
    package var cacheMemory = MemoryShares.caches
    /// The least important level that is logged.
    package var logLevel = Logger.Level.info
    /// Whether the log has JSON instead of text.
    package var logsJSON = false
    /// The configuration of the server; its endpoint, tokens and limits are set from the other
    /// settings.
    package var server = ServerConfiguration()
    /// The limits of requests and connections.
    package var limits = Limits.standard

    /// Creates the defaults.
    package init() {}

    /// Checks the conditions that concern several settings.
    func check() throws(LodestoneError) {
        guard data != nil else {
            throw .badSetting(
                "The directory of the store is not set.",
                "Give it with --data DIR.",
                "data"
            )
        }
        if tlsCertificate == nil, tlsKey != nil || tlsClientCA != nil {
            throw .badSetting(
                "The server can't encrypt without a certificate.",
                "Give it with --tls-certificate FILE.",
                "tlsCertificate"
            )
        }
        guard (tlsCertificate == nil) == (tlsKey == nil) else {
            throw .badSetting(
                "The key of the certificate is not set.",
                "Give it with --tls-key FILE.",
                "tlsKey"
            )
        }
        guard limits.defaultDeadline <= limits.maxDeadline else {
            throw .badSetting(
                "defaultDeadlineMs is longer than maxDeadlineMs.",
                "Make defaultDeadlineMs the smaller one.",
                "defaultDeadlineMs"
            )
        }
        guard limits.maxUnreadBytes >= limits.maxFrameBytes else {
            throw .badSetting(
                "maxUnreadBytes is smaller than maxFrameBytes: no large reply could be sent.",
                "Make maxUnreadBytes the larger one.",
                "maxUnreadBytes"
            )
        }
    }

    /// The complete configuration of the server.
    ///
    /// - Throws: The error for a bad token file or certificate, or for an address that requires
    ///   one.
    func serverConfiguration() throws(LodestoneError) -> ServerConfiguration {
        var configuration = server
        configuration.endpoint = listen
        configuration.limits = limits
        if http != nil, recallSample > .zero { configuration.recallSampling = recallSample }
        if let tokenFile { configuration.credentials = try Credentials(file: tokenFile) }
        if let tlsCertificate, let tlsKey {
            configuration.tls = TLSFiles(
                certificate: tlsCertificate,
                key: tlsKey,
                clientCA: tlsClientCA
            )
            try configuration.tls?.check()
        }
        try configuration.checkExposure()
        return configuration
    }

    /// Opens the audit log, if the settings name one.
    func openAuditLog(_ logger: Logger) throws(LodestoneError) -> AuditLog? {
        switch auditLog {
        case nil, "none": nil
        case "stderr": try AuditLog(path: nil, calls: auditCalls, logger: logger)
        case let path?: try AuditLog(path: path, calls: auditCalls, logger: logger)
        }
    }
}

extension LodestoneError {
    /// The error for a setting that can't be used.
    static func badSetting(_ message: String, _ recovery: String, _ name: String)
        -> LodestoneError
    {
        .invalid(.badSetting, message, recovery: recovery, field: name)
    }
}
