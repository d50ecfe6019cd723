// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import TestSupport
import Testing

@testable import LodestoneEngine

@Suite("Postings against FTS5")
struct TextStrategyTests {
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    /// Documents and queries of words that are often similar to each other.
    private struct Texts {
        var random: SeededGenerator
        static let beginnings = ["run", "python", "schön", "mang", "tall", "the", "東京", "京都", "都"]
        static let endings = ["", "s", "ning", "e", "é", "ée", "er", "ing"]

        mutating func pick(_ list: [String]) -> String { list.randomElement(using: &random) ?? "" }
        mutating func chance(_ of: Int) -> Bool { Int.random(in: 0..<of, using: &random) == 0 }

        mutating func word() -> String {
            let word = pick(Self.beginnings)
            return word.first?.isASCII ?? false || word == "schön"
                ? word + pick(Self.endings) : word
        }

        mutating func text() -> String {
            (0..<Int.random(in: 0...6, using: &random)).map { _ in word() }
                .joined(separator: pick([" ", ", ", " - "]))
        }

        mutating func document(_ number: Int) throws -> Document {
            let fields = ["title", "body", "title", "note"].shuffled(using: &random)
                .prefix(Int.random(in: 0...3, using: &random))
            return Document(
                id: try DocumentID("d\(number)"),
                text: fields.map { TextField(name: $0, text: text()) }
            )
        }

        mutating func misspelled() -> String {
            // A letter between characters would be a word of its own.
            var letters = Array(pick(Self.beginnings.filter { $0.count > 2 }) + pick(Self.endings))
            let position = Int.random(in: 0..<letters.count, using: &random)
            if chance(2) { letters.insert("n", at: position) } else { letters[position] = "x" }
            return String(letters)
        }

        mutating func term() -> String {
            let letters = pick(["run", "pyth", "ann", "e", "hön"])
            let term: String
            switch Int.random(in: 0..<9, using: &random) {
            case 0, 1: term = word()
            case 2: term = "\"\(word()) \(word())\""
            case 3: term = word() + "*"
            case 4, 5: term = misspelled() + pick(["~", "~1", "~2"])
            case 6: term = "*\(letters)*"
            case 7: term = pick(["r*n", "m*e", "*ing", "py*s"])
            default: term = "\"\(word()) \(letters)\"*"
            }
            return chance(3) ? pick(["title", "body", "note", "none"]) + ":" + term : term
        }

        mutating func randomQuery(depth: Int = 0) -> String {
            if depth == 3 || chance(3) { return term() }
            let (one, other) = (randomQuery(depth: depth + 1), randomQuery(depth: depth + 1))
            switch Int.random(in: 0..<6, using: &random) {
            case 0: return "NOT (\(one))"
            case 1: return "(\(one)) OR (\(other))"
            case 2: return "\(pick(["title", "body"])):(\(one) NOT (\(other)))"
            case 3: return "(\(one)) NOT (\(other))"
            default: return "(\(one)) AND (\(other))"
            }
        }
    }

    private func foundIDs(_ engine: Engine, _ collection: String, _ source: Source) async throws
        -> Set<String>
    {
        let query = Query([source], limit: 1_000)
        return Set(try await engine.search(collection, query).map(\.id.string))
    }

    @Test("A long query searches its rarest words and reports the others, by both strategies")
    func longQueries() async throws {
        let engine = try await engine(.english)
        let words = (0..<40).map { "w\($0)" }
        var documents = try (0..<40).map { number in
            Document(
                id: try DocumentID("d\(number)"),
                text: words[number...].joined(separator: " ")
            )
        }
        documents.append(Document(id: "rare", text: "zirconium valve"))
        for name in ["postings", "fts5"] {
            _ = try await engine.index(name, documents)
            let text = words.reversed().joined(separator: " ") + " zirconium unknown"
            let query = Query([.matching(text)], limit: 50, include: .explain)
            let response = try await engine.search(
                SearchRequest(collection: name, queries: [query])
            )
            let result = try #require(response.results.first)
            #expect(result.isPartial)
            #expect(Set(result.hits.map(\.id.string)) == Set((0..<31).map { "d\($0)" } + ["rare"]))
            let explained = try #require(result.textExplanations.first)
            #expect(explained.leftOut == words[31...].reversed() + ["unknown"])
        }
        engine.close()
    }

    @Test(
        "Postings and FTS5 find the same documents",
        arguments: [TextLanguage.english, .none, .french, .german]
    )
    func differential(language: TextLanguage) async throws {
        let engine = try await engine(language)
        var texts = Texts(random: SeededGenerator(seed: UInt64(language.rawValue) + 1))
        var found = 0
        for round in 0..<3 {
            // The batch has new documents and new texts of old ones; then some documents are
            // dropped.
            let documents = try (round * 40..<round * 40 + 60).map { try texts.document($0) }
            let gone = try (0..<10).map { try DocumentID("d\(round * 40 + $0 * 3)") }
            for name in ["postings", "fts5"] {
                _ = try await engine.index(name, documents)
                _ = try await engine.dropMany(DropManyRequest(collection: name, ids: gone))
                // Postings lose the words of dropped documents with the next base.
                _ = try await engine.compact(name)
            }
            for _ in 0..<150 {
                let source: Source
                if texts.chance(4) {
                    let words = (0..<Int.random(in: 1...3, using: &texts.random))
                        .map { _ in texts.chance(2) ? texts.word() : texts.misspelled() }
                    source = .matching(
                        words.joined(separator: " "),
                        fuzzy: [nil, .auto, .edits(1), .edits(2)].randomElement(
                            using: &texts.random
                        )
                            ?? nil
                    )
                } else {
                    source = .matching(texts.randomQuery(), mode: .querySyntax)
                }
                let expected = try await foundIDs(engine, "postings", source)
                #expect(try await foundIDs(engine, "fts5", source) == expected, "\(source)")
                found += expected.isEmpty ? 0 : 1
            }
            let report = try await engine.verify()
            #expect(report.isClean, "\(report.damages)")
        }
        // Queries without hits compare nothing, so enough queries must have hits.
        #expect(found > 150)
        engine.close()
    }

    /// An engine with an empty collection of each strategy.
    private func engine(_ language: TextLanguage) async throws -> Engine {
        let engine = try Engine.open(directory: directory.path)
        for (name, strategy) in [("postings", TextIndexStrategy.postings), ("fts5", .fts5)] {
            try await engine.createCollection(
                name,
                CollectionOptions(
                    dimension: 0,
                    textStrategy: strategy,
                    text: TextOptions(language: language)
                )
            )
        }
        return engine
    }

    /// An engine with the same documents in a collection of each strategy.
    private func filled(_ documents: [Document]) async throws -> Engine {
        let engine = try await engine(.none)
        for name in ["postings", "fts5"] { _ = try await engine.index(name, documents) }
        return engine
    }

    @Test("A fuzzy word expands to its nearest words up to the limit, by both strategies")
    func expansions() async throws {
        let texts = ["pythan", "pythen", "pythen", "xython", "pyton"]
        let engine = try await filled(
            try texts.enumerated().map { Document(id: try DocumentID("d\($0)"), text: $1) }
        )
        let expectations: [(String, Fuzziness, Set<String>)] = [
            ("python", .edits(1), ["d0", "d1", "d2", "d3", "d4"]),
            ("python", Fuzziness(.edits(1), prefixLength: 1), ["d0", "d1", "d2", "d4"]),
            // Of the words with the same length, the one in more documents comes first.
            ("python", Fuzziness(.edits(1), maxExpansions: 1), ["d1", "d2"]),
            ("python", Fuzziness(.edits(1), maxExpansions: 2), ["d0", "d1", "d2"]),
            // The expansions are the word itself and one similar word.
            ("pythan", Fuzziness(.edits(1), maxExpansions: 1), ["d0", "d1", "d2"]),
        ]
        for name in ["postings", "fts5"] {
            for (word, fuzziness, expected) in expectations {
                let found = try await foundIDs(engine, name, .matching(word, fuzzy: fuzziness))
                #expect(found == expected, "\(name) \(word) \(fuzziness)")
            }
        }
        engine.close()
    }

    @Test("All fuzzy words of a query share one limit of expansions, by both strategies")
    func manyExpansions() async throws {
        let letters = "abcdefghijklmnopqrstuvwxyz0123456789"
        let pairs = letters.flatMap { first in letters.map { "\(first)\($0)" } }
        let engine = try await filled(
            try pairs.map { Document(id: try DocumentID($0), text: $0) }
        )
        let source = Source.matching(
            letters.prefix(9).map { "a\($0)" }.joined(separator: " "),
            fuzzy: Fuzziness(.edits(2), maxExpansions: 1_000)
        )
        let expected = try await foundIDs(engine, "postings", source)
        #expect(expected.count > 900 && expected.count < 1_000)
        #expect(try await foundIDs(engine, "fts5", source) == expected)
        engine.close()
    }

    @Test(
        "Text hits are ranked best first and restricted by a filter, by both strategies",
        arguments: ["postings", "fts5"]
    )
    func ranks(name: String) async throws {
        let texts = [
            "some words around the fox", "fox fox",
            "a fox and many more words than the others have",
            "no such animal", "the fox",
        ]
        let engine = try await filled(
            try texts.enumerated().map { number, text in
                Document(
                    id: try DocumentID("d\(number)"),
                    text: text,
                    metadata: ["n": .int(Int64(number))]
                )
            }
        )
        let hits = try await engine.search(name, Query([.matching("fox")]))
        #expect(hits.map(\.id) == ["d1", "d4", "d0", "d2"])
        #expect(zip(hits, hits.dropFirst()).allSatisfy { $0.score > $1.score })
        #expect(hits.allSatisfy { $0.score > 0 })
        let few = try await engine.search(name, Query([.matching("fox")], limit: 2))
        #expect(few == Array(hits.prefix(2)))

        let late = Filter.range(path: ["n"], lower: .init(2), upper: nil)
        for (query, expected) in [
            ("fox", ["d4", "d2"]), ("text:fox", ["d4", "d2"]), ("NOT fox", ["d3"]),
            ("NOT animal", ["d2", "d4"]), ("fax~1", ["d4", "d2"]),
        ] as [(String, [DocumentID])] {
            for limit in 1...3 {
                let source = Source.matching(query, mode: .querySyntax)
                let found = try await engine.search(
                    name,
                    Query([source], filter: late, limit: limit)
                )
                #expect(found.map(\.id) == Array(expected.prefix(limit)), "\(query)")
            }
        }
        engine.close()
    }

    @Test(
        "The next best hits replace dropped documents, by both strategies",
        arguments: ["postings", "fts5"],
        [false, true]
    )
    func gone(name: String, compacts: Bool) async throws {
        let texts = ["fox", "fox fox", "a fox and more", "the fox", "many words around the fox"]
        let engine = try await filled(
            try texts.enumerated().map { Document(id: try DocumentID("d\($0)"), text: $1) }
        )
        var order = try await engine.search(name, Query([.matching("fox")])).map(\.id)
        #expect(order.count == texts.count)
        if compacts { _ = try await engine.compact(name) }
        // The best document is dropped, then the next one is replaced by a text without the word.
        _ = try await engine.dropMany(DropManyRequest(collection: name, ids: [order.removeFirst()]))
        try await expectOnly(order, name, engine)
        _ = try await engine.index(name, [Document(id: order.removeFirst(), text: "hare")])
        try await expectOnly(order, name, engine)
        engine.close()
        let reopened = try Engine.open(directory: directory.path)
        try await expectOnly(order, name, reopened)
        reopened.close()
    }

    /// Expects as many documents as the limit; all have the word.
    private func expectOnly(_ ids: [DocumentID], _ name: String, _ engine: Engine) async throws {
        for limit in 1...ids.count {
            let found = try await engine.search(name, Query([.matching("fox")], limit: limit))
            #expect(found.count == limit && found.allSatisfy { ids.contains($0.id) })
        }
    }

    @Test(
        "Patterns and phrases match within words and fields only, by both strategies",
        arguments: ["postings", "fts5"]
    )
    func placesOfWords(name: String) async throws {
        let engine = try await engine(.german)
        let texts: [[(String, String)]] = [
            [("t", "a.b"), ("u", "axb")], [("t", "c.d"), ("u", "hal")], [("t", "hzz häuser")],
            [("t", "x d'angelo fox")],
        ]
        _ = try await engine.index(
            name,
            try texts.enumerated().map { number, fields in
                Document(
                    id: try DocumentID("d\(number)"),
                    text: fields.map { TextField(name: $0.0, text: $0.1) }
                )
            }
        )
        for (query, expected) in [
            ("t:*a*b*", []), ("u:*a*b*", ["d0"]), ("*c*d*", []), ("xcxd~2", []), ("hau*", ["d2"]),
            ("t:hau*", ["d2"]), ("ha*", ["d1", "d2"]), ("t:\"dangelo fox\"", ["d3"]),
            ("t:\"b a\"", []), ("t:\"a b\"", ["d0"]),
        ] as [(String, Set<String>)] {
            let found = try await foundIDs(engine, name, .matching(query, mode: .querySyntax))
            #expect(found == expected, "\(query)")
        }
        try await engine.dropCollection(name)
        // Without a language, a word with an elision is also a word as a whole, after all others.
        try await engine.createCollection(
            name,
            CollectionOptions(
                dimension: 0,
                textStrategy: name == "fts5" ? .fts5 : .postings,
                text: TextOptions(language: .none)
            )
        )
        _ = try await engine.index(
            name,
            [
                Document(
                    id: "d0",
                    text: [
                        TextField(name: "t", text: "x d'angelo fox"),
                        TextField(name: "u", text: "fox dangelo"),
                    ]
                )
            ]
        )
        for (query, count) in [
            ("t:\"fox dangelo\"", 0), ("u:\"fox dangelo\"", 1), ("t:dangelo", 1), ("t:dang*", 1),
        ] {
            let found = try await foundIDs(engine, name, .matching(query, mode: .querySyntax))
            #expect(found.count == count, "\(query)")
        }
        engine.close()
    }

    @Test(
        "A pattern expands to as many words as the limit, by both strategies",
        arguments: ["postings", "fts5"]
    )
    func patternLimit(name: String) async throws {
        let engine = try await engine(.none)
        let words = (0..<Limits.standard.maxPatternWords).map { "q\($0)q" }
        _ = try await engine.index(name, [Document(id: "a", text: words.joined(separator: " "))])
        let source = Source.matching("*q", mode: .querySyntax)
        #expect(try await foundIDs(engine, name, source) == ["a"])
        _ = try await engine.index(name, [Document(id: "b", text: "qq")])
        let error = await failure { _ = try await foundIDs(engine, name, source) }
        #expect(error?.reason == .limit && error?.message.contains("10000 words") == true)
        engine.close()
    }

    @Test("A snapshot has no text index of a dropped collection")
    func dropped() async throws {
        let store = try TestStore()
        let engine = try store.open()
        try await engine.createCollection("kept", CollectionOptions(dimension: 0))
        for _ in 0..<2 {
            try await engine.createCollection(
                "gone",
                CollectionOptions(dimension: 0, textStrategy: .fts5)
            )
            _ = try await engine.index("gone", [Document(id: "a", text: "words")])
            try await engine.dropCollection("gone")
        }
        try await engine.createSnapshot("after")
        engine.close()
        try store.restore("after")
        let copy = try store.open(copy: "after")
        #expect(try copy.collections().map(\.name) == ["kept"])
        copy.close()
    }

    @Test("FTS5 highlights fuzzy words and patterns and refuses a pattern of too many words")
    func fts5() async throws {
        let engine = try Engine.open(directory: directory.path)
        try await engine.createCollection(
            "texts",
            CollectionOptions(dimension: 0, textStrategy: .fts5)
        )
        let words = (0...Limits.standard.maxPatternWords).map { "q\($0)q" }.joined(separator: " ")
        _ = try await engine.index(
            "texts",
            [
                Document(id: "a", text: [TextField(name: "t", text: "Pythons run")]),
                Document(id: "b", text: [TextField(name: "u", text: words)]),
            ]
        )
        var query = Query([.matching("t:pytohn~ *ru*", mode: .querySyntax)])
        query.highlight = Highlight(before: "<", after: ">")
        let hits = try await engine.search("texts", query)
        #expect(hits.map(\.id) == ["a"])
        #expect(hits.first?.highlights.first?.fragments.map(\.text) == ["<Pythons> <run>"])
        let error = await failure {
            _ = try await engine.search("texts", Query([.matching("*q*", mode: .querySyntax)]))
        }
        #expect(error?.code == .invalidArgument && error?.reason == .limit)
        engine.close()
    }
}
