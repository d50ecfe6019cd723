// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneEngine
import TestSupport
import Testing

/// Hybrid queries over codes against the same queries over exact scores of every vector.
@Suite("Hybrid query over codes")
struct HybridEstimateTests {
    private static let count = 500
    private static let words = (0..<40).map { "word\($0)" }

    private let store: TestStore

    init() throws {
        store = try TestStore()
    }

    private static func text(_ random: inout SeededGenerator) -> String {
        (0..<8).map { _ in
            // Some words are rare.
            let place = Double.random(in: 0..<1, using: &random)
            return words[Int(place * place * Double(words.count))]
        }.joined(separator: " ")
    }

    /// A document: vectors of several lengths, copies of a vector, and some without one.
    private static func document(_ number: Int, _ random: inout SeededGenerator) throws -> Document
    {
        let length = Float.random(in: 0.5...2, using: &random)
        var document = Document(
            id: try DocumentID("d\(number)"),
            vector: VectorStock.vector(number % 31 == 0 ? 0 : number).map { $0 * length },
            text: text(&random),
            metadata: ["n": .int(Int64(number)), "part": .int(Int64(number % 3))],
            edges: [
                Edge("next", to: try DocumentID("d\((number + 1) % count)")),
                Edge("far", to: try DocumentID("d\(number * 7 % count)")),
            ]
        )
        if number % 17 == 5 { document.vector = nil }
        if number % 31 == 0 { document.vector = VectorStock.vector(0) }
        return document
    }

    /// A collection with a graph, dropped and replaced documents, and some outside of the graph.
    private func filled(_ metric: Metric, _ quantization: VectorQuantization) async throws -> Engine
    {
        let engine = try store.open()
        let options = HNSWOptions(
            m: 8,
            efConstruction: 60,
            efSearch: 32,
            quantization: quantization
        )
        try await engine.createCollection(
            "c",
            CollectionOptions(
                dimension: VectorStock.dimension,
                metric: metric,
                vectorStrategy: .hnsw(inlineIndexing: false, options)
            )
        )
        var random = SeededGenerator(seed: 31)
        func write(_ numbers: some Sequence<Int>) async throws {
            _ = try await engine.index("c", try numbers.map { try Self.document($0, &random) })
        }
        try await write(0..<Self.count)
        try await engine.buildIndex("c")
        let dropped = try stride(from: 3, to: Self.count, by: 11).map { try DocumentID("d\($0)") }
        _ = try await engine.dropMany(DropManyRequest(collection: "c", ids: dropped))
        try await write(stride(from: 4, to: Self.count, by: 23))
        try await write(Self.count..<Self.count + 30)
        return engine
    }

    /// The lists of sources that a query may have next to its vectors.
    private func companions(_ random: inout SeededGenerator) throws -> [[Source]] {
        let text = Source.matching(Self.text(&random))
        let first = Self.words.randomElement(using: &random) ?? ""
        let walk = Walk(
            from: [try DocumentID("d\(Int.random(in: 0..<99, using: &random))")],
            depth: 3
        )
        return [
            [text],
            [
                text,
                .matching("\"\(Self.words[0]) \(Self.words[1])\" OR \(first)", mode: .querySyntax),
            ],
            [.matching("word1* AND \(first)", mode: .querySyntax)],
            [.matching("wird3", fuzzy: .edits(1)), text],
            [text, Source(.walk(walk))],
            [text, Source(.walkFromHits(Walk(from: [], direction: .both)))],
            [.matching("NOT \(first)", mode: .querySyntax)],
            [text, Source(.text(MatchText("word0")), weight: 0)],
        ]
    }

    private func makeQuery(
        _ vectors: [[Float]],
        _ others: [Source],
        exact: Bool,
        candidates: Int,
        efSearch: Int? = 4_096
    ) -> Query {
        var sources = vectors.map { Source.near($0, exact: exact, efSearch: efSearch) } + others
        for index in sources.indices { sources[index].candidates = candidates }
        return Query(sources, include: [.sourceScores, .explain])
    }

    @Test(
        "A hybrid query over codes has the hits and scores of one that compares all vectors",
        arguments: Metric.allCases,
        VectorQuantization.allCases
    )
    func equalsScan(metric: Metric, quantization: VectorQuantization) async throws {
        let engine = try await filled(metric, quantization)
        var random = SeededGenerator(seed: 77)
        let filters: [Filter?] = [
            nil, .equal(path: ["part"], .int(1)), .range(path: ["n"], lower: nil, upper: .init(60)),
        ]
        var compared = 0
        for number in 0..<TestLength.cases(3, long: 6) {
            let fusion: Fusion =
                [.weightedScores(.best), .weightedScores(.best), .weightedScores(.minMax)][
                    number % 3
                ]
            let queryVectors = VectorStock.queryVectors(2 + number).suffix(2)
            for (index, others) in try companions(&random).enumerated() {
                let vectors = Array(queryVectors.prefix(index % 4 == 3 ? 2 : 1))
                let candidates = [60, 100, 600][(number + index) % 3]
                var plain = makeQuery(vectors, others, exact: true, candidates: candidates)
                var coded = makeQuery(vectors, others, exact: false, candidates: candidates)
                for filter in filters {
                    (plain.filter, coded.filter) = (filter, filter)
                    (plain.fusion, coded.fusion) = (fusion, fusion)
                    let limit = [1, 10, 40][(number + index) % 3]
                    (plain.limit, coded.limit) = (limit, limit)
                    let results = try await engine.search(
                        SearchRequest(collection: "c", queries: [plain, coded])
                    ).results
                    expectEqual(results[0].hits, results[1].hits, "\(number) \(index) \(coded)")
                    if filter == nil, quantization == .int8 {
                        // Not all vectors were compared exactly.
                        let scanned = results[1].explanations.map(\.scannedRows).max() ?? 0
                        #expect(scanned < 250)
                    }
                    compared += results[1].hits.count
                }
            }
        }
        #expect(compared > 1_000)
        engine.close()
    }

    private func expectEqual(_ plain: [Hit], _ coded: [Hit], _ comment: Comment) {
        #expect(plain.map(\.id) == coded.map(\.id), comment)
        for (one, other) in zip(plain, coded) where one.id == other.id {
            // Scores that differ by rounding alone may be joined in another order.
            #expect(abs(one.score - other.score) <= 1e-6, comment)
            #expect(one.sourceScores == other.sourceScores, comment)
        }
    }

    @Test(
        "A hybrid query over codes has exact source scores at every width of its walk",
        arguments: Metric.allCases,
        VectorQuantization.allCases
    )
    func exactScores(metric: Metric, quantization: VectorQuantization) async throws {
        let engine = try await filled(metric, quantization)
        var random = SeededGenerator(seed: 78)
        for vector in VectorStock.queryVectors(8) {
            let all = try await engine.search(
                "c",
                Query([.near(vector, exact: true)], limit: 1_000)
            )
            let scores = Dictionary(uniqueKeysWithValues: all.map { ($0.id, $0.score) })
            for efSearch in [nil, 10, 200] {
                let text = Source.matching(Self.text(&random))
                let query = makeQuery(
                    [vector],
                    [text],
                    exact: false,
                    candidates: 100,
                    efSearch: efSearch
                )
                let hits = try await engine.search("c", query)
                #expect(hits.count == 10)
                for hit in hits {
                    let score = hit.sourceScores.first { $0.source == 0 }?.score
                    #expect(score == scores[hit.id], "\(hit.id)")
                }
            }
        }
        engine.close()
    }
}
