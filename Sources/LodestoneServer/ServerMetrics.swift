// SPDX-License-Identifier: Apache-2.0
import CoreMetrics
import LodestoneCore
import Synchronization

/// The counters of the server, for the metrics backend of the program.
///
/// A call costs a few atomic additions: its series lie in arrays, at the number of its kind.
///
/// Threading: any thread.
final class ServerMetrics: Sendable {
    /// The series of one kind of call, or of one collection.
    struct PerCall: Sendable {
        let succeeded: Counter
        let failed: Counter
        let duration: CoreMetrics.Timer

        /// Counts a call that has its reply.
        func record(failed: Bool, nanoseconds: Int64) {
            (failed ? self.failed : succeeded).increment()
            duration.recordNanoseconds(nanoseconds)
        }

        init(_ name: String, _ dimension: (String, String), _ factory: any MetricsFactory) {
            func counter(_ result: String) -> Counter {
                Counter(
                    label: name + "_requests_total",
                    dimensions: [dimension, ("result", result)],
                    factory: factory
                )
            }
            succeeded = counter("ok")
            failed = counter("error")
            duration = Timer(
                label: name + "_request_duration_seconds",
                dimensions: [dimension],
                factory: factory
            )
        }

        func destroy() {
            succeeded.destroy()
            failed.destroy()
            duration.destroy()
        }
    }

    /// One element per kind of call, at the kind's number: every call is counted here.
    private let calls: [PerCall]
    /// One element per search path, at the path's number.
    private let searches: [CoreMetrics.Timer]
    /// One element per path of a filter, at the path's number.
    private let filters: [Counter]
    /// The times that reads, and writes, wait for a worker.
    let readWait: CoreMetrics.Timer
    let writeWait: CoreMetrics.Timer
    /// Connections accepted.
    let accepted: Counter
    /// Connections refused because there were too many.
    let turnedAway: Counter
    /// Tokens that were missing or wrong, and calls that a role does not allow.
    let denied: Counter
    /// Frames that could not be decoded.
    let malformed: Counter
    let collections: CollectionMetrics
    private let errors = Mutex<[LodestoneError.Reason: Counter]>([:])
    let factory: any MetricsFactory

    init(_ factory: any MetricsFactory) {
        self.factory = factory
        calls = CallKind.allCases.map { PerCall("lodestone", ("call", $0.name), factory) }
        searches = SearchPath.allCases.map { path in
            Timer(
                label: "lodestone_search_duration_seconds",
                dimensions: [("path", path.name)],
                factory: factory
            )
        }
        filters = FilterPath.allCases.map { path in
            let dimensions = [("strategy", path.name)]
            return Counter(
                label: "lodestone_filters_total",
                dimensions: dimensions,
                factory: factory
            )
        }
        func wait(_ queue: String) -> CoreMetrics.Timer {
            let label = "lodestone_queue_wait_seconds"
            return Timer(label: label, dimensions: [("queue", queue)], factory: factory)
        }
        readWait = wait("reads")
        writeWait = wait("writes")
        func counter(_ label: String) -> Counter { Counter(label: label, factory: factory) }
        accepted = counter("lodestone_connections_accepted_total")
        turnedAway = counter("lodestone_connections_refused_total")
        denied = counter("lodestone_denied_total")
        malformed = counter("lodestone_malformed_total")
        collections = CollectionMetrics(factory)
    }

    /// Counts a call that has its reply.
    func record(
        _ kind: CallKind,
        _ reason: LodestoneError.Reason?,
        nanoseconds: Int64,
        collection: PerCall? = nil
    ) {
        let failed = reason != nil
        calls[kind.rawValue].record(failed: failed, nanoseconds: nanoseconds)
        collection?.record(failed: failed, nanoseconds: nanoseconds)
        if let reason { count(reason) }
    }

    /// Counts a search by its path, and its filters by theirs.
    func record(_ trace: borrowing CallTrace, nanoseconds: Int64) {
        if let path = trace.searchPath { searches[path.rawValue].recordNanoseconds(nanoseconds) }
        for path in trace.filterPaths { filters[path.rawValue].increment() }
    }

    /// Counts an error; the reasons are the constants of `LodestoneError.Reason`.
    private func count(_ reason: LodestoneError.Reason) {
        let counter = errors.withLock { errors in
            if let known = errors[reason] { return known }
            let new = Counter(
                label: "lodestone_errors_total",
                dimensions: [("reason", reason.rawValue)],
                factory: factory
            )
            errors[reason] = new
            return new
        }
        counter.increment()
    }
}

/// The series of calls by collection.
///
/// A bounded number of collections have series of their own. The calls of all others, and calls of
/// collections that don't exist, count as those of one more.
///
/// Threading: any thread. A connection keeps the series of its last collection, so the lock is
/// taken when it changes collections.
final class CollectionMetrics: Sendable {
    /// The most collections with series of their own.
    static let maxCount = 100
    /// The label of all others: no collection can have this name.
    static let others = "(others)"

    private let known = Mutex<[String: ServerMetrics.PerCall]>([:])
    private let rest: ServerMetrics.PerCall
    private let factory: any MetricsFactory

    init(_ factory: any MetricsFactory) {
        self.factory = factory
        rest = Self.series(of: Self.others, factory)
    }

    private static func series(of name: String, _ factory: any MetricsFactory)
        -> ServerMetrics.PerCall
    {
        ServerMetrics.PerCall("lodestone_collection", ("collection", name), factory)
    }

    /// The series of a collection.
    ///
    /// - Parameters:
    ///   - name: The name in the request, which may be any text.
    ///   - exists: Whether there is such a collection.
    /// - Returns: The series.
    func series(of name: String, exists: (String) -> Bool) -> ServerMetrics.PerCall {
        if let found = known.withLock({ $0[name] }) { return found }
        guard exists(name) else { return rest }
        return known.withLock { known in
            if let found = known[name] { return found }
            guard known.count < Self.maxCount else { return rest }
            let new = Self.series(of: name, factory)
            known[name] = new
            return new
        }
    }

    /// Frees the series of collections that were dropped, once others need them.
    func prune(exists: (String) -> Bool) {
        let names = known.withLock { $0.count < Self.maxCount ? [] : Array($0.keys) }
        for name in names where !exists(name) {
            known.withLock { $0.removeValue(forKey: name) }?.destroy()
        }
    }
}
