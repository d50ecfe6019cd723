// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneEngine
import TestSupport
import Testing

@Suite("Hybrid query")
struct HybridTests {
    private static let fusions: [Fusion] = [
        .weightedScores(.best), .weightedScores(.minMax), .reciprocalRank(),
    ]
    private static let count = 400

    private let store: TestStore

    init() throws {
        store = try TestStore()
    }

    private func vector(_ random: inout SeededGenerator) -> [Float] {
        (0..<8).map { _ in Float.random(in: -1...1, using: &random) }
    }

    /// A store with 400 documents of common words; one has a code and is opposite to all query
    /// vectors.
    private func filled(_ strategy: TextIndexStrategy = .postings) async throws -> Engine {
        let engine = try store.open()
        try await engine.createCollection(
            "c",
            CollectionOptions(dimension: 8, textStrategy: strategy)
        )
        var random = SeededGenerator(seed: 5)
        let words = ["pump", "valve", "seal", "motor", "belt", "bearing", "filter", "hose"]
        var documents = try (0..<Self.count).map { number in
            var vector = vector(&random)
            vector[0] = abs(vector[0])
            return Document(
                id: try DocumentID("d\(number)"),
                vector: vector,
                text: (0..<6).map { _ in words.randomElement(using: &random) ?? "" }
                    .joined(separator: " "),
                metadata: ["n": .int(Int64(number))]
            )
        }
        documents[251].vector = [-1, 0, 0, 0, 0, 0, 0, 0]
        documents[251].text = [
            TextField(name: "text", text: "replace the pump KX-7731/B every year")
        ]
        _ = try await engine.index("c", documents)
        return engine
    }

    private func ids(_ engine: Engine, _ query: Query) async throws -> [DocumentID] {
        try await engine.search("c", query).map(\.id)
    }

    @Test("A hybrid query finds a planted code for any vector", arguments: fusions)
    func plantedCode(fusion: Fusion) async throws {
        for strategy in [TextIndexStrategy.postings, .fts5] {
            let engine = try await filled(strategy)
            var random = SeededGenerator(seed: 9)
            // With ranks alone, a document that both sources find comes before the best of one
            // source.
            let texts =
                ["KX-7731/B", "the kx-7731/b"]
                + (fusion == .reciprocalRank() ? [] : ["pump KX-7731/B"])
            for text in texts {
                var vector = vector(&random)
                vector[0] = 2
                let sources = [Source.near(vector), .matching(text)]
                let found = try await ids(engine, Query(sources, fusion: fusion, limit: 10))
                #expect(found.contains("d251"), "\(strategy) \(text)")
                let alone = try await ids(engine, Query([sources[0]], limit: Self.count))
                #expect(alone.last == "d251")
            }
            try await engine.dropCollection("c")
            engine.close()
        }
    }

    @Test("A hybrid query returns the same first hits at every limit", arguments: fusions)
    func limits(fusion: Fusion) async throws {
        let engine = try await filled()
        var random = SeededGenerator(seed: 10)
        let late = Filter.range(path: ["n"], lower: .init(100), upper: nil)
        for text in ["KX-7731/B", "pump", "valve hose motor", "nowhere", "pump -"] {
            for filter in [nil, late] {
                let sources = [Source.near(vector(&random)), .matching(text)]
                func hits(_ limit: Int) async throws -> [Hit] {
                    try await engine.search(
                        "c",
                        Query(sources, filter: filter, fusion: fusion, limit: limit)
                    )
                }
                let ten = try await hits(10)
                for limit in [1, 100, 101, 300, 1_000] {
                    let more = try await hits(limit)
                    #expect(Array(more.prefix(10)).map(\.id) == ten.prefix(limit).map(\.id))
                    #expect(zip(more, more.dropFirst()).allSatisfy { $0.score >= $1.score })
                    #expect(Set(more.map(\.id)).count == more.count)
                }
            }
        }
        engine.close()
    }

    @Test(
        "A hybrid query follows the vector where words match nothing or a weight is zero",
        arguments: fusions
    )
    func nothing(fusion: Fusion) async throws {
        let engine = try await filled()
        var random = SeededGenerator(seed: 11)
        for _ in 0..<5 {
            let near = Source.near(vector(&random))
            let alone = try await ids(engine, Query([near], limit: 100))
            for other in [
                Source.matching("zirconium nowhere"), .matching(""), .matching("+ -"),
                .matching("NOT zirconium", mode: .querySyntax), .matching("pump", weight: 0),
            ] {
                let query = Query([near, other], fusion: fusion, limit: 50)
                let hits = try await engine.search("c", query)
                #expect(hits.map(\.id) == Array(alone.prefix(50)), "\(other)")
                #expect(hits.allSatisfy { $0.score.isFinite })
            }
        }
        for weight in [Float.nan, .infinity, -1] {
            let query = Query([.near(vector(&random)), .matching("pump", weight: weight)])
            let error = await failure { _ = try await ids(engine, query) }
            #expect(error?.code == .invalidArgument, "\(weight)")
        }
        engine.close()
    }

    @Test(
        "A hybrid query keeps one source's order among equal scores of the other",
        arguments: fusions
    )
    func equalScores(fusion: Fusion) async throws {
        let engine = try store.open()
        for count in [1, 2, 5, 20, 21, 50] {
            for areVectorsEqual in [false, true] {
                try await engine.createCollection("c", CollectionOptions(dimension: 2))
                _ = try await engine.index(
                    "c",
                    try (0..<count).map { number in
                        // With equal vectors, the text scores only the last three documents, the
                        // last one highest.
                        let position = areVectorsEqual ? 0 : number
                        let pumps = areVectorsEqual ? max(0, number - (count - 4)) : 1
                        return Document(
                            id: try DocumentID("d\(number)"),
                            vector: [1, Float(position) / 50],
                            text: (0..<6).map { $0 < pumps ? "pump" : "x" }.joined(separator: " ")
                        )
                    }
                )
                let query = Query([.near([1, 0]), .matching("pump")], fusion: fusion, limit: 100)
                let hits = try await engine.search("c", query)
                let others = areVectorsEqual ? max(0, count - 3) : count
                let order = Array((others..<count).reversed()) + Array(0..<others)
                #expect(hits.map(\.id.string) == order.map { "d\($0)" }, "\(count)")
                #expect(zip(hits, hits.dropFirst()).allSatisfy { $0.score >= $1.score })
                try await engine.dropCollection("c")
            }
        }
        engine.close()
    }

    @Test(
        "A hybrid query with a long text searches the rarest words and reports the others",
        arguments: ["postings", "fts5"]
    )
    func longText(strategy: String) async throws {
        let engine = try await filled(strategy == "fts5" ? .fts5 : .postings)
        let filler = (0..<30).map { "filler\($0)" }
        _ = try await engine.index(
            "c",
            [
                Document(
                    id: "long",
                    vector: [-1, 0, 0, 0, 0, 0, 0, 0],
                    text: filler.joined(separator: " ")
                )
            ]
        )
        // The query has 30 words of one document, one word of another, and eight of most; 32 are
        // searched.
        let common = "pump valve seal motor belt bearing filter hose"
        let queryText = common + " " + filler.joined(separator: " ") + " 7731 unknown"
        var random = SeededGenerator(seed: 12)
        let query = Query([.near(vector(&random)), .matching(queryText)], include: .explain)
        let response = try await engine.search(SearchRequest(collection: "c", queries: [query]))
        let result = try #require(response.results.first)
        #expect(result.isPartial)
        #expect(result.hits.count == 10)
        let wanted: Set<DocumentID> = strategy == "fts5" ? ["long"] : ["long", "d251"]
        #expect(Set(result.hits.map(\.id)).isSuperset(of: wanted))
        let explained = try #require(result.textExplanations.first)
        #expect(explained.source == 1)
        #expect(explained.leftOut.count == 8 && explained.leftOut.last == "unknown")
        #expect(
            Set(explained.leftOut).isSubset(
                of: common.split(separator: " ").map(String.init) + ["unknown"]
            )
        )
        // A query with the most permitted words searches all of them.
        let few = Query(
            [.near(vector(&random)), .matching(filler.joined(separator: " ") + " 7731 pump")],
            include: .explain
        )
        let whole = try await engine.search(SearchRequest(collection: "c", queries: [few]))
        #expect(whole.results.first?.isPartial == false)
        #expect(whole.results.first?.textExplanations.allSatisfy { $0.leftOut.isEmpty } == true)
        engine.close()
    }
}
