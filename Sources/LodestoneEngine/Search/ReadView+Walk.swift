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
    func result(of walk: Walk, context: CallContext) throws(LodestoneError) -> WalkResult {
        let starts = version.ids.table.withTable { table in
            walk.from.compactMap { table.vertex(of: $0) }
        }
        let outcome = try steps(of: walk, from: starts, context: context)
        // Two ids and a label per step are charged before they are created.
        try context.charge(
            wire: 0,
            memory: outcome.reached.count * (MemoryLayout<Reached>.stride + 2 * 48)
        )
        let ids = version.ids.table.withTable { table in
            outcome.reached.map { (table.id($0.vertex), table.id($0.from)) }
        }
        let labels = version.graph.labels.withTable { table in
            outcome.reached.map { table.label($0.label) ?? "" }
        }
        var wireByteCount = 0
        let reached = outcome.reached.indices.map { index in
            let step = outcome.reached[index]
            wireByteCount += ids[index].0.string.utf8.count + ids[index].1.string.utf8.count
            wireByteCount += labels[index].utf8.count
            return Reached(
                id: ids[index].0,
                depth: step.depth,
                from: ids[index].1,
                label: labels[index],
                weight: step.weight,
                isIncoming: step.isIncoming
            )
        }
        try context.charge(wire: wireByteCount, memory: 0)
        return WalkResult(
            reached: reached,
            endedBy: outcome.endedBy,
            edgesFollowed: outcome.edgesFollowed
        )
    }
}
