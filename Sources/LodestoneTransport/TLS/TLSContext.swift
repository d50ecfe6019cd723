// SPDX-License-Identifier: Apache-2.0
import COpenSSLTLS
package import LodestoneCore

/// The certificates, the key and the rules of one end's encrypted connections.
///
/// Both ends speak TLS 1.3 or 1.2, with keys that no later theft of a private key reveals, and the
/// application protocol `lodestone/1`. A session is never resumed: a new context is obeyed by the
/// next connection.
///
/// Threading: any thread.
package final class TLSContext: @unchecked Sendable {
    // Unchecked: nothing changes a context after it is made, and OpenSSL counts its references
    // atomically.

    /// The application protocol, as ALPN names it.
    package static let applicationProtocol = "lodestone/1"
    /// The bytes that a connection reads at once.
    private static let readByteCount = 64 << 10
    private static let oldCiphers = "ECDHE+AESGCM:ECDHE+CHACHA20"
    private static let ciphers =
        "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"

    let pointer: OpaquePointer
    /// Whether it is the context of a server.
    let isServer: Bool
    /// The end of this end's certificate, in seconds since 1970; `nil` without a certificate.
    package private(set) var validUntil: Int64?

    private init(isServer: Bool) throws(LodestoneError) {
        // OpenSSL fails here only without memory, or where an administrator has forbidden TLS.
        guard let pointer = SSL_CTX_new(isServer ? TLS_server_method() : TLS_client_method()),
            lode_tls_set_up(pointer, Self.readByteCount) == 1,
            SSL_CTX_set_cipher_list(pointer, Self.oldCiphers) == 1,
            SSL_CTX_set_ciphersuites(pointer, Self.ciphers) == 1
        else {
            throw LodestoneError(
                .failedPrecondition,
                reason: .tlsHandshake,
                "OpenSSL offers no TLS: \(PEMFile.text(of: ERR_peek_last_error())).",
                recovery: "Check the configuration of OpenSSL (openssl.cnf) on this machine."
            )
        }
        self.pointer = pointer
        self.isServer = isServer
    }

    deinit { SSL_CTX_free(pointer) }

    /// Reads the files of a server.
    ///
    /// Blocks while the disk is read.
    ///
    /// - Parameters:
    ///   - certificate: The file with the server's certificate, and those of the authorities
    ///     between it and the root.
    ///   - key: The file with the key of the certificate, which others may not read.
    ///   - clientCA: The file with the authorities of clients' certificates; with `nil` no client
    ///     shows one, else each must.
    /// - Returns: The context.
    /// - Throws: `BAD_TLS_FILE`.
    package static func server(
        certificate: String,
        key: String,
        clientCA: String?
    ) throws(LodestoneError) -> TLSContext {
        let context = try TLSContext(isServer: true)
        try context.useCertificate(certificate, key: key)
        if let clientCA {
            for authority in try context.trust(clientCA) {
                SSL_CTX_add_client_CA(context.pointer, authority.pointer)
            }
            let mode = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT
            SSL_CTX_set_verify(context.pointer, mode, nil)
        }
        SSL_CTX_set_alpn_select_cb(context.pointer, selectProtocol, nil)
        return context
    }

    /// Reads the files of a client.
    ///
    /// Blocks while the disk is read.
    ///
    /// - Parameters:
    ///   - authorities: The file with the authorities of servers' certificates; `nil`: those that
    ///     the system trusts.
    ///   - certificate: The file with the client's certificate, if the server wants one.
    ///   - key: The file with the key of the certificate, which others may not read.
    /// - Returns: The context.
    /// - Throws: `BAD_TLS_FILE`.
    package static func client(
        authorities: String?,
        certificate: String?,
        key: String?
    ) throws(LodestoneError) -> TLSContext {
        let context = try TLSContext(isServer: false)
        if let authorities {
            _ = try context.trust(authorities)
        } else {
            SSL_CTX_set_default_verify_paths(context.pointer)
        }
        if let certificate {
            try context.useCertificate(certificate, key: key ?? certificate)
        }
        SSL_CTX_set_verify(context.pointer, SSL_VERIFY_PEER, nil)
        let offered = [UInt8(applicationProtocol.utf8.count)] + Array(applicationProtocol.utf8)
        // Unlike others, the call returns 0 when it succeeds.
        guard SSL_CTX_set_alpn_protos(context.pointer, offered, UInt32(offered.count)) == 0 else {
            fatalError("OpenSSL has no memory for a name of a protocol.")
        }
        return context
    }

    private func useCertificate(_ file: String, key: String) throws(LodestoneError) {
        let chain = try PEMFile(file).certificates()
        guard let leaf = chain.first, SSL_CTX_use_certificate(pointer, leaf.pointer) == 1 else {
            throw PEMFile.bad(
                file,
                "OpenSSL refuses its certificate: \(PEMFile.text(of: ERR_peek_last_error()))",
                "Make a certificate with a key of at least 2048 bits (RSA) or 256 bits (EC)."
            )
        }
        for certificate in chain.dropFirst() {
            guard lode_tls_add_to_chain(pointer, certificate.pointer) == 1 else {
                throw PEMFile.bad(
                    file,
                    "OpenSSL refuses a certificate of its chain: "
                        + PEMFile.text(of: ERR_peek_last_error()),
                    "List the server's certificate first, and then each issuer's."
                )
            }
        }
        try PEMFile(key, isSecret: true).useKey(in: pointer, certificate: file)
        validUntil = leaf.validUntil
    }

    /// Trusts the certificates in a file, and those that they have signed.
    private func trust(_ file: String) throws(LodestoneError) -> [Certificate] {
        let authorities = try PEMFile(file).certificates()
        let store = SSL_CTX_get_cert_store(pointer)
        for authority in authorities where X509_STORE_add_cert(store, authority.pointer) != 1 {
            throw PEMFile.bad(
                file,
                "OpenSSL refuses an authority in it: \(PEMFile.text(of: ERR_peek_last_error()))",
                "Give the certificates of authorities in PEM."
            )
        }
        return authorities
    }
}

/// Selects the protocol of Lodestone among those that a client offers, or refuses the client.
///
/// A client that offers no protocol at all is not refused: no call of this function is made.
private func selectProtocol(
    _: OpaquePointer?,
    _ selected: UnsafeMutablePointer<UnsafePointer<UInt8>?>?,
    _ count: UnsafeMutablePointer<UInt8>?,
    _ offered: UnsafePointer<UInt8>?,
    _ length: UInt32,
    _: UnsafeMutableRawPointer?
) -> Int32 {
    guard let selected, let count, let offered else { return SSL_TLSEXT_ERR_ALERT_FATAL }
    let list = UnsafeBufferPointer(start: offered, count: Int(length))
    var position = 0
    while position < list.count {
        let end = position + 1 + Int(list[position])
        guard end <= list.count else { break }
        if list[(position + 1)..<end].elementsEqual(TLSContext.applicationProtocol.utf8) {
            selected.pointee = offered + position + 1
            count.pointee = list[position]
            return SSL_TLSEXT_ERR_OK
        }
        position = end
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL
}
