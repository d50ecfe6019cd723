// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneGraph
import LodestoneStructures
import TestSupport
import Testing

@Suite("Order of a walk")
struct WalkOrderTests {
    private static let vertexCount: VertexID = 900
    private static let hubs: [VertexID] = [3, 450, 899]

    @Test(
        "A walk takes the steps of a plain walk over lists, in their order, up to the same limit",
        arguments: 1...(TestLength.isLong ? 10 : 4) as ClosedRange<UInt64>
    )
    func differential(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let hasWeights = seed % 3 == 0
        // A few labels, or so many that one word has no bit for each.
        let labelCount: LabelID = seed % 2 == 0 ? 4 : 150
        var graph = GraphIndex()
        for round in 0..<6 {
            change(&graph, labelCount, hasWeights, &random)
            // Later changes then lie over a base.
            if round == 2, seed % 4 < 3 { graph = try graph.reopened(asEarlier: seed % 4 == 0) }
            for _ in 0..<25 {
                let walk = TestWalk(graph, labelCount, Self.hubs, Self.vertexCount, &random)
                let expected = walk.plain(graph)
                let outcome = try walk.run(graph, CallContext())
                try #require(outcome.reached == expected.reached)
                #expect(outcome.endedBy == expected.endedBy)
                #expect(outcome.edgesFollowed == expected.edgesFollowed)
            }
        }
    }

    @Test("A walk that was cancelled leaves nothing behind for the next walk")
    func cancelled() throws {
        var random = SeededGenerator(seed: 4)
        var graph = GraphIndex()
        change(&graph, 4, false, &random)
        // The deadline passes after some thousand edges, or before the first.
        for microseconds in [0, 20, 100, 400] {
            let walk = TestWalk(from: Self.hubs)
            _ = try? walk.run(graph, CallContext(timeout: .microseconds(microseconds)))
            #expect(try walk.run(graph, CallContext()).reached == walk.plain(graph).reached)
        }
    }

    @Test("Walks at the same time, over graphs of different sizes, don't disturb each other")
    func concurrent() async throws {
        var random = SeededGenerator(seed: 5)
        var graph = GraphIndex()
        change(&graph, 4, false, &random)
        let small = GraphIndex([TestEdge(source: 0, label: 0, target: 1)])
        let walks = (0..<12).map { _ in
            TestWalk(graph, 4, Self.hubs, Self.vertexCount, &random)
        }
        let expected = walks.map { $0.plain(graph).reached }
        try await withThrowingTaskGroup { group in
            for task in 0..<8 {
                group.addTask { [graph] in
                    for round in 0..<40 {
                        let index = (task * 5 + round) % walks.count
                        let reached = try walks[index].run(graph, CallContext()).reached
                        #expect(reached == expected[index])
                        #expect(try small.walk(from: [0]).reached.map(\.vertex) == [1])
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    /// Adds and removes edges: many of hubs, which lie in pieces, and some of others.
    private func change(
        _ graph: inout GraphIndex,
        _ labelCount: LabelID,
        _ hasWeights: Bool,
        _ random: inout SeededGenerator
    ) {
        func edge(to vertex: VertexID, _ random: inout SeededGenerator) -> Adjacency {
            Adjacency(
                label: .random(in: 0..<labelCount, using: &random),
                vertex: vertex,
                weight: hasWeights ? Float.random(in: 0..<4, using: &random) : 1
            )
        }
        for _ in 0..<1_200 {
            let source = VertexID.random(in: 0..<Self.vertexCount, using: &random)
            let target = VertexID.random(in: 0..<Self.vertexCount, using: &random)
            graph.addEdge(from: source, edge(to: target, &random))
        }
        for hub in Self.hubs {
            for _ in 0..<Int.random(in: 0...500, using: &random) {
                let other = VertexID.random(in: 0..<Self.vertexCount, using: &random)
                graph.addEdge(from: hub, edge(to: other, &random))
                graph.addEdge(from: other, edge(to: hub, &random))
            }
        }
        for _ in 0..<20 {
            graph.drop(.random(in: 0..<Self.vertexCount, using: &random))
            let source = VertexID.random(in: 0..<Self.vertexCount, using: &random)
            graph.setEdges(from: source, [edge(to: 3, &random), edge(to: 3, &random)])
        }
    }
}

/// A walk, and its result by the definition.
private struct TestWalk: Sendable {
    var starts: [VertexID]
    var labels: Set<LabelID>?
    var direction = Direction.outgoing
    var depth = 8
    var budget = WalkBudget(nodes: 100_000, edges: 10_000_000)
    var missing: Set<VertexID> = []

    init(from starts: [VertexID]) { self.starts = starts }

    /// A random walk, every second one with a budget that ends it early.
    init(
        _ graph: GraphIndex,
        _ labelCount: LabelID,
        _ hubs: [VertexID],
        _ vertexCount: VertexID,
        _ random: inout SeededGenerator
    ) {
        // Some of the starts occur twice, or do not exist.
        starts = (0..<Int.random(in: 1...4, using: &random)).map { _ in
            .random(in: 0..<vertexCount + 5, using: &random)
        }
        starts += [starts[0]]
        if Bool.random(using: &random) { starts += hubs.suffix(1) }
        if Bool.random(using: &random) {
            let share = Int.random(in: 1...4, using: &random)
            labels = Set(
                (0..<labelCount).filter { _ in Int.random(in: 0...4, using: &random) < share }
            )
        }
        direction = Direction.allCases[Int.random(in: 0..<3, using: &random)]
        depth = Int.random(in: 0...5, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: budget.nodes = Int.random(in: 0...900, using: &random)
        case 1: budget.edges = Int.random(in: 0...6_000, using: &random)
        default: break
        }
        if Bool.random(using: &random) {
            missing = Set(
                (0..<vertexCount).filter { _ in Int.random(in: 0..<6, using: &random) == 0 }
            )
        }
    }

    func run(_ graph: GraphIndex, _ context: CallContext) throws -> TestOutcome {
        try graph.walk(
            from: starts,
            labels: labels,
            direction: direction,
            depth: depth,
            budget: budget,
            missing: missing,
            context: context
        )
    }

    /// The walk, edge by edge.
    func plain(_ graph: GraphIndex) -> TestOutcome {
        var outcome: TestOutcome = ([], nil, 0)
        let bound = VertexID(graph.vertexBound)
        var seen = missing
        var frontier: [VertexID] = []
        for start in starts where start < bound && seen.insert(start).inserted {
            frontier.append(start)
        }
        for depth in stride(from: 1, through: depth, by: 1) {
            var next: [VertexID] = []
            for vertex in frontier {
                let outgoing = direction == .incoming ? [] : graph.edges(from: vertex)
                let incoming = direction == .outgoing ? [] : graph.edges(to: vertex)
                for (index, edge) in (outgoing + incoming).enumerated() {
                    if outcome.edgesFollowed == budget.edges {
                        outcome.endedBy = .edges
                        return outcome
                    }
                    outcome.edgesFollowed += 1
                    guard labels?.contains(edge.label) ?? true, edge.vertex < bound,
                        seen.insert(edge.vertex).inserted
                    else { continue }
                    if outcome.reached.count == budget.nodes {
                        outcome.endedBy = .nodes
                        return outcome
                    }
                    next.append(edge.vertex)
                    outcome.reached.append(
                        Step(
                            vertex: edge.vertex,
                            depth: depth,
                            from: vertex,
                            label: edge.label,
                            weight: edge.weight,
                            isIncoming: index >= outgoing.count
                        )
                    )
                }
            }
            frontier = next
        }
        return outcome
    }
}
