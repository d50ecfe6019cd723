// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneGraph
import LodestoneStructures

extension ReadView {
    /// The steps of a walk from some vertices, in the graph of this version.
    func steps(
        of walk: Walk,
        from starts: [VertexID],
        edgesBetweenChecks: Int = GraphIndex.edgesBetweenChecks,
        context: CallContext
    ) throws(LodestoneError) -> GraphIndex.WalkOutcome {
        var labels: Set<LabelID>?
        if !walk.labels.isEmpty {
            // A label without edges has no id and leads nowhere.
            labels = version.graph.labels.withTable { table in
                Set(walk.labels.compactMap { table.id(of: $0) })
            }
        }
        return try version.graph.index.walk(
            from: starts,
            labels: labels,
            direction: walk.direction,
            depth: walk.depth,
            budget: walk.budget,
            rows: version.ids.rows,
            documentCount: version.ids.documentCount,
            visible: visibility?.rows,
            edgesBetweenChecks: edgesBetweenChecks,
            context: context
        )
    }

    /// The steps of a walk from its ids; ids without a document are skipped.
    func steps(
        of walk: Walk,
        edgesBetweenChecks: Int = GraphIndex.edgesBetweenChecks,
        context: CallContext
    ) throws(LodestoneError) -> GraphIndex.WalkOutcome {
        let starts = version.ids.table.withTable { table in
            walk.from.compactMap { table.vertex(of: $0) }
        }
        return try steps(
            of: walk,
            from: starts,
            edgesBetweenChecks: edgesBetweenChecks,
            context: context
        )
    }

    /// The result of a walk with these steps.
    ///
    /// `byColumns` says whether the reply has columns; rows have more bytes.
    func result(of outcome: GraphIndex.WalkOutcome, byColumns: Bool, context: CallContext)
        throws(LodestoneError) -> WalkResult
    {
        let documents = try documents(of: outcome.reached, context)
        if !byColumns, context.replyBudget != nil {
            try context.charge(wire: documents.repeatedByteCount, memory: 0)
        }
        return WalkResult(
            reached: documents,
            endedBy: outcome.endedBy,
            edgesFollowed: outcome.edgesFollowed
        )
    }

    /// The documents of the vertices that a walk reached.
    private func documents(of reached: ReachedVertices, _ context: CallContext)
        throws(LodestoneError) -> ReachedDocuments
    {
        // A length and a parent per document are sent in a byte each, or more.
        let columns = 2 * MemoryLayout<UInt64>.stride + 3 * MemoryLayout<UInt32>.stride
        try context.charge(wire: 2 * reached.count, memory: columns * reached.count)
        var documents = ReachedDocuments()
        documents.weights = reached.weights
        documents.areIncoming = reached.areIncoming
        documents.depths.reserveCapacity(reached.count)
        for (index, end) in reached.depthEnds.enumerated() {
            let count = end - documents.depths.count
            documents.depths.append(contentsOf: repeatElement(UInt32(index + 1), count: count))
        }
        let starts = addParents(of: reached, to: &documents)
        addLabels(of: reached, to: &documents)
        let ids = version.ids.table
        try ids.appendUTF8(
            of: reached.vertices,
            to: &documents.idBytes,
            &documents.idEnds
        ) { (byteCount) throws(LodestoneError) in
            try context.check()
            try context.charge(wire: byteCount, memory: byteCount)
        }
        documents.starts = ids.withTable { table in starts.map { table.id($0) } }
        let names = documents.starts.map(\.string) + documents.labels
        let nameBytes = names.reduce(0) { $0 + $1.utf8.count }
        try context.charge(
            wire: nameBytes,
            memory: nameBytes + names.count * MemoryLayout<String>.stride
        )
        return documents
    }

    /// Fills in the parents.
    ///
    /// - Returns: The starts from which the first edges lead.
    private func addParents(of reached: ReachedVertices, to documents: inout ReachedDocuments)
        -> [VertexID]
    {
        let startCount = UInt32(reached.starts.count)
        var starts: [VertexID] = []
        // For each start its position among `starts`.
        var positions = ContiguousArray<UInt32>(repeating: 0, count: reached.starts.count)
        var last: UInt32?
        for parent in reached.parents.prefix(while: { $0 < startCount }) where parent != last {
            last = parent
            positions[Int(parent)] = UInt32(starts.count)
            starts.append(reached.starts[Int(parent)])
        }
        if starts.count == reached.starts.count {
            documents.parents = reached.parents
        } else {
            let shift = startCount - UInt32(starts.count)
            documents.parents = ContiguousArray(
                reached.parents.lazy.map { parent in
                    parent < startCount ? positions[Int(parent)] : parent - shift
                }
            )
        }
        return starts
    }

    /// Fills in the labels.
    private func addLabels(of reached: ReachedVertices, to documents: inout ReachedDocuments) {
        var positions = LabelPositions()
        documents.labelPositions.reserveCapacity(reached.count)
        for id in reached.labels {
            documents.labelPositions.append(positions.position(of: id))
        }
        documents.labels = version.graph.labels.withTable { table in
            positions.labels.map { table.label($0) ?? "" }
        }
    }
}

/// The positions of the labels of a walk, in the order in which they first occur.
private struct LabelPositions {
    /// The labels, each once.
    private(set) var labels: [LabelID] = []
    /// The positions of label ids below 64, which are those of most collections.
    private var low = ContiguousArray(repeating: LabelPositions.none, count: 64)
    private var high: [LabelID: UInt32] = [:]
    private static let none = UInt32.max

    @inline(__always)
    mutating func position(of label: LabelID) -> UInt32 {
        if Int(label) < low.count, low[Int(label)] != Self.none { return low[Int(label)] }
        return add(label)
    }

    private mutating func add(_ label: LabelID) -> UInt32 {
        if let position = high[label] { return position }
        let position = UInt32(labels.count)
        labels.append(label)
        if Int(label) < low.count { low[Int(label)] = position } else { high[label] = position }
        return position
    }
}

extension ReachedDocuments {
    /// The bytes of parents and labels where each document repeats its own.
    fileprivate var repeatedByteCount: Int {
        indices.reduce(0) { total, position in
            let parent = Int(parents[position])
            let parentBytes =
                parent < starts.count
                ? starts[parent].string.utf8.count : idRange(at: parent - starts.count).count
            return total + parentBytes + labels[Int(labelPositions[position])].utf8.count
        }
    }
}
