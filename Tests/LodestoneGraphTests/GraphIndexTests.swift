// SPDX-License-Identifier: Apache-2.0
import LodestoneGraph
import LodestoneStructures
import TestSupport
import Testing

@Suite("Graph index")
struct GraphIndexTests {
    @Test("The last of two edges with equal label and target replaces the first at its position")
    func duplicates() {
        var graph = GraphIndex()
        graph.setEdges(
            from: 1,
            [
                Adjacency(label: 0, vertex: 2, weight: 1),
                Adjacency(label: 1, vertex: 2, weight: 2),
                Adjacency(label: 0, vertex: 2, weight: 3),
                Adjacency(label: 0, vertex: 3, weight: 4),
            ]
        )
        #expect(
            graph.edges(from: 1) == [
                Adjacency(label: 0, vertex: 2, weight: 3),
                Adjacency(label: 1, vertex: 2, weight: 2),
                Adjacency(label: 0, vertex: 3, weight: 4),
            ]
        )
        #expect(graph.edgeCount == 3)
        graph.addEdge(from: 1, Adjacency(label: 1, vertex: 2, weight: 9))
        #expect(graph.edges(from: 1).map(\.weight) == [3, 9, 4])
        #expect(graph.edgeCount == 3)
        #expect(graph.sources(to: 2) == [1])
    }

    @Test("New edges of a source replace its edges, and no other source's")
    func replacement() {
        var graph = GraphIndex()
        graph.setEdges(from: 1, [Adjacency(label: 0, vertex: 2), Adjacency(label: 0, vertex: 3)])
        graph.setEdges(from: 4, [Adjacency(label: 0, vertex: 2)])
        graph.setEdges(from: 1, [Adjacency(label: 5, vertex: 1)])
        #expect(graph.edges(from: 1) == [Adjacency(label: 5, vertex: 1)])
        #expect(graph.sources(to: 1) == [1])
        #expect(graph.sources(to: 2) == [4])
        #expect(graph.sources(to: 3) == [])
        #expect(graph.edgeCount == 2)
        graph.setEdges(from: 1, [])
        #expect(graph.edgeCount == 1)
        #expect(graph.edges(from: 77) == [])
        #expect(graph.sources(to: 77) == [])
    }

    @Test("A dropped vertex loses all edges that leave or enter it")
    func drop() {
        var graph = GraphIndex()
        graph.setEdges(from: 1, [Adjacency(label: 0, vertex: 2), Adjacency(label: 1, vertex: 1)])
        graph.setEdges(
            from: 2,
            [
                Adjacency(label: 0, vertex: 1), Adjacency(label: 0, vertex: 3),
                Adjacency(label: 1, vertex: 1),
            ]
        )
        graph.setEdges(from: 3, [Adjacency(label: 0, vertex: 1)])
        let changed = graph.drop(1)
        #expect(changed == [2, 3])
        #expect(graph.edges(from: 1) == [])
        #expect(graph.edges(from: 2) == [Adjacency(label: 0, vertex: 3)])
        #expect(graph.sources(to: 1) == [])
        #expect(graph.sources(to: 2) == [])
        #expect(graph.edgeCount == 1)
        for vertex: VertexID in [1, 77] {
            let changed = graph.drop(vertex)
            #expect(changed == [])
        }
    }

    @Test("Adjacency lists of every length stay in order while they grow and shrink")
    func lengths() {
        var graph = GraphIndex()
        var copies: [GraphIndex] = []
        // Several hubs, so that their lists grow and shrink side by side.
        let hubs: [VertexID] = [1_000, 1_001, 1_002]
        for source: VertexID in 0..<400 {
            for hub in hubs {
                graph.addEdge(from: source, Adjacency(label: 0, vertex: hub))
                graph.addEdge(from: hub, Adjacency(label: 1, vertex: source))
            }
            copies.append(graph)
        }
        for source: VertexID in 0..<400 {
            let changed = graph.drop(source)
            #expect(changed == hubs)
            #expect(graph.edgeCount == (399 - Int(source)) * 6)
            for hub in hubs {
                #expect(graph.sources(to: hub) == Array((source + 1)..<400))
                #expect(graph.edges(from: hub).map(\.vertex) == Array((source + 1)..<400))
            }
        }
        for (last, copy) in copies.enumerated() {
            for hub in hubs {
                #expect(copy.sources(to: hub) == Array(0...VertexID(last)))
                #expect(copy.edges(from: hub).map(\.vertex) == Array(0...VertexID(last)))
            }
        }
    }

    @Test("The removal of an edge reports whether the edge existed")
    func removal() {
        var graph = GraphIndex()
        graph.setEdges(from: 1, [Adjacency(label: 0, vertex: 2), Adjacency(label: 1, vertex: 2)])
        let absent: [(VertexID, LabelID, VertexID)] = [(1, 2, 2), (2, 0, 1), (77, 0, 78)]
        for (source, label, target) in absent {
            let wasThere = graph.removeEdge(from: source, label: label, to: target)
            #expect(!wasThere)
        }
        for expected in [true, false] {
            let wasThere = graph.removeEdge(from: 1, label: 0, to: 2)
            #expect(wasThere == expected)
        }
        #expect(graph.edges(from: 1) == [Adjacency(label: 1, vertex: 2)])
        #expect(graph.edgeCount == 1)
    }

    @Test(
        "A graph index and all its copies agree with a plain list of edges after any changes",
        arguments: 1...6 as ClosedRange<UInt64>
    )
    func model(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let vertices: Range<VertexID> = 0..<600
        func someNode() -> VertexID {
            // A few vertices have many edges; the others are spread over several chunks.
            Bool.random(using: &random)
                ? .random(in: 0..<6, using: &random) : .random(in: vertices, using: &random)
        }
        func someEdge() -> Adjacency {
            Adjacency(
                label: .random(in: 0..<3, using: &random),
                vertex: someNode(),
                weight: Float.random(in: 0...1, using: &random)
            )
        }
        var graph = GraphIndex()
        var model = EdgeList()
        var copies: [(GraphIndex, EdgeList)] = []
        for round in 0..<1_500 {
            let vertex = someNode()
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<4:
                let edges = (0..<Int.random(in: 0...8, using: &random)).map { _ in someEdge() }
                graph.setEdges(from: vertex, edges)
                model.edges.removeAll { $0.source == vertex }
                for edge in edges { model.add(vertex, edge) }
            case 4..<7:
                let edge = someEdge()
                graph.addEdge(from: vertex, edge)
                model.add(vertex, edge)
            case 7, 8:
                let edge = someEdge()
                let wasThere = graph.removeEdge(from: vertex, label: edge.label, to: edge.vertex)
                let expected = model.remove(vertex, edge)
                #expect(wasThere == expected)
            default:
                let changed = graph.drop(vertex)
                let expected = model.drop(vertex)
                #expect(changed == expected)
            }
            if round % 150 == 0 { copies.append((graph, model)) }
        }
        for (graph, model) in copies + [(graph, model)] {
            #expect(graph.edgeCount == model.edges.count)
            for vertex in vertices {
                #expect(
                    graph.edges(from: vertex)
                        == model.edges.filter { $0.source == vertex }.map(\.edge)
                )
                #expect(graph.sources(to: vertex) == model.sources(to: vertex))
            }
        }
    }
}

/// Edges in a list: slow, and obviously right.
private struct EdgeList {
    var edges: [(source: VertexID, edge: Adjacency)] = []

    private func index(_ source: VertexID, _ edge: Adjacency) -> Int? {
        edges.firstIndex {
            $0.source == source && $0.edge.label == edge.label && $0.edge.vertex == edge.vertex
        }
    }

    mutating func add(_ source: VertexID, _ edge: Adjacency) {
        if let index = index(source, edge) {
            edges[index].edge.weight = edge.weight
        } else {
            edges.append((source, edge))
        }
    }

    mutating func remove(_ source: VertexID, _ edge: Adjacency) -> Bool {
        guard let index = index(source, edge) else { return false }
        edges.remove(at: index)
        return true
    }

    func sources(to vertex: VertexID) -> [VertexID] {
        Set(edges.filter { $0.edge.vertex == vertex }.map(\.source)).sorted()
    }

    mutating func drop(_ vertex: VertexID) -> [VertexID] {
        let changed = sources(to: vertex).filter { $0 != vertex }
        edges.removeAll { $0.source == vertex || $0.edge.vertex == vertex }
        return changed
    }
}
