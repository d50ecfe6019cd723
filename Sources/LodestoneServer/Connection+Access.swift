// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import Logging

/// The credential of a connection: missing, changed, or at its end.
extension Connection {
    /// Replies to a hello without a valid credential, or to another call before hello.
    func refuse(id: UInt64) {
        failedTries += 1
        handler.metrics.denied.increment()
        handler.audit.notice(
            "refused: no valid token",
            metadata: ["peer": "\(stream.peer)", "try": "\(failedTries)"]
        )
        handler.noteUnauthenticated(.hello, credential: "", self)
        if failedTries >= Self.maxFailures {
            end(with: .unauthenticated, id: id)
        } else {
            reply(.error(.unauthenticated), to: id)
        }
    }

    /// The access of the connection's credential now; `nil` when that was revoked or has expired.
    func current(_ access: Access) -> Access? {
        guard let current = handler.current(access) else { return nil }
        guard current !== access else { return access }
        switch phase {
        case .serving: phase = .serving(current)
        case .draining: phase = .draining(current)
        case .awaitingHello, .ending: break
        }
        return current
    }

    /// Ends the connection when its credential was revoked or has expired.
    ///
    /// - Returns: Whether the connection has ended.
    func endIfUnauthenticated(_ access: Access) -> Bool {
        guard current(access) == nil else { return false }
        endUnauthenticated(access, id: 0)
        return true
    }

    func endUnauthenticated(_ access: Access, id: UInt64) {
        handler.audit.notice(
            "closing a connection whose token was revoked or has expired",
            metadata: ["peer": "\(stream.peer)", "credential": "\(access.name)"]
        )
        end(with: .credentialEnded, id: id)
        cancelCalls()
    }
}
