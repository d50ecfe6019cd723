// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Foundation
import LodestoneClient

/// The encryption of the connection to the server.
struct EncryptionOptions: ParsableArguments {
    @Flag(
        help: "Encrypt the connection, as lodestones:// in front of the address does."
    )
    var tls = false

    @Option(
        help: """
            A file with the authorities of the server's certificate, in PEM. (default: LODESTONE_CA, \
            or those of the system)
            """,
        completion: .file()
    )
    var ca: String?

    @Option(
        help: "A file with a certificate to show, in PEM. (default: LODESTONE_CERT, if any)",
        completion: .file()
    )
    var cert: String?

    @Option(
        help: """
            A file with the key of the certificate, which others may not read. (default: \
            LODESTONE_KEY, or the file of the certificate)
            """,
        completion: .file()
    )
    var key: String?

    @Option(help: "The name that the server's certificate has. (default: the host of the address)")
    var serverName: String?

    /// The settings of the client; `nil` unless an option or the address is about encryption.
    ///
    /// A variable alone switches nothing on, so that it may be set for all commands.
    func settings(for address: String) -> LodestoneClient.TLS? {
        let hasOption = tls || ca != nil || cert != nil || key != nil || serverName != nil
        guard hasOption || address.hasPrefix("lodestones://") else { return nil }
        let environment = ProcessInfo.processInfo.environment
        return LodestoneClient.TLS(
            authorities: ca ?? environment["LODESTONE_CA"],
            certificate: cert ?? environment["LODESTONE_CERT"],
            key: key ?? environment["LODESTONE_KEY"],
            serverName: serverName
        )
    }
}
