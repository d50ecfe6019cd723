// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStructures
import TestSupport
import Testing

@testable import LodestoneText

@Suite("Vocabulary")
struct VocabularyTests {
    /// Alphabets of few letters, so that many words are near each other.
    ///
    /// The last alphabet has letters of two, three and four bytes.
    private static let alphabets = ["ab", "abc1", "etaoinshrd", "жщю", "abሀለ𝒳ω"]

    private func word(
        _ letters: [Unicode.Scalar],
        _ lengths: ClosedRange<Int>,
        _ random: inout SeededGenerator
    ) -> String {
        var word = String.UnicodeScalarView()
        for _ in 0..<Int.random(in: lengths, using: &random) {
            word.append(letters.randomElement(using: &random) ?? "a")
        }
        return String(word)
    }

    /// An index with one document per word, half of them in the base.
    ///
    /// Words that end with `q` have no document any more.
    private func index(_ words: [String], _ random: inout SeededGenerator) throws
        -> PostingsTextIndex
    {
        var index = PostingsTextIndex()
        var sections = MemorySections()
        for (row, word) in words.enumerated() {
            if row == words.count / 2 {
                try index.write(to: &sections) { _ in true }
                index = try #require(PostingsTextIndex(from: sections))
            }
            index.add(index.analyze([word]), at: 0, row: RowID(row))
        }
        for word in words where word.hasSuffix("q") { index.remove(index.analyze([word]), at: 0) }
        return index
    }

    /// The result that `expansions` should have: the nearest distance of each stem.
    private func stems(_ words: [String], _ isFound: (String) -> Int?) -> [[UInt8]: Int] {
        var stems: [[UInt8]: Int] = [:]
        for word in words where !word.hasSuffix("q") {
            guard let distance = isFound(word) else { continue }
            let stem = QueryWords.stems(of: word)[0]
            stems[stem] = min(stems[stem] ?? .max, distance)
        }
        return stems
    }

    private func found(_ expansions: [Expansion]) -> [[UInt8]: Int] {
        var stems: [[UInt8]: Int] = [:]
        for expansion in expansions {
            let word = String(decoding: expansion.word, as: UTF8.self)
            #expect(
                stems.updateValue(expansion.distance, forKey: QueryWords.stems(of: word)[0]) == nil
            )
        }
        return stems
    }

    @Test(
        "A vocabulary misses no word that is one or two edits away",
        arguments: alphabets,
        [1, 2]
    )
    func nothingMissed(alphabet: String, edits: Int) throws {
        var random = SeededGenerator(seed: UInt64(alphabet.count * 10 + edits))
        let letters = Array(alphabet.unicodeScalars)
        var words = (0..<600).map { _ in word(letters, 1...9, &random) }
        words += (0..<40).map { _ in word(letters, 61...70, &random) }
        words += words.suffix(40).map { String($0.dropLast()) + "q" }
        let index = try index(words, &random)
        for number in 0..<120 {
            let isLong = number % 10 == 0
            var typed = isLong ? words[600 + number % 80] : word(letters, 1...9, &random)
            if isLong {
                var scalars = Array(typed.unicodeScalars)
                scalars.swapAt(number % 50, number % 50 + 1)
                if number % 20 == 0 { scalars.append(letters[0]) }
                typed = String(String.UnicodeScalarView(scalars))
            }
            let prefix = number % 4
            let expansions = try index.expansions(
                of: Array(typed.utf8),
                edits: edits,
                prefixLength: prefix,
                limit: 10_000,
                context: nil
            )
            let expected = stems(words) { word in
                let start = typed.unicodeScalars.prefix(prefix)
                guard word.unicodeScalars.starts(with: start) else { return nil }
                let distance = plainDistance(typed, word)
                return distance <= edits ? distance : nil
            }
            #expect(found(expansions) == expected, "\(typed)")
            #expect(expansions.map(\.distance) == expansions.map(\.distance).sorted())
        }
    }

    @Test("Expansions order exact words, common prefixes, similar lengths and frequent words first")
    func order() throws {
        var random = SeededGenerator(seed: 3)
        let words = ["horse", "morse", "hors", "hose", "hose", "worse", "worse", "horsey", "house"]
        let index = try index(words, &random)
        let expansions = try index.expansions(
            of: Array("horse".utf8),
            edits: 1,
            prefixLength: 0,
            limit: 5,
            context: nil
        )
        #expect(
            expansions.map { String(decoding: $0.word, as: UTF8.self) }
                == ["horse", "house", "hose", "hors", "horsey"]
        )
    }

    @Test("Patterns match the words that a plain comparison matches", arguments: alphabets)
    func patterns(alphabet: String) throws {
        var random = SeededGenerator(seed: UInt64(alphabet.count))
        let letters = Array(alphabet.unicodeScalars)
        let words = (0..<800).map { _ in word(letters, 1...10, &random) }
        let index = try index(words, &random)
        for _ in 0..<150 {
            let pattern = WordPattern(
                (0..<Int.random(in: 1...3, using: &random)).map { _ in
                    word(letters, 1...3, &random)
                },
                isOpenAtStart: .random(using: &random),
                isOpenAtEnd: .random(using: &random)
            )
            let found = try index.forms(like: pattern, limit: 10_000, context: nil)
            let expected = Set(words).filter {
                !$0.hasSuffix("q") && looksLike(pattern, $0.unicodeScalars[...])
            }
            #expect(Set(found.map { String(decoding: $0.word, as: UTF8.self) }) == expected)
            #expect(found.count == expected.count, "\(pattern)")
        }
    }

    @Test("A pattern that matches too many words is refused")
    func tooMany() throws {
        var random = SeededGenerator(seed: 4)
        let index = try index((0..<30).map { "ab\($0)" }, &random)
        let pattern = WordPattern(["ab"], isOpenAtStart: true, isOpenAtEnd: true)
        #expect(try index.forms(like: pattern, limit: 30, context: nil).count == 30)
        let error = #expect(throws: LodestoneError.self) {
            try index.forms(like: pattern, limit: 29, context: nil)
        }
        #expect(error?.message == "The pattern *ab* stands for more than 29 words.")
    }

    @Test("The longest words and patterns are searched without a crash")
    func longWords() throws {
        var random = SeededGenerator(seed: 7)
        let letters = Array("abcdefgh".unicodeScalars)
        let words = [62, 63, 64, 65, 66, 1_000, 40_000].map { word(letters, $0...$0, &random) }
        let index = try index(words, &random)
        for word in words.dropLast() {
            for edits in 1...2 {
                let typed = Array(word.utf8.dropFirst(edits - 1).dropLast())
                let found = try index.expansions(
                    of: typed,
                    edits: edits,
                    prefixLength: 0,
                    limit: 9,
                    context: nil
                )
                #expect(found.map { Array($0.word) } == [Array(word.utf8)])
            }
        }
        let many = try TextQueryParser.parse(
            "*" + String(repeating: "a*", count: 31),
            limits: .standard
        )
        #expect(try index.search(BooleanQuery(many), k: 9) { _ in true }.count == 2)
        let long = String(repeating: "ab", count: 2_000)
        let fuzzy = try TextQueryParser.anyWord(
            long,
            fuzzy: .edits(2),
            limits: .standard,
            analyzer: QueryWords.analyzer
        )
        #expect(
            try index.search(BooleanQuery(#require(fuzzy)), k: 9) { _ in true }.isEmpty
        )
    }

    @Test(
        "A changed byte of a vocabulary in a base is detected",
        arguments: ["TFRM", "TFSG", "TFLN"]
    )
    func damage(section: String) throws {
        var random = SeededGenerator(seed: 8)
        let letters = Array("abcd".unicodeScalars)
        let words = (0..<50).map { _ in word(letters, 1...6, &random) }
        let index = try index(words, &random)
        #expect(index.hasSoundVocabulary)
        let known = [TextField(name: "t", text: words.joined(separator: " "))]
        #expect(index.knowsWords(of: known))
        #expect(!index.knowsWords(of: [TextField(name: "t", text: "abcd unknown")]))
        var sections = MemorySections()
        try index.write(to: &sections) { _ in true }
        var changed = MemorySections()
        for (tag, bytes) in sections.sections {
            changed.begin(tag)
            var bytes = bytes
            // In the section of lengths the damage is where four-letter words begin; else it is in
            // the middle.
            let offset = section == "TFLN" ? 32 : bytes.count / 2 / 8 * 8
            if tag.description == section { bytes[offset] ^= 1 }
            bytes.withUnsafeBytes { changed.append($0) }
        }
        #expect(try #require(PostingsTextIndex(from: sections)).hasSoundVocabulary)
        #expect(try !#require(PostingsTextIndex(from: changed)).hasSoundVocabulary)
    }

    @Test("A vocabulary scan ends when its call is over")
    func cancelled() throws {
        var random = SeededGenerator(seed: 5)
        let index = try index(["one", "two"], &random)
        let context = CallContext()
        context.cancel()
        #expect(throws: LodestoneError.self) {
            try index.expansions(
                of: Array("one".utf8),
                edits: 1,
                prefixLength: 0,
                limit: 5,
                context: context
            )
        }
    }

    @Test("A vocabulary has the words of texts analyzed before its base was written")
    func adopted() throws {
        var random = SeededGenerator(seed: 6)
        var index = try index(["early", "running"], &random)
        let texts = index.analyze(["runs after horses", "horse"])
        var sections = MemorySections()
        try index.write(to: &sections) { _ in true }
        index = try #require(PostingsTextIndex(from: sections))
        var numbers = PostingsRemapping()
        let renumbered = index.renumbered(texts, &numbers)
        index.add(renumbered, at: 0, row: 10)
        for (typed, expected) in [("horsea", "horses"), ("runz", "runs"), ("runing", "running")] {
            let expansions = try index.expansions(
                of: Array(typed.utf8),
                edits: 1,
                prefixLength: 0,
                limit: 1,
                context: nil
            )
            #expect(expansions.map { String(decoding: $0.word, as: UTF8.self) } == [expected])
        }
    }
}

/// The restricted edit distance by its definition.
func plainDistance(_ first: String, _ second: String) -> Int {
    let (one, two) = (Array(first.unicodeScalars), Array(second.unicodeScalars))
    var table = [[Int]](
        repeating: [Int](repeating: 0, count: two.count + 1),
        count: one.count + 1
    )
    for row in 0...one.count {
        for column in 0...two.count {
            guard row > 0, column > 0 else {
                table[row][column] = row + column
                continue
            }
            var least = table[row - 1][column - 1] + (one[row - 1] == two[column - 1] ? 0 : 1)
            least = min(least, table[row - 1][column] + 1, table[row][column - 1] + 1)
            if row > 1, column > 1, one[row - 1] == two[column - 2],
                one[row - 2] == two[column - 1]
            {
                least = min(least, table[row - 2][column - 2] + 1)
            }
            table[row][column] = least
        }
    }
    return table[one.count][two.count]
}

/// A word as an index has it.
func folded(_ word: String) -> String {
    String(decoding: QueryWords.folded(word).first ?? [], as: UTF8.self)
}

/// Whether a word looks like a pattern; tries every position for every part.
func looksLike(_ pattern: WordPattern, _ word: Substring.UnicodeScalarView) -> Bool {
    func rest(
        _ word: Substring.UnicodeScalarView,
        _ parts: ArraySlice<String>,
        _ isOpen: Bool
    ) -> Bool {
        guard let part = parts.first else { return word.isEmpty || pattern.isOpenAtEnd }
        return (0...(isOpen ? word.count : 0)).contains { skipped in
            let word = word.dropFirst(skipped)
            return word.starts(with: part.unicodeScalars)
                && rest(word.dropFirst(part.unicodeScalars.count), parts.dropFirst(), true)
        }
    }
    return rest(word, pattern.parts[...], pattern.isOpenAtStart)
}
