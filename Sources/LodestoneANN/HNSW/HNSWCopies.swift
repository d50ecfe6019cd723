// SPDX-License-Identifier: Apache-2.0
import LodestoneCore

/// The further rows of nodes: rows whose record equals that of an earlier row.
///
/// With a node for each of these rows, copies would fill the candidates and the links of their
/// neighbors, until no link leads elsewhere. Measured (5 vectors 300 times each and 20 others):
/// with such nodes, none to three of the 20 were found by their own vector.
///
/// Threading: as the graph that owns them. Unchecked for that.
final class HNSWCopies: @unchecked Sendable {
    /// The further rows, ascending.
    private(set) var rows: [UInt32] = []
    /// The node of each further row.
    private(set) var nodes: [UInt32] = []
    /// For each further row the place of the next one of its node; `HNSWGraph.none` for the last.
    private var next: [UInt32] = []
    /// For each node the places of its first and its last further row.
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

    /// Calls `body` with the further rows of a node, ascending, until it returns `false`.
    func forEach(of node: UInt32, _ body: (UInt32) -> Bool) {
        guard let chain = chains[node] else { return }
        var place = chain.first
        while place != HNSWGraph.none {
            guard body(rows[Int(place)]) else { return }
            place = next[Int(place)]
        }
    }

    /// A set of `nodeCount` bits, set for each node with a further row in `words`.
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
/// Threading: only the one thread that adds nodes uses it. Unchecked for the pointers, which are
/// its own and the graph's.
final class RecordTable: @unchecked Sendable {
    private let graph: HNSWGraph
    /// The slots of the hash table, a power of two: a node each, or `HNSWGraph.none`.
    private let slots: UnsafeMutableBufferPointer<UInt32>

    /// A table of the nodes of a graph, with room for the graph's capacity.
    init(_ graph: HNSWGraph) {
        self.graph = graph
        var width = 64
        while width < graph.capacity + graph.capacity / 2 { width *= 2 }
        slots = .allocate(capacity: width)
        slots.initialize(repeating: HNSWGraph.none)
        for node in 0..<UInt32(graph.count) { insert(node) }
    }

    deinit { slots.deallocate() }

    /// The node with an equal record.
    func node(of record: CodeRecord) -> UInt32? {
        let found = slots[slot(of: record)]
        return found == HNSWGraph.none ? nil : found
    }

    /// Adds a node; of several nodes with equal records, which an older graph may have, the first
    /// stays.
    func insert(_ node: UInt32) {
        let slot = slot(of: graph.record(node))
        if slots[slot] == HNSWGraph.none { slots[slot] = node }
    }

    /// The slot of a record, or the free one where it belongs.
    private func slot(of record: CodeRecord) -> Int {
        let (codes, tail) = bytes(of: record)
        // `Hasher` has a seed of the process, so that nobody can choose vectors that all collide.
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
    /// Adds a row whose record was already written in the place of the next node's record.
    ///
    /// - Returns: The row's node if it is new; `nil` when the row joined a node with an equal
    ///   record.
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

    /// Whether codes tell a vector from the node that has its row.
    ///
    /// They do when vector and node are farther apart than the rounding of codes explains.
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
