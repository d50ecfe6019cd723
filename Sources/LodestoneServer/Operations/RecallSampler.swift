// SPDX-License-Identifier: Apache-2.0
import CLodestoneSystem
import CoreMetrics
import LodestoneCore
import LodestoneEngine
import Synchronization

/// Repeats some searches of users exactly, and counts the hits that the index had missed.
///
/// One search at a time is repeated, by a thread that yields to all others, and at most one per
/// interval and collection. A search counts only if nothing was written between the two.
///
/// Threading: any thread.
final class RecallSampler: Sendable {
    /// The most collections whose recall is measured.
    private static let maxCollections = 100
    /// The most time for the exact search.
    private static let timeout = Duration.seconds(2)
    /// The searches whose hits an index chooses, so that some may be missing.
    private static let approximate: Set<SearchPath> = [.hnsw, .lsh, .filteredWalk, .filteredScan]

    /// The series of one collection.
    private struct Series: Sendable {
        let samples: Counter
        let found: Counter
        let missed: Counter
        /// The time of the next sample, in nanoseconds of the monotonic clock.
        var next: Int64 = 0

        init(_ collection: String, _ factory: any MetricsFactory) {
            let label = ("collection", collection)
            func hits(_ result: String) -> Counter {
                Counter(
                    label: "lodestone_recall_hits_total",
                    dimensions: [label, ("result", result)],
                    factory: factory
                )
            }
            samples = Counter(
                label: "lodestone_recall_samples_total",
                dimensions: [label],
                factory: factory
            )
            found = hits("found")
            missed = hits("missed")
        }
    }

    private let engine: Engine
    private let interval: Int64
    private let factory: any MetricsFactory
    private let series = Mutex<[String: Series]>([:])
    private let isRunning = Atomic<Bool>(false)
    /// The time before which no search is repeated, so that most searches take no lock.
    private let next = Atomic<Int64>(0)
    private let skipped: Counter

    /// - Parameters:
    ///   - engine: The store.
    ///   - interval: The least time between two samples of a collection.
    ///   - factory: The backend of the metrics.
    init(_ engine: Engine, interval: Duration, _ factory: any MetricsFactory) {
        self.engine = engine
        self.interval = interval.nanoseconds
        self.factory = factory
        skipped = Counter(label: "lodestone_recall_skipped_total", factory: factory)
    }

    /// Repeats a search, if its collection is due and other work does not need the processor.
    ///
    /// - Parameters:
    ///   - search: The search.
    ///   - response: Its result.
    ///   - path: Its path.
    ///   - isIdle: Whether no other search waits or runs; called by another thread.
    func sample(
        _ search: SearchRequest,
        _ response: SearchResponse,
        path: SearchPath?,
        isIdle: @escaping @Sendable () -> Bool
    ) {
        let now = lode_clock_now()
        guard now >= next.load(ordering: .relaxed), let path, Self.approximate.contains(path),
            let exact = search.exactly, let result = response.results.first, !result.isPartial,
            !isRunning.exchange(true, ordering: .acquiring)
        else { return }
        guard take(search.collection, now) else {
            isRunning.store(false, ordering: .releasing)
            return
        }
        MaintenanceThread.run { [self] in
            defer { isRunning.store(false, ordering: .releasing) }
            let context = CallContext(timeout: Self.timeout)
            guard isIdle(), let other = try? engine.search(exact, context: context),
                other.sequenceNumber == response.sequenceNumber,
                let hits = other.results.first?.hits
            else { return skipped.increment() }
            count(result.hits, among: hits, of: search.collection)
        }
    }

    /// Begins a sample of a collection, if it is due.
    private func take(_ collection: String, _ now: Int64) -> Bool {
        // With few collections, an interval has room for a sample of each.
        next.store(now + interval / Int64(Self.maxCollections), ordering: .relaxed)
        return series.withLock { all in
            guard all[collection] != nil || all.count < Self.maxCollections else { return false }
            var series = all[collection] ?? Series(collection, factory)
            guard now >= series.next else { return false }
            series.next = now + interval
            all[collection] = series
            return true
        }
    }

    /// Counts the hits that are among the exact ones, or as near as the last of them.
    private func count(_ hits: [Hit], among exact: [Hit], of collection: String) {
        guard let last = exact.last, let series = series.withLock({ $0[collection] })
        else { return }
        let ids = Set(exact.map(\.id))
        let found = min(hits.count { ids.contains($0.id) || $0.score >= last.score }, exact.count)
        series.samples.increment()
        series.found.increment(by: found)
        series.missed.increment(by: exact.count - found)
    }
}

extension SearchRequest {
    /// The same search with every vector compared, without parts of documents; `nil` for a request
    /// that is more than one vector.
    fileprivate var exactly: SearchRequest? {
        guard queries.count == 1, var query = queries.first, query.sources.count == 1,
            case .vector(var near) = query.sources[0].kind, query.limit > 0
        else { return nil }
        near.exact = true
        near.efSearch = nil
        query.sources[0].kind = .vector(near)
        query.include = []
        query.highlight = nil
        query.facets = []
        return SearchRequest(collection: collection, queries: [query])
    }
}
