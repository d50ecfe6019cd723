// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import TestSupport
import Testing

@testable import LodestoneEngine

@Suite("Text options")
struct TextOptionsTests {
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    private static let titled = TextOptions(
        fields: [TextFieldOptions("title", weight: 5)],
        k1: 1.5,
        b: 0.5,
        exactWeight: 0.1,
        language: .none,
        keepsStopWords: true
    )

    private func document(_ id: DocumentID, _ fields: [(String, String)]) -> Document {
        Document(id: id, text: fields.map { TextField(name: $0.0, text: $0.1) })
    }

    private func ids(_ engine: Engine, _ query: String, _ mode: TextMode = .querySyntax)
        async throws -> [String]
    {
        try await engine.search("texts", Query([.matching(query, mode: mode)])).map(\.id.string)
    }

    @Test("Text options outlast restarts, compactions and removed documents")
    func durable() async throws {
        var engine = try Engine.open(directory: directory.path)
        try await engine.createCollection(
            "texts",
            CollectionOptions(dimension: 0, text: Self.titled)
        )
        _ = try await engine.index(
            "texts",
            [
                document("body", [("title", "a boat"), ("body", "one cat and more")]),
                document("title", [("body", "a boat at sea"), ("title", "one cat")]),
                document("old", [("title", "cat cat"), ("note", "cat")]),
            ]
        )
        _ = try await engine.index("texts", [document("old", [("note", "sea of cats")])])
        var scores: [[Double]] = []
        for turn in 0..<4 {
            if turn == 2 { _ = try await engine.compact("texts") }
            if turn == 1 || turn == 3 {
                engine.close()
                engine = try Engine.open(directory: directory.path)
            }
            #expect(try await ids(engine, "cat") == ["title", "body"])
            #expect(try await ids(engine, "title:cat") == ["title"])
            #expect(try await ids(engine, "body:\"a boat\"") == ["title"])
            #expect(try await ids(engine, "note:(cat* OR boat)") == ["old"])
            // Without a language there are no stems.
            #expect(try await ids(engine, "cats") == ["old"])
            #expect(try await ids(engine, "of the", .anyWord) == ["old"])
            let error = await failure { _ = try await ids(engine, "titel:cat") }
            #expect(error?.reason == .unknownField && error?.message.contains("'titel'") == true)
            let hits = try await engine.search("texts", Query([.matching("one cat boat")]))
            scores.append(hits.map(\.score))
            let described = try engine.collections().first?.options
            #expect(described?.text == Self.titled)
        }
        #expect(scores.allSatisfy { $0 == scores[0] } && scores[0].count == 2)
        engine.close()
    }

    @Test("Plain queries leave out stop words, and query syntax keeps them")
    func stopWords() async throws {
        let engine = try Engine.open(directory: directory.path)
        try await engine.createCollection("texts", CollectionOptions(dimension: 0))
        _ = try await engine.index(
            "texts",
            [document("a", [("t", "the cat")]), document("b", [("t", "the dog")])]
        )
        #expect(try await ids(engine, "the cats", .anyWord) == ["a"])
        #expect(try await ids(engine, "the", .anyWord) == ["a", "b"])
        #expect(try await ids(engine, "the OR cat") == ["a", "b"])
        #expect(try await ids(engine, "\"the dog\"") == ["b"])
        #expect(try await ids(engine, "t:dog") == ["b"])
        #expect(try await ids(engine, "u:dog") == [])
        engine.close()
    }

    @Test("Plain queries keep stop words when the text options say so")
    func keptStopWords() async throws {
        let engine = try Engine.open(directory: directory.path)
        try await engine.createCollection(
            "texts",
            CollectionOptions(dimension: 0, text: TextOptions(keepsStopWords: true))
        )
        _ = try await engine.index(
            "texts",
            [document("a", [("t", "the cat")]), document("b", [("t", "the dog")])]
        )
        #expect(try await ids(engine, "the cats", .anyWord) == ["a", "b"])
        engine.close()
    }

    @Test(
        "The language of a collection determines which words are equal in every query mode",
        arguments: [TextIndexStrategy.postings, .fts5]
    )
    func language(strategy: TextIndexStrategy) async throws {
        let french = TextOptions(language: .french)
        var engine = try Engine.open(directory: directory.path)
        try await engine.createCollection(
            "texts",
            CollectionOptions(dimension: 0, textStrategy: strategy, text: french)
        )
        _ = try await engine.index(
            "texts",
            [
                document("fr", [("t", "Il mangeait à l'école")]),
                document("en", [("t", "the running man")]),
                document("old", [("t", "manger")]),
            ]
        )
        _ = try await engine.index("texts", [document("old", [("t", "boire")])])
        for turn in 0..<4 {
            if turn == 2 { _ = try await engine.compact("texts") }
            if turn == 1 || turn == 3 {
                engine.close()
                engine = try Engine.open(directory: directory.path)
            }
            #expect(try engine.collections().first?.options.text == french)
            #expect(try await ids(engine, "mangées", .anyWord) == ["fr"])
            #expect(try await ids(engine, "runs", .anyWord) == [])
            #expect(try await ids(engine, "mangées ecoles") == ["fr"])
            #expect(try await ids(engine, "t:\"mangées a\"") == ["fr"])
            #expect(try await ids(engine, "mangeiat~2") == ["fr"])
            #expect(try await ids(engine, "t:*geai*") == ["fr"])
            #expect(try await ids(engine, "NOT mangées").sorted() == ["en", "old"])
            var query = Query([.matching("mangées", mode: .querySyntax)])
            query.highlight = Highlight(before: "<", after: ">")
            let hit = try #require(try await engine.search("texts", query).first)
            #expect(
                hit.highlights.first?.fragments.map(\.text) == ["Il <mangeait> à l'école"],
                "turn \(turn)"
            )
            #expect(try await engine.verify().isClean)
        }
        engine.close()
    }

    @Test(
        "Text options out of range are refused with the value and the range",
        arguments: [
            (TextOptions(k1: -1), "LIMIT", "text.k1 is -1.0"),
            (TextOptions(b: 1.5), "LIMIT", "text.b is 1.5"),
            (TextOptions(b: .nan), "LIMIT", "text.b is nan"),
            (TextOptions(exactWeight: .infinity), "LIMIT", "text.exact_weight is inf"),
            (
                TextOptions(fields: [TextFieldOptions("a", weight: 101)]), "LIMIT",
                "text.fields[0].weight is 101.0"
            ),
            (TextOptions(fields: [TextFieldOptions("")]), "LIMIT", "has 0 bytes"),
            (
                TextOptions(fields: [TextFieldOptions("a"), TextFieldOptions("a")]),
                "DUPLICATE_FIELD", "'a'"
            ),
            (
                TextOptions(fields: (0..<8).map { TextFieldOptions("f\($0)") }), "LIMIT",
                "text.fields"
            ),
        ] as [(TextOptions, String, String)]
    )
    func refused(options: TextOptions, reason: String, part: String) async throws {
        let engine = try Engine.open(directory: directory.path)
        let error = await failure {
            try await engine.createCollection(
                "texts",
                CollectionOptions(dimension: 0, text: options)
            )
        }
        #expect(error?.code == .invalidArgument && error?.reason.rawValue == reason)
        #expect(error?.message.contains(part) == true, "\(error?.message ?? "")")
        let unknown = await failure {
            try await engine.createCollection(
                "fts",
                CollectionOptions(dimension: 0, textStrategy: .fts5, text: options)
            )
        }
        #expect(unknown?.code == .invalidArgument)
        engine.close()
    }
}
