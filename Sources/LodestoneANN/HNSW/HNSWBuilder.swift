// SPDX-License-Identifier: Apache-2.0
import CVectorKernels
import LodestoneCore
import Synchronization

/// Links nodes into a graph, by several threads.
///
/// An insert searches the levels from the top, chooses links so that each leads somewhere else
/// (Malkov & Yashunin, algorithm 4, relaxed as in DiskANN's RobustPrune by `alpha`), and links
/// back. A list that is full chooses again among its own links.
///
/// The metric ranks candidates. Angles decide whether one candidate leads where another does:
/// angles about the origin for dot products, else about the center of the codes. Inner products
/// would not do (ip-NSW: Morozov & Babenko 2018): a long row has large products with all others, so
/// all others would link to long rows only. Measured (rows that could not be reached): by inner
/// products 22 to 42 %, by angles 0.7 % at most. Distances would not do either: by them a long row
/// is far from everything, so a search misses the rows with the largest products.
///
/// Threading: threads share the graph through one lock per node, held while the node's lists are
/// read or written. The levels, and so the nodes where searches begin, are settled before the
/// threads start. Unchecked for the pointer to the locks, which is its own.
final class HNSWBuilder: @unchecked Sendable {
    /// The factor by which the second pass of `choose` relaxes the first.
    ///
    /// The second pass drops a candidate that is nearer, by this factor, to a chosen link than to
    /// the node. Measured (WordNet's vectors, at equal recall): 10 to 20 % more queries/s than with
    /// 1, which leaves lists short.
    static let alpha: Float = 1.3
    /// Nodes that a thread takes at once.
    private static let chunk = 16

    let graph: HNSWGraph
    let kernels: lode_code_kernels
    private let keys: CodeKeys
    private let codes: lode_codes
    let shape: RecordShape
    /// The incoming links of nodes, and the table of their records; only where `linksInline` is
    /// set.
    let incoming: IncomingLinks?
    private let table: RecordTable?
    private let locks: UnsafeMutablePointer<UInt8>

    /// Creates a builder.
    ///
    /// With `linksInline`, one thread adds rows to a graph that is searched meanwhile. Then no node
    /// may stay without an incoming link.
    init(
        _ graph: HNSWGraph,
        kernels: lode_code_kernels = lode_code_kernels_best().pointee,
        linksInline: Bool = false
    ) {
        self.graph = graph
        incoming = linksInline ? IncomingLinks(graph) : nil
        table = linksInline ? RecordTable(graph) : nil
        self.kernels = kernels
        shape = graph.codec.shape
        keys = shape.keys(kernels)
        codes = shape.layout(graph.records)
        locks = .allocate(capacity: max(1, graph.capacity))
        locks.initialize(repeating: 0, count: max(1, graph.capacity))
    }

    deinit { locks.deallocate() }

    /// Links nodes that are in the graph already, the tallest first.
    ///
    /// - Parameters:
    ///   - nodes: The nodes in their order. Those before `taken` are linked already. A call that is
    ///     cancelled keeps what it has linked.
    ///   - threads: At least 1.
    ///   - check: Called by every thread, between chunks of nodes.
    ///   - onProgress: Called with the number of further nodes that are linked, by any thread.
    /// - Throws: The error of `check`.
    /// - Complexity: 100 to 150 µs per node for 384 elements.
    func link(
        _ nodes: HNSWInsertionOrder,
        threads: Int,
        check: @Sendable () throws(LodestoneError) -> Void,
        onProgress: @Sendable (Int) -> Void
    ) throws(LodestoneError) {
        // A node taller than all others becomes the entry point, so one thread links it.
        let scratch = HNSWScratch(graph.codec, nodes: graph.capacity, kernels: kernels)
        while let node = nodes.takeFirst(where: {
            graph.entry == HNSWGraph.none || Int(graph.levels[Int($0)]) > graph.topLevel
        }) {
            insert(node, scratch)
            onProgress(1)
        }
        let failure = Mutex<LodestoneError?>(nil)
        ParallelWork.perform(parts: threads) { _ in
            let scratch = HNSWScratch(graph.codec, nodes: graph.capacity, kernels: kernels)
            do throws(LodestoneError) {
                while true {
                    try check()
                    if failure.withLock({ $0 != nil }) { return }
                    let chunk = nodes.take(Self.chunk)
                    if chunk.isEmpty { return }
                    for node in chunk { insert(node, scratch) }
                    onProgress(chunk.count)
                }
            } catch {
                failure.withLock { $0 = error }
            }
        }
        if let error = failure.withLock({ $0 }) { throw error }
    }

    /// Adds a row to a graph that one thread adds to: as a new node, or to the node with an equal
    /// record.
    func add(_ row: UInt32, _ vector: UnsafePointer<Float>, _ scratch: HNSWScratch) {
        guard let table else { preconditionFailure("It links inside writes.") }
        precondition(graph.count < graph.capacity, "Who adds has made room.")
        graph.codec.encode(vector, into: graph.record(UInt32(graph.count)), scratch.codec)
        if let node = graph.addEncoded(row: row, table) { insert(node, scratch) }
    }

    /// Links one node.
    func insert(_ node: UInt32, _ scratch: HNSWScratch) {
        let level = Int(graph.levels[Int(node)])
        guard graph.entry != HNSWGraph.none else {
            graph.entry = node
            graph.topLevel = level
            return
        }
        let query = shape.makeQuery(of: graph.record(node), into: scratch.query, kernels)
        var nearest = graph.entry
        if graph.topLevel > level {
            nearest = descend(to: level + 1, query, scratch)
        }
        for level in stride(from: min(level, graph.topLevel), through: 0, by: -1) {
            let size = search(
                level,
                from: nearest,
                except: node,
                width: graph.options.efConstruction,
                query,
                scratch
            )
            guard size > 0 else { continue }
            nearest = HNSWBeam.node(scratch.beam[0])
            let wanted = level == 0 ? HNSWGraph.chosen(graph.options) : graph.options.m
            let chosen = choose(for: node, scratch.beam, size, limit: wanted, scratch)
            connect(node, level, chosen, scratch)
        }
        if level > graph.topLevel {
            graph.entry = node
            graph.topLevel = level
        }
        adoptOrphans(and: node, scratch)
    }

    // MARK: Searching

    /// The node nearest to the query by a greedy descent from the top level to `level`.
    private func descend(to level: Int, _ query: lode_query, _ scratch: HNSWScratch) -> UInt32 {
        var nearest = graph.entry
        scratch.hop[0] = nearest
        keys(codes, query, scratch.hop, 1, scratch.keys)
        var best = scratch.keys[0]
        for level in stride(from: graph.topLevel, through: level, by: -1) {
            while true {
                let before = nearest
                let count = copyLinks(of: nearest, level, into: scratch.hop)
                keys(codes, query, scratch.hop, count, scratch.keys)
                for index in 0..<count where scratch.keys[index] < best {
                    best = scratch.keys[index]
                    nearest = scratch.hop[index]
                }
                if nearest == before { break }
            }
        }
        return nearest
    }

    /// Finds the nodes nearest to the query at a level, into `scratch.beam`; returns their number.
    private func search(
        _ level: Int,
        from start: UInt32,
        except node: UInt32,
        width: Int,
        _ query: lode_query,
        _ scratch: HNSWScratch
    ) -> Int {
        scratch.begin(beam: width, nodes: graph.capacity)
        scratch.seen[Int(node)] = scratch.epoch
        scratch.seen[Int(start)] = scratch.epoch
        scratch.hop[0] = start
        keys(codes, query, scratch.hop, 1, scratch.keys)
        scratch.beam[0] = UInt64(scratch.keys[0]) << 32 | UInt64(start)
        let beam = HNSWBeam(
            codes: codes,
            keys: keys,
            query: query,
            width: width
        )
        return beam.run(LockedLinks(self, level, scratch.copy), scratch, size: 1)
    }

    private func copyLinks(
        of node: UInt32,
        _ level: Int,
        into copy: UnsafeMutablePointer<UInt32>
    ) -> Int {
        let list = graph.list(node, level)
        lode_lock(locks + Int(node))
        defer { lode_unlock(locks + Int(node)) }
        var count = 0
        while count < list.count, list[count] != HNSWGraph.none {
            copy[count] = list[count]
            count += 1
        }
        return count
    }

    /// Lists that other threads may write, each copied under its node's lock.
    private struct LockedLinks: LinkReader {
        let builder: HNSWBuilder
        let start: UnsafeMutablePointer<UInt32>
        let level: Int
        let length: Int
        let copy: UnsafeMutablePointer<UInt32>
        let locks: UnsafeMutablePointer<UInt8>

        init(_ builder: HNSWBuilder, _ level: Int, _ copy: UnsafeMutablePointer<UInt32>) {
            self.builder = builder
            self.level = level
            self.copy = copy
            start = builder.graph.links
            locks = builder.locks
            length = level == 0 ? builder.graph.listLength : builder.graph.options.m
        }

        @inline(__always) func place(of node: UInt32) -> UnsafePointer<UInt32> {
            level == 0
                ? UnsafePointer(start + Int(node) &* length)
                : UnsafePointer(builder.graph.upperList(node, level))
        }

        @inline(__always) func links(of node: UInt32) -> UnsafePointer<UInt32> {
            let place = place(of: node)
            lode_lock(locks + Int(node))
            copy.update(from: place, count: length)
            lode_unlock(locks + Int(node))
            return UnsafePointer(copy)
        }
    }

    // MARK: Linking

    /// Chooses links among candidates, nearest first, into `scratch.chosen`; returns their number.
    ///
    /// The first pass chooses a candidate unless it is nearer to a chosen link than to the node.
    /// These links lead in all directions. The second pass fills the rest of `limit`. It chooses a
    /// candidate unless it is nearer to a chosen link by the factor `alpha`.
    ///
    /// A single pass with `alpha` would fail for nodes that are all about equally far from each
    /// other: such nodes would fill each other's lists, and no link would lead elsewhere. Measured
    /// (clusters of 1,000 vectors of 384 normally distributed elements, share of the nearest that a
    /// search found): single pass 0.82, two passes 0.996.
    func choose(
        for node: UInt32,
        _ candidates: UnsafePointer<UInt64>,
        _ count: Int,
        limit: Int,
        _ scratch: HNSWScratch
    ) -> Int {
        let left = scratch.left
        let direction = shape.direction(of: graph.record(node))
        var kept = 0
        var leftCount = 0
        var index = 0
        while index < count && kept < limit {
            let candidate = candidates[index]
            index &+= 1
            let place = shape.direction(of: graph.record(HNSWBeam.node(candidate)))
            if isCovered(candidate, place, from: direction, by: kept, alpha: 1, scratch) {
                left[leftCount] = candidate
                leftCount &+= 1
            } else {
                scratch.choose(candidate, place, at: kept)
                kept &+= 1
            }
        }
        index = 0
        while index < leftCount && kept < limit {
            let candidate = left[index]
            index &+= 1
            let place = shape.direction(of: graph.record(HNSWBeam.node(candidate)))
            if isCovered(candidate, place, from: direction, by: kept, alpha: Self.alpha, scratch) {
                continue
            }
            scratch.choose(candidate, place, at: kept)
            kept &+= 1
        }
        return kept
    }

    /// Whether a candidate is at a smaller angle, by the factor `alpha`, to a chosen link than to
    /// the node.
    ///
    /// The node is the one at `direction`, for which links are chosen.
    @inline(__always)
    private func isCovered(
        _ candidate: UInt64,
        _ place: CodeDirection,
        from direction: CodeDirection,
        by kept: Int,
        alpha: Float,
        _ scratch: HNSWScratch
    ) -> Bool {
        if kept == 0 { return false }
        let record = graph.record(HNSWBeam.node(candidate))
        let query = shape.makeQuery(of: record, into: scratch.other, kernels)
        let limit = shape.separation(HNSWBeam.key(candidate), direction, place) / alpha
        let (lengths, factors) = (scratch.chosenLengths, scratch.chosenFactors)
        var start = 0
        while start < kept {
            let width = min(8, kept &- start)
            keys(codes, query, scratch.chosen + start, width, scratch.keys)
            let angles = shape.angles(place, lengths + start, factors + start)
            if kernels.any_nearer(scratch.keys, width, angles, limit) != 0 { return true }
            start &+= width
        }
        return false
    }

    /// Links a node to the chosen nodes, and these back to the node.
    private func connect(_ node: UInt32, _ level: Int, _ count: Int, _ scratch: HNSWScratch) {
        // Full lists call `choose` again, which overwrites `scratch.chosen`.
        let chosen = scratch.copy
        let chosenKeys = scratch.copy + count
        chosen.update(from: scratch.chosen, count: count)
        chosenKeys.update(from: scratch.chosenKeys, count: count)
        let list = graph.list(node, level)
        lode_lock(locks + Int(node))
        // Other threads may have found this node at a level above, and added nodes to its list
        // already.
        var length = list.prefix { $0 != HNSWGraph.none }.count
        for index in 0..<count where length < list.count {
            if list[0..<length].contains(chosen[index]) { continue }
            list[length] = chosen[index]
            length += 1
            if level == 0 { incoming?.add(chosen[index]) }
        }
        lode_unlock(locks + Int(node))
        for index in 0..<count {
            link(chosen[index], to: node, chosenKeys[index], level, scratch)
        }
    }

    /// Adds a link from a node to `target`; a full list chooses again.
    func link(
        _ node: UInt32,
        to target: UInt32,
        _ key: UInt32,
        _ level: Int,
        _ scratch: HNSWScratch
    ) {
        let list = graph.list(node, level)
        guard let start = list.baseAddress else { return }
        lode_lock(locks + Int(node))
        defer { lode_unlock(locks + Int(node)) }
        var length = 0
        while length < list.count, start[length] != HNSWGraph.none {
            if start[length] == target { return }
            length += 1
        }
        if length < list.count {
            start[length] = target
            if level == 0 { incoming?.add(target) }
            return
        }
        let query = shape.makeQuery(of: graph.record(node), into: scratch.other, kernels)
        keys(codes, query, start, length, scratch.keys)
        for index in 0..<length {
            scratch.candidates[index] = UInt64(scratch.keys[index]) << 32 | UInt64(start[index])
        }
        scratch.candidates[length] = UInt64(key) << 32 | UInt64(target)
        let counted = level == 0 ? incoming : nil
        // Links that stay are counted before the old ones are removed, so no node is an orphan in
        // between.
        let before = counted.map { _ in Array(list) } ?? []
        choose(among: length + 1, for: node, list, limit: limit(level), scratch)
        guard let counted else { return }
        for link in list where link != HNSWGraph.none { counted.add(link) }
        for link in before { counted.remove(link) }
    }

    /// The most links of a list that has chosen again.
    ///
    /// In a build, lists keep their slack free. A list without slack keeps an eighth free for later
    /// links: else each of these would make it choose again.
    private func limit(_ level: Int) -> Int {
        if level > 0 { return graph.options.m }
        return graph.listLength > graph.degree ? graph.degree : graph.degree - graph.degree / 8
    }

    /// Fills a list with the best of `scratch.candidates`.
    private func choose(
        among count: Int,
        for node: UInt32,
        _ list: UnsafeMutableBufferPointer<UInt32>,
        limit: Int,
        _ scratch: HNSWScratch
    ) {
        guard let start = list.baseAddress else { return }
        var candidates = UnsafeMutableBufferPointer(start: scratch.candidates, count: count)
        candidates.sort()
        let kept = choose(for: node, scratch.candidates, count, limit: limit, scratch)
        for index in 0..<list.count {
            start[index] = index < kept ? scratch.chosen[index] : HNSWGraph.none
        }
    }

    /// Replaces the links of a node by the best of some others.
    func relink(
        _ node: UInt32,
        _ level: Int,
        among others: [UInt32],
        _ scratch: HNSWScratch
    ) {
        let query = shape.makeQuery(of: graph.record(node), into: scratch.other, kernels)
        var candidates: [UInt64] = []
        candidates.reserveCapacity(others.count)
        var place = 0
        while place < others.count {
            let width = min(HNSWScratch.hopLength, others.count - place)
            for index in 0..<width { scratch.hop[index] = others[place + index] }
            keys(codes, query, scratch.hop, width, scratch.keys)
            for index in 0..<width {
                candidates.append(UInt64(scratch.keys[index]) << 32 | UInt64(scratch.hop[index]))
            }
            place += width
        }
        candidates.sort()
        let count = min(candidates.count, HNSWScratch.hopLength)
        for index in 0..<count { scratch.candidates[index] = candidates[index] }
        choose(among: count, for: node, graph.list(node, level), limit: limit(level), scratch)
    }

    /// Brings every list of level 0 to the length that a finished graph has.
    func finish(threads: Int) {
        let graph = graph
        let next = Atomic<Int>(0)
        ParallelWork.perform(parts: threads) { _ in
            let scratch = HNSWScratch(graph.codec, nodes: 0, kernels: kernels)
            while true {
                let start = next.add(1_024, ordering: .relaxed).oldValue
                if start >= graph.count { return }
                for node in start..<min(start + 1_024, graph.count) {
                    shorten(UInt32(node), scratch)
                }
            }
        }
        graph.dropSlack()
    }

    private func shorten(_ node: UInt32, _ scratch: HNSWScratch) {
        let list = graph.neighbors(node, 0)
        if list.count > graph.degree { relink(node, 0, among: Array(list), scratch) }
    }
}

/// Nodes in the order in which they are linked, with the number of those taken so far.
///
/// Threading: any thread may take nodes; the list itself never changes.
final class HNSWInsertionOrder: Sendable {
    let nodes: [UInt32]
    private let next = Atomic<Int>(0)

    /// Sorts nodes, the tallest first, so that later nodes never change where searches begin.
    init(_ nodes: some Sequence<UInt32>, in graph: HNSWGraph) {
        self.nodes = nodes.sorted {
            (graph.levels[Int($1)], $0) < (graph.levels[Int($0)], $1)
        }
    }

    /// The number of nodes that were taken so far.
    var taken: Int { min(next.load(ordering: .relaxed), nodes.count) }

    func take(_ count: Int) -> ArraySlice<UInt32> {
        let start = next.add(count, ordering: .relaxed).oldValue
        return nodes[min(start, nodes.count)..<min(start + count, nodes.count)]
    }

    /// The next node, if it satisfies a condition; by one thread only.
    func takeFirst(where condition: (UInt32) -> Bool) -> UInt32? {
        let place = next.load(ordering: .relaxed)
        guard place < nodes.count, condition(nodes[place]) else { return nil }
        next.store(place + 1, ordering: .relaxed)
        return nodes[place]
    }
}
