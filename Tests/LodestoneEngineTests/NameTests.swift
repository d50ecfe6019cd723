// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import TestSupport
import Testing

@testable import LodestoneEngine

@Suite("Look-alike names")
struct NameTests {
    private let store: TestStore

    init() throws { store = try TestStore() }

    private func ids(_ engine: Engine, _ filter: Filter) async throws -> [DocumentID] {
        try await engine.scan(ScanRequest(collection: "a", filter: filter)).documents.map(\.id)
    }

    private func ids(_ engine: Engine, _ text: String) async throws -> [DocumentID] {
        try await engine.search("a", Query([.matching(text, mode: .querySyntax)])).map(\.id)
    }

    @Test("Look-alike names are distinct metadata fields", arguments: LookAlikes.all, [0, 1, 2])
    func metadata(pair: LookAlikes, indexed: Int) async throws {
        let (first, second) = (pair.first, pair.second)
        let indexes = [first, second].prefix(indexed).map { MetadataIndex(path: [$0]) }
        let documents = [
            Document(id: "both", metadata: [first: 1, second: 2]),
            Document(id: "one", metadata: [first: 1, "o": .object([first: 1])]),
            Document(id: "other", metadata: [second: 1, "o": .object([second: 1])]),
        ]
        for turn in 0..<3 {
            let engine = try store.open()
            defer { engine.close() }
            if turn == 0 {
                try await engine.createCollection(
                    "a",
                    CollectionOptions(dimension: 0, metadataIndexes: indexes)
                )
                _ = try await engine.index("a", documents)
            }
            if turn == 2 { try await engine.compact("a") }
            #expect(try engine.describe("a").options.metadataIndexes == indexes)
            let found = try await engine.get(GetRequest(collection: "a", ids: documents.map(\.id)))
            #expect(found == documents)
            #expect(try await ids(engine, .equal(path: [first], 1)) == ["both", "one"])
            #expect(try await ids(engine, .equal(path: [second], 1)) == ["other"])
            #expect(try await ids(engine, .exists(path: [second], false)) == ["one"])
            #expect(try await ids(engine, .contains(path: ["o", second], 1)) == [])
            #expect(try await ids(engine, .equal(path: ["o", second], 1)) == ["other"])
            #expect(try await ids(engine, .equal(path: ["o"], .object([first: 1]))) == ["one"])
            let many = (0..<5).map { Value.object([second: .int($0)]) }
            #expect(try await ids(engine, .oneOf(path: ["o"], many)) == ["other"])
            let either = Filter.or([.equal(path: [first], 2), .equal(path: [second], 2)])
            #expect(try await ids(engine, either) == ["both"])
            let response = try await engine.count(
                CountRequest(
                    collection: "a",
                    facets: [first, second].map { FacetRequest(path: [$0], limit: 9) }
                )
            )
            #expect(
                response.facets == [
                    Facet(path: [first], values: [.init(value: 1, count: 2)], distinctValues: 1),
                    Facet(
                        path: [second],
                        values: [.init(value: 1, count: 1), .init(value: 2, count: 1)],
                        distinctValues: 2
                    ),
                ]
            )
            #expect(try await engine.verify().isClean)
        }
    }

    @Test("Look-alike names have distinct field indexes and orders", arguments: LookAlikes.all)
    func indexes(pair: LookAlikes) async throws {
        let engine = try store.open()
        defer { engine.close() }
        let first = MetadataIndex(path: [pair.first])
        let second = MetadataIndex(path: [pair.second])
        try await engine.createCollection(
            "a",
            CollectionOptions(dimension: 0, metadataIndexes: [first, second])
        )
        _ = try await engine.index(
            "a",
            [
                Document(id: "x", metadata: [pair.first: 1, pair.second: 2]),
                Document(id: "y", metadata: [pair.first: 2, pair.second: 1]),
            ]
        )
        let order = { (index: MetadataIndex) in
            ScanRequest(collection: "a", order: ScanOrder(path: index.path))
        }
        #expect(try await engine.scan(order(first)).documents.map(\.id) == ["x", "y"])
        #expect(try await engine.scan(order(second)).documents.map(\.id) == ["y", "x"])
        try await engine.alterCollection("a", dropIndexes: [second])
        #expect(try engine.describe("a").options.metadataIndexes == [first])
        #expect(try await engine.scan(order(first)).documents.map(\.id) == ["x", "y"])
        let error = await failure { _ = try await engine.scan(order(second)) }
        #expect(error?.reason == .notIndexed)
        try await engine.alterCollection("a", addIndexes: [second], dropIndexes: [first])
        #expect(try engine.describe("a").options.metadataIndexes == [second])
        #expect(try await ids(engine, .equal(path: [pair.first], 2)) == ["y"])
    }

    @Test(
        "Look-alike names are distinct text fields in queries and highlights",
        arguments: LookAlikes.all,
        [TextIndexStrategy.postings, .fts5]
    )
    func text(pair: LookAlikes, strategy: TextIndexStrategy) async throws {
        let (first, second) = (pair.first, pair.second)
        for turn in 0..<3 {
            let engine = try store.open()
            defer { engine.close() }
            if turn == 0 {
                try await engine.createCollection(
                    "a",
                    CollectionOptions(dimension: 0, textStrategy: strategy)
                )
                _ = try await engine.index(
                    "a",
                    [
                        Document(
                            id: "both",
                            text: [
                                TextField(name: first, text: "alpha"),
                                TextField(name: second, text: "beta"),
                            ]
                        ),
                        Document(id: "one", text: [TextField(name: first, text: "gamma")]),
                        Document(id: "other", text: [TextField(name: second, text: "gamma")]),
                    ]
                )
            }
            if turn == 2 { try await engine.compact("a") }
            #expect(try await ids(engine, "\(first):alpha") == ["both"])
            #expect(try await ids(engine, "\(first):beta") == [])
            #expect(try await ids(engine, "\(second):beta") == ["both"])
            #expect(try await ids(engine, "\(first):gamma") == ["one"])
            #expect(try await ids(engine, "\(second):gamma") == ["other"])
            #expect(try await ids(engine, "\(first):alpha AND \(second):beta") == ["both"])
            var query = Query([.matching("\(second):beta OR \(first):beta", mode: .querySyntax)])
            query.highlight = Highlight(before: "<", after: ">")
            var hits = try await engine.search("a", query)
            #expect(hits.first?.highlights.map { Array($0.field.utf8) } == [Array(second.utf8)])
            query = Query([.matching("alpha beta")])
            query.highlight = Highlight(fields: [first], before: "<", after: ">")
            hits = try await engine.search("a", query)
            #expect(hits.first?.highlights.map { $0.fragments.map(\.text) } == [["<alpha>"]])
            query = Query([.matching("\(first):alpha AND \(first):be*", mode: .querySyntax)])
            #expect(try await engine.search("a", query).isEmpty)
            // After a field's name, a word matches only in that field, also in the highlights.
            query = Query([.matching("\(first):alpha OR \(first):beta", mode: .querySyntax)])
            query.highlight = Highlight(before: "<", after: ">")
            hits = try await engine.search("a", query)
            #expect(hits.first?.highlights.map { $0.fragments.map(\.text) } == [["<alpha>"]])
            #expect(try await engine.verify().isClean)
        }
    }

    @Test("Look-alike text fields have weights of their own", arguments: LookAlikes.all)
    func weights(pair: LookAlikes) async throws {
        let declared = [
            [TextFieldOptions(pair.second, weight: 3)],
            [TextFieldOptions(pair.first, weight: 0.5), TextFieldOptions(pair.second, weight: 3)],
        ]
        for (number, fields) in declared.enumerated() {
            let name = "c\(number)"
            for turn in 0..<3 {
                let engine = try store.open()
                defer { engine.close() }
                if turn == 0 {
                    try await engine.createCollection(
                        name,
                        CollectionOptions(dimension: 0, text: TextOptions(fields: fields))
                    )
                    _ = try await engine.index(
                        name,
                        [
                            Document(id: "x", text: [TextField(name: pair.first, text: "word")]),
                            Document(id: "y", text: [TextField(name: pair.second, text: "word")]),
                        ]
                    )
                }
                if turn == 2 { try await engine.compact(name) }
                #expect(try engine.describe(name).options.text.fields == fields)
                let hits = try await engine.search(name, Query([.matching("word")]))
                #expect(hits.map(\.id) == ["y", "x"])
                #expect(hits.count == 2 && hits[0].score > hits[1].score)
                #expect(try await engine.verify().isClean)
            }
        }
        let engine = try store.open()
        defer { engine.close() }
        let query = Query([.matching("\(pair.first):word", mode: .querySyntax)])
        try await engine.createCollection(
            "d",
            CollectionOptions(
                dimension: 0,
                text: TextOptions(fields: [TextFieldOptions(pair.second)])
            )
        )
        let error = await failure { _ = try await engine.search("d", query) }
        #expect(error?.reason == .unknownField)
        #expect(error?.object.map { Array($0.utf8) } == Array(pair.first.utf8))
    }

    @Test("Two text fields with equal bytes in their names are refused")
    func duplicates() async throws {
        let engine = try store.open()
        defer { engine.close() }
        let fields = [TextFieldOptions("caf\u{E9}"), TextFieldOptions("caf\u{E9}")]
        let error = await failure {
            try await engine.createCollection(
                "a",
                CollectionOptions(dimension: 0, text: TextOptions(fields: fields))
            )
        }
        #expect(error?.reason == .duplicateField)
    }
}
