// SPDX-License-Identifier: Apache-2.0
import LodestoneCore

/// The further rows of nodes: those whose records equal the record of a row before them.
///
/// A node for each of them would fill the candidates and the links of its neighbors with copies,
/// until nothing leads anywhere else: of 5 vectors 300 times and 20 others, none to three of the 20
/// were found by their own vector.
///
/// Threading: as the graph that has them. Unchecked for that.
final class HNSWCopies: @unchecked Sendable {
    /// Ascending.
    private(set) var rows: [UInt32] = []
    /// The node of each.
    private(set) var nodes: [UInt32] = []
    /// The place of the next one of the same node; `HNSWGraph.none` for the last.
    private var next: [UInt32] = []
    /// Places of the first and the last of a node.
    private var chains: [UInt32: (first: UInt32, last: UInt32)] = [:]

    var count: Int { rows.count }
    var isEmpty: Bool { rows.isEmpty }
    var byteCount: Int { 12 * rows.count + 16 * chains.count }

    /// Adds a row of a node; rows ascend.
    func append(_ row: UInt32, of node: UInt32) {
        precondition(rows.last.map { $0 < row } ?? true, "Rows come in order.")
        let place = UInt32(rows.count)
        rows.append(row)
        nodes.append(node)
        next.append(HNSWGraph.none)
        if let chain = chains[node] {
            next[Int(chain.last)] = place
            chains[node] = (chain.first, place)
        } else {
            chains[node] = (place, place)
        }
    }

    func append(_ other: HNSWCopies) {
        for (row, node) in zip(other.rows, other.nodes) { append(row, of: node) }
    }

    /// The node of a row.
    ///
    /// - Complexity: O(log `count`).
    func node(of row: UInt32) -> UInt32? {
        var (low, high) = (0, rows.count)
        while low < high {
            let middle = (low + high) / 2
            if rows[middle] < row { low = middle + 1 } else { high = middle }
        }
        return low < rows.count && rows[low] == row ? nodes[low] : nil
    }

    /// The rows of a node, ascending, until `body` says that it has enough.
    func forEach(of node: UInt32, _ body: (UInt32) -> Bool) {
        guard let chain = chains[node] else { return }
        var place = chain.first
        while place != HNSWGraph.none {
            guard body(rows[Int(place)]) else { return }
            place = next[Int(place)]
        }
    }

    /// A bit for each of `nodeCount` nodes that has one of the rows in `words`.
    ///
    /// - Complexity: O(`count`).
    func nodes(of words: UnsafeBufferPointer<UInt64>, nodeCount: Int) -> [UInt64] {
        if isEmpty { return [] }
        var bits = [UInt64](repeating: 0, count: (nodeCount + 63) / 64)
        for (row, node) in zip(rows, nodes) {
            let word = Int(row >> 6)
            if word < words.count, words[word] >> UInt64(row & 63) & 1 != 0 {
                bits[Int(node >> 6)] |= 1 << UInt64(node & 63)
            }
        }
        return bits
    }
}

/// Finds the node that has a certain record.
///
/// Threading: that of the one thread that adds nodes. Unchecked for the pointers, which are its own
/// and the graph's.
final class RecordTable: @unchecked Sendable {
    private let graph: HNSWGraph
    /// A node each, `HNSWGraph.none` where there is none; a power of two of them.
    private let slots: UnsafeMutableBufferPointer<UInt32>

    /// A table of the nodes of a graph, with room for all that it has room for.
    init(_ graph: HNSWGraph) {
        self.graph = graph
        var width = 64
        while width < graph.capacity + graph.capacity / 2 { width *= 2 }
        slots = .allocate(capacity: width)
        slots.initialize(repeating: HNSWGraph.none)
        for node in 0..<UInt32(graph.count) { insert(node) }
    }

    deinit { slots.deallocate() }

    /// The node whose record is the same.
    func node(of record: CodeRecord) -> UInt32? {
        let found = slots[slot(of: record)]
        return found == HNSWGraph.none ? nil : found
    }

    /// Adds a node; of nodes with one record, which an older graph may have, the first counts.
    func insert(_ node: UInt32) {
        let slot = slot(of: graph.record(node))
        if slots[slot] == HNSWGraph.none { slots[slot] = node }
    }

    /// The slot of a record, or the free one where it belongs.
    private func slot(of record: CodeRecord) -> Int {
        let (codes, tail) = bytes(of: record)
        // By the process's own seed, so that nobody can choose vectors that all collide.
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
    /// Takes in a row whose record was written where the next node's belongs.
    ///
    /// - Returns: Its node, if it is a new one.
    func addEncoded(row: UInt32, _ table: RecordTable) -> UInt32? {
        let record = record(UInt32(count))
        if let node = table.node(of: record) {
            copies.append(row, of: node)
            return nil
        }
        let node = reserve(row: row)
        table.insert(node)
        return node
    }

    /// Whether codes tell a vector from the node that has its row: farther than their rounding explains.
    func isApart(
        _ vector: UnsafePointer<Float>,
        from node: UInt32,
        _ scratch: HNSWScratch
    ) -> Bool {
        let shape = codec.shape
        let record = CodeRecord(
            codes: .allocate(capacity: shape.stride),
            tail: .allocate(capacity: shape.tailCount)
        )
        defer {
            record.codes.deallocate()
            record.tail.deallocate()
        }
        codec.encode(vector, into: record, scratch.codec)
        let query = shape.makeQuery(of: record, into: scratch.query, scratch.kernels, by: .distance)
        let layout = shape.layout(records, by: .distance)
        scratch.hop[0] = node
        shape.keys(scratch.kernels, by: .distance)(layout, query, scratch.hop, 1, scratch.keys)
        let (one, other) = (shape.scale(of: record), shape.scale(of: self.record(node)))
        let rounding = Float(codec.dimension) * (one * one + other * other) / 12
        return codec.quantization != .none && RecordShape.value(scratch.keys[0]) > 4 * rounding
    }
}
