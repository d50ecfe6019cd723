// SPDX-License-Identifier: Apache-2.0
import CVectorKernels
import LodestoneCore
import LodestoneStructures

/// The linking of nodes by one thread of a build.
///
/// An insert searches the levels from the top, selects links in different directions, and adds the
/// reverse links (`HNSWLinker+Selection`). A full list gets a new selection among its links and the
/// new one.
///
/// Threading: one thread, which shares the graph as `HNSWBuilder` says.
struct HNSWLinker {
    let graph: HNSWGraph
    let scratch: HNSWScratch
    let kernels: lode_code_kernels
    let shape: RecordShape
    let keys: CodeKeys
    let codes: lode_codes
    /// The incoming links of nodes; `nil` unless rows are added while searches read the graph.
    let incoming: IncomingLinks?
    let locks: UnsafeMutablePointer<UInt8>
    private let table: RecordTable?
    /// Keeps `locks` valid.
    private let builder: HNSWBuilder

    /// A linker with working memory for searches among `nodes` nodes.
    init(_ builder: HNSWBuilder, nodes: Int) {
        self.builder = builder
        graph = builder.graph
        kernels = builder.kernels
        incoming = builder.incoming
        table = builder.table
        locks = builder.locks
        scratch = HNSWScratch(graph.codec, nodes: nodes, kernels: kernels)
        shape = graph.codec.shape
        keys = shape.keys(kernels)
        codes = shape.layout(graph.records)
    }

    /// Adds a row as a new node, or to the node with an equal record.
    ///
    /// Only one thread may add rows to the graph.
    func add(_ row: RowID, _ vector: UnsafePointer<Float>) {
        guard let table else { preconditionFailure("The builder adds no rows.") }
        precondition(graph.count < graph.capacity, "The caller makes room first.")
        graph.encode(vector, into: NodeID(graph.count), scratch.codec)
        if let node = graph.addEncoded(row: row, table) { insert(node) }
    }

    /// Links one node.
    func insert(_ node: NodeID) {
        let level = Int(graph.levels[Int(node)])
        guard graph.entry != HNSWGraph.none else {
            graph.settleEntry(node)
            return
        }
        let beam = makeBeam(for: node)
        var entry = beam.element(of: graph.entry)
        for upper in stride(from: graph.topLevel, to: level, by: -1) {
            entry = beam.descend(LockedLinks(self, upper), from: entry)
        }
        var nearest = HNSWBeam.node(entry)
        for level in stride(from: min(level, graph.topLevel), through: 0, by: -1) {
            let found = search(level, from: nearest, except: node, beam)
            guard found > 0 else { continue }
            nearest = HNSWBeam.node(scratch.beam[0])
            let targetCount =
                level == 0 ? HNSWGraph.selectedCount(graph.options) : graph.options.m
            let selected = selectNeighbors(of: node, among: scratch.beam, found, limit: targetCount)
            connect(node, at: level, to: selected)
        }
        graph.settleEntry(node)
        linkOrphans(and: node)
    }

    // MARK: Searching

    /// A beam of a build, for the query of a node's record.
    private func makeBeam(for node: NodeID) -> HNSWBeam {
        let width = graph.options.efConstruction
        scratch.begin(beam: width, nodes: graph.capacity)
        let record = graph.record(node)
        let query = shape.makeQuery(of: record, into: scratch.query, kernels)
        return HNSWBeam(
            codes: codes,
            keys: keys,
            query: query,
            width: width,
            signs: graph.signFilter(query, length: shape.queryLength(of: record), kernels),
            scratch
        )
    }

    /// Finds the nodes nearest to the query of a beam at a level, into `scratch.beam`; returns
    /// their number.
    private func search(
        _ level: Int,
        from start: NodeID,
        except node: NodeID,
        _ beam: HNSWBeam
    ) -> Int {
        scratch.begin(beam: beam.width, nodes: graph.capacity)
        scratch.visited[Int(node)] = scratch.epoch
        scratch.visited[Int(start)] = scratch.epoch
        scratch.beam[0] = beam.element(of: start)
        return beam.run(AllNeighbors(LockedLinks(self, level), scratch))
    }

    /// Lists that other threads may write; each is copied under its node's lock.
    private struct LockedLinks: LinkReader {
        let graph: HNSWGraph
        let start: UnsafePointer<NodeID>
        let level: Int
        let length: Int
        let copy: UnsafeMutablePointer<NodeID>
        let locks: UnsafeMutablePointer<UInt8>

        init(_ linker: HNSWLinker, _ level: Int) {
            graph = linker.graph
            start = graph.links
            self.level = level
            length = graph.listLength(at: level)
            copy = linker.scratch.linkCopy
            locks = linker.locks
        }

        @inline(__always) func address(of node: NodeID) -> UnsafePointer<NodeID> {
            level == 0 ? start + Int(node) &* length : graph.upperList(node, level)
        }

        @inline(__always) func links(of node: NodeID) -> UnsafePointer<NodeID> {
            let list = address(of: node)
            lode_lock(locks + Int(node))
            copy.update(from: list, count: length)
            lode_unlock(locks + Int(node))
            return UnsafePointer(copy)
        }
    }

    // MARK: Linking

    /// Links a node to the first `count` selected nodes, and these nodes to it.
    private func connect(_ node: NodeID, at level: Int, to count: Int) {
        // Selections for full lists overwrite `scratch.selected`.
        let selected = scratch.linkCopy
        let selectedKeys = scratch.keyCopy
        selected.update(from: scratch.selected, count: count)
        selectedKeys.update(from: scratch.selectedKeys, count: count)
        lode_lock(locks + Int(node))
        // Other threads may have found this node at a level above, and have added nodes to its
        // list.
        for index in 0..<count {
            let outcome = graph.addLink(to: selected[index], of: node, at: level)
            if outcome == .full { break }
            if outcome == .added, level == 0 { incoming?.add(selected[index]) }
        }
        lode_unlock(locks + Int(node))
        for index in 0..<count {
            let target = HNSWBeam.element(selectedKeys[index], node)
            addLink(to: target, of: selected[index], at: level)
        }
    }

    /// Adds a link from a node to a target.
    ///
    /// If the list of the node is full, its links are selected again.
    ///
    /// - Parameters:
    ///   - target: The target as an element of a beam. Its key is the distance to the node.
    ///   - node: The node whose list gets the link.
    ///   - level: The level of the list.
    private func addLink(to target: UInt64, of node: NodeID, at level: Int) {
        lode_lock(locks + Int(node))
        defer { lode_unlock(locks + Int(node)) }
        let counted = level == 0 ? incoming : nil
        switch graph.addLink(to: HNSWBeam.node(target), of: node, at: level) {
        case .present: return
        case .added: counted?.add(HNSWBeam.node(target))
        case .full:
            let list = graph.list(node, level)
            // The new links are counted before the old ones are removed, so a node that keeps a
            // link is never an orphan.
            let before = counted.map { _ in Array(list) } ?? []
            reselect(among: list, and: target, for: node, at: level)
            guard let counted else { return }
            for link in list where link != HNSWGraph.none { counted.add(link) }
            for link in before { counted.remove(link) }
        }
    }
}
