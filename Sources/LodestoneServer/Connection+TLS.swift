// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneTransport
import Logging

/// The lines in the log about the certificates of clients, and about encryption that failed.
extension Connection {
    /// The first byte of a record with a handshake.
    private static let handshakeByte: UInt8 = 0x16

    /// Notes that a client has said hello, and the certificate that it has shown.
    func noteOpening(_ access: Access, _ certificateSubject: String?) {
        handler.logger.debug(
            "connection opened",
            metadata: [
                "peer": "\(stream.peer)", "client": "\(clientName)",
                "credential": "\(access.name)", "role": "\(access.role.name)",
                "certificate": "\(certificateSubject?.printable ?? "none")",
            ]
        )
    }

    /// Notes that a client speaks TLS to a port in clear text.
    func noteForeignProtocol(_ bytes: UnsafeRawBufferPointer) {
        guard case .awaitingHello = phase, !stream.isEncrypted, bytes.first == Self.handshakeByte
        else { return }
        handler.audit.notice(
            "refused: the client speaks TLS, and this server has no certificate",
            metadata: ["peer": "\(stream.peer)"]
        )
    }

    /// Notes why the encryption of a connection has failed, or was not ready in time.
    func noteFailedEncryption(_ error: LodestoneError?) {
        guard stream.isEncrypted else { return }
        if let error, error.concernsTLS {
            handler.metrics.denied.increment()
            handler.audit.notice(
                "refused: \(error.message.printable(upTo: 256))",
                metadata: ["peer": "\(stream.peer)", "reason": "\(error.reason)"]
            )
        } else if !stream.isEstablished {
            // A check whether the port is open looks the same, so this is no reason for a notice.
            handler.logger.debug(
                "closed before the TLS handshake was over",
                metadata: ["peer": "\(stream.peer)"]
            )
        }
    }
}

/// The errors of a server's encryption.
extension LodestoneError {
    /// The reply to a frame in clear text, on a port that speaks TLS.
    static var tlsRequired: LodestoneError {
        LodestoneError(
            .failedPrecondition,
            reason: .tlsRequired,
            "The server speaks TLS at this address, and the client sent clear text.",
            recovery: "Connect with TLS: lodestones://HOST:PORT, or --tls on the command line."
        )
    }

    /// Whether the error is about the encryption of a connection.
    var concernsTLS: Bool {
        [.tlsCertificate, .tlsRefused, .tlsHandshake, .notTLS].contains(reason)
    }
}
