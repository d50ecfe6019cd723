// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore
package import LodestoneStructures

extension GraphIndex {
    /// The result of a walk: the vertices in the order in which it reached them, the limit that
    /// ended it early, and the number of edges that it looked at, those with other labels included.
    package typealias WalkOutcome = (
        reached: [Step], endedBy: WalkResult.Limit?, edgesFollowed: Int
    )

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
    ///   - exists: Whether a vertex exists; the walk neither reports nor passes other vertices. It
    ///     is called once per vertex.
    ///   - context: The call's context, checked every thousand edges.
    /// - Returns: The vertices that the walk reached until it was done or ran into a limit.
    /// - Throws: `.cancelled` or `.deadlineExceeded` when `context` is over.
    package func walk(
        from starts: [VertexID],
        labels: Set<LabelID>?,
        direction: Direction,
        depth: Int,
        budget: WalkBudget,
        exists: (VertexID) -> Bool,
        context: CallContext
    ) throws(LodestoneError) -> WalkOutcome {
        var walker = Walker(
            vertexCount: max(outgoing.vertexCount, incoming.vertexCount),
            labels: labels,
            budget: budget,
            context: context
        )
        let starts = starts.filter { walker.isNew($0) && exists($0) }
        var vertex = 0
        var limit: WalkResult.Limit?
        // The reached vertices are also the queue of vertices to walk on from.
        while limit == nil, vertex < starts.count + walker.reached.count {
            let isStart = vertex < starts.count
            let step = isStart ? nil : walker.reached[vertex - starts.count]
            let current = step?.vertex ?? starts[vertex]
            let nextDepth = (step?.depth ?? 0) + 1
            if nextDepth > depth { break }
            if direction != .incoming {
                limit = try walker.follow(
                    outgoing,
                    from: current,
                    depth: nextDepth,
                    isIncoming: false,
                    exists: exists
                )
            }
            if limit == nil, direction != .outgoing {
                limit = try walker.follow(
                    incoming,
                    from: current,
                    depth: nextDepth,
                    isIncoming: true,
                    exists: exists
                )
            }
            vertex += 1
        }
        return (walker.reached, limit, walker.edgesFollowed)
    }
}

/// A walk under way.
private struct Walker {
    /// Edges between two checks of the clock, some ten microseconds.
    static let edgesBetweenChecks = 1_024

    private let labels: LabelSet
    private let budget: WalkBudget
    private let end: ContinuousClock.Instant?
    private let context: CallContext
    private var seen: VertexSet
    /// The number of edges at which the limits and the clock are checked again.
    private var nextCheck = 0
    private(set) var reached: [Step] = []
    private(set) var edgesFollowed = 0

    init(vertexCount: Int, labels: Set<LabelID>?, budget: WalkBudget, context: CallContext) {
        seen = VertexSet(vertexCount: vertexCount)
        self.labels = LabelSet(labels)
        self.budget = budget
        self.context = context
        end = budget.time.map { .now.advanced(by: $0) }
    }

    mutating func isNew(_ vertex: VertexID) -> Bool {
        seen.insert(vertex)
    }

    /// Follows the edges of a vertex that was reached with one edge less than `depth`.
    ///
    /// - Returns: The limit that the walk ran into, if any.
    @inline(__always)
    mutating func follow(
        _ lists: AdjacencyLists,
        from vertex: VertexID,
        depth: Int,
        isIncoming: Bool,
        exists: (VertexID) -> Bool
    ) throws(LodestoneError) -> WalkResult.Limit? {
        let list = lists.list(of: vertex)
        if !lists.hasPieces(list) {
            return try follow(
                list,
                of: lists,
                from: vertex,
                depth: depth,
                isIncoming: isIncoming,
                exists: exists
            )
        }
        for piece in lists.pieces(of: list) {
            let limit = try follow(
                piece,
                of: lists,
                from: vertex,
                depth: depth,
                isIncoming: isIncoming,
                exists: exists
            )
            if let limit { return limit }
        }
        return nil
    }

    @inline(__always)
    private mutating func follow(
        _ list: AdjacencyLists.List,
        of lists: AdjacencyLists,
        from vertex: VertexID,
        depth: Int,
        isIncoming: Bool,
        exists: (VertexID) -> Bool
    ) throws(LodestoneError) -> WalkResult.Limit? {
        for index in 0..<Int(list.count) {
            let edge = lists.edge(index, of: list)
            if edgesFollowed == nextCheck, let limit = try check() { return limit }
            edgesFollowed += 1
            guard labels.contains(edge.label), seen.insert(edge.vertex), exists(edge.vertex) else {
                continue
            }
            if reached.count == budget.nodes { return .nodes }
            reached.append(
                Step(
                    vertex: edge.vertex,
                    depth: depth,
                    from: vertex,
                    label: edge.label,
                    weight: edge.weight,
                    isIncoming: isIncoming
                )
            )
        }
        return nil
    }

    private mutating func check() throws(LodestoneError) -> WalkResult.Limit? {
        if edgesFollowed >= budget.edges { return .edges }
        try context.check()
        if let end, ContinuousClock.now >= end { return .time }
        nextCheck = min(budget.edges, edgesFollowed + Self.edgesBetweenChecks)
        return nil
    }
}

/// The labels of a walk.
///
/// A walk names few labels, for which a scan is faster than hashing.
private enum LabelSet {
    case all
    case few(ContiguousArray<LabelID>)
    case many(Set<LabelID>)

    init(_ labels: Set<LabelID>?) {
        switch labels {
        case nil: self = .all
        case let labels? where labels.count <= 8: self = .few(ContiguousArray(labels))
        case let labels?: self = .many(labels)
        }
    }

    @inline(__always)
    func contains(_ label: LabelID) -> Bool {
        switch self {
        case .all: true
        case .few(let labels): labels.contains(label)
        case .many(let labels): labels.contains(label)
        }
    }
}
