// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneEngine
import TestSupport
import Testing

@Suite("Inline search")
struct SearchCostTests {
    private static let dimension = 8
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    private func filled(_ strategy: VectorIndexStrategy = .hnswBatch) async throws -> Engine {
        let engine = try Engine.open(directory: directory.path + "/store")
        try await engine.createCollection(
            "a",
            CollectionOptions(dimension: Self.dimension, vectorStrategy: strategy)
        )
        var random = SeededGenerator(seed: 3)
        let documents = try (0..<300).map { number in
            Document(
                id: try DocumentID("d\(number)"),
                vector: (0..<Self.dimension).map { _ in Float.random(in: -1...1, using: &random) },
                text: "word\(number % 7) other\(number % 11)",
                metadata: ["n": .int(Int64(number))]
            )
        }
        _ = try await engine.index("a", documents)
        _ = try await engine.buildIndex("a")
        return engine
    }

    private func request(_ query: Query) -> SearchRequest {
        SearchRequest(collection: "a", queries: [query])
    }

    private let vector = [Float](repeating: 1, count: dimension)
    private var soon: ContinuousClock.Instant { .now.advanced(by: .seconds(60)) }

    @Test("An inline search returns the results of a search, for vectors, words and both")
    func sameResults() async throws {
        let engine = try await filled()
        let queries = [
            Query([.near(vector)]), Query([.matching("word3 other5")], include: .sourceScores),
            Query([.near(vector), .matching("word3")], limit: 7, include: .explain),
        ]
        for query in queries {
            let usual = try await engine.search(request(query))
            let inlineResult = try engine.searchInline(
                request(query),
                until: soon,
                context: CallContext()
            )
            #expect(inlineResult == usual)
            #expect(inlineResult?.results[0].hits.isEmpty == false)
        }
        // Both calls also find later writes.
        _ = try await engine.index("a", [Document(id: "new", vector: vector)])
        let found = try engine.searchInline(
            request(queries[0]),
            until: soon,
            context: CallContext()
        )
        #expect(found?.results[0].hits.first?.id == "new")
        engine.close()
    }

    @Test("An inline search declines queries that may take long")
    func left() async throws {
        let engine = try await filled()
        let short = request(Query([.near(vector)]))
        // The first search checks the base.
        #expect(try engine.searchInline(short, until: soon, context: CallContext()) == nil)
        _ = try await engine.search(short)
        #expect(try engine.searchInline(short, until: soon, context: CallContext()) != nil)
        let walk = Walk(from: ["d1"], depth: 1)
        let long = [
            Query([.near(vector, exact: true)]), Query([.near(vector, efSearch: 1_000)]),
            // The beam is at least as wide as the number of wanted hits.
            Query([.near(vector)], limit: 200),
            Query([Source(.vector(NearVector(vector)), candidates: 200), .matching("word3")]),
            Query([.near(vector)], filter: .equal(path: ["n"], .int(3))),
            Query([.near(vector)], include: .text), Query([Source(.walk(walk))]),
            Query([.near(vector), Source(.walkFromHits(walk))]),
            Query([.matching("wrod3", fuzzy: Fuzziness())]),
            Query([.matching("*ord*", mode: .querySyntax)]),
        ]
        for query in long {
            #expect(
                try engine.searchInline(request(query), until: soon, context: CallContext()) == nil
            )
        }
        let two = SearchRequest(collection: "a", queries: [short.queries[0], short.queries[0]])
        #expect(try engine.searchInline(two, until: soon, context: CallContext()) == nil)
        let unknown = SearchRequest(collection: "none", queries: short.queries)
        #expect(try engine.searchInline(unknown, until: soon, context: CallContext()) == nil)
        engine.close()
    }

    @Test("An inline search declines when its time is up and refuses an invalid query")
    func late() async throws {
        let engine = try await filled()
        let short = request(Query([.near(vector)]))
        _ = try await engine.search(short)
        #expect(try engine.searchInline(short, until: .now, context: CallContext()) == nil)
        let wrong = request(Query([.near([1])]))
        let error = await failure {
            _ = try engine.searchInline(wrong, until: soon, context: CallContext())
        }
        #expect(error?.reason == .dimensionMismatch)
        engine.close()
    }

    @Test("An inline search declines where a write may hold the graph", arguments: [true, false])
    func inline(links: Bool) async throws {
        let engine = try await filled(links ? .hnswInline : .hnswBatch)
        let short = request(Query([.near(vector)]))
        _ = try await engine.search(short)
        #expect(
            (try engine.searchInline(short, until: soon, context: CallContext()) == nil) == links
        )
        engine.close()
    }
}
