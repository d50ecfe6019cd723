// SPDX-License-Identifier: Apache-2.0
import LodestoneANN
import LodestoneCore
import LodestoneStorage
import LodestoneStructures
import LodestoneText

/// Answers the queries of one request from one state: each source by its index, then the fusion.
///
/// Queries are answered in parts. The intermediate results of a part are freed before the next part
/// begins.
struct SearchPlan {
    /// The most queries of a part: as many as share one pass over the vectors.
    private static let questionsOfPart = 256
    /// The most candidates of a part, over all sources of its queries; a single query may have
    /// more.
    private static let candidatesOfPart = 1 << 18

    let request: SearchRequest
    let view: ReadView
    let limits: Limits
    let context: CallContext

    var options: CollectionOptions { _read { yield view.contents.options } }

    func run() throws(LodestoneError) -> [QueryResult] {
        var results: [QueryResult] = []
        results.reserveCapacity(request.queries.count)
        var facets = CountedFacets()
        while results.count < request.queries.count {
            try answer(part(from: results.count), &results, &facets)
        }
        return results
    }

    /// The queries from `first` on that are answered together, at least one.
    private func part(from first: Int) -> ArraySlice<Query> {
        var candidates = 0
        let queries = request.queries[first...].prefix(Self.questionsOfPart)
        let count = queries.prefix { query in
            candidates += query.sources.reduce(0) { $0 + query.depth(of: $1) }
            return candidates <= Self.candidatesOfPart
        }.count
        return queries.prefix(max(1, count))
    }

    /// Appends the results of the queries of a part.
    private func answer(
        _ queries: ArraySlice<Query>,
        _ results: inout [QueryResult],
        _ facets: inout CountedFacets
    ) throws(LodestoneError) {
        var filtered: [FilteredRows?] = []
        for query in queries {
            filtered.append(
                try query.filter.map { (filter) throws(LodestoneError) in
                    try view.collection.filters.rows(matching: filter, in: view, context)
                }
            )
        }
        let allowed = filtered.map { $0?.rows }
        var near = try nearest(queries, allowed)
        for (index, query) in queries.enumerated() {
            try context.check()
            var result = try answer(query, &near[index], allowed: allowed[index])
            near[index] = []
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
            results.append(result)
        }
    }

    // MARK: Sources

    /// The lists of all queries, one per source, with the lists of the vector sources filled in.
    ///
    /// Queries without a filter and with the same depth search the vectors together, so that memory
    /// is read once.
    private func nearest(_ queries: ArraySlice<Query>, _ allowed: [RowSet?])
        throws(LodestoneError) -> [[RankedList]]
    {
        if queries.count == 1, let query = queries.first, query.sources.count == 1 {
            return [[try nearest(query, query.sources[0], allowed[0])]]
        }
        struct Group: Hashable {
            let depth: Int
            let filtered: Int?
            let isExact: Bool
            let efSearch: Int?
        }
        struct Question {
            let query: Int
            let source: Int
            let near: NearVector
        }
        var groups: [Group: [Question]] = [:]
        for (index, query) in queries.enumerated() {
            for (source, asked) in query.sources.enumerated() {
                guard case .vector(let near) = asked.kind else { continue }
                let group = Group(
                    depth: query.depth(of: asked),
                    filtered: allowed[index] == nil ? nil : index,
                    isExact: near.exact,
                    efSearch: near.efSearch
                )
                groups[group, default: []].append(
                    Question(query: index, source: source, near: near)
                )
            }
        }
        var lists = queries.map {
            [RankedList](repeating: RankedList(), count: $0.sources.count)
        }
        for (group, questions) in groups {
            let answers = try ask(
                questions.map(\.near.vector),
                like: questions[0].near,
                k: group.depth,
                group.filtered.flatMap { allowed[$0] }
            )
            for (question, answer) in zip(questions, answers) {
                lists[question.query][question.source] = list(of: answer, question.source)
            }
        }
        if !groups.isEmpty { try view.state.refuseDamagedVectors() }
        return lists
    }

    /// The list of the only source of the only query, by far the most frequent request.
    private func nearest(_ query: Query, _ source: Source, _ allowed: RowSet?)
        throws(LodestoneError) -> RankedList
    {
        guard case .vector(let near) = source.kind else { return RankedList() }
        let answers = try ask([near.vector], like: near, k: query.depth(of: source), allowed)
        try view.state.refuseDamagedVectors()
        return list(of: answers[0], 0)
    }

    /// Searches the nearest of some vectors, with the options of `near`.
    private func ask(_ vectors: [[Float]], like near: NearVector, k: Int, _ allowed: RowSet?)
        throws(LodestoneError) -> [VectorSearchResult]
    {
        var asked = VectorQuery(
            vectors,
            k: k,
            exists: { [shared = view.shared] in shared.contents.state.contains($0) },
            allowed: allowed,
            context: context
        )
        asked.isExact = near.exact
        asked.efSearch = near.efSearch
        return try view.state.index.search(asked, in: view.state.vectorTable)
    }

    private func list(of answer: VectorSearchResult, _ source: Int) -> RankedList {
        var list = RankedList()
        list.explanation = VectorExplanation(
            source: source,
            strategy: answer.strategy,
            visitedNodes: answer.visited,
            computedDistances: answer.computed,
            scannedRows: answer.scanned
        )
        list.isOfVectors = true
        list.reserveCapacity(answer.neighbors.count)
        let metric = options.metric
        list.magnitude = metric == .cosine ? 1 : 0
        for neighbor in answer.neighbors {
            list.append(neighbor.row, metric.score(neighbor.distance))
        }
        return list
    }

    private func answer(_ query: Query, _ lists: inout [RankedList], allowed: RowSet?)
        throws(LodestoneError) -> QueryResult
    {
        let texts = try query.sources.map { (source) throws(LodestoneError) in
            try parsedText(of: source)
        }
        for (index, source) in query.sources.enumerated() {
            switch source.kind {
            case .vector:
                continue
            case .text:
                guard let text = texts[index] else { continue }
                lists[index] = try matching(
                    text.query,
                    depth: query.depth(of: source),
                    allowed: allowed
                )
            case .walk(let walk):
                let starts = walk.from.compactMap { id in
                    view.contents.ids.withTable { $0.number(of: id) }
                }
                lists[index] = try reached(walk, from: starts, query, source, allowed: allowed)
            case .walkFromHits:
                continue
            }
        }
        let weights =
            query.sources.count == 1
            ? []
            : query.sources.map { source in
                source.weight.map(Double.init)
                    ?? query.fusion.defaultWeight(of: source.kind, options.text)
            }
        for (index, source) in query.sources.enumerated() {
            lists[index].candidates = source.candidates ?? Query.candidates
        }
        try complete(&lists, query, texts)
        try compareWithOrdinary(&lists, query, weights, allowed: allowed)
        let withSources = query.include.contains(.sourceScores)
        if query.walksFromHits {
            // The walks start where the hits of the other sources are.
            let found = query.fusion.merge(lists, weights: weights, limit: .max, withSources: false)
            let starts = Query.startsOfWalks(found).compactMap { view.state.node(of: $0.row) }
            for (index, source) in query.sources.enumerated() {
                guard case .walkFromHits(let walk) = source.kind else { continue }
                let candidates = lists[index].candidates
                lists[index] = try reached(walk, from: starts, query, source, allowed: allowed)
                lists[index].candidates = candidates
            }
            try complete(&lists, query, texts)
        }
        let hits = query.fusion.merge(
            lists,
            weights: weights,
            limit: query.limit,
            withSources: withSources
        )
        var result = QueryResult(
            hits: [],
            isPartial: lists.contains { $0.isPartial } || texts.contains { $0?.isPartial ?? false },
            explanations: query.include.contains(.explain) ? lists.compactMap(\.explanation) : []
        )
        if query.include.contains(.explain) {
            for (source, asked) in texts.enumerated() {
                guard let asked else { continue }
                let words = try view.state.text.explanation(of: asked.query, in: textScope)
                guard words != nil || !asked.leftOut.isEmpty else { continue }
                result.textExplanations.append(
                    TextExplanation(source: source, words: words ?? [], leftOut: asked.leftOut)
                )
            }
        }
        let highlighter = try query.highlight.map { (highlight) throws(LodestoneError) in
            Highlighter(
                try view.state.text.highlightTerms(
                    of: texts.compactMap { $0?.query },
                    in: textScope
                ),
                highlight
            )
        }
        // The hits are charged before their ids are created.
        try context.charge(
            wire: 0,
            memory: hits.reduce(0) { sum, hit in
                sum + Self.hitByteCount + hit.sources.count * MemoryLayout<SourceScore>.stride
            }
        )
        var wireByteCount = 0
        result.hits.reserveCapacity(hits.count)
        for (hit, id) in zip(hits, view.ids(of: hits.map(\.row))) {
            guard let id else { continue }
            result.hits.append(Hit(id: id, score: hit.score, sourceScores: hit.sources))
            // The charge of a document includes its id.
            if !query.include.needsDocument { wireByteCount += id.string.utf8.count }
            if query.include.needsDocument || highlighter != nil {
                try context.check()
                let last = result.hits.count - 1
                try complete(&result.hits[last], hit.row, query.include, highlighter)
            }
        }
        try context.charge(wire: wireByteCount, memory: 0)
        return result
    }

    /// The bytes of memory of a hit, with an id of common length.
    private static let hitByteCount = MemoryLayout<Hit>.stride + 48

    /// Adds the requested parts of a hit's row.
    private func complete(
        _ hit: inout Hit,
        _ row: RowID,
        _ include: Include,
        _ highlighter: Highlighter?
    ) throws(LodestoneError) {
        if include.needsDocument {
            let document = try view.document(row, id: hit.id, include: include, context)
            try context.charge(for: document)
            hit.document = document
        }
        if let highlighter {
            let document = try view.document(row, id: hit.id, include: .text, context)
            hit.highlights = highlighter.fields(of: document.text)
            let byteCount = hit.highlights.reduce(0) { $0 + $1.byteCount }
            try context.charge(wire: byteCount, memory: 2 * byteCount)
        }
    }

    /// Adds the scores of vectors and texts for rows that only other sources found.
    ///
    /// This applies where the fusion adds scores. Otherwise a document that is good for both
    /// sources would lose because it was below the depth of one.
    private func complete(
        _ lists: inout [RankedList],
        _ query: Query,
        _ texts: [TextSourceQuery?]
    ) throws(LodestoneError) {
        guard query.fusion.addsScores, lists.count > 1 else { return }
        let found = Set(lists.flatMap(\.rows))
        for (index, source) in query.sources.enumerated() {
            try context.check()
            let missing = found.subtracting(lists[index].rows).sorted()
            if case .vector(let near) = source.kind {
                let flat = FlatIndex(dimension: options.dimension, metric: options.metric)
                lists[index].others = flat.nearest(
                    near.vector,
                    k: missing.count,
                    among: missing,
                    of: view.state.vectorTable
                ).map { ($0.row, options.metric.score($0.distance)) }
                lists[index].scoresOthers = true
            } else if let asked = texts[index],
                let scores = try view.state.text.scores(
                    of: asked.query,
                    rows: missing,
                    in: textScope
                )
            {
                lists[index].others = Array(zip(missing, scores))
                lists[index].scoresOthers = true
            }
        }
        try view.state.refuseDamagedVectors()
    }

    /// Samples the score of an ordinary document by the vectors, if the fusion compares with it.
    private func compareWithOrdinary(
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
                ?? view.state.vectorTable.sample(
                    Query.ordinarySample,
                    of: allowed,
                    exists: { [shared = view.shared] in shared.contents.state.contains($0) }
                )
            sample = rows
            let flat = FlatIndex(dimension: options.dimension, metric: options.metric)
            let found = flat.nearest(
                near.vector,
                k: rows.count,
                among: rows,
                of: view.state.vectorTable
            )
            guard !found.isEmpty else { continue }
            // The mean leaves out an eighth at both ends: one vector of a thousand times the length
            // would make it useless. A median would not do: of three documents it is itself a hit.
            let middle = found.dropFirst(found.count / 8).dropLast(found.count / 8)
            let sum = middle.reduce(0) { $0 + options.metric.score($1.distance) }
            lists[index].ordinary = sum / Double(middle.count)
        }
        try view.state.refuseDamagedVectors()
    }

    /// The documents that a walk reaches, nearest first, then in row order; the score is 1 / depth.
    private func reached(
        _ walk: Walk,
        from starts: [VertexID],
        _ query: Query,
        _ source: Source,
        allowed: RowSet?
    ) throws(LodestoneError) -> RankedList {
        let wanted = query.depth(of: source)
        let outcome = try view.steps(of: walk, from: starts, context: context)
        var found: [(depth: Int, row: RowID)] = []
        for step in outcome.reached {
            // The documents of one depth come in the order of edges. All of them are taken, or the
            // limit would change the order.
            if let last = found.last, found.count >= wanted, step.depth > last.depth { break }
            guard let row = view.state.row(of: step.node), allowed?.contains(row) ?? true else {
                continue
            }
            found.append((step.depth, row))
        }
        found.sort { ($0.depth, $0.row) < ($1.depth, $1.row) }
        var list = RankedList()
        for (depth, row) in found.prefix(wanted) { list.append(row, 1 / Double(depth)) }
        list.isPartial = outcome.endedBy != nil
        return list
    }
}

extension Query {
    /// The best hits per source that enter the fusion, unless the query has another number.
    static let candidates = 100
    /// The number of documents in the sample for the score of an ordinary one.
    static let ordinarySample = 64

    /// The number of best hits that a source searches for.
    func depth(of source: Source) -> Int {
        sources.count == 1 ? limit : max(limit, source.candidates ?? Self.candidates)
    }

    /// The hits from which walks start: the first ten, and those with the score of the tenth.
    ///
    /// The number does not depend on the limit: a larger limit makes a result longer and not
    /// another one.
    static func startsOfWalks(_ hits: [FusedHit]) -> ArraySlice<FusedHit> {
        let count = 10
        guard hits.count > count else { return hits[...] }
        return hits.prefix { $0.score >= hits[count - 1].score }
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
