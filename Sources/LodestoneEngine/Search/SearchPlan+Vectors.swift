// SPDX-License-Identifier: Apache-2.0
import LodestoneANN
import LodestoneCore
import LodestoneStorage
import LodestoneStructures
import LodestoneText

/// The vector sources of a search.
extension SearchPlan {
    /// The parameters that vector queries must share to run together.
    private struct Group: Hashable {
        let depth: Int
        /// The index of the query whose filter applies; `nil`: no filter.
        let filtered: Int?
        let isExact: Bool
        let efSearch: Int?
        let allowsEstimates: Bool
    }

    /// A vector source, as the indexes of its query and of the source in it.
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
                    filtered: query.filter == nil ? nil : position,
                    isExact: near.exact,
                    efSearch: near.efSearch,
                    allowsEstimates: query.allowsEstimates
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
                exactCount: group.allowsEstimates ? SourceScale.rankedCount : nil,
                group.filtered.flatMap { allowed[$0] } ?? view.visibleRows
            )
            for (source, result) in zip(sources, results) {
                lists[source.query][source.source] = rankedList(
                    of: result,
                    source.source,
                    depth: group.depth
                )
            }
        }
        if !groups.isEmpty { try view.version.vectors.refuseDamage() }
        return lists
    }

    /// The list of a request with one query and one source, by far the most frequent request.
    private func onlyVectorList(of query: Query, _ source: Source, _ allowed: RowSet?)
        throws(LodestoneError) -> RankedList
    {
        guard case .vector(let near) = source.kind else { return RankedList() }
        let depth = query.depth(of: source)
        let results = try search([near.vector], like: near, k: depth, exactCount: nil, allowed)
        try view.version.vectors.refuseDamage()
        return rankedList(of: results[0], 0, depth: depth)
    }

    /// Searches the nearest neighbors of some vectors, with the options of `near`.
    private func search(
        _ vectors: [[Float]],
        like near: NearVector,
        k: Int,
        exactCount: Int?,
        _ allowed: RowSet?
    ) throws(LodestoneError) -> [VectorSearchResult] {
        var query = VectorQuery(
            vectors,
            k: k,
            exists: { [version = view.version] in version.ids.contains($0) },
            allowed: allowed,
            context: context
        )
        query.isExact = near.exact
        query.efSearch = near.efSearch
        query.exactCount = exactCount
        return try view.version.vectors.index.search(query, in: view.version.vectors.table)
    }

    /// The first `depth` neighbors, exact and estimated ones, in the order of their scores.
    private func rankedList(of result: VectorSearchResult, _ source: Int, depth: Int) -> RankedList
    {
        var list = RankedList()
        list.explanation = explanation(of: result, source)
        list.isOfVectors = true
        let metric = options.metric
        list.magnitude = metric == .cosine ? 1 : 0
        list.reserveCapacity(min(depth, result.neighbors.count + result.estimated.count))
        var estimated = result.estimated[...]
        func appendEstimates(while isNearer: (Float) -> Bool) {
            while let next = estimated.first, list.rows.count < depth, isNearer(next.distance) {
                let (score, error) = metric.score(estimated.removeFirst())
                list.append(next.row, score)
                list.errors.append(error)
            }
        }
        for neighbor in result.neighbors {
            appendEstimates { $0 < neighbor.distance }
            if list.rows.count == depth { break }
            list.append(neighbor.row, metric.score(neighbor.distance))
            if !result.estimated.isEmpty { list.errors.append(0) }
        }
        appendEstimates { _ in true }
        // Estimates come in the order of their keys, which is not the order of the scores.
        if !list.errors.isEmpty { list.sort() }
        return list
    }

    /// How a source's vectors were searched.
    ///
    /// The figures of a call that sees some documents only must not depend on the others. Those of
    /// a scan are its visible vectors. The others are left out, with the way in which the index was
    /// used.
    private func explanation(of result: VectorSearchResult, _ source: Int) -> VectorExplanation {
        guard let visibility = view.visibility else {
            return VectorExplanation(
                source: source,
                strategy: result.strategy,
                visitedNodes: result.visited,
                computedDistances: result.computed,
                scannedRows: result.scanned
            )
        }
        let isScan = result.strategy == "exact" || result.strategy == "flat"
        let isWanted = request.queries.contains { $0.include.contains(.explain) }
        let count = isScan && isWanted ? visibility.vectorCount(in: view.version.vectors.table) : 0
        return VectorExplanation(
            source: source,
            strategy: isScan ? result.strategy : options.vectorStrategy.name,
            visitedNodes: 0,
            computedDistances: count,
            scannedRows: count
        )
    }

    /// The exact scores of the vectors of some rows, in the order of the rows.
    ///
    /// Rows without a vector have none.
    func exactScores(of near: NearVector, rows: [RowID]) -> [(row: RowID, score: Double)] {
        let flat = FlatIndex(dimension: options.dimension, metric: options.metric)
        let distances = flat.distances(near.vector, to: rows, of: view.version.vectors.table)
        return distances.map { ($0.row, options.metric.score($0.distance)) }
    }

    /// Adds the scores of vectors and texts for rows that only other sources found.
    ///
    /// This applies where the fusion adds scores. Without these scores, a document that both
    /// sources score high would rank too low if it was beyond the depth of one.
    func scoreMissing(
        in lists: inout [RankedList],
        _ query: Query,
        _ texts: [TextSourceQuery?]
    ) throws(LodestoneError) {
        guard query.fusion.addsScores, lists.count > 1 else { return }
        let found = RowTable(of: lists)
        for (index, source) in query.sources.enumerated() {
            try context.check()
            let missing = lists[index].missing(of: found)
            if case .vector(let near) = source.kind {
                addScores(of: near, missing, to: &lists[index], query.allowsEstimates)
                lists[index].scoresOthers = true
            } else if let text = texts[index] {
                let rows = missing.sorted()
                let scores = try view.textIndex.scores(
                    of: text.query,
                    rows: rows,
                    in: textScope
                )
                guard let scores else { continue }
                lists[index].others += zip(rows, scores).map { (row: $0, score: $1) }
                lists[index].scoresOthers = true
            }
        }
        try view.version.vectors.refuseDamage()
    }

    /// Adds a vector's scores of other sources' hits: estimates where the query allows them and the
    /// index has codes, else exact ones.
    private func addScores(
        of near: NearVector,
        _ rows: [RowID],
        to list: inout RankedList,
        _ allowsEstimates: Bool
    ) {
        if rows.isEmpty { return }
        var uncoded = rows
        if allowsEstimates, !near.exact {
            let estimates = view.version.vectors.index.estimates(near.vector, of: rows)
            if !estimates.isEmpty {
                let known = list.others.count - list.otherErrors.count
                list.otherErrors += [Double](repeating: 0, count: known)
                for estimate in estimates {
                    let (score, error) = options.metric.score(estimate)
                    list.others.append((estimate.row, score))
                    list.otherErrors.append(error)
                }
                if estimates.count == rows.count { return }
                let coded = Set(estimates.lazy.map(\.row))
                uncoded.removeAll { coded.contains($0) }
            }
        }
        let exact = exactScores(of: near, rows: uncoded)
        list.others += exact
        if !list.otherErrors.isEmpty {
            list.otherErrors += [Double](repeating: 0, count: exact.count)
        }
    }

    /// Computes the vector score of an ordinary document from a sample, if the fusion needs it.
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
            // All documents that the call sees are possible hits if the query has no filter.
            let rows = sample ?? view.ordinaryRows(of: query.filter == nil ? nil : allowed)
            sample = rows
            var found = exactScores(of: near, rows: rows).map(\.score)
            found.sort(by: >)
            guard !found.isEmpty else { continue }
            // The mean excludes an eighth at each end: one vector of a thousand times the usual
            // length would spoil it. A median fails for few documents: with three, it is itself a
            // hit.
            let middle = found.dropFirst(found.count / 8).dropLast(found.count / 8)
            let sum = middle.reduce(0, +)
            lists[index].ordinary = sum / Double(middle.count)
        }
        try view.version.vectors.refuseDamage()
    }
}

extension RankedList {
    /// The rows of `found` that the list does not score yet.
    fileprivate func missing(of found: RowTable) -> [RowID] {
        var isKnown = [Bool](repeating: false, count: found.count)
        for row in rows { if let number = found.find(row) { isKnown[number] = true } }
        for other in others { if let number = found.find(other.row) { isKnown[number] = true } }
        return isKnown.indices.filter { !isKnown[$0] }.map { found.rows[$0] }
    }
}

extension Metric {
    /// The score of an estimated distance, and its error.
    fileprivate func score(_ estimate: EstimatedNeighbor) -> (score: Double, error: Double) {
        let (value, error) = (score(estimate.distance), Double(estimate.error))
        // A sum beyond float32 has an infinite error.
        return value.isFinite && error.isFinite ? (value, error) : (0, .infinity)
    }
}
