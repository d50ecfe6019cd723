// SPDX-License-Identifier: Apache-2.0
import LodestoneANN
import LodestoneCore
import LodestoneStorage
import LodestoneText

/// Answers the questions of one request from one state: each source by its view, then the fusion.
///
/// Questions are answered in parts: what a part needs on the way to its answers is let go before the
/// next one begins.
struct SearchPlan {
    /// Questions of a part: as many as share what is read of the vectors.
    private static let questionsOfPart = 256
    /// Candidates of a part, over all sources of its questions; a question alone may have more.
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

    /// The questions from `first` on that are answered together: at least one.
    private func part(from first: Int) -> ArraySlice<Query> {
        var candidates = 0
        let queries = request.queries[first...].prefix(Self.questionsOfPart)
        let count = queries.prefix { query in
            candidates += query.sources.reduce(0) { $0 + query.depth(of: $1) }
            return candidates <= Self.candidatesOfPart
        }.count
        return queries.prefix(max(1, count))
    }

    /// Appends the answers to the questions of a part.
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

    /// The lists of all questions, one a source, those of the vector sources filled in.
    ///
    /// Those without a filter and with the same depth go through the vectors together, so that
    /// memory is read once.
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

    /// The list of the only source of the only question, by far the most frequent request.
    private func nearest(_ query: Query, _ source: Source, _ allowed: RowSet?)
        throws(LodestoneError) -> RankedList
    {
        guard case .vector(let near) = source.kind else { return RankedList() }
        let answers = try ask([near.vector], like: near, k: query.depth(of: source), allowed)
        try view.state.refuseDamagedVectors()
        return list(of: answers[0], 0)
    }

    /// Asks for what is near some vectors, each asked for in the way of `near`.
    private func ask(_ vectors: [[Float]], like near: NearVector, k: Int, _ allowed: RowSet?)
        throws(LodestoneError) -> [VectorAnswer]
    {
        var asked = VectorQuestions(
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

    private func list(of answer: VectorAnswer, _ source: Int) -> RankedList {
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
            // They start where the other sources ended.
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
                guard let asked, view.state.text != nil || !asked.leftOut.isEmpty else { continue }
                result.textExplanations.append(
                    TextExplanation(
                        source: source,
                        words: try view.state.text?.explanation(of: asked.query, context: context)
                            ?? [],
                        leftOut: asked.leftOut
                    )
                )
            }
        }
        let highlighter = try query.highlight.map { (highlight) throws(LodestoneError) in
            Highlighter(
                try HighlightedWords(
                    texts.compactMap { $0?.query },
                    analyzer: TextAnalyzer(options.text),
                    index: view.state.text,
                    context: context
                ),
                highlight
            )
        }
        // Before their ids are made.
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
            // A document is counted with its id.
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

    /// Memory that a hit takes, with an id of common length.
    private static let hitByteCount = MemoryLayout<Hit>.stride + 48

    /// Adds what a hit's row has of what was asked for.
    private func complete(
        _ hit: inout Hit,
        _ row: RowNumber,
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

    /// Has vectors and texts score what only other sources found, where the fusion adds scores.
    ///
    /// A document that is good by both is not worth less because one of them missed its depth.
    private func complete(
        _ lists: inout [RankedList],
        _ query: Query,
        _ texts: [AskedText?]
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
            } else if let asked = texts[index], let text = view.state.text {
                let scores = try text.scores(of: asked.query, rows: missing, context: context)
                lists[index].others = Array(zip(missing, scores))
                lists[index].scoresOthers = true
            }
        }
        try view.state.refuseDamagedVectors()
    }

    /// Asks what an ordinary document scores by the vectors, where the fusion compares with it.
    private func compareWithOrdinary(
        _ lists: inout [RankedList],
        _ query: Query,
        _ weights: [Double],
        allowed: RowSet?
    ) throws(LodestoneError) {
        guard query.fusion.comparesWithOrdinary, lists.count > 1 else { return }
        var sample: [RowNumber]?
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
            // Without the eighths at both ends: one vector of a thousand times the length would make
            // the mean of all useless. The median of three documents is a hit itself.
            let middle = found.dropFirst(found.count / 8).dropLast(found.count / 8)
            let sum = middle.reduce(0) { $0 + options.metric.score($1.distance) }
            lists[index].ordinary = sum / Double(middle.count)
        }
        try view.state.refuseDamagedVectors()
    }

    /// Documents that a walk reaches, nearest first, and in row order where equally near; the score
    /// is 1 / depth.
    private func reached(
        _ walk: Walk,
        from starts: [NodeNumber],
        _ query: Query,
        _ source: Source,
        allowed: RowSet?
    ) throws(LodestoneError) -> RankedList {
        let wanted = query.depth(of: source)
        let outcome = try view.steps(of: walk, from: starts, context: context)
        var found: [(depth: Int, row: RowNumber)] = []
        for step in outcome.reached {
            // Those of one depth come in the order of edges: all of them, or the limit would decide.
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
    /// How many of a source's best hits enter the fusion, when the question doesn't say.
    static let candidates = 100
    /// How many documents are looked at to know what an ordinary one scores.
    static let ordinarySample = 64

    /// How many of a source's best hits are found.
    func depth(of source: Source) -> Int {
        sources.count == 1 ? limit : max(limit, source.candidates ?? Self.candidates)
    }

    /// Where walks from hits start: at the first ten, and what is as good as the tenth.
    ///
    /// Not at as many as the limit: a larger one makes an answer longer, not another one.
    static func startsOfWalks(_ hits: [FusedHit]) -> ArraySlice<FusedHit> {
        let count = 10
        guard hits.count > count else { return hits[...] }
        return hits.prefix { $0.score >= hits[count - 1].score }
    }

    var walksFromHits: Bool {
        sources.contains { if case .walkFromHits = $0.kind { true } else { false } }
    }

    /// Whether the store's rows must be read to answer.
    func needsRows(_ strategy: TextIndexStrategy) -> Bool {
        filter != nil || include.needsRows || highlight != nil || !facets.isEmpty
            || (strategy == .fts5
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
