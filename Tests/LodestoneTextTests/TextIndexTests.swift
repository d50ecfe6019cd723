// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStructures
import LodestoneSystem
import Synchronization
import TestSupport
import Testing

@testable import LodestoneText

extension PostingsTextIndex {
    /// Analyzes documents of one field.
    func analyze(_ texts: [String]) -> AnalyzedTexts {
        analyze(texts.map { [TextField(name: "text", text: $0)] })
    }
}

/// An index, and the documents that should be in it.
struct Corpus {
    var index: PostingsTextIndex
    var texts: [RowID: String] = [:]
    var nextRow: RowID = 0
    var random: SeededGenerator
    let vocabulary: [String]

    init(seed: UInt64, words: Int = 40, _ options: TextOptions = TextOptions()) {
        index = PostingsTextIndex(options)
        random = SeededGenerator(seed: seed)
        let endings = ["", "s", "ing", "ed", "ation"]
        vocabulary = (0..<words).map { number in
            let base =
                String(UnicodeScalar(UInt8(97 + number % 26))) + ["or", "an", "éx"][number % 3]
            return number % 11 == 10 ? "the" : base + endings[number % endings.count]
        }
    }

    mutating func word() -> String {
        // Some words are much more frequent than others.
        let number = min(
            Int.random(in: 0..<vocabulary.count, using: &random),
            Int.random(in: 0..<vocabulary.count, using: &random)
        )
        return vocabulary[number]
    }

    mutating func text() -> String {
        // Some texts are so long that positions take two bytes.
        let isLong = Int.random(in: 0..<25, using: &random) == 0
        let count = Int.random(in: 0...(isLong ? 200 : 14), using: &random)
        return (0..<count).map { _ in word() }.joined(
            separator: [" ", ", ", "-"].randomElement(using: &random) ?? " "
        )
    }

    mutating func add(_ count: Int) {
        let added = (0..<count).map { _ in text() }
        let analyzed = index.analyze(added)
        for (position, text) in added.enumerated() {
            if Int.random(in: 0..<10, using: &random) == 0 { nextRow += 1 }
            index.add(analyzed, at: position, row: nextRow)
            texts[nextRow] = text
            nextRow += 1
        }
    }

    mutating func remove(_ count: Int) {
        for _ in 0..<count {
            guard let row = texts.keys.sorted().randomElement(using: &random),
                let text = texts.removeValue(forKey: row)
            else { return }
            index.remove(index.analyze([text]), at: 0)
        }
    }

    /// Writes a base and goes on from it.
    mutating func merge() throws {
        var sections = MemorySections()
        try index.write(to: &sections) { texts[$0] != nil }
        index = try #require(PostingsTextIndex(from: sections, index.options))
    }

    func isAllowed(_ row: RowID) -> Bool { texts[row] != nil }

    /// A word with one letter added, dropped, changed or swapped.
    mutating func misspelled() -> String {
        var letters = Array(word())
        let position = Int.random(in: 0..<letters.count, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: letters.insert("o", at: position)
        case 1 where letters.count > 1: letters.remove(at: position)
        case 2: letters.swapAt(position, 0)
        default: letters[position] = "r"
        }
        return String(letters)
    }

    /// The rows that have the stem of a word that `isSo` accepts, folded.
    func rows(withStemOf isSo: (String) -> Bool) -> Set<RowID> {
        let words = texts.mapValues { QueryWords.folded($0) }
        let stems = Set(
            words.values.joined().filter { isSo(String(decoding: $0, as: UTF8.self)) }
                .map { QueryWords.stem(of: $0) }
        )
        return Set(
            words.filter { $0.value.contains { stems.contains(QueryWords.stem(of: $0)) } }.keys
        )
    }

    /// The rows that have a word that `isSo` accepts, folded.
    func rows(withWord isSo: (String) -> Bool) -> Set<RowID> {
        Set(
            texts.filter { text in
                QueryWords.folded(text.value).contains { isSo(String(decoding: $0, as: UTF8.self)) }
            }.keys
        )
    }

    /// The rows that have a word with the same stem.
    func rows(stem word: String) -> Set<RowID> {
        let stem = QueryWords.stems(of: word)
        return rows(withStemOf: { QueryWords.stems(of: $0) == stem })
    }

    /// A random query; it has fuzzy words and patterns only with `withLikeness`.
    mutating func query(depth: Int = 0, withLikeness: Bool = false) -> ParsedQuery {
        let parts = { (corpus: inout Corpus) in
            (0..<Int.random(in: 1...3, using: &corpus.random)).map { _ in
                corpus.query(depth: depth + 1, withLikeness: withLikeness)
            }
        }
        if withLikeness, Int.random(in: 0..<3, using: &random) == 0 {
            let edits = Fuzziness.edits(Int.random(in: 1...2, using: &random))
            let start = String(word().prefix(2))
            return .random(using: &random)
                ? .fuzzy(misspelled(), edits)
                : .pattern(WordPattern([start], isOpenAtStart: true, isOpenAtEnd: true))
        }
        switch Int.random(in: 0..<(depth < 3 ? 8 : 4), using: &random) {
        case 0: return .word(word())
        case 1: return .phrase((0..<Int.random(in: 1...3, using: &random)).map { _ in word() })
        case 2:
            let word = word()
            let prefix = String(word.prefix(Int.random(in: 1...word.count, using: &random)))
            return .prefix(
                (0..<Int.random(in: 0...2, using: &random)).map { _ in self.word() } + [prefix]
            )
        case 3: return .phrase([word() + "-" + word()])
        case 4: return .not(query(depth: depth + 1, withLikeness: withLikeness))
        case 5: return .or(parts(&self))
        default: return .and(parts(&self))
        }
    }
}

extension Corpus: StoredWords {
    func forEachForm(
        from start: [UInt8],
        _ body: ([UInt8]) throws(LodestoneError) -> Bool
    ) throws(LodestoneError) {
        let forms = Set(texts.values.flatMap { QueryWords.folded($0) })
        for form in forms.sorted(by: { $0.lexicographicallyPrecedes($1) })
        where !form.lexicographicallyPrecedes(start) {
            guard try body(form) else { return }
        }
    }

    func isVisible(_ form: [UInt8]) -> Bool { true }

    func frequency(ofStem stem: [UInt8]) -> Int {
        texts.values.count { QueryWords.stems(of: $0).contains(stem) }
    }
}

@Suite("Text index")
struct TextIndexTests {
    @Test(
        "A text index matches what FTS5 matches after additions, removals and merges",
        arguments: 1...6
    )
    func matching(seed: UInt64) throws {
        var corpus = Corpus(seed: seed)
        let table = try FTS5Table(tokenizer: "ascii")
        var inTable: Set<RowID> = []
        for round in 0..<6 {
            corpus.add(60)
            corpus.remove(15)
            if round % 3 == Int(seed % 3) { try corpus.merge() }
            for row in inTable where corpus.texts[row] == nil { try table.delete(Int(row)) }
            for (row, text) in corpus.texts where !inTable.contains(row) {
                try table.insert(Int(row), QueryWords.forFTS5(text))
            }
            inTable = Set(corpus.texts.keys)
            for _ in 0..<TestLength.cases(30, long: 90) {
                let query = BooleanQuery(corpus.query())
                let expanded = try query.expanded(by: corpus, QueryWords.analyzer).expression
                let expression = FTS5Expression.render(expanded, QueryWords.analyzer)
                var expected = try table.rows(matching: expression)
                if expanded.needsTexts {
                    let matcher = DocumentMatcher(expanded, QueryWords.analyzer)
                    let candidates = FTS5Expression.render(expanded.candidates, QueryWords.analyzer)
                    expected = try table.rows(matching: candidates).filter { row in
                        let text = corpus.texts[RowID(row)] ?? ""
                        return matcher.matches([TextField(name: "text", text: text)])
                    }
                }
                if query.isComplement {
                    expected = Set(corpus.texts.keys.map { Int($0) }).subtracting(expected)
                }
                let hits = try corpus.index.search(query, k: 10_000, isAllowed: corpus.isAllowed)
                #expect(Set(hits.map { Int($0.row) }) == expected, "\(expression)")
                #expect(hits.count == expected.count)
                #expect(zip(hits, hits.dropFirst()).allSatisfy { better($0, $1) })
            }
        }
    }

    private func better(_ first: TextHit, _ second: TextHit) -> Bool {
        first.score > second.score || (first.score == second.score && first.row < second.row)
    }

    @Test("Fuzzy words, prefixes and patterns find what a plain comparison finds", arguments: 1...2)
    func likeness(seed: UInt64) throws {
        var corpus = Corpus(seed: seed)
        for round in 0..<3 {
            corpus.add(80)
            if round == 1 { try corpus.merge() }
            for _ in 0..<8 {
                let (word, other) = (corpus.misspelled(), corpus.word())
                let fuzzy = ParsedQuery.fuzzy(word, .edits(1))
                let start = String(word.prefix(2))
                let pattern = ParsedQuery.pattern(
                    WordPattern([start, "s"], isOpenAtStart: true, isOpenAtEnd: false)
                )
                let near = corpus.rows(withStemOf: { plainDistance(folded(word), $0) <= 1 })
                    .union(corpus.rows(stem: word))
                let alike = corpus.rows(withWord: { word in
                    word.hasSuffix("s") && word.dropLast().contains(folded(start))
                })
                let rows = { (query: ParsedQuery) in
                    Set(
                        try corpus.index.search(
                            BooleanQuery(query),
                            k: 10_000,
                            isAllowed: corpus.isAllowed
                        ).map(\.row)
                    )
                }
                #expect(try rows(fuzzy) == near, "\(word)")
                #expect(try rows(pattern) == alike, "\(start)")
                #expect(
                    try rows(.or([fuzzy, .word(other)])) == near.union(corpus.rows(stem: other))
                )
                #expect(
                    try rows(.and([pattern, .not(fuzzy)])) == alike.subtracting(near)
                )
            }
        }
    }

    @Test("A fuzzy query ranks the exact word first and counts similar words as one")
    func nearness() throws {
        var index = PostingsTextIndex()
        let texts = [
            "python", "pythons python", "pithon", "pythn and pithon", "snake", "pytho pith",
        ]
        let analyzed = index.analyze(texts)
        for row in texts.indices { index.add(analyzed, at: row, row: RowID(row)) }
        let rows = { (word: String, fuzziness: Fuzziness) in
            let query = BooleanQuery(.fuzzy(word, fuzziness))
            let hits = try index.search(query, k: 10) { _ in true }
            #expect(zip(hits, hits.dropFirst()).allSatisfy { better($0, $1) })
            let ranked = BooleanQuery(.or([.fuzzy(word, fuzziness), .word("nowhere")]))
            #expect(try index.search(ranked, k: 10) { _ in true }.map(\.row) == hits.map(\.row))
            return hits.map(\.row)
        }
        #expect(try Set(rows("python", .auto).prefix(2)) == [0, 1])
        #expect(try rows("python", .edits(1)).count == 5)
        #expect(try Set(rows("pytohn", .edits(1))) == [0, 1, 3])
        #expect(try Set(rows("pithon", .edits(0))) == [2, 3])
        #expect(try Set(rows("xython", Fuzziness(.edits(1), prefixLength: 1))).isEmpty)
        #expect(try Set(rows("pithon", Fuzziness(.edits(1), maxExpansions: 1))) == [0, 1, 2, 3])
    }

    @Test("Text scores are close to BM25 in floating point")
    func formula() throws {
        var corpus = Corpus(
            seed: 8,
            TextOptions(b: 0.75, exactWeight: 0, keepsStopWords: true)
        )
        corpus.add(500)
        let documents = corpus.texts.mapValues { TextAnalyzer(TextOptions()).words(of: $0) }
            .filter { !$0.value.isEmpty }
        let average = Double(documents.values.reduce(0) { $0 + $1.count }) / Double(documents.count)
        let stem = TextAnalyzer(TextOptions()).words(of: corpus.vocabulary[0])[0].stem
        let having = documents.filter { $0.value.contains { $0.stem == stem } }
        let inverse = log(
            1 + (Double(documents.count - having.count) + 0.5) / (Double(having.count) + 0.5)
        )
        for hit in try corpus.index.rank([corpus.vocabulary[0]], k: 10, isAllowed: { _ in true }) {
            let document = try #require(documents[hit.row])
            let frequency = Double(document.count { $0.stem == stem })
            let norm = 1.2 * (0.25 + 0.75 * Double(document.count) / average)
            let expected = inverse * frequency * 2.2 / (frequency + norm)
            // Lengths beyond 63 are rounded.
            #expect(abs(hit.score - expected) < 0.05 * expected)
        }
    }

    @Test("A text index returns equal results from base, delta and both", arguments: 1...4)
    func layers(seed: UInt64) throws {
        var merged = Corpus(seed: seed)
        var plain = Corpus(seed: seed)
        for round in 0..<5 {
            merged.add(120)
            plain.add(120)
            merged.remove(30)
            plain.remove(30)
            if round % 2 == Int(seed % 2) { try merged.merge() }
            for _ in 0..<60 {
                let query = BooleanQuery(merged.query(withLikeness: true))
                _ = plain.query(withLikeness: true)
                #expect(
                    try merged.index.search(query, k: 50, isAllowed: merged.isAllowed)
                        == plain.index.search(query, k: 50, isAllowed: plain.isAllowed)
                )
            }
        }
        #expect(merged.index.documentCount == plain.index.documentCount)
        #expect(merged.index.slots == plain.index.slots)
    }

    @Test("A text index scores given rows as a search does", arguments: 1...4)
    func givenRows(seed: UInt64) throws {
        var corpus = Corpus(seed: seed)
        for round in 0..<4 {
            corpus.add(seed == 1 ? 1_500 : 150)
            corpus.remove(20)
            if round == Int(seed % 4) { try corpus.merge() }
            if round == 2 { corpus.nextRow += 100_000 }
            for turn in 0..<40 {
                let words = (0..<3).map { _ in ParsedQuery.word(corpus.word()) }
                let query = BooleanQuery(
                    turn % 2 == 0 ? .or(words) : corpus.query(withLikeness: true)
                )
                let hits = try corpus.index.search(query, k: 100_000, isAllowed: corpus.isAllowed)
                let found = Dictionary(uniqueKeysWithValues: hits.map { ($0.row, $0.score) })
                // The rows are in no order; some come twice, and some don't exist.
                var rows = corpus.texts.keys.filter { _ in
                    Int.random(in: 0..<3, using: &corpus.random) == 0
                }
                rows += rows.prefix(5) + [corpus.nextRow, .max]
                rows.shuffle(using: &corpus.random)
                #expect(
                    try corpus.index.scores(of: query, rows: rows) == rows.map { found[$0] ?? 0 }
                )
            }
        }
    }

    @Test("Texts analyzed before a base was written are added to the text index")
    func translated() throws {
        var corpus = Corpus(seed: 5)
        corpus.add(100)
        let texts = corpus.index.analyze(["early bird", corpus.texts[3] ?? ""])
        try corpus.merge()
        corpus.add(10)
        corpus.index.add(texts, at: 0, row: corpus.nextRow)
        let hits = try corpus.index.rank(["birds"], k: 9) { _ in true }
        #expect(hits.map(\.row) == [corpus.nextRow])
        let count = corpus.index.documentCount
        corpus.index.remove(texts, at: 1)
        #expect(corpus.index.documentCount == count - (corpus.texts[3] == "" ? 0 : 1))
    }

    @Test("A text index has the fingerprints of its texts", arguments: 1...3)
    func fingerprints(seed: UInt64) throws {
        var corpus = Corpus(seed: seed)
        corpus.add(120)
        try corpus.merge()
        corpus.add(120)
        let sums = corpus.index.fingerprints()
        for (row, text) in corpus.texts {
            let texts = corpus.index.analyze([text, text + " more", "x " + text])
            #expect(sums[Int(row)] == PostingsTextIndex.fingerprint(of: texts, at: 0))
            #expect(sums[Int(row)] != PostingsTextIndex.fingerprint(of: texts, at: 1))
            #expect(
                sums[Int(row)] != PostingsTextIndex.fingerprint(of: texts, at: 2) || text.isEmpty
            )
        }
    }

    @Test("A text index knows whether a copy of it was changed later")
    func newest() throws {
        var corpus = Corpus(seed: 6)
        corpus.add(20)
        let copy = corpus.index
        #expect(copy.isNewest)
        corpus.remove(1)
        #expect(!copy.isNewest && corpus.index.isNewest)
        let second = corpus.index
        corpus.add(1)
        #expect(!second.isNewest && corpus.index.isNewest)
    }

    @Test("A copy of a text index returns its results of before after later additions")
    func snapshots() throws {
        var corpus = Corpus(seed: 21)
        corpus.add(300)
        try corpus.merge()
        corpus.add(300)
        let copy = corpus
        let queries = (0..<50).map { _ in BooleanQuery(corpus.query()) }
        let before = try queries.map { query in
            try copy.index.search(query, k: 1_000, isAllowed: copy.isAllowed).map(\.row).sorted()
        }
        corpus.add(2_000)
        corpus.remove(100)
        for (query, rows) in zip(queries, before) {
            let after = try copy.index.search(query, k: 1_000, isAllowed: copy.isAllowed)
            #expect(after.map(\.row).sorted() == rows)
        }
    }

    @Test("A text index is searched by several threads while it grows")
    func threads() async throws {
        let shared = SharedIndex()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<3 {
                group.addTask {
                    while !shared.isDone.load(ordering: .acquiring) {
                        let index = shared.newest.withLock { $0 }
                        let all = Array(0..<index.rowBound)
                        let every = try index.rank(["every"], k: .max, isAllowed: { _ in true })
                        #expect(every.map(\.row).sorted() == all)
                        let phrase = BooleanQuery(.phrase(["row", "of", "every"]))
                        let rows = try index.search(phrase, k: .max, isAllowed: { _ in true })
                        #expect(rows.map(\.row).sorted() == all)
                        let words = ["n\(all.count / 2)"]
                        let own = try index.rank(words, k: 2, isAllowed: { _ in true })
                        #expect(own.map(\.row) == (all.isEmpty ? [] : [RowID(all.count / 2)]))
                        await Task.yield()
                    }
                }
            }
            group.addTask {
                for batch in 0..<60 {
                    var index = shared.newest.withLock { $0 }
                    let rows = (batch * 20)..<(batch * 20 + 20)
                    let texts = index.analyze(
                        rows.map { "n\($0), one row of every kind, every \($0)" }
                    )
                    for row in rows {
                        index.add(texts, at: row - rows.lowerBound, row: RowID(row))
                    }
                    shared.newest.withLock { $0 = index }
                    await Task.yield()
                }
                shared.isDone.store(true, ordering: .releasing)
            }
            try await group.waitForAll()
        }
    }
}

/// The newest value of an index, as an engine publishes it.
private final class SharedIndex: Sendable {
    let newest = Mutex(PostingsTextIndex())
    let isDone = Atomic(false)
}
