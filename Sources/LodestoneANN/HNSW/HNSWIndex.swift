// SPDX-License-Identifier: Apache-2.0
import CVectorKernels
package import LodestoneCore
import LodestoneStructures
import Synchronization

/// A graph of neighbors (Malkov & Yashunin, arXiv:1603.09320) that is walked by small codes, with
/// exact re-ranking of the nearest.
///
/// Rows that are not linked yet are compared exactly, too. With inline indexing, a write links its
/// own rows; else `extended` or `compacted` links them.
///
/// A search with a filter, or after many rows were dropped, takes the cheapest of three ways. Where
/// most rows count, it walks the graph with a wider beam and keeps the rows that count. Where fewer
/// do, it walks among these rows alone and steps over the others. Where few do, it compares the
/// codes of all of them. Where a walk finds too few, the scan follows.
///
/// Threading: a value. Several values may share a graph. One thread at a time adds to the graph,
/// while it alone holds the lock that searches share. Each value knows up to which row it may rely
/// on the graph, so that added rows change none of the values.
package struct HNSWIndex: VectorIndex {
    let dimension: Int
    let metric: Metric
    /// The options of the collection; the graph may have another `form`.
    var options: HNSWOptions
    let linksInline: Bool
    var store: HNSWStore?
    /// Rows from here on are not covered, though the graph may have some of them.
    package private(set) var endRow: UInt32 = 0
    /// Covered rows that were dropped.
    private(set) var droppedCount = 0
    package internal(set) var health = IndexHealth()
    let flat: FlatIndex
    let unfinished: HNSWBuildCheckpoint

    /// An index that covers nothing yet.
    package init(
        _ options: HNSWOptions,
        linksInline: Bool,
        dimension: Int,
        metric: Metric
    ) {
        self.init(options, linksInline, dimension, metric, HNSWBuildCheckpoint())
    }

    private init(
        _ options: HNSWOptions,
        _ linksInline: Bool,
        _ dimension: Int,
        _ metric: Metric,
        _ unfinished: HNSWBuildCheckpoint
    ) {
        self.dimension = dimension
        self.metric = metric
        self.unfinished = unfinished
        self.options = options
        self.linksInline = linksInline
        flat = FlatIndex(dimension: dimension, metric: metric)
    }

    /// This index with another graph, in which nothing was dropped.
    func index(_ store: HNSWStore?, _ health: IndexHealth) -> HNSWIndex {
        var index = HNSWIndex(options, linksInline, dimension, metric, unfinished)
        index.open(store)
        index.health = health
        return index
    }

    /// Takes a graph that covers every row below its end.
    mutating func open(_ store: HNSWStore?) {
        self.store = store
        endRow = store?.endRow ?? 0
    }

    package var name: String { "hnsw" }
    package var indexesCheaply: Bool { !linksInline }
    package var count: Int { store?.count ?? 0 }
    package var byteCount: Int { store?.byteCount ?? 0 }

    // MARK: Searching

    /// The time of a distance in a walk relative to one in a scan in order: a walk's rows lie
    /// anywhere.
    static let walkCost = 2.0
    /// Distances that a walk computes for each place of its beam.
    static let distancesPerPlace = 22.0

    /// The factor by which the next walk is wider after one that found too few.
    ///
    /// Measured (a million rows, two thirds of them allowed, none of these near some of the
    /// queries): such a query took 21 ms by a scan at once, 0.9 ms by wider walks.
    private static let widening = 4.0

    /// The share of allowed rows below which a walk keeps to these; above it, a wider walk finds
    /// more in the same time.
    private static let filteredShare = 0.3

    /// The time of a filtered walk, in distances of a scan in order.
    ///
    /// The walk expands 1.3 nodes per place of its beam. Each costs the distances of a hop, and a
    /// look at as many links as it takes to find so many allowed nodes.
    private func filteredCost(_ width: Int, _ share: Double, _ graph: HNSWGraph) -> Double {
        let degree = Double(graph.degree)
        let looked = min(Double(HNSWBeam.filteredHop) / share, degree * degree)
        let hop = Double(HNSWBeam.filteredHop) * Self.walkCost + looked / 5
        return 1.3 * Double(width) * hop
    }

    /// Rows beyond `k` that are compared exactly: the coarser the codes, the more.
    private static func rerankedBeyond(_ options: HNSWOptions) -> Int {
        switch options.quantization {
        case .int8: 3
        case .int4: 20
        case .none: 0
        }
    }

    package func search(_ questions: VectorQuery, in table: VectorTable) throws(LodestoneError)
        -> [VectorSearchResult]
    {
        guard !questions.isExact, let store, health.serves(store.count), questions.k > 0 else {
            return try scan(questions, table.blocks)
        }
        var answers: [VectorSearchResult] = []
        answers.reserveCapacity(questions.queries.count)
        for query in questions.queries {
            try questions.context.check()
            guard
                let answer = try store.reading({ (graph, scratch) throws(LodestoneError) in
                    try search(query, questions, graph, scratch, table)
                })
            else {
                // The graph is damaged. The caller looks at that, and what the scan finds is exact.
                return try scan(questions, table.blocks)
            }
            answers.append(answer)
        }
        let rest = table.suffix(from: endRow)
        if rest.isEmpty { return answers }
        for (index, late) in try scan(questions, rest).enumerated() {
            answers[index].merge(late, k: questions.k)
        }
        return answers
    }

    private func scan(_ questions: VectorQuery, _ blocks: [VectorBlock])
        throws(LodestoneError) -> [VectorSearchResult]
    {
        try flat.search(questions, in: blocks)
    }

    private func search(
        _ query: [Float],
        _ questions: VectorQuery,
        _ graph: HNSWGraph,
        _ scratch: HNSWScratch,
        _ table: VectorTable
    ) throws(LodestoneError) -> VectorSearchResult {
        let reranked = questions.k + max(Self.rerankedBeyond(graph.options), questions.k / 4)
        let width = max(questions.efSearch ?? options.efSearch * health.widening, questions.k)
        let total = graph.rowCount
        let wanted = questions.allowed.map { min($0.count, total) } ?? max(0, total - droppedCount)
        guard wanted > 0 else { return VectorSearchResult(neighbors: [], strategy: name) }
        let share = Double(wanted) / Double(total)
        var widened = min(Double(width) / share, Double(total))
        if let allowed = questions.allowed, share < Self.filteredShare,
            filteredCost(width, share, graph) < Double(wanted),
            let size = try graph.search(
                query,
                among: allowed,
                share: share,
                width: width,
                scratch,
                context: questions.context
            )
        {
            // A walk that ends early was in a part of the graph without a way to the others.
            if size == width {
                var found = CandidateRows(matching: size, questions, graph, scratch)
                found.take(reranked)
                return rank(query, &found, questions.k, "hnsw", table)
            }
            return try scanMatches(query, questions, reranked, graph, scratch, table)
        }
        // A row of the beam that passes the filter is surely among the nearest unless it is near
        // the beam's end: a walk is sure of its nearest places, not of its last ones.
        let sureShare = min(1, max(0.5, 1.25 * Double(questions.k) / Double(width)))
        var mustWalk = questions.allowed == nil
        var best: VectorSearchResult?
        var walks = 0
        while mustWalk || widened * Self.distancesPerPlace * Self.walkCost < Double(wanted) {
            walks += 1
            let size = try graph.search(
                query,
                width: Int(widened),
                scratch,
                context: questions.context
            )
            // A graph that grows has nodes of rows that this reader's state doesn't know.
            let isAny = share == 1 && !graph.grows
            var found = CandidateRows(size, isAny ? nil : questions, k: questions.k, graph, scratch)
            found.take(reranked)
            var isSure = true
            if questions.allowed != nil {
                let sureSize = Int(sureShare * Double(size))
                var sure = CandidateRows(sureSize, questions, k: questions.k, graph, scratch)
                sure.take(questions.k)
                isSure = sure.rows.count >= min(questions.k, wanted)
            }
            if isSure, found.rows.count >= min(questions.k, wanted) {
                let answer = rank(query, &found, questions.k, "hnsw", table)
                // Where the codes of the whole beam leave open which rows are the nearest, rows
                // outside of it may be as near.
                guard found.isCutOff, found.rows.count >= 2 * reranked, size == Int(widened) else {
                    return answer
                }
                best = answer
            }
            if size < Int(widened) { break }
            // Allowed rows are rarer near the query than elsewhere. All walks together take no
            // longer than a scan and a third.
            widened = min(widened * Self.widening, Double(total))
            // Comparing all of a small collection exactly costs more than one walk more.
            mustWalk = best != nil && widened * Self.widening <= Double(wanted) && walks == 1
        }
        if let best {
            return wanted > Self.comparedAtMost
                ? best : compareAll(query, questions, best, graph, scratch, table)
        }
        return try scanMatches(query, questions, reranked, graph, scratch, table)
    }

    /// Compares the codes of all allowed rows, then at least twice as many rows exactly as are
    /// wanted.
    ///
    /// Next to the scan these exact distances cost nothing.
    private func scanMatches(
        _ query: [Float],
        _ questions: VectorQuery,
        _ reranked: Int,
        _ graph: HNSWGraph,
        _ scratch: HNSWScratch,
        _ table: VectorTable
    ) throws(LodestoneError) -> VectorSearchResult {
        let reranked = max(reranked, 2 * questions.k + 20)
        let size = try graph.scan(
            query,
            width: reranked,
            scratch,
            context: questions.context,
            next: matching(questions, graph, withCopies(questions, graph))
        )
        var found = CandidateRows(matching: size, questions, graph, scratch)
        found.take(reranked)
        return rank(query, &found, questions.k, "filtered scan", table)
    }

    /// Returns a function that yields the nodes whose first row is not allowed but a further one
    /// is, some at a time.
    private func withCopies(_ questions: VectorQuery, _ graph: HNSWGraph)
        -> (UnsafeMutablePointer<UInt32>) -> Int
    {
        var place = 0
        var given: Set<UInt32> = []
        let copies = graph.copies
        return { hop in
            var found = 0
            while place < copies.count && found < HNSWScratch.hopLength {
                let (row, node) = (copies.rows[place], copies.nodes[place])
                place += 1
                if questions.allows(row), !questions.allows(graph.rows[Int(node)]),
                    given.insert(node).inserted
                {
                    hop[found] = node
                    found += 1
                }
            }
            return found
        }
    }

    /// Returns a function that yields the nodes of allowed rows, some at a time.
    ///
    /// First come the nodes whose first row is allowed, in order, then those that `copies` yields.
    private func matching(
        _ questions: VectorQuery,
        _ graph: HNSWGraph,
        _ copies: @escaping (UnsafeMutablePointer<UInt32>) -> Int
    ) -> (UnsafeMutablePointer<UInt32>) -> Int {
        var node = 0
        let exists = questions.exists
        guard let allowed = questions.allowed else {
            return { hop in
                var found = 0
                while node < graph.count && found < HNSWScratch.hopLength {
                    if exists(graph.rows[node]) {
                        hop[found] = UInt32(node)
                        found += 1
                    }
                    node += 1
                }
                return found > 0 ? found : copies(hop)
            }
        }
        let end = graph.count > 0 ? graph.rows[graph.count - 1] : 0
        let isDense = graph.count > 0 && Int(end - graph.rows[0]) == graph.count - 1
        var row: UInt32? = graph.count > 0 ? allowed.next(from: graph.rows[0]) : nil
        return { hop in
            var found = 0
            while let next = row, next <= end, found < HNSWScratch.hopLength {
                if isDense {
                    node = Int(next - graph.rows[0])
                } else {
                    while graph.rows[node] < next { node += 1 }
                }
                if graph.rows[node] == next {
                    hop[found] = UInt32(node)
                    found += 1
                }
                row = next < end ? allowed.next(from: next + 1) : nil
            }
            return found > 0 ? found : copies(hop)
        }
    }

    // MARK: Changes

    /// The same graph with other options; `nil` when these need another graph.
    func adapted(to options: HNSWOptions, linksInline: Bool) -> HNSWIndex? {
        guard options.m == self.options.m, options.efConstruction == self.options.efConstruction,
            options.quantization == self.options.quantization
        else { return nil }
        var adapted = HNSWIndex(
            options,
            linksInline: linksInline,
            dimension: dimension,
            metric: metric
        )
        adapted.store = store
        adapted.endRow = endRow
        adapted.droppedCount = droppedCount
        adapted.health = health
        return adapted
    }

    package mutating func drop(_ row: UInt32) {
        // Below the end every row that existed has a node.
        if row < endRow { droppedCount += 1 }
    }

    package mutating func indexMany(_ table: VectorTable, from row: UInt32) {
        guard linksInline else { return }
        if store == nil {
            guard let first = table.blocks.first, first.firstRow >= row else { return }
            store = HNSWStore(for: table, metric: metric, options: form)
        } else {
            // Rows that their own write did not link wait for `extended`, as do all later rows.
            let rest = table.suffix(from: endRow)
            guard let first = rest.first, first.firstRow >= row else { return }
        }
        endRow = store?.append(table, from: endRow) {} ?? endRow
        measureIfDue(table) { _ in true }
    }

    package func extended(over table: VectorTable, by count: Int, _ work: IndexWork)
        throws(LodestoneError) -> (any VectorIndex)?
    {
        guard health.isGood, !isRefused else { return nil }
        var index = self
        let store = store ?? HNSWStore(for: table, metric: metric, options: form)
        let before = store.count
        index.store = store
        index.endRow = try store.append(
            table,
            from: endRow,
            most: Mutation.coverBeforeLinking.isPlanted ? 1 : count,
            rowsAtOnce: 1,
            exists: work.exists,
            check: work.check
        )
        if Mutation.coverBeforeLinking.isPlanted { index.endRow = table.endRow }
        index.health.changedCount += store.count - before
        index.measureIfDue(table, work.exists)
        return index
    }

    package mutating func adopt(_ extended: any VectorIndex, exists: (UInt32) -> Bool) -> Bool {
        guard let other = extended as? HNSWIndex, let linked = other.store, other.endRow > endRow,
            store.map({ $0 === linked }) ?? (form == other.form && other.count > 0)
        else { return false }
        // Rows that were dropped while `extended` linked them.
        droppedCount += linked.rows(from: endRow, to: other.endRow).count { !exists($0) }
        store = linked
        endRow = other.endRow
        health = other.health
        return true
    }
}

extension VectorSearchResult {
    /// Merges the answer from other rows; a row that is in both answers counts once.
    mutating func merge(_ other: VectorSearchResult, k: Int) {
        let known = Set(neighbors.map(\.row))
        neighbors += other.neighbors.filter { !known.contains($0.row) }
        neighbors.sort { ($0.distance, $0.row) < ($1.distance, $1.row) }
        if neighbors.count > k { neighbors.removeLast(neighbors.count - k) }
        visited += other.visited
        computed += other.computed
        scanned += other.scanned
    }
}
