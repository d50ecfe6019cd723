// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneCredentials
import Synchronization

/// The requests and the documents per second of one name, over all its connections.
///
/// Two token buckets, each of one second. A request takes one from the first. Documents are taken
/// from the second even if it has fewer: a call that begins is never cut. The next call then waits
/// until the bucket has recovered. So a large batch is possible under a small limit, and the limit
/// holds on average.
///
/// Threading: any thread.
final class RateLimiter: Sendable {
    /// A limit that was exceeded, and the time until the next call may begin.
    struct Excess {
        var unit: String
        var perSecond: Double
        var wait: Duration
    }

    private struct Bucket {
        var perSecond: Double
        var level: Double
        var filledAt: ContinuousClock.Instant

        init(_ perSecond: Double, _ now: ContinuousClock.Instant) {
            self.perSecond = perSecond
            level = max(1, perSecond)
            filledAt = now
        }

        mutating func fill(_ now: ContinuousClock.Instant) {
            // The loop's time may be a little earlier than that of another loop.
            let seconds = max(.zero, filledAt.duration(to: now)) / .seconds(1)
            level = min(max(1, perSecond), level + seconds * perSecond)
            filledAt = max(filledAt, now)
        }

        /// The time until the bucket has `count`.
        func wait(for count: Double) -> Duration {
            .milliseconds(max(1, ((count - level) / perSecond * 1_000).rounded(.up)))
        }
    }

    private struct State {
        var requests: Bucket?
        var documents: Bucket?
    }

    private let state: Mutex<State>

    init(_ rights: Credential.Rights, now: ContinuousClock.Instant) {
        state = Mutex(
            State(
                requests: rights.requestsPerSecond.map { Bucket($0, now) },
                documents: rights.documentsPerSecond.map { Bucket($0, now) }
            )
        )
    }

    /// Changes the limits; the fill of a bucket stays.
    func change(to rights: Credential.Rights, now: ContinuousClock.Instant) {
        state.withLock { state in
            Self.change(&state.requests, rights.requestsPerSecond, now)
            Self.change(&state.documents, rights.documentsPerSecond, now)
        }
    }

    private static func change(
        _ bucket: inout Bucket?,
        _ perSecond: Double?,
        _ now: ContinuousClock.Instant
    ) {
        guard let perSecond else {
            bucket = nil
            return
        }
        guard bucket != nil else {
            bucket = Bucket(perSecond, now)
            return
        }
        bucket?.fill(now)
        bucket?.perSecond = perSecond
    }

    /// Lets a request begin, unless a limit is exceeded.
    ///
    /// - Parameters:
    ///   - usesDocuments: Whether the request reads or writes documents.
    ///   - count: The documents that the request names.
    ///   - now: The time.
    /// - Returns: The limit that is exceeded; `nil` when the request may begin.
    func admit(usesDocuments: Bool, count: Int, now: ContinuousClock.Instant) -> Excess? {
        state.withLock { state in
            state.requests?.fill(now)
            state.documents?.fill(now)
            if let requests = state.requests, requests.level < 1 {
                let wait = requests.wait(for: 1)
                return Excess(unit: "requests", perSecond: requests.perSecond, wait: wait)
            }
            if usesDocuments, let documents = state.documents, documents.level <= 0 {
                let wait = documents.wait(for: 0)
                return Excess(unit: "documents", perSecond: documents.perSecond, wait: wait)
            }
            state.requests?.level -= 1
            state.documents?.level -= Double(count)
            return nil
        }
    }

    /// Counts the documents of a reply.
    func count(documents: Int) {
        guard documents > 0 else { return }
        state.withLock { $0.documents?.level -= Double(documents) }
    }
}
