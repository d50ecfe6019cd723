// SPDX-License-Identifier: Apache-2.0
import CVectorKernels
import LodestoneCore
import LodestoneStructures

/// Nodes with their codes and links, in contiguous memory.
///
/// A node is a number from 0 on. It stands for a row, or for several rows with equal records; nodes
/// ascend with their first rows. At level 0 a node has up to `degree` links, in a list of
/// `listLength` numbers that ends at the first `none`. The few nodes of the levels above have lists
/// of `m` numbers in a pool of their own.
///
/// Threading: either nobody changes the graph, and any thread may search it, or one `HNSWBuilder`
/// changes it and says how its threads share it. Unchecked for the pointers, which `owners` keep
/// valid.
final class HNSWGraph: @unchecked Sendable {
    /// The number that ends a list.
    static let none = UInt32.max
    /// The most levels above level 0: enough for 2^32 nodes with 2 links per node.
    static let maximumLevel = 31

    let codec: VectorCodec
    let options: HNSWOptions
    /// Nodes that there is memory for.
    let capacity: Int
    /// The length of a list at level 0, in node numbers.
    private(set) var listLength: Int
    /// Nodes in use.
    var count = 0
    /// The entry point of searches; `none` without nodes.
    var entry = HNSWGraph.none
    /// The level of `entry`.
    var topLevel = 0
    /// Whether writes add nodes; a reader's state may then not know the rows of some nodes.
    var grows = false

    /// The record of the first node, which the others follow.
    let records: CodeRecord
    let links: UnsafeMutablePointer<UInt32>
    /// The further rows of nodes.
    let copies = HNSWCopies()
    /// The first row of each node.
    let rows: UnsafeMutablePointer<UInt32>
    /// The level of each node.
    let levels: UnsafeMutablePointer<UInt8>
    /// For each node the start of its lists above level 0 in `upperLinks`, counted in lists.
    let upperStarts: UnsafeMutablePointer<UInt32>
    private(set) var upperLinks: UnsafeMutablePointer<UInt32>
    /// The number of lists in the pool.
    private(set) var upperCount = 0
    private var upperCapacity: Int
    private let owners: [AnyObject]
    private let lists: HugePageBuffer?
    private var upperOwner: AnyObject?

    /// The most links of a node at level 0.
    var degree: Int { Self.degree(options) }

    /// The most links of a node at level 0: four times `m`.
    ///
    /// Measured (at equal recall): 64 links, of which an insert chooses 32, beat 32 links by 10 to
    /// 20 %.
    static func degree(_ options: HNSWOptions) -> Int { 4 * options.m }

    /// Links that an insert chooses at level 0.
    static func chosen(_ options: HNSWOptions) -> Int { 2 * options.m }

    /// An empty graph with room for `capacity` nodes, whose lists may hold `slack` links beyond
    /// `degree` while a build is under way.
    init(_ codec: VectorCodec, _ options: HNSWOptions, capacity: Int, slack: Int = 0) {
        self.codec = codec
        self.options = options
        self.capacity = capacity
        listLength = Self.degree(options) + slack
        let shape = codec.shape
        // In one piece, so that tails lie in huge pages, too.
        let codeBytes = (capacity * shape.stride + RecordShape.margin + 63) / 64 * 64
        let memory = HugePageBuffer(byteCount: codeBytes + capacity * shape.tailCount * 4)
        let lists = HugePageBuffer(byteCount: capacity * listLength * 4)
        let numbers = HugePageBuffer(byteCount: capacity * 4)
        let starts = HugePageBuffer(byteCount: capacity * 4)
        let levels = HugePageBuffer(byteCount: capacity)
        records = CodeRecord(
            codes: memory.bound(to: UInt8.self),
            tail: memory.bound(to: Float.self) + codeBytes / 4
        )
        links = lists.bound(to: UInt32.self)
        links.update(repeating: Self.none, count: capacity * listLength)
        rows = numbers.bound(to: UInt32.self)
        upperStarts = starts.bound(to: UInt32.self)
        self.levels = levels.bound(to: UInt8.self)
        owners = [memory, lists, numbers, starts, levels]
        self.lists = lists
        upperCapacity = 0
        upperLinks = links
    }

    /// A copy of a graph, with room for `capacity` nodes, as many as it has or more.
    convenience init(copying other: HNSWGraph, capacity: Int) {
        self.init(copying: other, other.codec, capacity: capacity)
        let shape = codec.shape
        records.codes.update(from: other.records.codes, count: other.count * shape.stride)
        records.tail.update(from: other.records.tail, count: other.count * shape.tailCount)
    }

    /// A copy of a graph whose records are still to be written, by another codec.
    convenience init(copying other: HNSWGraph, _ codec: VectorCodec, capacity: Int) {
        self.init(codec, other.options, capacity: capacity)
        precondition(listLength == other.listLength, "It is finished.")
        links.update(from: other.links, count: other.count * listLength)
        rows.update(from: other.rows, count: other.count)
        levels.update(from: other.levels, count: other.count)
        upperStarts.update(from: other.upperStarts, count: other.count)
        growUpper(by: other.upperCount)
        upperLinks.update(from: other.upperLinks, count: other.upperCount * options.m)
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
        entry = sections.header.entry
        topLevel = Int(sections.header.topLevel)
        // Never written: `HNSWBuilder` copies a graph before it changes it.
        records = CodeRecord(
            codes: UnsafeMutablePointer(mutating: sections.codes),
            tail: UnsafeMutablePointer(mutating: sections.tails)
        )
        links = UnsafeMutablePointer(mutating: sections.links)
        rows = UnsafeMutablePointer(mutating: sections.rows.start)
        levels = UnsafeMutablePointer(mutating: sections.levels)
        upperStarts = UnsafeMutablePointer(mutating: sections.upperStarts)
        upperLinks = UnsafeMutablePointer(mutating: sections.upperLinks.start)
        upperCount = sections.upperLinks.count / max(1, options.m)
        upperCapacity = upperCount
        owners = sections.owners
        lists = nil
    }

    /// The row after the last one that has a node.
    var endRow: UInt32 {
        count > 0 ? max(rows[count - 1], copies.rows.last ?? 0) + 1 : 0
    }

    /// The number of rows that have a node.
    var rowCount: Int { count + copies.count }

    /// Whether rows below `endRow` and above the first have no node.
    var hasGaps: Bool { count > 0 && Int(endRow - rows[0]) != count }

    /// The node of a row, if it has one.
    ///
    /// - Complexity: O(log `count`) with gaps, else O(1).
    func node(of row: UInt32) -> UInt32? {
        guard count > 0, row >= rows[0], row < endRow else { return nil }
        guard hasGaps else { return row - rows[0] }
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if rows[middle] < row { low = middle + 1 } else { high = middle }
        }
        return low < count && rows[low] == row ? UInt32(low) : copies.node(of: row)
    }

    /// Bytes in use.
    var byteCount: Int {
        count * (codec.shape.byteCount + listLength * 4 + 9) + upperCount * options.m * 4
            + copies.byteCount
    }

    @inline(__always) func record(_ node: UInt32) -> CodeRecord {
        let shape = codec.shape
        return CodeRecord(
            codes: records.codes + Int(node) &* shape.stride,
            tail: records.tail + Int(node) &* shape.tailCount
        )
    }

    /// Copies a record of this or another graph to a node.
    func copyRecord(_ record: CodeRecord, to node: UInt32) {
        let place = self.record(node)
        place.codes.update(from: record.codes, count: codec.shape.stride)
        place.tail.update(from: record.tail, count: codec.shape.tailCount)
    }

    @inline(__always) func list(_ node: UInt32) -> UnsafeMutablePointer<UInt32> {
        links + Int(node) &* listLength
    }

    /// The list of a node at a level from 1 to its own.
    @inline(__always) func upperList(_ node: UInt32, _ level: Int) -> UnsafeMutablePointer<UInt32> {
        upperLinks + (Int(upperStarts[Int(node)]) &+ level &- 1) &* options.m
    }

    /// The list of a node at any level that it has, and its length.
    func list(_ node: UInt32, _ level: Int) -> UnsafeMutableBufferPointer<UInt32> {
        level == 0
            ? UnsafeMutableBufferPointer(start: list(node), count: listLength)
            : UnsafeMutableBufferPointer(start: upperList(node, level), count: options.m)
    }

    /// The links of a node at a level.
    func neighbors(_ node: UInt32, _ level: Int) -> UnsafeMutableBufferPointer<UInt32>.SubSequence {
        let list = list(node, level)
        return list.prefix { $0 != Self.none }
    }

    /// The level of a row, the same in every build, so that no random number need be kept.
    static func level(of row: UInt32, _ options: HNSWOptions) -> Int {
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
    ///   - given: The node's level, where that is not the one of its row.
    /// - Returns: The node's number.
    func reserve(row: UInt32, level given: Int? = nil) -> UInt32 {
        precondition(count < capacity, "Who adds has made room.")
        let node = UInt32(count)
        rows[count] = row
        let level = given ?? Self.level(of: row, options)
        levels[count] = UInt8(level)
        upperStarts[count] = UInt32(upperCount)
        growUpper(by: level)
        count += 1
        return node
    }

    /// Moves the lists together without the slack of a build, once none is longer than `degree`.
    ///
    /// This happens in place: a second graph in memory would take half as much as the vectors.
    func dropSlack() {
        let (before, after) = (listLength, degree)
        guard before > after else { return }
        for node in 0..<count {
            (links + node * after).update(from: links + node * before, count: after)
        }
        listLength = after
        lists?.shrink(to: count * after * 4)
    }

    private func growUpper(by lists: Int) {
        guard lists > 0 else { return }
        if upperCount + lists > upperCapacity {
            let capacity = max(1_024, 2 * (upperCount + lists))
            let memory = HugePageBuffer(byteCount: capacity * options.m * 4)
            let moved = memory.bound(to: UInt32.self)
            moved.update(repeating: Self.none, count: capacity * options.m)
            moved.update(from: upperLinks, count: upperCount * options.m)
            upperLinks = moved
            upperOwner = memory
            upperCapacity = capacity
        }
        upperCount += lists
    }
}

/// A list of numbers somewhere in memory.
struct NumberList {
    let start: UnsafePointer<UInt32>
    let count: Int
}

/// The parts of a base that make up a graph.
struct HNSWSections {
    let header: HNSWHeader
    let rows: NumberList
    let levels: UnsafePointer<UInt8>
    let upperStarts: UnsafePointer<UInt32>
    let upperLinks: NumberList
    let links: UnsafePointer<UInt32>
    let codes: UnsafePointer<UInt8>
    let tails: UnsafePointer<Float>
    let owners: [AnyObject]
}
