// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStructures
import LodestoneSystem
import TestSupport
import Testing

@testable import LodestoneText

/// Documents of several fields in an index.
private struct FieldCorpus {
    var index: PostingsTextIndex
    var documents: [RowID: [TextField]] = [:]
    var nextRow: RowID = 0
    var random: SeededGenerator
    private static let names = ["body", "title", "note", "Ünicode"]
    private static let words = [
        "cat", "cats", "catting", "dog", "dogs", "the", "fish", "of", "owl",
    ]

    init(seed: UInt64, _ options: TextOptions) {
        index = PostingsTextIndex(options)
        random = SeededGenerator(seed: seed)
    }

    mutating func word() -> String { Self.words.randomElement(using: &random) ?? "" }
    mutating func name() -> String { Self.names.randomElement(using: &random) ?? "" }

    mutating func text(_ range: ClosedRange<Int>) -> String {
        (0..<Int.random(in: range, using: &random)).map { _ in word() }.joined(separator: " ")
    }

    mutating func add(_ count: Int) {
        let added = (0..<count).map { _ in
            // The fields come in any order, and some come twice.
            (0..<Int.random(in: 0...4, using: &random)).map { _ in
                TextField(name: name(), text: text(0...6))
            }
        }
        let texts = index.analyze(added)
        for (position, document) in added.enumerated() {
            index.add(texts, at: position, row: nextRow)
            documents[nextRow] = document
            nextRow += 1
        }
    }

    mutating func remove(_ count: Int) {
        for _ in 0..<count {
            guard let row = documents.keys.sorted().randomElement(using: &random),
                let document = documents.removeValue(forKey: row)
            else { return }
            index.remove(index.analyze([document]), at: 0)
        }
    }

    mutating func merge() throws {
        var sections = MemorySections()
        try index.write(to: &sections) { documents[$0] != nil }
        index = try #require(PostingsTextIndex(from: sections, index.options))
    }

    mutating func query(depth: Int = 0) -> ParsedQuery {
        switch Int.random(in: 0..<(depth < 3 ? 8 : 4), using: &random) {
        case 0: .word(word())
        case 1: .phrase([word(), word()])
        case 2: .prefix([word(), String(word().prefix(2))])
        case 3: .prefix([String(word().prefix(1))])
        case 4: .not(query(depth: depth + 1))
        case 5: .or([query(depth: depth + 1), query(depth: depth + 1)])
        case 6: .and([query(depth: depth + 1), query(depth: depth + 1)])
        default:
            .field(
                ByteString(Int.random(in: 0..<9, using: &random) == 0 ? "nowhere" : name()),
                query(depth: depth + 1)
            )
        }
    }
}

@Suite("Text fields")
struct TextFieldTests {
    private static let titled = TextOptions(fields: [
        TextFieldOptions("title", weight: 5), TextFieldOptions("tags", weight: 2),
    ])

    /// Whether a document matches, by a look at its words.
    private func matches(_ document: [TextField], _ query: ParsedQuery, _ field: String?) -> Bool {
        let analyzer = TextAnalyzer(TextOptions())
        let word = { (word: String) in analyzer.words(of: word)[0] }
        let hasRow = { (terms: [QueryTerm], isPrefix: Bool) in
            document.contains { part in
                guard field == nil || part.name == field else { return false }
                let words = analyzer.words(of: part.text)
                guard words.count >= terms.count else { return false }
                return (0...(words.count - terms.count)).contains { start in
                    terms.indices.allSatisfy { position in
                        isPrefix && position == terms.count - 1
                            ? words[start + position].form.bytes.starts(
                                with: terms[position].form.bytes
                            )
                            : words[start + position].stem == terms[position].stem
                    }
                }
            }
        }
        switch query {
        case .word(let text): return hasRow([word(text)], false)
        case .phrase(let words): return hasRow(words.map(word), false)
        case .prefix(let words): return hasRow(words.map(word), true)
        case .field(let name, let query): return matches(document, query, name.string)
        case .anyOf(let words): return words.contains { hasRow([$0], false) }
        case .fuzzy, .pattern: preconditionFailure("This is not asked here.")
        case .and(let parts): return parts.allSatisfy { matches(document, $0, field) }
        case .or(let parts): return parts.contains { matches(document, $0, field) }
        case .not(let query): return !matches(document, query, field)
        }
    }

    @Test(
        "Queries on fields match as a model does, with declared fields and without",
        arguments: 1...4
    )
    func matching(seed: UInt64) throws {
        var corpus = FieldCorpus(seed: seed, seed % 2 == 0 ? TextOptions() : Self.titled)
        for round in 0..<4 {
            corpus.add(80)
            corpus.remove(10)
            if round % 3 == Int(seed % 3) { try corpus.merge() }
            for _ in 0..<30 {
                let query = corpus.query()
                let normalized = BooleanQuery(query)
                let hits = try corpus.index.search(normalized, k: 10_000) {
                    corpus.documents[$0] != nil
                }
                let expected = corpus.documents.filter { matches($0.value, query, nil) }
                #expect(Set(hits.map(\.row)) == Set(expected.keys), "\(query)")
                let rows = corpus.documents.keys.shuffled(using: &corpus.random)
                let scores = Dictionary(uniqueKeysWithValues: hits.map { ($0.row, $0.score) })
                #expect(
                    try corpus.index.scores(of: normalized, rows: rows)
                        == rows.map { scores[$0] ?? 0 }
                )
            }
        }
    }

    @Test("Text scores over fields are close to BM25F in floating point", arguments: 1...3)
    func formula(seed: UInt64) throws {
        var corpus = FieldCorpus(seed: seed, Self.titled)
        corpus.add(200)
        if seed == 2 { try corpus.merge() }
        corpus.add(100)
        corpus.remove(50)
        let options = corpus.index.options
        let analyzer = TextAnalyzer(options)
        // For each document the words of title, tags, and the rest.
        let parts = corpus.documents.mapValues { document in
            [["title"], ["tags"], ["body", "note", "Ünicode"]].map { names in
                document.filter { names.contains($0.name) }
                    .flatMap { analyzer.words(of: $0.text) }
            }
        }
        .filter { !$0.value.joined().isEmpty }
        let length = { (part: [QueryTerm]) in Double(part.count { !$0.isStopWord }) }
        let averages = (0..<3).map { slot in
            let lengths = parts.values.map { length($0[slot]) }.filter { $0 > 0 }
            return lengths.reduce(0, +) / Double(max(1, lengths.count))
        }
        let inverse = { (has: (QueryTerm) -> Bool) in
            let count = Double(parts.values.count { $0.joined().contains(where: has) })
            return log(1 + (Double(parts.count) - count + 0.5) / (count + 0.5))
        }
        let share = { (document: [[QueryTerm]], has: (QueryTerm) -> Bool) in
            let weights = [5.0, 2, 1]
            var frequency = 0.0
            for slot in 0..<3 where document[slot].contains(where: has) {
                let norm = 0.1 + 0.9 * length(document[slot]) / averages[slot]
                frequency += weights[slot] * Double(document[slot].count(where: has)) / norm
            }
            return 3 * frequency / (frequency + 2)
        }
        for text in ["cats", "catting owl", "dogs fish cat"] {
            let words = analyzer.words(of: text)
            let hits = try corpus.index.rank([text], k: 1_000) { corpus.documents[$0] != nil }
            #expect(hits.count > 20)
            for hit in hits {
                let document = try #require(parts[hit.row])
                var expected = 0.0
                for word in words {
                    let (stem, form) = (
                        { (other: QueryTerm) in other.stem == word.stem },
                        { (other: QueryTerm) in other.form == word.form }
                    )
                    expected += inverse(stem) * share(document, stem)
                    expected += 0.3 * inverse(form) * share(document, form)
                }
                #expect(abs(hit.score - expected) < 0.02 * expected)
            }
        }
    }

    @Test("Rankings of fields are equal from base, delta and both", arguments: 1...3)
    func layers(seed: UInt64) throws {
        var merged = FieldCorpus(seed: seed, Self.titled)
        var plain = FieldCorpus(seed: seed, Self.titled)
        for round in 0..<4 {
            merged.add(100)
            plain.add(100)
            merged.remove(30)
            plain.remove(30)
            if round % 2 == Int(seed % 2) { try merged.merge() }
            for _ in 0..<40 {
                let words = BooleanQuery(
                    .or([.word(merged.word()), .word(merged.word()), merged.query()])
                )
                _ = (plain.word(), plain.word(), plain.query())
                #expect(
                    try merged.index.search(words, k: 50) { merged.documents[$0] != nil }
                        == plain.index.search(words, k: 50) { plain.documents[$0] != nil }
                )
            }
            let sums = merged.index.fingerprints()
            for (row, document) in merged.documents {
                let texts = merged.index.analyze([document])
                #expect(sums[Int(row)] == PostingsTextIndex.fingerprint(of: texts, at: 0))
            }
        }
        #expect(merged.index.slots == plain.index.slots)
        #expect(merged.index.documentCount == plain.index.documentCount)
    }

    @Test("Texts analyzed before a base was written are added with renumbered fields")
    func translated() throws {
        var corpus = FieldCorpus(seed: 4, TextOptions())
        corpus.index = PostingsTextIndex()
        let old = corpus.index
        let texts = old.analyze([
            [TextField(name: "late", text: "early bird birds"), TextField(name: "x", text: "bird")]
        ])
        // The other index knows other fields, in another order.
        var index = PostingsTextIndex()
        let first = index.analyze([
            [TextField(name: "x", text: "worm"), TextField(name: "late", text: "night owl")]
        ])
        index.add(first, at: 0, row: 0)
        index.add(texts, at: 0, row: 1)
        var numbers = PostingsRemapping()
        index.add(index.renumbered(texts, &numbers), at: 0, row: 2)
        for (query, rows) in [
            (ParsedQuery.field("late", .phrase(["early", "bird"])), [1, 2]),
            (.field("late", .phrase(["bird", "bird"])), [1, 2]),
            (.field("x", .word("bird")), [1, 2]), (.field("x", .word("early")), []),
            (.field("late", .word("owl")), [0]),
        ] as [(ParsedQuery, [RowID])] {
            let hits = try index.search(BooleanQuery(query), k: 9) { _ in true }
            #expect(hits.map(\.row).sorted() == rows, "\(query)")
        }
        let scores = try index.scores(of: BooleanQuery(.word("birds")), rows: [1, 2])
        #expect(scores[0] > 0 && scores[0] == scores[1])
    }

    @Test("A document with very many fields and forms of a word is indexed")
    func many() throws {
        var index = PostingsTextIndex()
        let fields = (0..<20_000).map { TextField(name: "f\($0)", text: "w\($0 % 9)") }
        let forms = TextField(
            name: "f0",
            text: String(repeating: "walk ", count: 40_000)
                + String(repeating: "walks walking ", count: 20_000)
        )
        index.add(index.analyze([fields, [forms]]), at: 0, row: 0)
        index.add(index.analyze([fields, [forms]]), at: 1, row: 1)
        let find = { (query: ParsedQuery) in
            try index.search(BooleanQuery(query), k: 9) { _ in true }.map(\.row)
        }
        #expect(try find(.field("f3", .word("w3"))) == [0])
        #expect(try find(.field("f3", .word("w4"))) == [])
        // The document has more fields than the index can tell apart.
        #expect(try find(.field("f19999", .word("w1"))) == [])
        #expect(try find(.phrase(["walking", "walks"])) == [1])
    }

    @Test("Fields rank exact forms higher and count by weight")
    func order() throws {
        var index = PostingsTextIndex(Self.titled)
        let texts = index.analyze([
            [TextField(name: "body", text: "running shoes")],
            [TextField(name: "body", text: "runs shoes")],
            [TextField(name: "title", text: "runs shoes")],
        ])
        for position in 0..<3 { index.add(texts, at: position, row: RowID(position)) }
        #expect(try index.rank(["running"], k: 3) { _ in true }.first?.row == 0)
        #expect(try index.rank(["shoe"], k: 3) { _ in true }.map(\.row) == [2, 0, 1])
        #expect(try index.rank(["runs"], k: 3) { _ in true }.map(\.row) == [2, 1, 0])
    }
}

@Suite("Field norm classes")
struct FieldNormClassTests {
    @Test("Field norm classes stay within 16 bits and close to the requested class")
    func overflow() throws {
        let table = FieldNormTable(nil)
        var random = SeededGenerator(seed: 3)
        for _ in 0..<70_000 {
            let (first, second) = (
                Int.random(in: 1...40, using: &random), Int.random(in: 1...40, using: &random)
            )
            let sought = FieldNormClass(
                slot: 1,
                frequency: first,
                length: first * Int.random(in: 1...500, using: &random)
            )
            .with(slot: 4, frequency: second, length: second * 20)
            let number = table.number(of: sought)
            let got = table.postingClass(number)
            #expect(table.number(of: sought) == number || number >= 32_768)
            #expect(got.frequency(1) <= first && got.frequency(4) <= second)
            #expect(
                max(got.frequency(1), got.frequency(4)) * 2
                    > max(sought.frequency(1), sought.frequency(4))
            )
        }
    }
}
