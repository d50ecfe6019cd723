// SPDX-License-Identifier: Apache-2.0
import CVectorKernels
import LodestoneCore
import LodestoneStructures

/// An HNSW graph: nodes with their codes and links, in contiguous memory.
///
/// A node is a number, from 0. It is one row, or several rows with equal records; nodes ascend with
/// their first rows. At level 0 a node has up to `degree` links, in a list of `listLength` node ids
/// that ends at the first `none`. The few nodes of upper levels also have lists of `m` node ids per
/// level, in a separate pool.
///
/// A graph changes by a few operations: `addNode`, `encode` and `copyRecord`, `addLink`, `setLinks`
/// and `replaceLastLink`, `settleEntry`, `dropSlack`.
///
/// Threading: either no thread changes the graph and any thread may search it, or one `HNSWBuilder`
/// changes it under its own rules. Unchecked because of the pointers, which `owners` keep valid.
final class HNSWGraph: @unchecked Sendable {
    /// The id that ends a list.
    @inline(__always) static var none: NodeID { NodeID(rawValue: .max) }
    /// The most levels above level 0: enough for 2^32 nodes with 2 links per node.
    static let maximumLevel = 31

    let codec: VectorCodec
    let options: HNSWOptions
    /// The number of nodes that fit the memory.
    let capacity: Int
    /// The length of a list at level 0, in node ids.
    private(set) var listLength: Int
    /// The number of nodes.
    private(set) var count = 0
    /// The entry point of searches; `none` without nodes.
    private(set) var entry = HNSWGraph.none
    /// The level of `entry`.
    private(set) var topLevel = 0
    /// The further rows of nodes.
    let copies = HNSWCopies()

    // The memory; a builder copies the graph of a base first, so mapped memory is never written.
    private let mutableRecords: MutableCodeRecord
    private let mutableSigns: UnsafeMutablePointer<UInt8>?
    private let mutableLinks: UnsafeMutablePointer<NodeID>
    private let mutableRows: UnsafeMutablePointer<RowID>
    private let mutableLevels: UnsafeMutablePointer<UInt8>
    private let mutableUpperStarts: UnsafeMutablePointer<UInt32>
    private var mutableUpperLinks: UnsafeMutablePointer<NodeID>
    /// The number of lists in the pool.
    private(set) var upperCount = 0
    private var upperCapacity: Int
    private let owners: [AnyObject]
    private let lists: HugePageBuffer?
    private var upperOwner: AnyObject?

    /// The record of the first node; the others follow it.
    var records: CodeRecord { CodeRecord(mutableRecords) }
    /// The sign codes of all nodes; `nil` where records have none, or an older base lacks them.
    var signs: UnsafePointer<UInt8>? { mutableSigns.map { UnsafePointer($0) } }
    /// The lists of level 0, one per node.
    var links: UnsafePointer<NodeID> { UnsafePointer(mutableLinks) }
    /// The first row of each node.
    var rows: UnsafePointer<RowID> { UnsafePointer(mutableRows) }
    /// The level of each node.
    var levels: UnsafePointer<UInt8> { UnsafePointer(mutableLevels) }
    /// The start of each node's upper lists in `upperLinks`, in lists.
    var upperStarts: UnsafePointer<UInt32> { UnsafePointer(mutableUpperStarts) }
    /// The pool of the lists above level 0.
    var upperLinks: UnsafePointer<NodeID> { UnsafePointer(mutableUpperLinks) }

    /// The most links of a node at level 0.
    var degree: Int { Self.degree(options) }

    /// The most links of a node at level 0: four times `m`.
    ///
    /// Measured (at equal recall): 64 links, 32 of them selected by an insert, beat 32 links by
    /// 10 to 20 %.
    static func degree(_ options: HNSWOptions) -> Int { 4 * options.m }

    /// Links that an insert selects at level 0.
    static func selectedCount(_ options: HNSWOptions) -> Int { 2 * options.m }

    /// An empty graph with room for `capacity` nodes.
    ///
    /// During a build, a list may hold `slack` links beyond `degree`.
    init(_ codec: VectorCodec, _ options: HNSWOptions, capacity: Int, slack: Int = 0) {
        self.codec = codec
        self.options = options
        self.capacity = capacity
        listLength = Self.degree(options) + slack
        let shape = codec.shape
        // One allocation, so that tails are in huge pages, too.
        let codeBytes = (capacity * shape.stride + RecordShape.margin + 63) / 64 * 64
        let memory = HugePageBuffer(byteCount: codeBytes + capacity * shape.tailCount * 4)
        let signs = shape.signs.map { HugePageBuffer(byteCount: capacity * $0.stride) }
        let lists = HugePageBuffer(byteCount: capacity * listLength * 4)
        let numbers = HugePageBuffer(byteCount: capacity * 4)
        let starts = HugePageBuffer(byteCount: capacity * 4)
        let levels = HugePageBuffer(byteCount: capacity)
        mutableRecords = MutableCodeRecord(
            codes: memory.bound(to: UInt8.self),
            tail: memory.bound(to: Float.self) + codeBytes / 4
        )
        mutableSigns = signs?.bound(to: UInt8.self)
        mutableLinks = lists.bound(to: NodeID.self)
        mutableLinks.update(repeating: Self.none, count: capacity * listLength)
        mutableRows = numbers.bound(to: RowID.self)
        mutableUpperStarts = starts.bound(to: UInt32.self)
        mutableLevels = levels.bound(to: UInt8.self)
        owners = [memory, lists, numbers, starts, levels] + [signs].compactMap { $0 }
        self.lists = lists
        upperCapacity = 0
        mutableUpperLinks = mutableLinks
    }

    /// A copy of a graph, with room for `capacity` nodes, at least those of the graph.
    convenience init(copying other: HNSWGraph, capacity: Int) {
        self.init(copying: other, other.codec, capacity: capacity)
        let shape = codec.shape
        mutableRecords.codes.update(from: other.records.codes, count: other.count * shape.stride)
        mutableRecords.tail.update(from: other.records.tail, count: other.count * shape.tailCount)
        if let signs = shape.signs, let codes = mutableSigns, let others = other.signs {
            codes.update(from: others, count: other.count * signs.stride)
        } else {
            for node in other.nodes { makeSignCode(of: node) }
        }
    }

    /// A copy of a graph without its records, which another codec must write.
    convenience init(copying other: HNSWGraph, _ codec: VectorCodec, capacity: Int) {
        self.init(codec, other.options, capacity: capacity)
        precondition(listLength == other.listLength, "It is finished.")
        mutableLinks.update(from: other.links, count: other.count * listLength)
        mutableRows.update(from: other.rows, count: other.count)
        mutableLevels.update(from: other.levels, count: other.count)
        mutableUpperStarts.update(from: other.upperStarts, count: other.count)
        growUpper(by: other.upperCount)
        mutableUpperLinks.update(from: other.upperLinks, count: other.upperCount * options.m)
        count = other.count
        entry = other.entry
        topLevel = other.topLevel
        copies.append(other.copies)
    }

    /// The graph of a base, in place.
    init(
        _ codec: VectorCodec,
        _ options: HNSWOptions,
        _ sections: HNSWSections
    ) {
        self.codec = codec
        self.options = options
        capacity = sections.rows.count
        listLength = Self.degree(options)
        count = capacity
        entry = NodeID(rawValue: sections.header.entry)
        topLevel = Int(sections.header.topLevel)
        mutableRecords = MutableCodeRecord(
            codes: UnsafeMutablePointer(mutating: sections.codes),
            tail: UnsafeMutablePointer(mutating: sections.tails)
        )
        mutableSigns = sections.signs.map { UnsafeMutablePointer(mutating: $0) }
        mutableLinks = UnsafeMutablePointer(mutating: sections.links)
        mutableRows = UnsafeMutablePointer(mutating: sections.rows.start)
        mutableLevels = UnsafeMutablePointer(mutating: sections.levels)
        mutableUpperStarts = UnsafeMutablePointer(mutating: sections.upperStarts)
        mutableUpperLinks = UnsafeMutablePointer(mutating: sections.upperLinks.start)
        upperCount = sections.upperLinks.count / max(1, options.m)
        upperCapacity = upperCount
        owners = sections.owners
        lists = nil
    }

    // MARK: Rows

    /// All nodes.
    var nodes: Range<NodeID> { NodeID(0)..<NodeID(count) }

    /// The row after the last row with a node.
    var endRow: RowID {
        count > 0 ? max(rows[count - 1], copies.rows.last ?? .first) + 1 : .first
    }

    /// The number of rows with a node.
    var rowCount: Int { count + copies.count }

    /// Whether rows between the first and `endRow` lack a node.
    var hasGaps: Bool { count > 0 && rows[0].distance(to: endRow) != count }

    /// The node of a row, if it has one.
    ///
    /// - Complexity: O(log `count`) with gaps, else O(1).
    func node(of row: RowID) -> NodeID? {
        guard count > 0, row >= rows[0], row < endRow else { return nil }
        guard hasGaps else { return NodeID(rows[0].distance(to: row)) }
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if rows[middle] < row { low = middle + 1 } else { high = middle }
        }
        return low < count && rows[low] == row ? NodeID(low) : copies.node(of: row)
    }

    /// Bytes in use.
    var byteCount: Int {
        let signBytes = signs == nil ? 0 : codec.shape.signs?.stride ?? 0
        return count * (codec.shape.byteCount + signBytes + listLength * 4 + 9)
            + upperCount * options.m * 4 + copies.byteCount
    }

    // MARK: Nodes

    /// The level of a row: a hash of it, the same in every build.
    static func level(of row: RowID, _ options: HNSWOptions) -> Int {
        let bits = UInt64(row).mixed(with: 0x1EAF)
        var level = 0
        // P(level >= l) = m^-l, by comparing fractions.
        var bound = UInt64.max / UInt64(options.m)
        while bits < bound && level < maximumLevel {
            level += 1
            bound /= UInt64(options.m)
        }
        return level
    }

    /// Adds a node without links; rows ascend.
    ///
    /// The node's record is written before or after.
    ///
    /// - Parameters:
    ///   - row: The row of the node.
    ///   - given: The node's level; `nil`: the level of its row.
    /// - Returns: The node's number.
    func addNode(row: RowID, level given: Int? = nil) -> NodeID {
        precondition(count < capacity, "The caller makes room first.")
        let node = NodeID(count)
        mutableRows[count] = row
        let level = given ?? Self.level(of: row, options)
        mutableLevels[count] = UInt8(level)
        mutableUpperStarts[count] = UInt32(upperCount)
        growUpper(by: level)
        count += 1
        return node
    }

    /// Makes a node the entry point, if its level is above that of the current one.
    func settleEntry(_ node: NodeID) {
        let level = Int(levels[Int(node)])
        guard entry == Self.none || level > topLevel else { return }
        entry = node
        topLevel = level
    }

    // MARK: Records

    @inline(__always) func record(_ node: NodeID) -> CodeRecord {
        CodeRecord(mutableRecord(node))
    }

    @inline(__always) private func mutableRecord(_ node: NodeID) -> MutableCodeRecord {
        let shape = codec.shape
        return MutableCodeRecord(
            codes: mutableRecords.codes + Int(node) &* shape.stride,
            tail: mutableRecords.tail + Int(node) &* shape.tailCount
        )
    }

    /// Writes the record of a vector to a node, which may be added later.
    func encode(_ vector: UnsafePointer<Float>, into node: NodeID, _ scratch: CodecScratch) {
        codec.encode(vector, into: mutableRecord(node), scratch)
        makeSignCode(of: node)
    }

    /// Copies a record of this or another graph to a node.
    func copyRecord(_ record: CodeRecord, to node: NodeID) {
        let target = mutableRecord(node)
        target.codes.update(from: record.codes, count: codec.shape.stride)
        target.tail.update(from: record.tail, count: codec.shape.tailCount)
        makeSignCode(of: node)
    }

    /// The filter of sign codes for a query whose codes have a length; `nil` for a graph without
    /// sign codes.
    func signFilter(_ query: lode_query, length: Float, _ kernels: lode_code_kernels)
        -> SignFilter?
    {
        guard let signs, let shape = codec.shape.signs else { return nil }
        return SignFilter(shape.layout(signs), query, length: length, kernels)
    }

    /// Makes the sign code of a node from its record.
    private func makeSignCode(of node: NodeID) {
        guard let signs = codec.shape.signs, let codes = mutableSigns else { return }
        codec.shape.makeSignCode(of: record(node), into: codes + Int(node) &* signs.stride)
    }

    // MARK: Links

    /// The list of a node at level 0.
    @inline(__always) func list(_ node: NodeID) -> UnsafePointer<NodeID> {
        links + Int(node) &* listLength
    }

    /// The list of a node at a level from 1 to its own.
    @inline(__always) func upperList(_ node: NodeID, _ level: Int) -> UnsafePointer<NodeID> {
        upperLinks + (Int(upperStarts[Int(node)]) &+ level &- 1) &* options.m
    }

    /// The length of a list of a level, in node ids.
    @inline(__always) func listLength(at level: Int) -> Int {
        level == 0 ? listLength : options.m
    }

    /// The list of a node at any of its levels.
    func list(_ node: NodeID, _ level: Int) -> UnsafeBufferPointer<NodeID> {
        UnsafeBufferPointer(
            start: level == 0 ? list(node) : upperList(node, level),
            count: listLength(at: level)
        )
    }

    /// The links of a node at a level.
    func neighbors(_ node: NodeID, _ level: Int) -> UnsafeBufferPointer<NodeID>.SubSequence {
        list(node, level).prefix { $0 != Self.none }
    }

    private func mutableList(_ node: NodeID, _ level: Int) -> UnsafeMutablePointer<NodeID> {
        level == 0
            ? mutableLinks + Int(node) &* listLength
            : mutableUpperLinks + (Int(upperStarts[Int(node)]) &+ level &- 1) &* options.m
    }

    /// The effect of `addLink`.
    enum LinkOutcome {
        case added
        /// The node had the link.
        case present
        /// The list has no room for the link.
        case full
    }

    /// Adds a link to the end of a node's list.
    func addLink(to target: NodeID, of node: NodeID, at level: Int) -> LinkOutcome {
        let list = mutableList(node, level)
        let length = listLength(at: level)
        var index = 0
        while index < length, list[index] != Self.none {
            if list[index] == target { return .present }
            index &+= 1
        }
        if index == length { return .full }
        list[index] = target
        return .added
    }

    /// Replaces all links of a node; `links` must fit the list.
    func setLinks(_ links: UnsafeBufferPointer<NodeID>, of node: NodeID, at level: Int) {
        let list = mutableList(node, level)
        for index in 0..<listLength(at: level) {
            list[index] = index < links.count ? links[index] : Self.none
        }
    }

    /// Replaces the last link of a full list at level 0, and returns it.
    func replaceLastLink(of node: NodeID, by target: NodeID) -> NodeID {
        let last = mutableList(node, 0) + (listLength - 1)
        defer { last.pointee = target }
        return last.pointee
    }

    /// Removes the slack of a build from the lists; none may be longer than `degree`.
    ///
    /// This happens in place: a second graph in memory would take half as much as the vectors.
    func dropSlack() {
        let (before, after) = (listLength, degree)
        guard before > after else { return }
        for node in 0..<count {
            (mutableLinks + node * after).update(from: links + node * before, count: after)
        }
        listLength = after
        lists?.shrink(to: count * after * 4)
    }

    private func growUpper(by lists: Int) {
        guard lists > 0 else { return }
        if upperCount + lists > upperCapacity {
            let capacity = max(1_024, 2 * (upperCount + lists))
            let memory = HugePageBuffer(byteCount: capacity * options.m * 4)
            let moved = memory.bound(to: NodeID.self)
            moved.update(repeating: Self.none, count: capacity * options.m)
            moved.update(from: upperLinks, count: upperCount * options.m)
            mutableUpperLinks = moved
            upperOwner = memory
            upperCapacity = capacity
        }
        upperCount += lists
    }
}

/// A list of numbers in memory.
struct NumberList<Element> {
    let start: UnsafePointer<Element>
    let count: Int
}

/// The sections of a base that a graph uses.
struct HNSWSections {
    let header: HNSWHeader
    let rows: NumberList<RowID>
    let levels: UnsafePointer<UInt8>
    let upperStarts: UnsafePointer<UInt32>
    let upperLinks: NumberList<NodeID>
    let links: UnsafePointer<NodeID>
    let codes: UnsafePointer<UInt8>
    let tails: UnsafePointer<Float>
    let signs: UnsafePointer<UInt8>?
    let owners: [AnyObject]
}
