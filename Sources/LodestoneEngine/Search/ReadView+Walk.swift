// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneGraph
import LodestoneStructures

extension ReadView {
    /// The steps of a walk from some vertices, in the graph of this version.
    func steps(of walk: Walk, from starts: [VertexID], context: CallContext)
        throws(LodestoneError) -> GraphIndex.WalkOutcome
    {
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
            exists: { version.ids.row(of: $0) != nil },
            context: context
        )
    }

    /// The result of a walk from ids; ids without a document are skipped.
    ///
    /// `byColumns` says whether the reply has columns; rows have more bytes.
    func result(of walk: Walk, byColumns: Bool, context: CallContext) throws(LodestoneError)
        -> WalkResult
    {
        let starts = version.ids.table.withTable { table in
            walk.from.compactMap { table.vertex(of: $0) }
        }
        let outcome = try steps(of: walk, from: starts, context: context)
        let documents = try documents(of: outcome.reached, context)
        if !byColumns { try context.charge(wire: documents.repeatedByteCount, memory: 0) }
        return WalkResult(
            reached: documents,
            endedBy: outcome.endedBy,
            edgesFollowed: outcome.edgesFollowed
        )
    }

    /// The documents of the steps of a walk.
    private func documents(of steps: [Step], _ context: CallContext) throws(LodestoneError)
        -> ReachedDocuments
    {
        // A length and a parent per document are sent in a byte each, or more.
        let columns = 2 * MemoryLayout<UInt64>.stride + 3 * MemoryLayout<UInt32>.stride
        try context.charge(wire: 2 * steps.count, memory: columns * steps.count)
        var documents = ReachedDocuments()
        let starts = addEdges(of: steps, to: &documents)
        let ids = version.ids.table
        try ids.appendUTF8(
            of: steps.lazy.map(\.vertex),
            to: &documents.idBytes,
            &documents.idEnds
        ) { (byteCount) throws(LodestoneError) in
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

    /// Fills in all columns but those of ids.
    ///
    /// - Returns: The starts from which the first edges lead.
    private func addEdges(of steps: [Step], to documents: inout ReachedDocuments) -> [VertexID] {
        var starts: [VertexID] = []
        for step in steps.prefix(while: { $0.depth == 1 }) where step.from != starts.last {
            starts.append(step.from)
        }
        documents.depths.reserveCapacity(steps.count)
        documents.parents.reserveCapacity(steps.count)
        documents.labelPositions.reserveCapacity(steps.count)
        var labels: [LabelID] = []
        var positions: [LabelID: Int] = [:]
        var label = 0
        // Vertices are followed in the order in which they were reached.
        var parent = 0
        for step in steps {
            while parent < starts.count, starts[parent] != step.from { parent += 1 }
            if parent >= starts.count {
                while parent < starts.count + steps.count,
                    steps[parent - starts.count].vertex != step.from
                { parent += 1 }
            }
            documents.depths.append(UInt32(step.depth))
            documents.parents.append(UInt32(parent))
            if labels.isEmpty || labels[label] != step.label {
                label = positions[step.label] ?? labels.count
                if label == labels.count {
                    labels.append(step.label)
                    positions[step.label] = label
                }
            }
            documents.labelPositions.append(UInt32(label))
        }
        documents.labels = version.graph.labels.withTable { table in
            labels.map { table.label($0) ?? "" }
        }
        if steps.contains(where: { $0.weight != 1 }) {
            documents.weights = ContiguousArray(steps.lazy.map(\.weight))
        }
        if steps.contains(where: \.isIncoming) {
            documents.areIncoming = ContiguousArray(steps.lazy.map(\.isIncoming))
        }
        return starts
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
