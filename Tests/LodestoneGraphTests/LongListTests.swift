// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneGraph
import LodestoneStructures
import TestSupport
import Testing

@Suite("Adjacency lists of hubs")
struct LongListTests {
    private static let vertexCount: VertexID = 3_000
    private static let hubs: [VertexID] = [0, 1_500, 2_999]

    @Test(
        "A graph with hubs and all its copies agree with a dictionary of edges after any changes",
        arguments: 1...8 as ClosedRange<UInt64>
    )
    func model(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var graph = GraphIndex()
        var model = EdgeTable()
        var copies: [(GraphIndex, EdgeTable)] = []
        // Every second run writes and opens a base again and again.
        let usesBase = seed % 2 == 0
        for round in 0..<60 {
            let hub = Self.hubs.randomElement(using: &random) ?? 0
            let count = Int.random(in: 1...1_500, using: &random)
            switch Int.random(in: 0..<8, using: &random) {
            case 0, 1:
                for _ in 0..<count {
                    let other = VertexID.random(in: 0..<Self.vertexCount, using: &random)
                    add(&graph, &model, other, Self.link(to: hub, &random))
                    add(&graph, &model, hub, Self.link(to: other, &random))
                }
            case 2:
                // Links in order, as an import writes them.
                let start = VertexID.random(in: 0..<Self.vertexCount, using: &random)
                for other in start..<min(start + VertexID(count), Self.vertexCount) {
                    add(&graph, &model, other, Adjacency(label: 1, vertex: hub))
                    add(&graph, &model, hub, Adjacency(label: 1, vertex: other))
                }
            case 3:
                let links = (0..<count).map { _ in
                    Self.link(
                        to: .random(in: 0..<Self.vertexCount, using: &random),
                        &random
                    )
                }
                graph.setLinks(from: hub, links)
                model.set(hub, links)
            case 4, 5:
                let start = VertexID.random(in: 0..<Self.vertexCount, using: &random)
                for other in start..<min(start + VertexID(count), Self.vertexCount) {
                    for label: UInt32 in 0..<3 {
                        remove(&graph, &model, other, label, hub)
                        remove(&graph, &model, hub, label, other)
                    }
                }
            case 6:
                for _ in 0..<20 {
                    let vertex = VertexID.random(in: 0..<Self.vertexCount, using: &random)
                    let changed = graph.drop(vertex)
                    let expected = model.drop(vertex)
                    #expect(changed == expected)
                }
            default:
                // The same edges with other weights, and some with the same.
                for link in graph.links(from: hub) {
                    var link = link
                    if Bool.random(using: &random) { link.weight += 1 }
                    add(&graph, &model, hub, link)
                }
            }
            if round % 20 == 10 {
                let changed = graph.drop(hub)
                let expected = model.drop(hub)
                #expect(changed == expected)
            }
            if usesBase, round % 7 == 0 { graph = try Self.reopened(graph) }
            if round % 6 == 0 { copies.append((graph, model)) }
        }
        for (graph, model) in copies + [(graph, model)] {
            #expect(graph.edgeCount == model.count)
            #expect(graph.isFoundFromBothEnds)
            for vertex in 0..<Self.vertexCount {
                let links = graph.links(from: vertex)
                #expect(links.sorted(by: Adjacency.precedes) == model.links(from: vertex))
                if links.count > 128 { #expect(links == model.links(from: vertex)) }
                #expect(graph.sources(to: vertex) == model.sources(to: vertex))
            }
        }
    }

    @Test("Links of a vertex keep the order of writing up to 128 links, and sort by target beyond")
    func order() {
        let links = (0..<129).map {
            Adjacency(label: 0, vertex: VertexID($0 * 50 % 129), weight: 1)
        }
        var graph = GraphIndex()
        graph.setLinks(from: 200, Array(links.prefix(128)))
        #expect(graph.links(from: 200) == Array(links.prefix(128)))
        graph.addLink(from: 200, links[128])
        #expect(graph.links(from: 200) == links.sorted(by: Adjacency.precedes))
        // More links than fit in a block, but too few distinct ones for pieces.
        graph.setLinks(from: 200, links.prefix(100) + links.prefix(100))
        #expect(graph.links(from: 200) == Array(links.prefix(100)))
    }

    @Test("Hub links that a base has in the order of writing are found")
    func orderOfEarlierBases() throws {
        let targets = (0..<1_000).map { UInt32($0 * 7 % 1_000) }
        var sections = MemorySections()
        // A list is an address and a count. The highest bit of the count says that the list is in
        // the base.
        let inBase: UInt32 = 1 << 31
        try sections.write(
            "GOLS",
            ContiguousArray(
                (0...1_000).flatMap { $0 < 1_000 ? [0, inBase] : [0, inBase | 1_000] }
            )
        )
        try sections.write(
            "GOLK",
            ContiguousArray(targets.map { Adjacency(label: 0, vertex: $0, weight: 1) })
        )
        try sections.write(
            "GILS",
            ContiguousArray(
                (0..<1_000 as Range<UInt32>).flatMap {
                    [$0, inBase | 1]
                }
            )
        )
        try sections.write(
            "GILK",
            ContiguousArray(repeating: Adjacency(label: 0, vertex: 1_000, weight: 1), count: 1_000)
        )
        var graph = try #require(GraphIndex(from: sections, edgeCount: 1_000))
        #expect(graph.links(from: 1_000).map(\.vertex) == targets)
        for target in targets {
            graph.addLink(from: 1_000, Adjacency(label: 0, vertex: target, weight: 2))
        }
        #expect(graph.edgeCount == 1_000)
        #expect(graph.links(from: 1_000).map(\.vertex) == Array(0..<1_000))
        #expect(graph.links(from: 1_000).allSatisfy { $0.weight == 2 })
        #expect(graph.isFoundFromBothEnds)
    }

    @Test(
        "A change to a hub's links costs as much as one to a short list, in memory and over a base"
    )
    func cost() throws {
        for count: VertexID in [4_000, 60_000] {
            let hub = count
            var random = SeededGenerator(seed: 3)
            var graph = GraphIndex()
            for vertex in (0..<count).shuffled(using: &random) {
                graph.addLink(from: vertex, Adjacency(label: 0, vertex: hub))
                graph.addLink(from: hub, Adjacency(label: 0, vertex: vertex))
            }
            #expect(graph.movedCount < Int(count) * 2 * 400)
            for isReopened in [false, true] {
                if isReopened { graph = try Self.reopened(graph) }
                let start = graph.movedCount
                for _ in 0..<500 {
                    let vertex = VertexID.random(in: 0..<count, using: &random)
                    graph.addLink(from: vertex, Adjacency(label: 0, vertex: hub, weight: 2))
                    graph.addLink(from: hub, Adjacency(label: 0, vertex: vertex, weight: 2))
                    graph.addLink(from: vertex, Adjacency(label: 1, vertex: hub, weight: 2))
                    graph.removeLink(from: hub, label: 0, to: vertex)
                    graph.drop(vertex)
                }
                #expect(graph.movedCount - start < 500 * 8 * 600)
            }
        }
    }

    @Test("A copy of a graph shares a hub's adjacency list instead of copying it")
    func copies() {
        let count: VertexID = 200_000
        let hub = count
        var graph = GraphIndex()
        for vertex in 0..<count { graph.addLink(from: vertex, Adjacency(label: 0, vertex: hub)) }
        var copies: [GraphIndex] = []
        let before = residentByteCount()
        for vertex in 0..<200 as Range<VertexID> {
            copies.append(graph)
            graph.removeLink(from: vertex * 997, label: 0, to: hub)
        }
        // The links at the hub are 2.4 MB.
        #expect(residentByteCount() - before < 200 << 20)
        for (index, copy) in copies.enumerated() {
            #expect(copy.edgeCount == Int(count) - index)
        }
    }

    @Test("A change to the links of a hub in a damaged base reports the damage without a crash")
    func damage() throws {
        var graph = GraphIndex()
        for vertex in 0..<2_000 as Range<VertexID> {
            graph.addLink(from: vertex, Adjacency(label: 0, vertex: 2_000))
            graph.addLink(from: 2_000, Adjacency(label: 0, vertex: vertex))
        }
        for section in ["GOLK", "GILK"] as [SectionTag] {
            var sections = try Self.sections(of: graph)
            sections.damage = [section: [5_000]]
            var damaged = try #require(GraphIndex(from: sections, edgeCount: graph.edgeCount))
            for vertex in 0..<2_000 as Range<VertexID> {
                damaged.addLink(from: vertex, Adjacency(label: 0, vertex: 2_000, weight: 2))
                damaged.removeLink(from: 2_000, label: 0, to: vertex)
            }
            damaged.drop(2_000)
            #expect(sections.isDamaged)
        }
    }

    @Test("A walk follows the links of a hub in their order")
    func walk() throws {
        var graph = GraphIndex()
        var random = SeededGenerator(seed: 5)
        for vertex in (1...5_000 as ClosedRange<VertexID>).shuffled(using: &random) {
            graph.addLink(from: 0, Adjacency(label: vertex % 2, vertex: vertex))
            graph.addLink(from: vertex, Adjacency(label: 0, vertex: 6_000))
        }
        let reached = try graph.walk(from: [0], labels: [1], depth: 1).reached.map(\.vertex)
        #expect(reached == Array(stride(from: 1, to: 5_000, by: 2)))
        let sources = try graph.walk(from: [6_000], direction: .incoming, depth: 1)
        #expect(sources.reached.map(\.vertex) == Array(1...5_000))
        let few = try graph.walk(from: [0], depth: 1, budget: WalkBudget(nodes: 700))
        #expect(few.reached.map(\.vertex) == Array(1...700))
        #expect(few.endedBy == .nodes)
    }

    @Test(
        "The links of a hub are read in parts, each from the end of the one before",
        arguments: [1, 90, 6_000]
    )
    func parts(of count: VertexID) throws {
        var graph = GraphIndex()
        var random = SeededGenerator(seed: 6)
        for vertex in 0..<count {
            for label: UInt32 in 0..<3 where label == 0 || Bool.random(using: &random) {
                graph.addLink(from: vertex * 2, Adjacency(label: label, vertex: 50_000, weight: 2))
            }
        }
        func links(
            from start: GraphIndex.AdjacencyPosition?,
            _ labels: Set<UInt32>? = nil,
            limit: Int = .max
        ) throws -> [Adjacency] {
            try graph.links(to: 50_000, from: start, labels: labels, limit: limit, CallContext())
        }
        let all = try links(from: nil)
        #expect(all.map(\.vertex) == all.map(\.vertex).sorted())
        #expect(all.count == graph.edgeCount)
        for labels: Set<UInt32>? in [nil, [1], [0, 2], []] {
            let wanted = all.filter { labels?.contains($0.label) ?? true }
            #expect(try links(from: nil, labels) == wanted)
            var read: [Adjacency] = []
            while case let part = try links(
                from: read.last.map { .after($0) },
                labels,
                limit: .random(in: 1...700, using: &random)
            ), !part.isEmpty {
                read += part
            }
            #expect(read == wanted)
        }
        for vertex in [0, 1, count, count * 2] {
            let start = Adjacency(label: 1, vertex: vertex)
            #expect(
                try links(from: .at(start)) == all.filter { !Adjacency.precedes($0, start) }
            )
            #expect(
                try links(from: .after(start)) == all.filter { Adjacency.precedes(start, $0) }
            )
        }
    }

    private static func link(to vertex: VertexID, _ random: inout SeededGenerator) -> Adjacency {
        Adjacency(
            label: .random(in: 0..<3, using: &random),
            vertex: vertex,
            weight: Float(Int.random(in: 0..<4, using: &random))
        )
    }

    private func add(
        _ graph: inout GraphIndex,
        _ model: inout EdgeTable,
        _ source: VertexID,
        _ link: Adjacency
    ) {
        graph.addLink(from: source, link)
        model.add(source, link)
    }

    private func remove(
        _ graph: inout GraphIndex,
        _ model: inout EdgeTable,
        _ source: VertexID,
        _ label: UInt32,
        _ target: VertexID
    ) {
        let wasThere = graph.removeLink(from: source, label: label, to: target)
        let expected = model.remove(source, Adjacency(label: label, vertex: target))
        #expect(wasThere == expected)
    }

    private static func sections(of graph: GraphIndex) throws -> MemorySections {
        var sections = MemorySections()
        let vertices = ContiguousArray(0..<VertexID(graph.vertexBound))
        try graph.write(to: &sections, vertices: vertices, newVertices: vertices)
        return sections
    }

    private static func reopened(_ graph: GraphIndex) throws -> GraphIndex {
        try #require(GraphIndex(from: sections(of: graph), edgeCount: graph.edgeCount))
    }
}

/// Edges in a table by both of their ends, without an order to get wrong.
private struct EdgeTable {
    private struct Key: Hashable {
        var label: UInt32
        var vertex: VertexID
    }

    private var outgoing: [VertexID: [Key: Float]] = [:]
    private var incoming: [VertexID: Set<Key>] = [:]

    var count: Int { outgoing.values.reduce(0) { $0 + $1.count } }

    mutating func add(_ source: VertexID, _ link: Adjacency) {
        outgoing[source, default: [:]][Key(label: link.label, vertex: link.vertex)] = link.weight
        incoming[link.vertex, default: []].insert(Key(label: link.label, vertex: source))
    }

    mutating func remove(_ source: VertexID, _ link: Adjacency) -> Bool {
        incoming[link.vertex]?.remove(Key(label: link.label, vertex: source))
        return outgoing[source]?.removeValue(forKey: Key(label: link.label, vertex: link.vertex))
            != nil
    }

    mutating func set(_ source: VertexID, _ links: [Adjacency]) {
        for link in self.links(from: source) { _ = remove(source, link) }
        for link in links { add(source, link) }
    }

    mutating func drop(_ vertex: VertexID) -> [VertexID] {
        set(vertex, [])
        let changed = sources(to: vertex)
        for key in incoming[vertex] ?? [] {
            _ = remove(key.vertex, Adjacency(label: key.label, vertex: vertex))
        }
        return changed
    }

    func links(from source: VertexID) -> [Adjacency] {
        (outgoing[source] ?? [:])
            .map { Adjacency(label: $0.key.label, vertex: $0.key.vertex, weight: $0.value) }
            .sorted(by: Adjacency.precedes)
    }

    func sources(to vertex: VertexID) -> [VertexID] {
        Set((incoming[vertex] ?? []).map(\.vertex)).sorted()
    }
}
