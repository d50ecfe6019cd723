// SPDX-License-Identifier: Apache-2.0
import CVectorKernels
import LodestoneCore
import LodestoneStructures

/// A hash table that finds the node with a certain record.
///
/// Threading: only the thread that adds nodes uses it. Unchecked because of the pointers, which
/// only this object and the graph have.
final class RecordTable: @unchecked Sendable {
    private let graph: HNSWGraph
    /// The slots of the hash table, each a node or `HNSWGraph.none`; their number is a power of
    /// two.
    private let slots: UnsafeMutableBufferPointer<NodeID>

    /// A table of the nodes of a graph, with room for the graph's capacity.
    init(_ graph: HNSWGraph) {
        self.graph = graph
        var width = 64
        while width < graph.capacity + graph.capacity / 2 { width *= 2 }
        slots = .allocate(capacity: width)
        slots.initialize(repeating: HNSWGraph.none)
        for node in graph.nodes { insert(node) }
    }

    deinit { slots.deallocate() }

    /// The node with an equal record.
    func node(of record: CodeRecord) -> NodeID? {
        let found = slots[slot(of: record)]
        return found == HNSWGraph.none ? nil : found
    }

    /// Adds a node, unless an earlier node has an equal record, as in some older graphs.
    func insert(_ node: NodeID) {
        let slot = slot(of: graph.record(node))
        if slots[slot] == HNSWGraph.none { slots[slot] = node }
    }

    /// The slot of a record, or the free slot for it.
    private func slot(of record: CodeRecord) -> Int {
        let (codes, tail) = bytes(of: record)
        // `Hasher` has a random seed per process, so that no client can choose colliding vectors.
        var hasher = Hasher()
        hasher.combine(bytes: codes)
        hasher.combine(bytes: tail)
        let mask = slots.count - 1
        var slot = hasher.finalize() & mask
        while slots[slot] != HNSWGraph.none {
            let other = bytes(of: graph.record(slots[slot]))
            if other.codes.elementsEqual(codes), other.tail.elementsEqual(tail) { break }
            slot = (slot + 1) & mask
        }
        return slot
    }

    private func bytes(of record: CodeRecord) -> (
        codes: UnsafeRawBufferPointer, tail: UnsafeRawBufferPointer
    ) {
        let shape = graph.codec.shape
        return (
            UnsafeRawBufferPointer(start: record.codes, count: shape.stride),
            UnsafeRawBufferPointer(UnsafeBufferPointer(start: record.tail, count: shape.tailCount))
        )
    }
}

extension HNSWGraph {
    /// Adds a row whose record is already written as the record of the next node.
    ///
    /// - Returns: The row's node if it is new; `nil` when the row joined a node with an equal
    ///   record.
    func addEncoded(row: RowID, _ table: RecordTable) -> NodeID? {
        let record = record(NodeID(count))
        if let node = table.node(of: record) {
            copies.append(row, of: node)
            return nil
        }
        let node = addNode(row: row)
        table.insert(node)
        return node
    }

    /// Whether the codes of a vector differ from those of the node with its row.
    ///
    /// They do if vector and node are farther apart than the rounding of codes explains.
    func isApart(
        _ vector: UnsafePointer<Float>,
        from node: NodeID,
        _ scratch: HNSWScratch
    ) -> Bool {
        let shape = codec.shape
        let record = MutableCodeRecord(
            codes: .allocate(capacity: shape.stride),
            tail: .allocate(capacity: shape.tailCount)
        )
        defer {
            record.codes.deallocate()
            record.tail.deallocate()
        }
        codec.encode(vector, into: record, scratch.codec)
        let encoded = CodeRecord(record)
        let query = shape.makeQuery(
            of: encoded,
            into: scratch.query,
            scratch.kernels,
            by: .distance
        )
        let layout = shape.layout(records, by: .distance)
        scratch.frontier[0] = node
        shape.keys(scratch.kernels, by: .distance)(layout, query, scratch.frontier, 1, scratch.keys)
        let (step, nodeStep) = (shape.scale(of: encoded), shape.scale(of: self.record(node)))
        let rounding = Float(codec.dimension) * (step * step + nodeStep * nodeStep) / 12
        return codec.quantization != .none && RecordShape.value(scratch.keys[0]) > 4 * rounding
    }
}
