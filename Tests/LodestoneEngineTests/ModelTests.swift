// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneEngine
import TestSupport
import Testing

/// An engine and a plain model get the same random writes.
///
/// After each write, and after restarts, every kind of read must agree with the model.
@Suite("Engine against a model")
struct ModelTests {
    private struct Model {
        var documents: [DocumentID: Document] = [:]
        var order: [DocumentID] = []

        mutating func put(_ document: Document) {
            order.removeAll { $0 == document.id }
            order.append(document.id)
            documents[document.id] = document
        }

        mutating func drop(_ id: DocumentID) {
            guard documents.removeValue(forKey: id) != nil else { return }
            order.removeAll { $0 == id }
            for (source, document) in documents {
                documents[source]?.edges = document.edges.filter { $0.target != id }
            }
        }
    }

    private let words = ["red", "green", "blue", "white", "black"]

    /// The life of the engines during the writes.
    enum Life: String, CaseIterable {
        /// One engine keeps all writes in its delta.
        case alone
        /// One engine compacts all the time.
        case compacting
        /// Two engines on one store both write, are read in turn, and compact all the time.
        case shared

        var policy: CompactionPolicy {
            if self == .alone { return CompactionPolicy() }
            // Vectors also move from segment to segment.
            return CompactionPolicy(
                minimumChanges: 7,
                busyChanges: 1,
                percentOfBase: 0,
                idleTime: .milliseconds(1),
                minimumGarbageBytes: 0
            )
        }
    }

    @Test(
        "An engine agrees with a model after every write and restart",
        arguments: [1, 2, 3] as [UInt64],
        Life.allCases
    )
    func agrees(seed: UInt64, life: Life) async throws {
        var random = SeededGenerator(seed: seed)
        let directory = try TemporaryDirectory()
        let options = Engine.Options(compaction: life.policy)
        let open = { try Engine.open(directory: directory.path, options: options) }
        var engines = [try open()]
        if life == .shared { engines.append(try open()) }
        try await engines[0].createCollection(
            "m",
            CollectionOptions(
                dimension: 3,
                metric: .euclidean,
                textStrategy: seed == 3 ? .fts5 : .postings
            )
        )
        var model = Model()
        for step in 0..<120 {
            let writer = Int.random(in: 0..<engines.count, using: &random)
            let engine = engines[writer]
            switch Int.random(in: 0..<11, using: &random) {
            case 0..<6:
                let batch = try documents(&random)
                _ = try await engine.index("m", batch)
                // Documents with vectors get the first rows of a batch.
                for document in batch where document.vector != nil { model.put(document) }
                for document in batch where document.vector == nil { model.put(document) }
            case 6..<8:
                let ids = [try id(&random), try id(&random), try id(&random)]
                _ = try await engine.dropMany(DropManyRequest(collection: "m", ids: ids))
                for id in ids { model.drop(id) }
            case 8:
                guard let source = model.order.randomElement(using: &random) else { continue }
                let edge = Edge("new", to: try id(&random), weight: Float(step))
                _ = try await engine.index(
                    "m",
                    [],
                    edges: [SourcedEdge(from: source, edge)]
                )
                model.documents[source]?.edges.removeAll {
                    $0.label == "new" && $0.target == edge.target
                }
                model.documents[source]?.edges.append(edge)
            case 9 where life != .alone:
                try await engine.compact("m")
            default:
                engine.close()
                engines[writer] = try open()
            }
            let reader = try #require(engines.randomElement(using: &random))
            try await compare(reader, model, &random)
        }
        for engine in engines { engine.close() }
    }

    private func compare(
        _ engine: Engine,
        _ model: Model,
        _ random: inout SeededGenerator
    ) async throws {
        let page = try await engine.scan(ScanRequest(collection: "m", limit: 1_000))
        try #require(page.documents.map(\.id) == model.order)
        for document in page.documents {
            let expected = try #require(model.documents[document.id])
            try #require(document.vector == expected.vector)
            try #require(document.metadata == expected.metadata)
            try #require(
                document.edges.sorted { $0.description < $1.description }
                    == expected.edges.sorted { $0.description < $1.description }
            )
        }
        let vector: [Float] = (0..<3).map { _ in .random(in: -1...1, using: &random) }
        let near = try await engine.search("m", Query([.near(vector)], limit: 5))
        let distances = model.order.compactMap { id -> Double? in
            guard let stored = model.documents[id]?.vector else { return nil }
            return zip(stored, vector).reduce(0.0) { sum, pair in
                let difference = Double(pair.0) - Double(pair.1)
                return sum + difference * difference
            }
        }.sorted()
        try #require(near.count == min(5, distances.count))
        for (hit, expected) in zip(near, distances) {
            try #require(abs(hit.score + expected) < 1e-5)
        }
        let word = try #require(words.randomElement(using: &random))
        let other = try #require(words.randomElement(using: &random))
        let matching = try await engine.search(
            "m",
            Query([.matching("\(word) NOT \(other)", mode: .querySyntax)], limit: 1_000)
        )
        let expected = model.order.filter { id in
            let text = model.documents[id]?.text.first?.text.split(separator: " ") ?? []
            return text.contains(Substring(word)) && !text.contains(Substring(other))
        }
        try #require(Set(matching.map(\.id)) == Set(expected))
        let start = try id(&random)
        let walk = try await engine.walk("m", Walk(from: [start], depth: 3))
        let reached = Dictionary(uniqueKeysWithValues: walk.reached.map { ($0.id, $0.depth) })
        try #require(reached == walked(model, from: start, depth: 3))
        let description = try engine.describe("m")
        try #require(description.documents == model.order.count)
        try #require(description.edges == model.documents.values.reduce(0) { $0 + $1.edges.count })
    }

    private func walked(_ model: Model, from start: DocumentID, depth: Int) -> [DocumentID: Int] {
        guard model.documents[start] != nil else { return [:] }
        var depths = [start: 0]
        var frontier = [start]
        for depth in 1...depth {
            var next: [DocumentID] = []
            for id in frontier {
                for edge in model.documents[id]?.edges ?? []
                where model.documents[edge.target] != nil && depths[edge.target] == nil {
                    depths[edge.target] = depth
                    next.append(edge.target)
                }
            }
            frontier = next
        }
        depths[start] = nil
        return depths
    }

    private func id(_ random: inout SeededGenerator) throws -> DocumentID {
        try DocumentID("d\(Int.random(in: 0..<25, using: &random))")
    }

    private func documents(_ random: inout SeededGenerator) throws -> [Document] {
        var batch: [DocumentID: Document] = [:]
        for _ in 0..<Int.random(in: 1...6, using: &random) {
            let id = try id(&random)
            var targets: Set<DocumentID> = []
            for _ in 0..<Int.random(in: 0...3, using: &random) {
                targets.insert(try self.id(&random))
            }
            batch[id] = Document(
                id: id,
                vector: Bool.random(using: &random)
                    ? (0..<3).map { _ in .random(in: -1...1, using: &random) } : nil,
                text: words.filter { _ in Bool.random(using: &random) }.joined(separator: " "),
                metadata: ["n": .int(.random(in: 0...9, using: &random))],
                edges: targets.sorted().map { Edge("to", to: $0) }
            )
        }
        return batch.values.sorted { $0.id < $1.id }
    }
}

extension Edge {
    fileprivate var description: String { "\(label) \(target) \(weight)" }
}
