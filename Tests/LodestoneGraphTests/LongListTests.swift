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
        arguments: 1...(TestLength.isLong ? 8 : 3) as ClosedRange<UInt64>
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
                    add(&graph, &model, other, Self.edge(to: hub, &random))
                    add(&graph, &model, hub, Self.edge(to: other, &random))
                }
            case 2:
                // Edges in order, as an import writes them.
                let start = VertexID.random(in: 0..<Self.vertexCount, using: &random)
                for other in start..<min(start + count, Self.vertexCount) {
                    add(&graph, &model, other, Adjacency(label: 1, vertex: hub))
                    add(&graph, &model, hub, Adjacency(label: 1, vertex: other))
                }
            case 3:
                let edges = (0..<count).map { _ in
                    Self.edge(
                        to: .random(in: 0..<Self.vertexCount, using: &random),
                        &random
                    )
                }
                graph.setEdges(from: hub, edges)
                model.set(hub, edges)
            case 4, 5:
                let start = VertexID.random(in: 0..<Self.vertexCount, using: &random)
                for other in start..<min(start + count, Self.vertexCount) {
                    for label: LabelID in 0..<3 {
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
                for edge in graph.edges(from: hub) {
                    var edge = edge
                    if Bool.random(using: &random) { edge.weight += 1 }
                    add(&graph, &model, hub, edge)
                }
            }
            if round % 20 == 10 {
                let changed = graph.drop(hub)
                let expected = model.drop(hub)
                #expect(changed == expected)
            }
            if usesBase, round % 7 == 0 { graph = try graph.reopened() }
            if round % 6 == 0 { copies.append((graph, model)) }
        }
        for (graph, model) in copies + [(graph, model)] {
            #expect(graph.edgeCount == model.count)
            #expect(graph.isFoundFromBothEnds)
            for vertex in 0..<Self.vertexCount {
                let edges = graph.edges(from: vertex)
                #expect(edges.sorted(by: Adjacency.precedes) == model.edges(from: vertex))
                if edges.count > 128 { #expect(edges == model.edges(from: vertex)) }
                #expect(graph.sources(to: vertex) == model.sources(to: vertex))
            }
        }
    }

    @Test("Edges of a vertex keep the order of writing up to 128 edges, and sort by target beyond")
    func order() {
        let edges = (0..<129).map {
            Adjacency(label: 0, vertex: VertexID($0 * 50 % 129), weight: 1)
        }
        var graph = GraphIndex()
        graph.setEdges(from: 200, Array(edges.prefix(128)))
        #expect(graph.edges(from: 200) == Array(edges.prefix(128)))
        graph.addEdge(from: 200, edges[128])
        #expect(graph.edges(from: 200) == edges.sorted(by: Adjacency.precedes))
        // More edges than fit in a block, but too few distinct ones for pieces.
        graph.setEdges(from: 200, edges.prefix(100) + edges.prefix(100))
        #expect(graph.edges(from: 200) == Array(edges.prefix(100)))
    }

    @Test("Hub edges that a base has in the order of writing are found")
    func orderOfEarlierBases() throws {
        let targets = (0..<1_000).map { VertexID($0 * 7 % 1_000) }
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
        #expect(graph.edges(from: 1_000).map(\.vertex) == targets)
        for target in targets {
            graph.addEdge(from: 1_000, Adjacency(label: 0, vertex: target, weight: 2))
        }
        #expect(graph.edgeCount == 1_000)
        #expect(graph.edges(from: 1_000).map(\.vertex) == Array(0..<1_000))
        #expect(graph.edges(from: 1_000).allSatisfy { $0.weight == 2 })
        #expect(graph.isFoundFromBothEnds)
    }

    @Test(
        "A change to a hub's edges costs as much as one to a short list, in memory and over a base"
    )
    func cost() throws {
        for count: VertexID in [4_000, 60_000] {
            let hub = count
            var random = SeededGenerator(seed: 3)
            var graph = GraphIndex()
            for vertex in (0..<count).shuffled(using: &random) {
                graph.addEdge(from: vertex, Adjacency(label: 0, vertex: hub))
                graph.addEdge(from: hub, Adjacency(label: 0, vertex: vertex))
            }
            #expect(graph.movedCount < Int(count) * 2 * 400)
            for isReopened in [false, true] {
                if isReopened { graph = try graph.reopened() }
                let start = graph.movedCount
                for _ in 0..<500 {
                    let vertex = VertexID.random(in: 0..<count, using: &random)
                    graph.addEdge(from: vertex, Adjacency(label: 0, vertex: hub, weight: 2))
                    graph.addEdge(from: hub, Adjacency(label: 0, vertex: vertex, weight: 2))
                    graph.addEdge(from: vertex, Adjacency(label: 1, vertex: hub, weight: 2))
                    graph.removeEdge(from: hub, label: 0, to: vertex)
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
        for vertex in 0..<count { graph.addEdge(from: vertex, Adjacency(label: 0, vertex: hub)) }
        var copies: [GraphIndex] = []
        let before = residentByteCount()
        for vertex in 0..<200 as Range<VertexID> {
            copies.append(graph)
            graph.removeEdge(from: VertexID(Int(vertex) * 997), label: 0, to: hub)
        }
        // The edges at the hub are 2.4 MB.
        #expect(residentByteCount() - before < 200 << 20)
        for (index, copy) in copies.enumerated() {
            #expect(copy.edgeCount == Int(count) - index)
        }
    }

    @Test("A change to the edges of a hub in a damaged base reports the damage without a crash")
    func damage() throws {
        var graph = GraphIndex()
        for vertex in 0..<2_000 as Range<VertexID> {
            graph.addEdge(from: vertex, Adjacency(label: 0, vertex: 2_000))
            graph.addEdge(from: 2_000, Adjacency(label: 0, vertex: vertex))
        }
        for section in ["GOVX", "GIVX", "GOLB", "GILB"] as [SectionTag] {
            var sections = try graph.sections()
            sections.damage = [section: [1_500]]
            var damaged = try #require(GraphIndex(from: sections, edgeCount: graph.edgeCount))
            for vertex in 0..<2_000 as Range<VertexID> {
                damaged.addEdge(from: vertex, Adjacency(label: 0, vertex: 2_000, weight: 2))
                damaged.removeEdge(from: 2_000, label: 0, to: vertex)
            }
            damaged.drop(2_000)
            #expect(sections.isDamaged)
        }
    }

    @Test("A walk follows the edges of a hub in their order")
    func walk() throws {
        var graph = GraphIndex()
        var random = SeededGenerator(seed: 5)
        for vertex in (1...5_000 as ClosedRange<VertexID>).shuffled(using: &random) {
            graph.addEdge(from: 0, Adjacency(label: LabelID(Int(vertex) % 2), vertex: vertex))
            graph.addEdge(from: vertex, Adjacency(label: 0, vertex: 6_000))
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
        "The edges of a hub are read in parts, each from the end of the one before",
        arguments: [1, 90, 6_000] as [VertexID]
    )
    func parts(of count: VertexID) throws {
        var graph = GraphIndex()
        var random = SeededGenerator(seed: 6)
        for vertex in 0..<count {
            for label: LabelID in 0..<3 where label == 0 || Bool.random(using: &random) {
                let source = VertexID(Int(vertex) * 2)
                graph.addEdge(from: source, Adjacency(label: label, vertex: 50_000, weight: 2))
            }
        }
        func edges(
            from start: GraphIndex.AdjacencyPosition?,
            _ labels: Set<LabelID>? = nil,
            limit: Int = .max
        ) throws -> [Adjacency] {
            try graph.edges(to: 50_000, from: start, labels: labels, limit: limit, CallContext())
        }
        let all = try edges(from: nil)
        #expect(all.map(\.vertex) == all.map(\.vertex).sorted())
        #expect(all.count == graph.edgeCount)
        for labels: Set<LabelID>? in [nil, [1], [0, 2], []] {
            let wanted = all.filter { labels?.contains($0.label) ?? true }
            #expect(try edges(from: nil, labels) == wanted)
            var read: [Adjacency] = []
            while case let part = try edges(
                from: read.last.map { .after($0) },
                labels,
                limit: .random(in: 1...700, using: &random)
            ), !part.isEmpty {
                read += part
            }
            #expect(read == wanted)
        }
        for vertex in [0, 1, count, VertexID(Int(count) * 2)] {
            let start = Adjacency(label: 1, vertex: vertex)
            #expect(
                try edges(from: .at(start)) == all.filter { !Adjacency.precedes($0, start) }
            )
            #expect(
                try edges(from: .after(start)) == all.filter { Adjacency.precedes(start, $0) }
            )
        }
    }

    private static func edge(to vertex: VertexID, _ random: inout SeededGenerator) -> Adjacency {
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
        _ edge: Adjacency
    ) {
        graph.addEdge(from: source, edge)
        model.add(source, edge)
    }

    private func remove(
        _ graph: inout GraphIndex,
        _ model: inout EdgeTable,
        _ source: VertexID,
        _ label: LabelID,
        _ target: VertexID
    ) {
        let wasThere = graph.removeEdge(from: source, label: label, to: target)
        let expected = model.remove(source, Adjacency(label: label, vertex: target))
        #expect(wasThere == expected)
    }
}

/// Edges in a table by both of their ends, without an order to get wrong.
private struct EdgeTable {
    private struct Key: Hashable {
        var label: LabelID
        var vertex: VertexID
    }

    private var outgoing: [VertexID: [Key: Float]] = [:]
    private var incoming: [VertexID: Set<Key>] = [:]

    var count: Int { outgoing.values.reduce(0) { $0 + $1.count } }

    mutating func add(_ source: VertexID, _ edge: Adjacency) {
        outgoing[source, default: [:]][Key(label: edge.label, vertex: edge.vertex)] = edge.weight
        incoming[edge.vertex, default: []].insert(Key(label: edge.label, vertex: source))
    }

    mutating func remove(_ source: VertexID, _ edge: Adjacency) -> Bool {
        incoming[edge.vertex]?.remove(Key(label: edge.label, vertex: source))
        return outgoing[source]?.removeValue(forKey: Key(label: edge.label, vertex: edge.vertex))
            != nil
    }

    mutating func set(_ source: VertexID, _ edges: [Adjacency]) {
        for edge in self.edges(from: source) { _ = remove(source, edge) }
        for edge in edges { add(source, edge) }
    }

    mutating func drop(_ vertex: VertexID) -> [VertexID] {
        set(vertex, [])
        let changed = sources(to: vertex)
        for key in incoming[vertex] ?? [] {
            _ = remove(key.vertex, Adjacency(label: key.label, vertex: vertex))
        }
        return changed
    }

    func edges(from source: VertexID) -> [Adjacency] {
        (outgoing[source] ?? [:])
            .map { Adjacency(label: $0.key.label, vertex: $0.key.vertex, weight: $0.value) }
            .sorted(by: Adjacency.precedes)
    }

    func sources(to vertex: VertexID) -> [VertexID] {
        Set((incoming[vertex] ?? []).map(\.vertex)).sorted()
    }
}
