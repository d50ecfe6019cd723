// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneCredentials
import Synchronization

/// The rights of a connection: those of its credential in the current token file.
///
/// Threading: constant.
final class Access: Sendable {
    /// The credential; `nil` when the server has no token file, and everything is allowed.
    let credential: Credential?
    /// The limits of the credential's name, if it has any.
    let limiter: RateLimiter?
    /// The number of the token file's version that the access was made from.
    let generation: Int

    init(credential: Credential?, limiter: RateLimiter?, generation: Int) {
        self.credential = credential
        self.limiter = limiter
        self.generation = generation
    }

    /// The access of every client of a server without a token file.
    static let unlimited = Access(credential: nil, limiter: nil, generation: 0)

    /// The name for logs; empty without a token file.
    var name: String { credential?.name ?? "" }
    /// The role.
    var role: Role { credential?.rights.role ?? .admin }
    /// The collections.
    var collections: CollectionScope { credential?.rights.collections ?? .all }
    /// The filter that every document passes that a call reads or writes.
    var visibility: Filter? { credential?.rights.filter }
    /// Whether the access has all collections and all documents.
    var isWhole: Bool { collections == .all && visibility == nil }
}

/// The credentials of a server, which change while it runs.
///
/// Threading: any thread.
final class LiveCredentials: Sendable {
    private struct State {
        var table: Credentials
        var limiters: [String: RateLimiter]
    }

    private let state: Mutex<State>
    private let generation = Atomic<Int>(1)

    init(_ table: Credentials) {
        state = Mutex(State(table: table, limiters: [:]))
        replace(table)
    }

    /// Replaces the table; open connections have the new rights at their next call.
    ///
    /// Credentials of one name share limits, which last over a change of the table.
    func replace(_ table: Credentials) {
        let now = ContinuousClock.now
        state.withLock { state in
            var limiters: [String: RateLimiter] = [:]
            for entry in table.entries where limiters[entry.name] == nil {
                let rights = entry.rights
                guard rights.requestsPerSecond != nil || rights.documentsPerSecond != nil else {
                    continue
                }
                let limiter = state.limiters[entry.name] ?? RateLimiter(rights, now: now)
                limiter.change(to: rights, now: now)
                limiters[entry.name] = limiter
            }
            state = State(table: table, limiters: limiters)
            generation.add(1, ordering: .releasing)
        }
    }

    /// The access of a token; `nil` when it is absent, unknown or expired.
    func access(forToken token: [UInt8]?) -> Access? {
        access { $0.credential(forToken: token) }
    }

    /// The access of a client certificate that the transport has verified.
    func access(forCertificateSubject subject: String) -> Access? {
        access { $0.credential(forCertificateSubject: subject) }
    }

    /// The access of the same credential now; `nil` when it was revoked or has expired.
    func current(_ access: Access) -> Access? {
        guard let credential = access.credential else { return access }
        if access.generation == generation.load(ordering: .acquiring) {
            // Only a credential with an end costs a look at the clock.
            guard credential.expires != nil else { return access }
            return credential.isExpired(at: Credentials.now) ? nil : access
        }
        return self.access { $0.credential(with: credential.proof) }
    }

    private func access(_ find: (Credentials) -> Credential?) -> Access? {
        let (table, limiters, number) = state.withLock { state in
            (state.table, state.limiters, generation.load(ordering: .relaxed))
        }
        guard let credential = find(table) else { return nil }
        return Access(
            credential: credential,
            limiter: limiters[credential.name],
            generation: number
        )
    }
}
