// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneGraph
import LodestoneStructures
import TestSupport
import Testing

@Suite("Walk")
struct WalkTests {
    @Test(
        "A walk reaches what SQLite's recursive query reaches, at the same least depth",
        arguments: 1...12 as ClosedRange<UInt64>
    )
    func differential(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let vertexCount = VertexID(Int.random(in: 2...60, using: &random))
        let edgeCount = Int.random(in: 0...(Int(vertexCount) * 3), using: &random)
        // The edges include self loops, and several edges between two vertices.
        let edges = Set(
            (0..<edgeCount).map { _ in
                TestEdge(
                    source: .random(in: 0..<vertexCount, using: &random),
                    label: .random(in: 0..<4, using: &random),
                    target: .random(in: 0..<vertexCount, using: &random)
                )
            }
        )
        let missing = Set(
            (0..<vertexCount).filter { _ in Int.random(in: 0..<6, using: &random) == 0 }
        )
        let graph = GraphIndex(edges.sorted { ($0.source, $0.label) < ($1.source, $1.label) })
        let table = try SQLiteEdges(Array(edges))
        #expect(graph.edgeCount == edges.count)

        for _ in 0..<40 {
            let starts = (0..<Int.random(in: 1...3, using: &random)).map { _ in
                VertexID.random(in: 0..<vertexCount, using: &random)
            }
            let labels: Set<LabelID>? =
                Bool.random(using: &random)
                ? nil : Set((0..<4).filter { _ in Bool.random(using: &random) })
            let direction = Direction.allCases[Int.random(in: 0..<3, using: &random)]
            let depth = Int.random(in: 0...8, using: &random)

            let (reached, endedBy, _) = try graph.walk(
                from: starts,
                labels: labels,
                direction: direction,
                depth: depth,
                missing: missing
            )
            let truth = try table.leastDepths(
                from: starts,
                labels: labels,
                direction: direction,
                depth: depth,
                missing: missing
            )
            #expect(endedBy == nil)
            #expect(Set(reached.map(\.vertex)).count == reached.count)
            #expect(
                Dictionary(uniqueKeysWithValues: reached.map { ($0.vertex, $0.depth) }) == truth
            )

            // Every reported edge exists, and leaves a vertex that is one edge nearer to a start.
            #expect(reached.map(\.depth) == reached.map(\.depth).sorted())
            for step in reached {
                let (source, target) =
                    step.isIncoming ? (step.vertex, step.from) : (step.from, step.vertex)
                #expect(
                    edges.contains(TestEdge(source: source, label: step.label, target: target))
                )
                #expect(labels?.contains(step.label) ?? true)
                #expect(truth[step.from] ?? 0 == step.depth - 1)
                #expect(direction == .both || step.isIncoming == (direction == .incoming))
            }
        }
    }

    @Test("A walk reports vertices in the order of its starts and of their edges, with the edge")
    func order() throws {
        var graph = GraphIndex()
        graph.setEdges(
            from: 5,
            [
                Adjacency(label: 1, vertex: 9, weight: 0.5), Adjacency(label: 2, vertex: 3),
                Adjacency(label: 1, vertex: 3),
            ]
        )
        graph.setEdges(from: 2, [Adjacency(label: 1, vertex: 3), Adjacency(label: 7, vertex: 4)])
        graph.setEdges(from: 9, [Adjacency(label: 1, vertex: 8), Adjacency(label: 1, vertex: 5)])

        #expect(
            try graph.walk(from: [5, 2]).reached == [
                Step(vertex: 9, depth: 1, from: 5, label: 1, weight: 0.5, isIncoming: false),
                Step(vertex: 3, depth: 1, from: 5, label: 2, weight: 1, isIncoming: false),
                Step(vertex: 4, depth: 1, from: 2, label: 7, weight: 1, isIncoming: false),
                Step(vertex: 8, depth: 2, from: 9, label: 1, weight: 1, isIncoming: false),
            ]
        )
        #expect(
            try graph.walk(from: [3], direction: .both, depth: 1).reached == [
                Step(vertex: 2, depth: 1, from: 3, label: 1, weight: 1, isIncoming: true),
                Step(vertex: 5, depth: 1, from: 3, label: 1, weight: 1, isIncoming: true),
            ]
        )
    }

    @Test("A walk over a clique costs its edges, not its paths")
    func clique() throws {
        let vertices: Range<VertexID> = 0..<20
        let graph = GraphIndex(
            vertices.flatMap { source in
                vertices.filter { $0 != source }.map {
                    TestEdge(source: source, label: 0, target: $0)
                }
            }
        )
        let (reached, endedBy, edgesFollowed) = try graph.walk(from: [0], depth: 8)
        #expect(reached.count == 19)
        #expect(reached.allSatisfy { $0.depth == 1 })
        #expect(endedBy == nil)
        #expect(edgesFollowed == 380)
    }

    @Test("A walk without starts, to depth 0 or along unknown labels reaches nothing")
    func nothing() throws {
        let graph = GraphIndex([TestEdge(source: 0, label: 0, target: 1)])
        #expect(try graph.walk(from: []).reached.isEmpty)
        #expect(try graph.walk(from: [77]).reached.isEmpty)
        #expect(try graph.walk(from: [0], missing: [0]).reached.isEmpty)
        #expect(try graph.walk(from: [0], depth: 0).reached.isEmpty)
        #expect(try graph.walk(from: [0], labels: []).reached.isEmpty)
        #expect(try graph.walk(from: [0], labels: [8]).reached.isEmpty)
        #expect(try graph.walk(from: [0], labels: Set(0..<100)).reached.map(\.vertex) == [1])
    }

    /// A chain from 0 to 99, and from each of its vertices ten edges to leaves of its own.
    private var comb: GraphIndex {
        var graph = GraphIndex()
        for vertex: VertexID in 0..<100 {
            let first = VertexID(100 + Int(vertex) * 10)
            let leaves = (0..<10).map { Adjacency(label: 1, vertex: first + $0) }
            graph.setEdges(from: vertex, [Adjacency(label: 0, vertex: vertex + 1)] + leaves)
        }
        return graph
    }

    @Test(
        "A walk ends at its vertex budget with the vertices reached so far",
        arguments: [0, 1, 10, 11, 12, 87]
    )
    func nodeBudget(vertices: Int) throws {
        let whole = try comb.walk(from: [0])
        let part = try comb.walk(from: [0], budget: WalkBudget(nodes: vertices))
        #expect(whole.reached.count == 88)
        #expect(part.reached == Array(whole.reached.prefix(vertices)))
        #expect(part.endedBy == .nodes)
        #expect(try comb.walk(from: [0], budget: WalkBudget(nodes: 88)).endedBy == nil)
    }

    @Test(
        "A walk ends at its edge budget, which also counts edges of other labels",
        arguments: [0, 1, 10, 11, 12, 87]
    )
    func edgeBudget(edges: Int) throws {
        let part = try comb.walk(from: [0], labels: [0], budget: WalkBudget(edges: edges))
        #expect(part.edgesFollowed == edges)
        #expect(part.reached.count == (edges + 10) / 11)
        #expect(part.endedBy == .edges)
        let whole = try comb.walk(from: [0], labels: [0], budget: WalkBudget(edges: 88))
        #expect(whole.endedBy == nil)
        #expect(whole.reached.count == 8)
    }

    @Test("A walk ends at its time budget")
    func timeBudget() throws {
        let none = try comb.walk(from: [0], budget: WalkBudget(time: .zero))
        #expect(none.endedBy == .time)
        #expect(none.reached.isEmpty)
        #expect(try comb.walk(from: [0], budget: WalkBudget(time: .seconds(60))).endedBy == nil)

        // A walk checks the clock inside of a vertex's edges, too: one vertex has all the edges.
        var graph = GraphIndex()
        graph.setEdges(from: 0, (1...400_000).map { Adjacency(label: 0, vertex: $0) })
        let part = try graph.walk(
            from: [0],
            depth: 1,
            budget: WalkBudget(nodes: 3_000_000, edges: 10_000_000, time: .microseconds(100))
        )
        #expect(part.endedBy == .time)
        #expect(part.reached.count < 400_000)
    }

    @Test("A walk ends when its call is cancelled or past its deadline")
    func context() throws {
        func walk(_ context: CallContext) throws {
            _ = try comb.walk(
                from: [0],
                labels: nil,
                direction: .outgoing,
                depth: 1,
                budget: WalkBudget(),
                missing: [],
                context: context
            )
        }
        let cancelled = CallContext()
        cancelled.cancel()
        let first = #expect(throws: LodestoneError.self) { try walk(cancelled) }
        #expect(first?.code == .cancelled)
        let second = #expect(throws: LodestoneError.self) { try walk(CallContext(timeout: .zero)) }
        #expect(second?.code == .deadlineExceeded)
    }

    @Test("A walk neither reports nor passes a vertex that does not exist")
    func existence() throws {
        let graph = GraphIndex([
            TestEdge(source: 0, label: 0, target: 1), TestEdge(source: 0, label: 1, target: 1),
            TestEdge(source: 0, label: 0, target: 2), TestEdge(source: 2, label: 0, target: 1),
            TestEdge(source: 1, label: 0, target: 3),
        ])
        let outcome = try graph.walk(from: [0], missing: [1])
        #expect(outcome.reached.map(\.vertex) == [2])
        #expect(outcome.edgesFollowed == 4)
    }
}
