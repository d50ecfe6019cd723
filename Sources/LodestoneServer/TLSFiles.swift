// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore
import LodestoneStructures
import LodestoneTransport
import LodestoneWire

/// The files of a server's encryption.
package struct TLSFiles: Sendable, Equatable {
    /// The certificate of the server, and those of the authorities between it and the root.
    package var certificate: String
    /// The key of the certificate.
    package var key: String
    /// The authorities that sign clients' certificates; with `nil` no client shows one, else each
    /// must.
    package var clientCA: String?

    /// Names the files.
    package init(certificate: String, key: String, clientCA: String? = nil) {
        self.certificate = certificate
        self.key = key
        self.clientCA = clientCA
    }

    /// All of the files.
    package var paths: [String] { [certificate, key] + (clientCA.map { [$0] } ?? []) }

    /// The kind of encryption, for the log.
    var mode: String { clientCA == nil ? "TLS" : "TLS with client certificates" }

    /// Reads the files as they are now.
    ///
    /// - Throws: `BAD_TLS_FILE`.
    func load() throws(LodestoneError) -> TLSContext {
        try TLSContext.server(certificate: certificate, key: key, clientCA: clientCA)
    }

    /// Checks that the files can be used.
    ///
    /// - Throws: `BAD_TLS_FILE`.
    package func check() throws(LodestoneError) { _ = try load() }

    /// Reads the files, and makes connections that a listener accepts use them.
    ///
    /// - Throws: `BAD_TLS_FILE`.
    func acceptor() throws(LodestoneError) -> TLSAcceptor {
        var reply = ByteBuffer()
        MessageCodec.append(Response(id: 0, reply: .error(.tlsRequired)), to: &reply)
        return TLSAcceptor(
            try load(),
            cleartextReply: reply.withUnsafeBytes { Array($0) }
        )
    }
}

extension TLSContext {
    /// The end of this server's certificate, as a text.
    var validUntilText: String {
        guard let validUntil else { return "never" }
        return TimestampText.format(microseconds: validUntil * 1_000_000)
    }
}
