// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStorage
import LodestoneStructures
import LodestoneText

/// The search of one request in one version: each source by its index, then the fusion.
///
/// The steps of a query:
///
/// 1. `FilterCache` finds the rows that pass its filter.
/// 2. `vectorLists` searches its vectors, together with those of other queries.
/// 3. `addTextsAndWalks` searches its texts and walks its edges.
/// 4. `scoreMissing` and `compareWithOrdinary` add the scores that the fusion needs.
/// 5. `addWalksFromHits` walks from the hits of the other sources.
/// 6. `fusedHits` makes one list, with exact scores where estimates leave the first hits open.
/// 7. `hits` adds the requested parts of documents.
///
/// Queries run in parts. The intermediate results of a part are freed before the next part begins.
struct SearchPlan {
    /// The most queries of a part: as many as share one pass over the vectors.
    private static let queriesPerPart = 256
    /// The most candidates of a part, over all sources of its queries; a single query may have
    /// more.
    private static let candidatesPerPart = 1 << 18

    let request: SearchRequest
    let view: ReadView
    let limits: Limits
    let context: CallContext

    var options: CollectionOptions { _read { yield view.version.options } }

    func run() throws(LodestoneError) -> [QueryResult] {
        var results: [QueryResult] = []
        results.reserveCapacity(request.queries.count)
        var facets = CountedFacets()
        while results.count < request.queries.count {
            try runPart(nextPart(from: results.count), &results, &facets)
        }
        return results
    }

    /// The next part: queries from `first` on that run together, at least one.
    private func nextPart(from first: Int) -> ArraySlice<Query> {
        var candidates = 0
        let queries = request.queries[first...].prefix(Self.queriesPerPart)
        let count = queries.prefix { query in
            candidates += query.sources.reduce(0) { $0 + query.depth(of: $1) }
            return candidates <= Self.candidatesPerPart
        }.count
        return queries.prefix(max(1, count))
    }

    /// Appends the results of the queries of a part.
    private func runPart(
        _ queries: ArraySlice<Query>,
        _ results: inout [QueryResult],
        _ facets: inout CountedFacets
    ) throws(LodestoneError) {
        var clock = StepClock(context)
        var filtered: [FilteredRows?] = []
        for query in queries {
            filtered.append(
                try query.filter.map { (filter) throws(LodestoneError) in
                    try view.collection.filters.rows(matching: filter, in: view, context)
                }
            )
        }
        for rows in filtered { if let rows { context.trace.note(rows.path) } }
        let allowed = filtered.map { $0?.rows ?? view.visibleRows }
        clock.end(.filter)
        var lists = try vectorLists(of: queries, allowed)
        clock.end(.vectors)
        for (index, query) in queries.enumerated() {
            try context.check()
            trace(query, lists[index], isFiltered: allowed[index] != nil)
            var result = try result(of: query, &lists[index], allowed: allowed[index], &clock)
            lists[index] = []
            if query.include.contains(.explain) { result.filter = filtered[index]?.explanation }
            if !query.facets.isEmpty {
                result.facets = try facets.facets(
                    query.facets,
                    matching: query.filter,
                    in: view,
                    context
                ) {
                    () throws(LodestoneError) in
                    if let allowed = allowed[index] { return allowed }
                    return try view.rows(matching: nil, context)
                }
            }
            clock.end(.documents)
            results.append(result)
        }
    }

    /// The result of a query whose vector sources have been searched.
    private func result(
        of query: Query,
        _ lists: inout [RankedList],
        allowed: RowSet?,
        _ clock: inout StepClock
    ) throws(LodestoneError) -> QueryResult {
        let texts = try query.sources.map { (source) throws(LodestoneError) in
            try parsedText(of: source)
        }
        try addTextsAndWalks(to: &lists, query, texts, allowed: allowed)
        clock.end(.texts)
        for (index, source) in query.sources.enumerated() {
            lists[index].candidates = source.candidates ?? Query.candidates
        }
        let weights = query.weights(options.text)
        try scoreMissing(in: &lists, query, texts)
        try compareWithOrdinary(&lists, query, weights, allowed: allowed)
        if query.walksFromHits {
            try addWalksFromHits(to: &lists, query, weights, allowed: allowed)
            try scoreMissing(in: &lists, query, texts)
        }
        let fused = try fusedHits(
            &lists,
            query,
            weights,
            limit: query.limit,
            decided: query.limit,
            withSources: query.include.contains(.sourceScores)
        )
        clock.end(.fusion)
        var result = QueryResult(
            hits: [],
            isPartial: lists.contains { $0.isPartial } || texts.contains { $0?.isPartial ?? false },
            explanations: query.include.contains(.explain) ? lists.compactMap(\.explanation) : []
        )
        if query.include.contains(.explain) {
            result.textExplanations = try textExplanations(of: texts)
        }
        result.hits = try hits(fused, of: query, texts)
        return result
    }

    /// The explanations of the text sources that have one.
    private func textExplanations(of texts: [TextSourceQuery?]) throws(LodestoneError)
        -> [TextExplanation]
    {
        var explanations: [TextExplanation] = []
        for (source, text) in texts.enumerated() {
            guard let text else { continue }
            let words = try view.textIndex.explanation(of: text.query, in: textScope)
            guard words != nil || !text.leftOut.isEmpty else { continue }
            explanations.append(
                TextExplanation(source: source, words: words ?? [], leftOut: text.leftOut)
            )
        }
        return explanations
    }
}

extension Query {
    /// The best hits per source that enter the fusion, unless the query sets another number.
    static let candidates = 100
    /// The number of documents in the sample for the score of an ordinary document.
    static let ordinarySample = 64

    /// The number of best hits that a source searches for.
    func depth(of source: Source) -> Int {
        sources.count == 1 ? limit : max(limit, source.candidates ?? Self.candidates)
    }

    /// The hits from which walks start: the first ten, and further ones with the tenth's score.
    ///
    /// The number does not depend on the limit: a larger limit only makes a result longer.
    static func startsOfWalks(_ hits: [FusedHit]) -> ArraySlice<FusedHit> {
        guard hits.count > walkStarts else { return hits[...] }
        return hits.prefix { $0.score >= hits[walkStarts - 1].score }
    }

    /// The number of hits from which walks start, without further hits of the last one's score.
    static let walkStarts = 10

    /// One weight per source; none for a single source.
    func weights(_ text: TextOptions) -> [Double] {
        if sources.count == 1 { return [] }
        return sources.map { source in
            source.weight.map(Double.init) ?? fusion.defaultWeight(of: source.kind, text)
        }
    }

    var walksFromHits: Bool {
        sources.contains { if case .walkFromHits = $0.kind { true } else { false } }
    }

    /// Whether the query needs rows of the store.
    func needsRows(_ strategy: TextIndexStrategy) -> Bool {
        filter != nil || include.needsRows || highlight != nil || !facets.isEmpty
            || (strategy.keepsWordsInStore
                && sources.contains { if case .text = $0.kind { true } else { false } })
    }
}

extension Metric {
    /// The score of a distance: larger is better.
    func score(_ distance: Float) -> Double {
        switch self {
        case .cosine: 1 - Double(distance)
        case .euclidean, .dotProduct: 0 - Double(distance)
        }
    }
}
