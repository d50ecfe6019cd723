// SPDX-License-Identifier: Apache-2.0
import Synchronization

/// The way in which a search found its hits.
package enum SearchPath: Int, Sendable, CaseIterable {
    /// Every vector was compared, since the collection has no index, or none that finds enough.
    case flat
    /// Every vector was compared, since the query requires it.
    case exact
    /// A walk of a graph.
    case hnsw
    /// The buckets of hash tables.
    case lsh
    /// A walk of a graph among the documents that pass a filter.
    case filteredWalk
    /// The documents that pass a filter were compared one by one.
    case filteredScan
    /// A text alone.
    case text
    /// A walk of edges alone.
    case walk
    /// Several sources, fused.
    case hybrid
    /// Several queries, not all in the same way.
    case mixed

    /// The word for logs and metrics: `filtered_walk`.
    package var name: String {
        switch self {
        case .flat: "flat"
        case .exact: "exact"
        case .hnsw: "hnsw"
        case .lsh: "lsh"
        case .filteredWalk: "filtered_walk"
        case .filteredScan: "filtered_scan"
        case .text: "text"
        case .walk: "walk"
        case .hybrid: "hybrid"
        case .mixed: "mixed"
        }
    }
}

/// The way in which a filter found its documents.
package enum FilterPath: Int, Sendable, CaseIterable {
    /// An earlier query had the same filter.
    case cached
    /// By indexes of fields.
    case indexed
    /// By indexes of some fields, and then by the documents.
    case partlyIndexed
    /// By the documents.
    case scanned

    /// The word in an explanation.
    package var name: String {
        switch self {
        case .cached: "cached"
        case .indexed: "indexed"
        case .partlyIndexed: "partly indexed"
        case .scanned: "scanned"
        }
    }
}

/// The steps of a search whose times are taken.
package enum SearchStep: Int, Sendable, CaseIterable {
    /// The documents that pass the filters.
    case filter
    /// The vector sources.
    case vectors
    /// The text sources and the walks.
    case texts
    /// The fusion, with exact scores.
    case fusion
    /// The parts of documents, highlights and facets.
    case documents
}

/// The figures of one call, which the engine notes for the server's metrics and its log.
///
/// Threading: atomic, because the thread that reads them is not the one that writes.
package struct CallTrace: ~Copyable, Sendable {
    private let paths = Atomic<UInt32>(0)
    private let filters = Atomic<UInt32>(0)
    private let filter = Atomic<Int64>(0)
    private let vectors = Atomic<Int64>(0)
    private let texts = Atomic<Int64>(0)
    private let fusion = Atomic<Int64>(0)
    private let documents = Atomic<Int64>(0)
    private let visited = Atomic<Int>(0)
    private let computed = Atomic<Int>(0)
    private let scanned = Atomic<Int>(0)

    init() {}

    /// Notes the path of one query.
    package func note(_ path: SearchPath) {
        paths.store(paths.load(ordering: .relaxed) | 1 << UInt32(path.rawValue), ordering: .relaxed)
    }

    /// Notes the path of one filter.
    package func note(_ path: FilterPath) {
        let bit = UInt32(1) << UInt32(path.rawValue)
        filters.store(filters.load(ordering: .relaxed) | bit, ordering: .relaxed)
    }

    /// Adds the time of a step, in nanoseconds.
    package func add(_ nanoseconds: Int64, to step: SearchStep) {
        switch step {
        case .filter: Self.add(nanoseconds, to: filter)
        case .vectors: Self.add(nanoseconds, to: vectors)
        case .texts: Self.add(nanoseconds, to: texts)
        case .fusion: Self.add(nanoseconds, to: fusion)
        case .documents: Self.add(nanoseconds, to: documents)
        }
    }

    /// Adds the work of a search of vectors.
    package func add(visited: Int, computed: Int, scanned: Int) {
        // One thread at a time works on a call, so a load and a store are enough.
        self.visited.store(self.visited.load(ordering: .relaxed) + visited, ordering: .relaxed)
        self.computed.store(self.computed.load(ordering: .relaxed) + computed, ordering: .relaxed)
        self.scanned.store(self.scanned.load(ordering: .relaxed) + scanned, ordering: .relaxed)
    }

    private static func add(_ amount: Int64, to number: borrowing Atomic<Int64>) {
        number.store(number.load(ordering: .relaxed) + amount, ordering: .relaxed)
    }

    /// The path of the search; `nil` when the call searched nothing.
    package var searchPath: SearchPath? {
        let bits = paths.load(ordering: .relaxed)
        guard bits != 0 else { return nil }
        guard bits & (bits - 1) == 0 else { return .mixed }
        return SearchPath(rawValue: bits.trailingZeroBitCount)
    }

    /// The paths of the filters.
    package var filterPaths: [FilterPath] {
        let bits = filters.load(ordering: .relaxed)
        return bits == 0 ? [] : FilterPath.allCases.filter { bits & 1 << UInt32($0.rawValue) != 0 }
    }

    /// The nanoseconds of a step.
    package func nanoseconds(of step: SearchStep) -> Int64 {
        switch step {
        case .filter: filter.load(ordering: .relaxed)
        case .vectors: vectors.load(ordering: .relaxed)
        case .texts: texts.load(ordering: .relaxed)
        case .fusion: fusion.load(ordering: .relaxed)
        case .documents: documents.load(ordering: .relaxed)
        }
    }

    /// Nodes of graphs, or buckets, that were visited.
    package var visitedNodes: Int { visited.load(ordering: .relaxed) }
    /// Distances that were computed.
    package var computedDistances: Int { computed.load(ordering: .relaxed) }
    /// Vectors that were compared exactly.
    package var scannedRows: Int { scanned.load(ordering: .relaxed) }

    /// Continues with the figures of a call that ran on behalf of this one.
    package func copy(_ other: borrowing CallTrace) {
        paths.store(other.paths.load(ordering: .relaxed), ordering: .relaxed)
        filters.store(other.filters.load(ordering: .relaxed), ordering: .relaxed)
        for step in SearchStep.allCases { add(other.nanoseconds(of: step), to: step) }
        add(
            visited: other.visitedNodes,
            computed: other.computedDistances,
            scanned: other.scannedRows
        )
    }
}
