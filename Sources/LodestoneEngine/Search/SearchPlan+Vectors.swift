// SPDX-License-Identifier: Apache-2.0
import LodestoneANN
import LodestoneCore
import LodestoneStorage
import LodestoneStructures
import LodestoneText

/// The vector sources of a search.
extension SearchPlan {
    /// The parameters of vector queries that run together.
    private struct Group: Hashable {
        let depth: Int
        /// The query whose filter applies; `nil`: no filter.
        let filtered: Int?
        let isExact: Bool
        let efSearch: Int?
    }

    /// A vector source of a query, by the positions of both.
    private struct VectorSource {
        let query: Int
        let source: Int
        let near: NearVector
    }

    /// The lists of all queries, one per source, with the lists of the vector sources filled in.
    ///
    /// Queries without a filter and with the same depth search the vectors together, so that memory
    /// is read once.
    func vectorLists(of queries: ArraySlice<Query>, _ allowed: [RowSet?])
        throws(LodestoneError) -> [[RankedList]]
    {
        if queries.count == 1, let query = queries.first, query.sources.count == 1 {
            return [[try onlyVectorList(of: query, query.sources[0], allowed[0])]]
        }
        var groups: [Group: [VectorSource]] = [:]
        for (position, query) in queries.enumerated() {
            for (index, source) in query.sources.enumerated() {
                guard case .vector(let near) = source.kind else { continue }
                let group = Group(
                    depth: query.depth(of: source),
                    filtered: allowed[position] == nil ? nil : position,
                    isExact: near.exact,
                    efSearch: near.efSearch
                )
                groups[group, default: []].append(
                    VectorSource(query: position, source: index, near: near)
                )
            }
        }
        var lists = queries.map {
            [RankedList](repeating: RankedList(), count: $0.sources.count)
        }
        for (group, sources) in groups {
            let results = try search(
                sources.map(\.near.vector),
                like: sources[0].near,
                k: group.depth,
                group.filtered.flatMap { allowed[$0] }
            )
            for (source, result) in zip(sources, results) {
                lists[source.query][source.source] = rankedList(of: result, source.source)
            }
        }
        if !groups.isEmpty { try view.version.vectors.refuseDamage() }
        return lists
    }

    /// The list of the only source of the only query, by far the most frequent request.
    private func onlyVectorList(of query: Query, _ source: Source, _ allowed: RowSet?)
        throws(LodestoneError) -> RankedList
    {
        guard case .vector(let near) = source.kind else { return RankedList() }
        let results = try search([near.vector], like: near, k: query.depth(of: source), allowed)
        try view.version.vectors.refuseDamage()
        return rankedList(of: results[0], 0)
    }

    /// Searches the nearest of some vectors, with the options of `near`.
    private func search(_ vectors: [[Float]], like near: NearVector, k: Int, _ allowed: RowSet?)
        throws(LodestoneError) -> [VectorSearchResult]
    {
        var query = VectorQuery(
            vectors,
            k: k,
            exists: { [version = view.version] in version.ids.contains($0) },
            allowed: allowed,
            context: context
        )
        query.isExact = near.exact
        query.efSearch = near.efSearch
        return try view.version.vectors.index.search(query, in: view.version.vectors.table)
    }

    private func rankedList(of result: VectorSearchResult, _ source: Int) -> RankedList {
        var list = RankedList()
        list.explanation = VectorExplanation(
            source: source,
            strategy: result.strategy,
            visitedNodes: result.visited,
            computedDistances: result.computed,
            scannedRows: result.scanned
        )
        list.isOfVectors = true
        list.reserveCapacity(result.neighbors.count)
        let metric = options.metric
        list.magnitude = metric == .cosine ? 1 : 0
        for neighbor in result.neighbors {
            list.append(neighbor.row, metric.score(neighbor.distance))
        }
        return list
    }

    /// The scores of the vectors of some rows, best first; rows without a vector have none.
    private func scores(of near: NearVector, rows: [RowID]) -> [(row: RowID, score: Double)] {
        let flat = FlatIndex(dimension: options.dimension, metric: options.metric)
        return flat.nearest(
            near.vector,
            k: rows.count,
            among: rows,
            of: view.version.vectors.table
        ).map { ($0.row, options.metric.score($0.distance)) }
    }

    /// Adds the scores of vectors and texts for rows that only other sources found.
    ///
    /// This applies where the fusion adds scores. Without these scores, a document that is good for
    /// both sources would rank too low if it was below the depth of one.
    func scoreMissing(
        in lists: inout [RankedList],
        _ query: Query,
        _ texts: [TextSourceQuery?]
    ) throws(LodestoneError) {
        guard query.fusion.addsScores, lists.count > 1 else { return }
        let found = Set(lists.flatMap(\.rows))
        for (index, source) in query.sources.enumerated() {
            try context.check()
            let missing = found.subtracting(lists[index].rows).sorted()
            if case .vector(let near) = source.kind {
                lists[index].others = scores(of: near, rows: missing)
                lists[index].scoresOthers = true
            } else if let text = texts[index],
                let scores = try view.version.text.index.scores(
                    of: text.query,
                    rows: missing,
                    in: textScope
                )
            {
                lists[index].others = Array(zip(missing, scores))
                lists[index].scoresOthers = true
            }
        }
        try view.version.vectors.refuseDamage()
    }

    /// Samples the score of an ordinary document by the vectors, if the fusion compares with it.
    func compareWithOrdinary(
        _ lists: inout [RankedList],
        _ query: Query,
        _ weights: [Double],
        allowed: RowSet?
    ) throws(LodestoneError) {
        guard query.fusion.comparesWithOrdinary, lists.count > 1 else { return }
        var sample: [RowID]?
        for (index, source) in query.sources.enumerated() where weights[index] > 0 {
            guard case .vector(let near) = source.kind, !lists[index].rows.isEmpty else { continue }
            let rows =
                sample
                ?? view.version.vectors.table.sample(
                    Query.ordinarySample,
                    of: allowed,
                    exists: { [version = view.version] in version.ids.contains($0) }
                )
            sample = rows
            let found = scores(of: near, rows: rows)
            guard !found.isEmpty else { continue }
            // The mean leaves out an eighth at both ends: one vector of a thousand times the length
            // would make it useless. A median would not do: of three documents it is itself a hit.
            let middle = found.dropFirst(found.count / 8).dropLast(found.count / 8)
            let sum = middle.reduce(0) { $0 + $1.score }
            lists[index].ordinary = sum / Double(middle.count)
        }
        try view.version.vectors.refuseDamage()
    }
}
