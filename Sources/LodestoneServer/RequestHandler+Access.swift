// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneCredentials
import LodestoneWire
import Logging

/// The rights of connections, and the log of refused calls.
extension RequestHandler {
    /// The access of a client's token, or without a token that of its certificate.
    ///
    /// - Parameters:
    ///   - token: The token, if any.
    ///   - certificateSubject: The subject of a client certificate that the transport has verified.
    /// - Returns: `nil` when neither is accepted.
    func access(forToken token: [UInt8]?, certificateSubject: String?) -> Access? {
        guard let credentials else { return .unlimited }
        if token == nil, let certificateSubject {
            return credentials.access(forCertificateSubject: certificateSubject)
        }
        return credentials.access(forToken: token)
    }

    /// The access of a connection now; `nil` when its credential was revoked or has expired.
    func current(_ access: Access) -> Access? {
        credentials?.current(access) ?? (credentials == nil ? access : nil)
    }

    /// The reason why an access does not permit a call; `nil` when it does.
    ///
    /// The reply to a call on another collection is the same whether the collection exists or not.
    private func refusal(of call: Call, kind: CallKind, to access: Access) -> LodestoneError? {
        guard access.role.allows(kind) else { return .permissionDenied(kind, role: access.role) }
        switch call.target {
        case .server, .list: return nil
        case .collection(let name):
            return access.collections.contains(name) ? nil : .otherCollection(name)
        case .store: return access.isWhole ? nil : .partOfStore(kind)
        }
    }

    /// Whether a call may begin; else its reply is sent.
    func permits(_ incoming: IncomingCall) -> Bool {
        let call = incoming.request.call
        let access = incoming.access
        if let error = refusal(of: call, kind: incoming.kind, to: access) {
            deny(incoming, error)
            return false
        }
        guard let limiter = access.limiter, incoming.kind.isRateLimited else { return true }
        let excess = limiter.admit(
            usesDocuments: incoming.kind.usesDocuments,
            count: call.namedCount,
            now: incoming.connection.stream.loop.roundTime
        )
        guard let excess else { return true }
        deny(incoming, .rateLimit(excess, name: access.name))
        return false
    }

    /// Refuses a call that the access does not permit, and logs that.
    private func deny(_ incoming: IncomingCall, _ error: LodestoneError) {
        metrics.denied.increment()
        // A client over its limit may send thousands of calls per second.
        if error.reason != .rateLimit {
            audit.notice(
                "refused: the token does not allow the call",
                metadata: [
                    "peer": "\(incoming.connection.stream.peer)", "call": "\(incoming.kind.name)",
                    "credential": "\(incoming.access.name)",
                    "role": "\(incoming.access.role.name)", "reason": "\(error.reason)",
                ]
            )
        }
        if let auditLog = configuration.auditLog {
            note(incoming, .denied(error.code, error.reason), in: auditLog)
        }
        metrics.record(incoming.kind, error.reason, nanoseconds: 0)
        incoming.reply(.error(error))
    }

    /// Logs a hello without a valid credential, or a call after the end of a credential.
    func noteUnauthenticated(_ kind: CallKind, credential: String, _ connection: Connection) {
        configuration.auditLog?.note(
            AuditLog.Entry(
                credential,
                connection,
                kind,
                collection: nil,
                .denied(.unauthenticated, .unauthenticated)
            )
        )
    }

    /// Logs a call that has its reply, if its kind is in the log, or if it was denied.
    func noteEnded(_ call: PendingCall, _ reply: Reply, _ connection: Connection) {
        guard let auditLog = configuration.auditLog else { return }
        var outcome = AuditLog.Entry.Outcome.done
        var isDenied = false
        if case .error(let error) = reply {
            isDenied = error.code == .permissionDenied
            outcome =
                isDenied
                ? .denied(error.code, error.reason) : .failed(error.code, error.reason)
        }
        guard isDenied || auditLog.calls.has(call.kind) else { return }
        auditLog.note(
            AuditLog.Entry(
                call.access.name,
                connection,
                call.kind,
                collection: call.collection,
                outcome
            )
        )
    }

    /// Logs a call that was replied to at once, if its kind is in the log.
    func noteReplied(_ incoming: IncomingCall, _ outcome: AuditLog.Entry.Outcome) {
        guard let auditLog = configuration.auditLog, auditLog.calls.has(incoming.kind) else {
            return
        }
        note(incoming, outcome, in: auditLog)
    }

    private func note(
        _ incoming: IncomingCall,
        _ outcome: AuditLog.Entry.Outcome,
        in auditLog: AuditLog
    ) {
        auditLog.note(
            AuditLog.Entry(
                incoming.access.name,
                incoming.connection,
                incoming.kind,
                collection: incoming.request.call.collectionName,
                outcome
            )
        )
    }
}

extension CallKind {
    /// Whether the call reads or writes documents, so that a limit of documents concerns it.
    fileprivate var usesDocuments: Bool {
        switch self {
        case .indexMany, .dropMany, .get, .scan, .count, .search, .walk, .listEdges: true
        default: false
        }
    }
}

extension Call {
    /// The collection that the call concerns, for logs.
    var collectionName: String? {
        if case .collection(let name) = target { name } else { nil }
    }
}
