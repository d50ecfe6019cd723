// SPDX-License-Identifier: Apache-2.0
// The figures of a search for metrics and the log: its path, its work, and the times of its steps.
import CLodestoneSystem
import LodestoneCore

extension SearchPlan {
    /// Notes the path and the work of a query whose vector sources have been searched.
    func trace(_ query: Query, _ lists: [RankedList], isFiltered: Bool) {
        for list in lists {
            guard let explanation = list.explanation else { continue }
            context.trace.add(
                visited: explanation.visitedNodes,
                computed: explanation.computedDistances,
                scanned: explanation.scannedRows
            )
        }
        context.trace.note(path(of: query, lists, isFiltered: isFiltered))
    }

    private func path(of query: Query, _ lists: [RankedList], isFiltered: Bool) -> SearchPath {
        guard query.sources.count == 1, let source = query.sources.first else { return .hybrid }
        switch source.kind {
        case .text: return .text
        case .walk, .walkFromHits: return .walk
        case .vector: break
        }
        // The strategies are those of `VectorSearchResult`.
        switch lists.first?.explanation?.strategy {
        case "hnsw": return isFiltered ? .filteredWalk : .hnsw
        case "lsh": return .lsh
        case "exact": return .exact
        case "filtered scan": return .filteredScan
        default: return .flat
        }
    }
}

/// The clock of the steps of a search: each step begins at the end of the one before.
struct StepClock {
    private let context: CallContext
    private var last = lode_clock_now()

    init(_ context: CallContext) {
        self.context = context
    }

    mutating func end(_ step: SearchStep) {
        let now = lode_clock_now()
        context.trace.add(now - last, to: step)
        last = now
    }
}
