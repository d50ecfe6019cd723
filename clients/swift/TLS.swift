// SPDX-License-Identifier: Apache-2.0
import Dispatch
import LodestoneCore
import LodestoneTransport

extension LodestoneClient {
    /// The encryption of a client's connections.
    ///
    /// The server must show a certificate for its name that a known authority has signed. Nothing
    /// switches this check off. For a test, make an authority: README.md has the commands.
    ///
    /// ```swift
    /// let tls = LodestoneClient.TLS(authorities: "/etc/lodestone/ca.pem")
    /// let configuration = LodestoneClient.Configuration(
    ///     endpoint: .tcp(host: "db.example", port: 5633), token: token, tls: tls)
    /// ```
    public struct TLS: Sendable, Equatable {
        /// The path of a file with the authorities to trust, in PEM; `nil`: those that the system
        /// trusts.
        public var authorities: String?
        /// The path of a file with the client's certificate, in PEM; `nil` unless the server wants
        /// one.
        ///
        /// The certificates of authorities between it and the root follow in the file.
        public var certificate: String?
        /// The path of a file with the key of the certificate, in PEM; `nil` when the file of the
        /// certificate has it.
        ///
        /// Others may not read the file.
        public var key: String?
        /// The name or address that the server's certificate must have; `nil`: the host of the
        /// endpoint.
        public var serverName: String?

        /// Creates settings.
        public init(
            authorities: String? = nil,
            certificate: String? = nil,
            key: String? = nil,
            serverName: String? = nil
        ) {
            self.authorities = authorities
            self.certificate = certificate
            self.key = key
            self.serverName = serverName
        }
    }
}

/// The encryption of a client's connections, with its files read.
struct Encryption: Sendable {
    private let context: TLSContext
    private let serverName: String

    /// Reads the files on a thread that may block.
    ///
    /// - Throws: `BAD_TLS_FILE`, or `TLS_CERTIFICATE` when no certificate can be for the server.
    static func load(
        _ tls: LodestoneClient.TLS,
        for endpoint: Endpoint
    ) async throws(LodestoneError) -> Encryption {
        guard tls.certificate != nil || tls.key == nil else {
            throw .invalid(
                .badTLSFile,
                "The client has a key and no certificate.",
                recovery: "Give the certificate that the key belongs to.",
                field: "certificate"
            )
        }
        let result: Result<TLSContext, LodestoneError> = await withCheckedContinuation { waiter in
            DispatchQueue.global().async {
                waiter.resume(
                    returning: Result { () throws(LodestoneError) in
                        try TLSContext.client(
                            authorities: tls.authorities,
                            certificate: tls.certificate,
                            key: tls.key
                        )
                    }
                )
            }
        }
        let encryption = Encryption(
            context: try result.get(),
            serverName: tls.serverName ?? endpoint.host
        )
        _ = try encryption.session()
        return encryption
    }

    /// The session of a new connection.
    func session() throws(LodestoneError) -> TLSSession {
        try TLSSession(connectingWith: context, to: serverName)
    }
}

extension Endpoint {
    /// The host, for its certificate; empty for a Unix socket, which has no name.
    fileprivate var host: String {
        if case .tcp(let host, _) = self { host } else { "" }
    }
}

extension LodestoneClient.Configuration {
    /// The beginnings of addresses that say whether connections are encrypted.
    private static let encrypted = "lodestones://"
    private static let cleartext = "lodestone://"

    /// Creates a configuration for a server at an address: `lodestones://db.example:5633` with
    /// encryption; `127.0.0.1:5633`, `lodestone://127.0.0.1` or `unix:/run/lodestone.sock` without.
    ///
    /// - Parameters:
    ///   - address: The address.
    ///   - token: The credential, if the server requires one.
    ///   - tls: Settings for the encryption. With it, an address without a beginning is encrypted,
    ///     too.
    /// - Throws: `.invalidArgument` when `address` is none.
    public init(
        address: String,
        token: String? = nil,
        tls: LodestoneClient.TLS? = nil
    ) throws(LodestoneError) {
        if address.hasPrefix(Self.encrypted) {
            let rest = String(address.dropFirst(Self.encrypted.count))
            self.init(endpoint: try Endpoint(rest), token: token, tls: tls ?? .init())
        } else if address.hasPrefix(Self.cleartext) {
            guard tls == nil else {
                throw .invalid(
                    .badEndpoint,
                    "'\(address)' is for clear text, and the client has settings for TLS.",
                    recovery: "Write \(Self.encrypted) in front, or leave the settings out.",
                    field: "endpoint",
                    object: address
                )
            }
            let rest = String(address.dropFirst(Self.cleartext.count))
            self.init(endpoint: try Endpoint(rest), token: token)
        } else {
            self.init(endpoint: try Endpoint(address), token: token, tls: tls)
        }
    }
}
