// SPDX-License-Identifier: Apache-2.0
import COpenSSLTLS
import LodestoneCore

/// The reason why a connection can't be encrypted.
struct TLSFailure: Sendable {
    /// The kind of failure.
    enum Problem: Sendable, Equatable {
        /// The other end's first bytes are no handshake.
        case cleartext
        /// The other end's certificate is refused: a code and a text of OpenSSL.
        case certificate(Int, String)
        /// The client has shown no certificate, and this server needs one.
        case noCertificate
        /// The other end has refused this end: the number of its alert and a text of OpenSSL.
        case refused(Int32, String)
        /// The server speaks TLS and another protocol in it.
        case otherProtocol
        /// Another failure of the handshake, in the words of OpenSSL.
        case handshake(String)
        /// A record after the handshake is not authentic or not allowed, in the words of OpenSSL.
        case record(String)
        /// The other end makes this end reply without an end, and reads nothing.
        case flooded
    }

    var isServer: Bool
    var problem: Problem

    /// The error that the code at this end gets.
    func error(peer: String) -> LodestoneError { problem.error(peer: peer, isServer: isServer) }
}

extension TLSFailure.Problem {
    /// The alert by which an end says that it knows no common application protocol.
    private static let noApplicationProtocol: Int32 = 120
    /// The types of the records with which an end may begin: a handshake, or an alert.
    private static let firstBytes: Set<UInt8> = [0x15, 0x16]

    /// Finds the problem behind an error of OpenSSL.
    ///
    /// - Parameters:
    ///   - firstByte: The first byte from the other end, if the handshake is not over.
    ///   - verification: The outcome of the check of the other end's certificate.
    ///   - code: The first error in OpenSSL's queue.
    ///   - isServer: Whether this end is the server.
    init(firstByte: UInt8?, verification: Int, code: UInt, isServer: Bool) {
        let reason = ERR_GET_REASON(code)
        if let firstByte, !Self.firstBytes.contains(firstByte) {
            self = .cleartext
        } else if verification != X509_V_OK, reason == SSL_R_CERTIFICATE_VERIFY_FAILED {
            let text = X509_verify_cert_error_string(verification).map { String(cString: $0) }
            self = .certificate(verification, text ?? "error \(verification)")
        } else if reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE {
            self = .noCertificate
        } else if reason > SSL_AD_REASON_OFFSET {
            self = .refused(reason - SSL_AD_REASON_OFFSET, PEMFile.text(of: code))
        } else if firstByte == nil {
            self = .record(PEMFile.text(of: code))
        } else {
            self = .handshake(PEMFile.text(of: code))
        }
    }

    /// The next step of the client that has met a certificate that it refuses.
    private static func recovery(fromVerification code: Int) -> String {
        switch Int32(code) {
        case X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH:
            "Connect by a name or an address that the certificate is for, or name the one that it "
                + "is for in the client's TLS settings."
        case X509_V_ERR_CERT_HAS_EXPIRED, X509_V_ERR_CERT_NOT_YET_VALID:
            "Renew the certificate, and check the clocks of both machines."
        default:
            "Give the client the certificate of the authority that has signed it."
        }
    }

    fileprivate func error(peer: String, isServer: Bool) -> LodestoneError {
        switch self {
        case .cleartext where isServer:
            Self.error(
                .failedPrecondition,
                .notTLS,
                peer,
                "\(peer) sent clear text to a port that speaks TLS.",
                "Connect to it with TLS."
            )
        case .cleartext:
            Self.error(
                .failedPrecondition,
                .notTLS,
                peer,
                "\(peer) does not speak TLS: it replied in clear text.",
                "Connect without TLS, or give the server a certificate and a key."
            )
        case .certificate(let code, let text):
            Self.error(
                .unauthenticated,
                .tlsCertificate,
                peer,
                "The certificate of \(peer) is refused: \(text).",
                isServer
                    ? "Use a certificate that an authority in the server's tlsClientCA has signed."
                    : Self.recovery(fromVerification: code)
            )
        case .noCertificate:
            Self.error(
                .unauthenticated,
                .tlsCertificate,
                peer,
                "\(peer) has shown no certificate, and this server needs one.",
                "Give the client a certificate and a key."
            )
        case .refused(Self.noApplicationProtocol, _):
            Self.error(
                .failedPrecondition,
                .tlsRefused,
                peer,
                "\(peer) does not speak \(TLSContext.applicationProtocol).",
                "Check that a Lodestone server listens at the address."
            )
        case .refused(_, let text):
            Self.error(
                .unauthenticated,
                .tlsRefused,
                peer,
                "\(peer) has refused this \(isServer ? "server" : "client"): \(text).",
                isServer
                    ? "Give the client the authority of the server's certificate."
                    : "Give this client a certificate that the server accepts; the server's log "
                        + "has the details."
            )
        case .otherProtocol:
            Self.error(
                .failedPrecondition,
                .tlsHandshake,
                peer,
                "\(peer) speaks TLS, but not \(TLSContext.applicationProtocol).",
                "Check that a Lodestone server listens at the address."
            )
        case .handshake(let text):
            Self.error(
                .failedPrecondition,
                .tlsHandshake,
                peer,
                "The TLS connection with \(peer) failed: \(text).",
                "Use TLS 1.3 or 1.2 at both ends, and check that nothing between them changes bytes."
            )
        case .record(let text):
            Self.error(
                .unavailable,
                .connectionLost,
                peer,
                "The TLS connection with \(peer) was lost: \(text).",
                "Connect again; writes under way may be repeated with their request ids."
            )
        case .flooded:
            Self.error(
                .resourceExhausted,
                .tlsHandshake,
                peer,
                "\(peer) makes this end reply without an end, and reads nothing.",
                "Read what the other end sends."
            )
        }
    }

    private static func error(
        _ code: LodestoneError.Code,
        _ reason: LodestoneError.Reason,
        _ peer: String,
        _ message: String,
        _ recovery: String
    ) -> LodestoneError {
        LodestoneError(code, reason: reason, message, recovery: recovery, object: peer)
    }
}
