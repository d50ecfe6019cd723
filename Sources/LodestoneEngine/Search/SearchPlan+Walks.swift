// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStorage
import LodestoneStructures
import LodestoneText

/// The text sources and walks of a search.
extension SearchPlan {
    /// Fills in the lists of texts, and of walks from ids.
    ///
    /// Texts come last, so that one pass also scores the hits of the other sources.
    func addTextsAndWalks(
        to lists: inout [RankedList],
        _ query: Query,
        _ texts: [TextSourceQuery?],
        allowed: RowSet?
    ) throws(LodestoneError) {
        for (index, source) in query.sources.enumerated() {
            guard case .walk(let walk) = source.kind else { continue }
            let starts = walk.from.compactMap { id in
                view.version.ids.table.withTable { $0.vertex(of: id) }
            }
            lists[index] = try reached(walk, from: starts, query, source, allowed: allowed)
        }
        for (index, source) in query.sources.enumerated() {
            guard let text = texts[index] else { continue }
            let depth = query.depth(of: source)
            let found = query.fusion.addsScores ? RowTable(of: lists).rows.sorted() : []
            lists[index] = try matching(text.query, depth, allowed: allowed, scoring: found)
        }
    }

    /// Fills in the lists of walks that start at the hits of the other sources.
    func addWalksFromHits(
        to lists: inout [RankedList],
        _ query: Query,
        _ weights: [Double],
        allowed: RowSet?
    ) throws(LodestoneError) {
        let found = try fusedHits(
            &lists,
            query,
            weights,
            limit: .max,
            decided: Query.walkStarts,
            withSources: false
        )
        let starts = Query.startsOfWalks(found).compactMap { view.version.ids.vertex(of: $0.row) }
        for (index, source) in query.sources.enumerated() {
            guard case .walkFromHits(let walk) = source.kind else { continue }
            let candidates = lists[index].candidates
            lists[index] = try reached(walk, from: starts, query, source, allowed: allowed)
            lists[index].candidates = candidates
        }
    }

    /// The documents that a walk reaches, nearest first, then in row order; the score is 1 / depth.
    private func reached(
        _ walk: Walk,
        from starts: [VertexID],
        _ query: Query,
        _ source: Source,
        allowed: RowSet?
    ) throws(LodestoneError) -> RankedList {
        let depth = query.depth(of: source)
        let outcome = try view.steps(of: walk, from: starts, context: context)
        var found: [(depth: Int, row: RowID)] = []
        var start = 0
        for (index, end) in outcome.reached.depthEnds.enumerated() {
            // The documents of one depth come in edge order. All of a depth are taken, because
            // otherwise the limit would change the order.
            if found.count >= depth { break }
            for vertex in outcome.reached.vertices[start..<end] {
                guard let row = view.version.ids.row(of: vertex), allowed?.contains(row) ?? true
                else { continue }
                found.append((index + 1, row))
            }
            start = end
        }
        found.sort { ($0.depth, $0.row) < ($1.depth, $1.row) }
        var list = RankedList()
        for hit in found.prefix(depth) { list.append(hit.row, 1 / Double(hit.depth)) }
        list.isPartial = outcome.endedBy != nil
        return list
    }
}
