// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore
package import LodestoneStructures

extension GraphIndex {
    /// The result of a walk: the vertices in the order in which it reached them, the limit that
    /// ended it early, and the number of edges that it looked at, those with other labels included.
    package typealias WalkOutcome = (
        reached: ReachedVertices, endedBy: WalkResult.Limit?, edgesFollowed: Int
    )

    /// The usual number of edges between two checks of a call's context, some ten microseconds.
    package static var edgesBetweenChecks: Int { 1_024 }

    /// Walks breadth-first.
    ///
    /// The walk reports each vertex once, at its least depth, with the edge that reached it first.
    /// The order is fixed: by the order of the starts, then by the order of each vertex's edges,
    /// outgoing before incoming.
    ///
    /// - Parameters:
    ///   - starts: The vertices where the walk starts; it does not report them.
    ///   - labels: The labels to follow; `nil` for all.
    ///   - direction: Which way edges are followed.
    ///   - depth: The most edges between a start and a vertex.
    ///   - budget: The limits at which the walk stops with the vertices that it has until then.
    ///   - rows: The row of each vertex. A vertex without a row, or with `RowID.max`, does not
    ///     exist; the walk neither reports nor passes it.
    ///   - documentCount: The number of vertices that exist. When all do, no row is read.
    ///   - visible: The rows that exist for the call; `nil`: all. An edge that leaves another row
    ///     does not exist, so it is neither followed nor counted.
    ///   - edgesBetweenChecks: The edges between two checks of `context`.
    ///   - context: The call's context.
    /// - Returns: The vertices that the walk reached until it was done or ran into a limit.
    /// - Throws: `.cancelled` or `.deadlineExceeded` when `context` is over.
    package func walk(
        from starts: [VertexID],
        labels: Set<LabelID>?,
        direction: Direction,
        depth: Int,
        budget: WalkBudget,
        rows: OverlayArray<RowID>,
        documentCount: Int,
        visible: VisibleRows? = nil,
        edgesBetweenChecks: Int = GraphIndex.edgesBetweenChecks,
        context: CallContext
    ) throws(LodestoneError) -> WalkOutcome {
        try WalkMemory.with(vertexBound: rows.count) {
            (memory) throws(LodestoneError) -> WalkOutcome in
            var walker = Walker(
                memory: memory,
                rows: rows,
                documentCount: documentCount,
                visible: visible,
                labels: labels,
                budget: budget,
                edgesBetweenChecks: edgesBetweenChecks,
                context: context
            )
            for start in starts { walker.begin(at: start) }
            let startCount = memory.count
            var limit: WalkResult.Limit?
            var levelEnds: [Int] = []
            var levelStart = 0
            // The reached vertices are also the queue of vertices to walk on from.
            while limit == nil, levelEnds.count < depth, levelStart < memory.count {
                let level = levelStart..<memory.count
                levelStart = level.upperBound
                limit = try walker.follow(level, in: self, direction)
                levelEnds.append(memory.count)
            }
            let reached = ReachedVertices(memory, startCount: startCount, levelEnds: levelEnds)
            return (reached, limit, walker.edgesFollowed)
        }
    }
}

/// A walk under way.
private struct Walker: EdgeVisitor {
    /// The number of vertices in the queue between the one that is followed and the one whose
    /// list, or whose edges, are prefetched.
    private static let listDistance = 8
    private static let edgeDistance = 4
    /// The number of incoming edges between two checks of the context, where hidden edges count.
    private static let edgesBetweenHiddenChecks = 1_024

    private let memory: WalkMemory
    private let rows: OverlayArray<RowID>
    private let vertexBound: Int
    /// Whether every vertex exists.
    private let allExist: Bool
    /// The rows that exist for the call; `nil`: all.
    private let visible: VisibleRows?
    private let labels: LabelSet
    private let budget: WalkBudget
    private let edgesBetweenChecks: Int
    private let end: ContinuousClock.Instant?
    private let context: CallContext
    /// The length of the queue at which the budget of vertices is used up.
    private var fullCount = 0
    /// The number of edges at which the limits and the clock are checked again.
    private var nextCheck = 0
    private(set) var edgesFollowed = 0

    init(
        memory: WalkMemory,
        rows: OverlayArray<RowID>,
        documentCount: Int,
        visible: VisibleRows?,
        labels: Set<LabelID>?,
        budget: WalkBudget,
        edgesBetweenChecks: Int,
        context: CallContext
    ) {
        self.memory = memory
        self.rows = rows
        vertexBound = rows.count
        allExist = documentCount == rows.count && visible == nil
        self.visible = visible
        self.labels = LabelSet(labels)
        self.budget = budget
        self.edgesBetweenChecks = edgesBetweenChecks
        self.context = context
        fullCount = min(max(0, budget.nodes), rows.count)
        end = budget.time.map { .now.advanced(by: $0) }
    }

    /// Puts a start into the queue, if it exists and isn't there.
    mutating func begin(at start: VertexID) {
        guard isNew(start) else { return }
        memory.append(start)
        fullCount += 1
    }

    /// Follows the edges of a part of the queue.
    ///
    /// - Returns: The limit that the walk ran into, if any.
    mutating func follow(_ level: Range<Int>, in graph: GraphIndex, _ direction: Direction)
        throws(LodestoneError) -> WalkResult.Limit?
    {
        for position in level {
            let vertex = memory.vertices[position]
            let first = memory.count
            var limit: WalkResult.Limit?
            if direction != .incoming {
                prefetch(graph.outgoing, after: position)
                limit = try follow(graph.outgoing, from: vertex)
            }
            let firstIncoming = memory.count
            if limit == nil, direction != .outgoing {
                prefetch(graph.incoming, after: position)
                limit =
                    visible == nil
                    ? try follow(graph.incoming, from: vertex)
                    : try followVisible(graph.incoming, from: vertex)
            }
            for added in first..<memory.count {
                memory.parents[added] = UInt32(position)
                memory.areIncoming[added] = added >= firstIncoming
            }
            if let limit { return limit }
        }
        return nil
    }

    /// Prefetches what vertices after a position of the queue need.
    @inline(__always)
    private func prefetch(_ lists: AdjacencyLists, after position: Int) {
        if position + Self.listDistance < memory.count {
            lists.prefetchList(of: memory.vertices[position + Self.listDistance])
        }
        if position + Self.edgeDistance < memory.count {
            lists.prefetchEdges(of: memory.vertices[position + Self.edgeDistance])
        }
    }

    @inline(__always)
    private mutating func follow(_ lists: AdjacencyLists, from vertex: VertexID)
        throws(LodestoneError) -> WalkResult.Limit?
    {
        let list = lists.list(of: vertex)
        if !lists.hasPieces(list) { return try follow(list, of: lists) }
        for piece in lists.pieces(of: list) {
            if let limit = try follow(piece, of: lists) { return limit }
        }
        return nil
    }

    /// Follows the incoming edges that leave visible documents, one by one.
    private mutating func followVisible(_ lists: AdjacencyLists, from vertex: VertexID)
        throws(LodestoneError) -> WalkResult.Limit?
    {
        let list = lists.list(of: vertex)
        for piece in lists.hasPieces(list) ? lists.pieces(of: list) : [list] {
            for index in 0..<Int(piece.count) {
                if index % Self.edgesBetweenHiddenChecks == 0 { try context.check() }
                guard exists(lists.edge(index, of: piece).vertex) else { continue }
                if let limit = try follow(index..<index + 1, of: piece, of: lists) { return limit }
            }
        }
        return nil
    }

    @inline(__always)
    private mutating func follow(_ list: AdjacencyLists.List, of lists: AdjacencyLists)
        throws(LodestoneError) -> WalkResult.Limit?
    {
        try follow(0..<Int(list.count), of: list, of: lists)
    }

    @inline(__always)
    private mutating func follow(
        _ edges: Range<Int>,
        of list: AdjacencyLists.List,
        of lists: AdjacencyLists
    ) throws(LodestoneError) -> WalkResult.Limit? {
        var next = edges.lowerBound
        let end = edges.upperBound
        while next < end {
            if edgesFollowed == nextCheck, let limit = try check() { return limit }
            let room = fullCount - memory.count
            // So many edges reach neither the next check nor one vertex too many.
            let run = next..<next + min(end - next, nextCheck - edgesFollowed, max(1, room))
            memory.makeRoom(for: run.count)
            let count = memory.count
            lists.visit(run, of: list, self)
            edgesFollowed += run.count
            next = run.upperBound
            if memory.count > fullCount {
                memory.takeBack(to: count)
                return .nodes
            }
        }
        return nil
    }

    /// Puts the vertices of edges into the queue, which has room, if they exist and aren't there.
    @inline(__always)
    func visit(_ edges: some EdgeRun) {
        var count = memory.count
        for index in 0..<edges.count {
            let label = edges.label(index)
            let vertex = edges.vertex(index)
            guard labels.contains(label), isNew(vertex) else { continue }
            memory.vertices[count] = vertex
            memory.labels[count] = label
            memory.weights[count] = edges.weight(index)
            count += 1
        }
        memory.count = count
    }

    /// Marks a vertex as seen, if it exists; returns `false` when it has the mark already.
    @inline(__always)
    private func isNew(_ vertex: VertexID) -> Bool {
        let position = Int(vertex)
        // An edge of a damaged base may lead anywhere.
        guard position < vertexBound else { return false }
        let bit: UInt64 = 1 &<< UInt64(vertex)
        let word = memory.seen + position / UInt64.bitWidth
        guard word.pointee & bit == 0, allExist || exists(vertex) else { return false }
        word.pointee |= bit
        return true
    }

    /// Whether a vertex has a document that the call sees.
    @inline(__always)
    private func exists(_ vertex: VertexID) -> Bool {
        guard Int(vertex) < vertexBound else { return false }
        let row = rows[Int(vertex)]
        return row != .max && visible?.rows.contains(row) ?? true
    }

    private mutating func check() throws(LodestoneError) -> WalkResult.Limit? {
        if edgesFollowed >= budget.edges { return .edges }
        try context.check()
        if let end, ContinuousClock.now >= end { return .time }
        nextCheck = min(budget.edges, edgesFollowed + edgesBetweenChecks)
        return nil
    }
}

/// The labels of a walk.
///
/// The label ids of most collections are below 64, and then a test reads one word.
private struct LabelSet {
    private let low: UInt64
    private let labels: Set<LabelID>?

    init(_ labels: Set<LabelID>?) {
        self.labels = labels
        low =
            labels?.reduce(0) { low, label in
                label.rawValue < 64 ? low | 1 << UInt64(label) : low
            } ?? .max
    }

    @inline(__always)
    func contains(_ label: LabelID) -> Bool {
        if label.rawValue < 64 { return low &>> UInt64(label) & 1 != 0 }
        return labels?.contains(label) ?? true
    }
}
