// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneGraph
import LodestoneStructures
import TestSupport
import Testing

@Suite("Base of a graph")
struct GraphBaseTests {
    private static let vertexCount: VertexID = 400

    /// Random edges, and a hub.
    private static func graph(maxLabel: UInt32, hasWeights: Bool) -> GraphIndex {
        var random = SeededGenerator(seed: UInt64(maxLabel))
        var graph = GraphIndex()
        for index in 0..<3_000 {
            let label = index == 0 ? maxLabel : UInt32.random(in: 0...maxLabel, using: &random)
            graph.addEdge(
                from: index % 4 == 0 ? 7 : .random(in: 0..<vertexCount, using: &random),
                Adjacency(
                    label: LabelID(rawValue: label),
                    vertex: .random(in: 0..<vertexCount, using: &random),
                    weight: hasWeights && index % 9 == 5 ? 0.25 : 1
                )
            )
        }
        return graph
    }

    private static func expectEqual(_ left: GraphIndex, _ right: GraphIndex) throws {
        #expect(left.edgeCount == right.edgeCount)
        #expect(left.vertexBound == right.vertexBound)
        for vertex in 0..<vertexCount {
            #expect(left.edges(from: vertex) == right.edges(from: vertex))
            #expect(left.edges(to: vertex) == right.edges(to: vertex))
        }
        for direction in Direction.allCases {
            let walks = try [left, right].map { try $0.walk(from: [3], direction: direction) }
            #expect(walks[0].reached == walks[1].reached)
        }
    }

    @Test(
        "A base keeps labels of any size, weights, and the order of edges",
        arguments: [3, 255, 256, 65_535, 65_536, .max] as [UInt32],
        [false, true]
    )
    func columns(maxLabel: UInt32, hasWeights: Bool) throws {
        let graph = Self.graph(maxLabel: maxLabel, hasWeights: hasWeights)
        try Self.expectEqual(graph.reopened(), graph)
    }

    @Test("An edge of a base takes 5 bytes per direction with few labels and without weights")
    func byteCount() throws {
        let graph = Self.graph(maxLabel: 255, hasWeights: false)
        let byteCount = try graph.sections().sections.reduce(0) { $0 + $1.bytes.count }
        #expect(byteCount == 2 * (5 * graph.edgeCount + 4 * (graph.vertexBound + 1)))
    }

    @Test("A base of an earlier release has the same edges, and takes changes")
    func earlier() throws {
        var graph = Self.graph(maxLabel: 70_000, hasWeights: true)
        var opened = try graph.reopened(asEarlier: true)
        try Self.expectEqual(opened, graph)
        for vertex in stride(from: VertexID(0), to: Self.vertexCount, by: 3) {
            for target in [vertex, 7, Self.vertexCount + 3] {
                graph.addEdge(from: vertex, Adjacency(label: 1, vertex: target))
                opened.addEdge(from: vertex, Adjacency(label: 1, vertex: target))
            }
            if vertex.rawValue % 5 == 0 {
                let changed = opened.drop(vertex)
                let expected = graph.drop(vertex)
                #expect(changed == expected)
            }
        }
        try Self.expectEqual(opened, graph)
        try Self.expectEqual(opened.reopened(), graph)
    }

    @Test("A walk over a damaged section reports the damage")
    func damage() throws {
        let graph = Self.graph(maxLabel: 9, hasWeights: true)
        let tags: [SectionTag] = [
            "GOST", "GOVX", "GOLB", "GOWT", "GIST", "GIVX", "GILB", "GIWT",
        ]
        for tag in tags {
            var sections = try graph.sections()
            sections.damage = [tag: [100]]
            let damaged = try #require(GraphIndex(from: sections, edgeCount: graph.edgeCount))
            _ = try damaged.walk(from: [7], direction: .both)
            #expect(sections.isDamaged, "\(tag)")
        }
    }

    @Test("Wrong bytes with right checksums make other edges, never a crash")
    func hostile() throws {
        let graph = Self.graph(maxLabel: 9, hasWeights: true)
        var random = SeededGenerator(seed: 8)
        for round in 0..<60 {
            let isEarlier = round % 3 == 0
            var sections = try isEarlier ? graph.earlierSections() : graph.sections()
            for (index, section) in sections.sections.enumerated() {
                for _ in 0..<200 {
                    let offset = Int.random(in: 0..<section.bytes.count, using: &random)
                    let byte = round % 2 == 0 ? 255 : UInt8.random(in: 0...255, using: &random)
                    sections.overwrite(index, at: offset, with: byte)
                }
            }
            let opened = try #require(GraphIndex(from: sections, edgeCount: graph.edgeCount))
            for direction in Direction.allCases {
                _ = try opened.walk(from: [3, 7], direction: direction)
            }
            for vertex in 0..<Self.vertexCount {
                _ = opened.edges(from: vertex)
                _ = opened.edges(to: vertex)
            }
        }
    }

    @Test("Sections that do not fit each other are no base")
    func sizes() throws {
        let graph = Self.graph(maxLabel: 9, hasWeights: true)
        for index in 1..<4 {
            var sections = try graph.sections()
            sections.cut(index, to: 4)
            #expect(GraphIndex(from: sections, edgeCount: graph.edgeCount) == nil)
        }
    }
}
