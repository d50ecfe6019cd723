// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneEngine
import LodestoneStorage
import LodestoneText
import TestSupport
import Testing

/// A store and plain dictionaries get the same random writes; most documents are hubs at some time.
@Suite("Hub edges against a model")
struct HubModelTests {
    private struct Name: Hashable, Comparable {
        var label: String
        var target: String

        static func < (left: Name, right: Name) -> Bool {
            (left.label, left.target) < (right.label, right.target)
        }
    }

    /// The expected edges of each document.
    private typealias Model = [String: [Name: Edge]]

    private static let documents = (0..<6).map { "d\($0)" }

    /// The life of the store during the writes.
    enum Life: String, CaseIterable {
        /// All writes stay in the log.
        case log
        /// Compactions come between the writes, with log after them.
        case bases
        /// Two engines use one store, and each replays the other's writes.
        case shared
    }

    private func options(_ life: Life) -> Engine.Options {
        var options = Engine.Options(
            compaction: CompactionPolicy(minimumChanges: life == .log ? .max : 40)
        )
        options.edgesInRow = EdgesInRow(count: 6)
        return options
    }

    @Test(
        "Hub edges agree with a model after every write, restart, compaction and restore",
        arguments: [1, 2, 3] as [UInt64],
        Life.allCases
    )
    func agrees(seed: UInt64, life: Life) async throws {
        var random = SeededGenerator(seed: seed)
        let directory = try TemporaryDirectory()
        let open = { try Engine.open(directory: directory.path + "/a", options: options(life)) }
        var engines = [try open()]
        if life == .shared { engines.append(try open()) }
        defer { for engine in engines { engine.close() } }
        try await engines[0].createCollection("c", CollectionOptions(dimension: 0))
        var model: Model = [:]
        for step in 0..<160 {
            let writer = Int.random(in: 0..<engines.count, using: &random)
            try await write(&model, to: engines[writer], step, &random)
            switch Int.random(in: 0..<20, using: &random) {
            case 0:
                engines[writer].close()
                engines[writer] = try open()
            case 1 where life != .log:
                try await engines[writer].compact("c")
            case 2:
                let report = try await engines[writer].verify()
                try #require(report.isClean, "\(step): \(report.damages)")
            case 3:
                try await engines[writer].createSnapshot("s\(step)")
                let copy = "\(directory.path)/s\(step)"
                _ = try SnapshotArchive.restore(
                    "\(directory.path)/a/snapshots/s\(step).lodestone",
                    to: copy,
                    analysis: FTS5Analysis(),
                    context: CallContext()
                )
                let restored = try Engine.open(directory: copy, options: options(life))
                defer { restored.close() }
                try await compare(restored, model, "restored at \(step)")
            default: break
            }
            let engine = try #require(engines.randomElement(using: &random))
            try await compare(engine, model, "\(step)")
        }
        for engine in engines { #expect(try await engine.verify().isClean) }
    }

    private func write(
        _ model: inout Model,
        to engine: Engine,
        _ step: Int,
        _ random: inout SeededGenerator
    ) async throws {
        let id = Self.documents[Int.random(in: 0..<Self.documents.count, using: &random)]
        switch Int.random(in: 0..<10, using: &random) {
        case 0..<2:
            // The new document has most of the earlier one's edges, or quite different ones.
            let keeps = Bool.random(using: &random)
            var edges = keeps ? (model[id]?.values.filter { _ in step % 5 != 0 } ?? []) : []
            edges += try someEdges(0...9, step, &random)
            _ = try await engine.index("c", [Document(id: DocumentID(id), edges: edges)])
            model[id] = Self.named(edges)
        case 2..<6:
            guard model[id] != nil else { return }
            let edges = try someEdges(1...5, step, &random)
            let source = try DocumentID(id)
            _ = try await engine.index("c", [], edges: edges.map { SourcedEdge(from: source, $0) })
            model[id]?.merge(Self.named(edges)) { $1 }
        case 6..<9:
            var edges: [SourcedEdge] = []
            for (source, named) in model.sorted(by: { $0.key < $1.key }) {
                for edge in named.sorted(by: { $0.key < $1.key }).map(\.value)
                where Int.random(in: 0..<4, using: &random) == 0 {
                    edges.append(SourcedEdge(from: try DocumentID(source), edge))
                    model[source]?[Name(label: edge.label, target: edge.target.string)] = nil
                }
            }
            // An edge that does not exist is ignored.
            edges.append(SourcedEdge(from: try DocumentID(id), Edge("none", to: "nobody")))
            _ = try await engine.dropMany(DropManyRequest(collection: "c", edges: edges))
        default:
            _ = try await engine.dropMany(DropManyRequest(collection: "c", ids: [DocumentID(id)]))
            if model.removeValue(forKey: id) == nil { return }
            for (source, edges) in model {
                model[source] = edges.filter { $0.key.target != id }
            }
        }
    }

    private static func named(_ edges: [Edge]) -> [Name: Edge] {
        // Of several edges with one name the last counts.
        Dictionary(
            edges.map { (Name(label: $0.label, target: $0.target.string), $0) },
            uniquingKeysWith: { $1 }
        )
    }

    private func someEdges(
        _ count: ClosedRange<Int>,
        _ step: Int,
        _ random: inout SeededGenerator
    ) throws -> [Edge] {
        try (0..<Int.random(in: count, using: &random)).map { position in
            let targets = Self.documents + ["x", "y", "z"]
            let target = targets[Int.random(in: 0..<targets.count, using: &random)]
            return Edge(
                Bool.random(using: &random) ? "to" : "é",
                to: try DocumentID(target),
                weight: Float(step * 10 + position),
                metadata: Bool.random(using: &random) ? ["step": .int(Int64(step))] : [:]
            )
        }
    }

    private func compare(_ engine: Engine, _ model: Model, _ when: String) async throws {
        let page = try await engine.scan(ScanRequest(collection: "c", limit: 100))
        try #require(Set(page.documents.map(\.id.string)) == Set(model.keys), "\(when)")
        for document in page.documents {
            let expected = try #require(model[document.id.string])
            // A row keeps an edge twice that was sent twice; a hub does not.
            try #require(Self.named(document.edges) == expected, "\(when), \(document.id)")
        }
        let count = model.values.reduce(0) { $0 + $1.count }
        try #require(try engine.describe("c").edges == count, "\(when)")
        for id in Self.documents {
            for direction in [Direction.outgoing, .incoming] {
                let walk = Walk(from: [try DocumentID(id)], direction: direction)
                let reached = try await engine.walk("c", walk).reached.map(\.id.string)
                try #require(Set(reached) == walked(model, id, direction), "\(when), \(id)")
            }
        }
    }

    private func walked(_ model: Model, _ id: String, _ direction: Direction) -> Set<String> {
        guard let edges = model[id] else { return [] }
        let reached =
            direction == .outgoing
            ? edges.keys.map(\.target).filter { model[$0] != nil }
            : model.filter { $0.value.keys.contains { $0.target == id } }.map(\.key)
        return Set(reached).subtracting([id])
    }
}
