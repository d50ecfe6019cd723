// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import TestSupport
import Testing

@testable import LodestoneText

@Suite("Text analysis")
struct AnalysisTests {
    private func words(_ text: String) -> [String] {
        var tokenizer = Tokenizer()
        var words: [String] = []
        var text = text
        text.withUTF8 { text in
            tokenizer.forEachWord(in: text) {
                words.append(String(decoding: $0.bytes, as: UTF8.self))
            }
        }
        return words
    }

    private func stem(_ word: String) -> String {
        TextAnalyzer(TextOptions()).words(of: word)
            .map { String(decoding: $0.stem.bytes, as: UTF8.self) }
            .joined(separator: " ")
    }

    @Test("Words of every Unicode 6 character are those of FTS5")
    func characters() throws {
        let table = try FTS5Table()
        let scalars = (1...0x30FF).compactMap { Unicode.Scalar($0) }
            .filter { scalar in
                guard let age = scalar.properties.age else { return false }
                return age.major < 6 || (age.major == 6 && age.minor < 1)
            }
        for scalar in scalars { try table.insert(Int(scalar.value), "a\(scalar)b") }
        // FTS5 keeps the accents of letters that are not Latin, and letters such as `ł`.
        var expected = try table.words().mapValues { $0.flatMap { words($0) } }
        // The tokenizer cuts runs without spaces off from other letters.
        for scalar in scalars where UnicodeTokenizer.isUnspaced(scalar) {
            expected[Int(scalar.value)] = ["a"] + words(String(scalar)) + ["b"]
        }
        // Here Unicode changed a letter's kind or case since FTS5 learned it. Other kinds are left
        // out: for FTS5 many marks, apostrophes and joiners end a word, and emoji are no words.
        let kinds: [ScalarTable.Kind] = [.separator, .letter, .unspaced]
        let changed = scalars.filter { scalar in
            kinds.contains(ScalarTable.folded[scalar].kind)
                && words("a\(scalar)b") != expected[Int(scalar.value)]
        }
        // Cherokee got small letters, and New Tai Lue got its vowels, after Unicode 6.
        let scripts = [0x13A0...0x13F4, 0x1885...0x1886, 0x19B0...0x19C9, 0x1CF2...0x1CF2]
        #expect(
            changed.allSatisfy { scalar in scripts.contains { $0.contains(Int(scalar.value)) } },
            "\(changed.map { String($0.value, radix: 16) })"
        )
    }

    @Test(
        "Words of every length are found at every position",
        arguments: [1, 2, 7, 8, 9, 15, 16, 17, 31, 64, 65, 40_000]
    )
    func lengths(length: Int) {
        let word = String((0..<length).map { Character(UnicodeScalar(UInt8(97 + $0 % 26))) })
        let cut = String(word.prefix(Tokenizer.maxWordBytes))
        for tail in ["", " ", " x", ", and then something longer", "\u{301} é"] {
            #expect(words(word.uppercased() + tail).first == cut)
            #expect(words("é" + tail + " " + word).last == cut)
        }
        #expect(words(word + "É").first == String((word + "e").prefix(Tokenizer.maxWordBytes)))
    }

    @Test("Words of random texts are those of FTS5")
    func mixtures() throws {
        let pieces = [
            "a", "The", "running", "É", "ß", "e\u{301}", "Жук", "Straße", "rock-n", "x1y2", " ",
            "-",
            "; ", "  ", "\n", "\u{301}", "naïve", "ΣΑΣ", "й", "“”", "abcdefghijklmnopqrstuvwxyz",
        ]
        var random = SeededGenerator(seed: 3)
        let table = try FTS5Table()
        let texts = (1...2_000).map { _ in
            (0..<Int.random(in: 0...12, using: &random))
                .map { _ in pieces.randomElement(using: &random) ?? "" }.joined()
        }
        for (row, text) in texts.enumerated() { try table.insert(row, text) }
        let expected = try table.words()
        for (row, text) in texts.enumerated() {
            // FTS5 keeps the accents of letters that are not Latin, and letters such as `ł`.
            let folded = (expected[row] ?? []).flatMap { words($0) }
            #expect(words(text) == folded, "\(text)")
        }
    }

    @Test("Text analysis of bytes that are not UTF-8 returns valid words")
    func damagedBytes() {
        var random = SeededGenerator(seed: 4)
        var tokenizer = Tokenizer()
        for _ in 0..<20_000 {
            let bytes = (0..<Int.random(in: 0...24, using: &random)).map { _ in
                UInt8.random(in: .min ... .max, using: &random)
            }
            bytes.withUnsafeBufferPointer { bytes in
                tokenizer.forEachWord(in: bytes) { word in
                    #expect(String(validating: word.bytes, as: UTF8.self) != nil)
                }
            }
        }
    }

    @Test("Stems of English words are those of FTS5's Porter stemmer")
    func stems() throws {
        let beginnings = [
            "", "a", "b", "rel", "hopp", "fil", "tann", "fall", "hiss", "fizz", "fail", "agr", "s",
            "conf", "troubl", "siz", "happ", "sk", "y", "syz", "ay", "tr", "electr", "adjust",
            "gyrosc", "effect", "probat", "roll", "contr", "ceas", "vi", "form", "dig", "oscill",
            "cr", "d", "ggoo", "x", "wow", "oy", "é", "ж",
        ]
        let middles = [
            "", "e", "at", "ational", "tion", "ion", "sion", "ization", "izer", "iveness", "iviti",
            "bili", "bl", "iz", "logi", "ical", "icate", "ative", "al", "ful", "ness", "ement",
            "ment", "ent", "ou", "ous", "ism", "ate", "iti", "ive", "ize", "ance", "ence", "enci",
            "anci", "er", "ic", "able", "ible", "ant", "y", "ee", "l", "ll", "ss", "x", "w", "ent",
        ]
        let endings = [
            "", "s", "es", "ies", "sses", "ed", "eed", "ing", "ings", "ly", "y", "e", "ll",
        ]
        var words = Set([
            "yyy", "eed", "ing", "ies", "sses", "ion", String(repeating: "a", count: 64),
        ])
        words.insert(String(repeating: "a", count: 62) + "ing")
        words.insert(String(repeating: "a", count: 61) + "ing")
        for beginning in beginnings {
            for middle in middles {
                for ending in endings { words.insert(beginning + middle + ending) }
            }
        }
        words.remove("")
        let table = try FTS5Table(tokenizer: "porter unicode61")
        let list = words.sorted()
        for (row, word) in list.enumerated() { try table.insert(row, word) }
        let expected = try table.words()
        for (row, word) in list.enumerated() {
            #expect([stem(word)] == expected[row], "\(word)")
        }
    }
}
