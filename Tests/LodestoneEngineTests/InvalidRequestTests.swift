// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneEngine
import TestSupport
import Testing

@Suite("Invalid request")
struct InvalidRequestTests {
    let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    func engine() async throws -> Engine {
        let engine = try Engine.open(directory: directory.path)
        try await engine.createCollection("three", CollectionOptions(dimension: 3))
        try await engine.createCollection("none", CollectionOptions(dimension: 0))
        return engine
    }

    @Test(
        "A request with an invalid vector is refused with the value and the limit",
        arguments: [
            ([1, 2], "DIMENSION_MISMATCH", "2 dimensions; collection 'three' stores 3"),
            ([1, .nan, 0], "BAD_VECTOR", "nan"), ([1, 0, .infinity], "BAD_VECTOR", "inf"),
            ([0, 0, 0], "BAD_VECTOR", "no direction"),
            ([1e-30, 0, 0], "BAD_VECTOR", "no direction"),
        ] as [([Float], String, String)]
    )
    func vectors(vector: [Float], reason: String, part: String) async throws {
        let engine = try await engine()
        for body in [
            { _ = try await engine.index("three", [Document(id: "a", vector: vector)]) },
            { _ = try await engine.search("three", Query([.near(vector)])) },
        ] as [() async throws -> Void] {
            let error = await failure(body)
            #expect(error?.code == .invalidArgument && error?.reason.rawValue == reason)
            #expect(error?.message.contains(part) ?? false)
            #expect(error?.recovery.isEmpty == false && error?.outcome == .notApplied)
        }
        #expect(try engine.describe("three").documents == 0)
    }

    @Test("A vector whose distances would exceed float32 is refused", arguments: Metric.allCases)
    func longVectors(metric: Metric) async throws {
        let engine = try Engine.open(directory: directory.path)
        try await engine.createCollection("three", CollectionOptions(dimension: 3, metric: metric))
        let tooLong: [[Float]] = [
            [3e19, 0, 0], [0, -1e30, 0], [4e18, 4e18, 0], [.greatestFiniteMagnitude, 0, 0],
        ]
        for vector in tooLong {
            for body in [
                { _ = try await engine.index("three", [Document(id: "a", vector: vector)]) },
                { _ = try await engine.search("three", Query([.near(vector)])) },
            ] as [() async throws -> Void] {
                let error = await failure(body)
                #expect(error?.code == .invalidArgument && error?.reason == .badVector)
                #expect(error?.message.contains("length") == true)
                #expect(error?.message.contains("4.611686e+18") == true)
                #expect(error?.field?.hasSuffix("vector") == true)
            }
        }
        // These are the longest accepted vectors, as far from each other as possible; every
        // distance must be finite.
        let longest: Float = 0x1p62
        let vectors: [[Float]] = [
            [longest, 0, 0], [-longest, 0, 0], [0, longest, 0], [longest / 2, 0, 0], [1, 0, 0],
        ]
        _ = try await engine.index(
            "three",
            vectors.enumerated().map {
                Document(id: DocumentID(stringLiteral: "\($0)"), vector: $1)
            }
        )
        for vector in vectors {
            let hits = try await engine.search("three", Query([.near(vector)], limit: 5))
            #expect(hits.count == 5 && hits.allSatisfy { $0.score.isFinite })
        }
    }

    @Test(
        "A query with an invalid part is refused with the reason",
        arguments: [
            (Query([.near([1, 0, 0])], limit: 0), "LIMIT"),
            (Query([.near([1, 0, 0])], limit: 1_001), "LIMIT"),
            (Query([]), "EMPTY"),
            (Query([.matching("(a", mode: .querySyntax)]), "TEXT_SYNTAX"),
            (Query([.near([1, 0, 0], weight: -1)]), "BAD_VALUE"),
            (Query([Source(.walk(Walk(from: ["a"], depth: 9)))]), "LIMIT"),
            (Query([Source(.walk(Walk(from: [])))]), "EMPTY"),
            (Query([.matching(String(repeating: "a", count: 4_097))]), "LIMIT"),
        ]
    )
    func queries(query: Query, reason: String) async throws {
        let engine = try await engine()
        let error = await failure { _ = try await engine.search("three", query) }
        #expect(error?.code == .invalidArgument && error?.reason.rawValue == reason)
    }

    @Test("A vector for a collection without vectors is refused with that reason")
    func noVectors() async throws {
        let engine = try await engine()
        let error = await failure {
            _ = try await engine.index("none", [Document(id: "a", vector: [1])])
        }
        #expect(error?.reason == .dimensionMismatch)
        #expect(error?.message.contains("stores no vectors") ?? false)
    }

    @Test("A request to an unknown collection names the collection")
    func unknownCollection() async throws {
        let engine = try await engine()
        for body in [
            { _ = try await engine.index("nowhere", [Document(id: "a")]) },
            { _ = try await engine.search("nowhere", Query([.near([1])])) },
            { _ = try await engine.walk("nowhere", Walk(from: ["a"])) },
            { _ = try await engine.dropMany(DropManyRequest(collection: "nowhere", ids: ["a"])) },
            { _ = try await engine.dropCollection("nowhere") },
        ] as [() async throws -> Void] {
            let error = await failure(body)
            #expect(error?.code == .notFound && error?.object == "nowhere")
        }
    }

    @Test("A batch with one invalid document writes nothing")
    func wholeBatch() async throws {
        let engine = try await engine()
        let error = await failure {
            _ = try await engine.index(
                "three",
                [Document(id: "good", vector: [1, 0, 0]), Document(id: "bad", vector: [1])]
            )
        }
        #expect(error?.field == "documents[1].vector")
        let twice = await failure {
            _ = try await engine.index("three", [Document(id: "a"), Document(id: "a")])
        }
        #expect(twice?.reason == .duplicateID && twice?.object == "a")
        let large = await failure {
            _ = try await engine.index(
                "three",
                [Document(id: "a", text: String(repeating: "x", count: 1 << 20))]
            )
        }
        #expect(large?.reason == .limit && large?.object == "a")
        let empty = await failure { _ = try await engine.index("three", []) }
        #expect(empty?.reason == .empty)
        #expect(try engine.describe("three").documents == 0)
    }

    @Test("An invalid collection name is refused", arguments: ["", "a/b", "ä", "a b"])
    func names(name: String) async throws {
        let engine = try await engine()
        let error = await failure {
            try await engine.createCollection(name, CollectionOptions(dimension: 1))
        }
        #expect(error?.reason == .badName)
    }

    private static let badStrategies: [(VectorIndexStrategy, String, String)] = [
        (.lsh(LSHOptions(tables: 0)), "lsh.tables", "0; it must be 1 to 256"),
        (.lsh(LSHOptions(tables: 257)), "lsh.tables", "257; it must be 1 to 256"),
        (.lsh(LSHOptions(hyperplanes: 33)), "lsh.hyperplanes", "33; it must be 1 to 32"),
        (.lsh(LSHOptions(probes: 4_097)), "lsh.probes", "4097; it must be 1 to 4096"),
        (hnsw(HNSWOptions(m: 1)), "hnsw.m", "1; it must be 2 to 128"),
        (hnsw(HNSWOptions(m: 129)), "hnsw.m", "129; it must be 2 to 128"),
        (
            hnsw(HNSWOptions(m: 16, efConstruction: 15)), "hnsw.ef_construction",
            "15; it must be at least m, which is 16"
        ),
        (
            hnsw(HNSWOptions(efConstruction: 4_097)), "hnsw.ef_construction",
            "4097; it must be 1 to 4096"
        ),
        (hnsw(HNSWOptions(efSearch: 0)), "hnsw.ef_search", "0; it must be 1 to 4096"),
    ]

    private static func hnsw(_ options: HNSWOptions) -> VectorIndexStrategy {
        .hnsw(inlineIndexing: false, options)
    }

    @Test("A strategy with an option out of range is refused", arguments: badStrategies)
    func strategies(strategy: VectorIndexStrategy, field: String, says: String) async throws {
        let engine = try await engine()
        let created = await failure {
            try await engine.createCollection(
                "graph",
                CollectionOptions(dimension: 1, vectorStrategy: strategy)
            )
        }
        let altered = await failure { try await engine.alterCollection("three", strategy) }
        for error in [created, altered] {
            #expect(error?.code == .invalidArgument && error?.reason == .limit)
            #expect(error?.field == "vector_strategy.\(field)")
            #expect(error?.message.contains(says) == true)
        }
        #expect(try engine.describe("three").options.vectorStrategy == .flatScan)
    }

    @Test("A dimension that is too large, or zero with a vector strategy, is refused")
    func dimensions() async throws {
        let engine = try await engine()
        let none = await failure {
            try await engine.createCollection(
                "graph",
                CollectionOptions(dimension: 0, vectorStrategy: .hnswBatch)
            )
        }
        #expect(none?.code == .invalidArgument && none?.field == "vector_strategy")
        let large = await failure {
            try await engine.createCollection("large", CollectionOptions(dimension: 4_097))
        }
        #expect(large?.reason == .limit && large?.message.contains("4097") ?? false)
    }

    private static let badTexts: [(Query, String, String)] = [
        (text(.edits(3)), "sources[0].fuzzy_distance", "3; it must be 0 to 2"),
        (text(.edits(-1)), "sources[0].fuzzy_distance", "-1; it must be 0 to 2"),
        (
            text(Fuzziness(prefixLength: 65)), "sources[0].fuzzy_prefix_length",
            "65; it must be 0 to 64"
        ),
        (
            text(Fuzziness(maxExpansions: 0)), "sources[0].fuzzy_max_expansions",
            "0; it must be 1 to 1000"
        ),
        (
            text(nil, Highlight(fragmentSize: 10_001)), "highlight.fragment_size",
            "10001; it must be 0 to 10000"
        ),
        (
            text(nil, Highlight(maxFragments: 0)), "highlight.max_fragments",
            "0; it must be 1 to 100"
        ),
        (
            text(nil, Highlight(fields: Array(repeating: "f", count: 65))), "highlight.fields",
            "65; it must be 0 to 64"
        ),
    ]

    private static func text(_ fuzzy: Fuzziness?, _ highlight: Highlight? = nil) -> Query {
        Query([.matching("word", fuzzy: fuzzy)], highlight: highlight)
    }

    @Test("A text query or highlight out of range is refused", arguments: badTexts)
    func texts(query: Query, field: String, says: String) async throws {
        let engine = try await engine()
        let error = await failure { _ = try await engine.search("none", query) }
        #expect(error?.code == .invalidArgument && error?.reason == .limit)
        #expect(error?.field == "queries[0].\(field)")
        #expect(error?.message.contains(says) == true, "\(error?.message ?? "")")
    }

    @Test("A pattern that matches too many words is refused with the pattern")
    func pattern() async throws {
        let engine = try await engine()
        let words = (0..<10_001).map { "w\($0)" }.joined(separator: " ")
        _ = try await engine.index("none", [Document(id: "a", text: words)])
        let error = await failure {
            let query = Query([.matching("NOT *w*", mode: .querySyntax)])
            _ = try await engine.search("none", query)
        }
        #expect(error?.code == .invalidArgument && error?.reason == .limit)
        #expect(error?.message == "The pattern *w* stands for more than 10000 words.")
    }
}
