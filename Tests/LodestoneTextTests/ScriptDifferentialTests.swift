// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneCore
import TestSupport
import Testing

@testable import LodestoneText

/// Writes words of a script in many ways, and tells which are the same.
private struct ScriptWriter {
    let name: String
    /// Letters that tell words apart, each with ways to write it.
    let letters: [(plain: String, spellings: [String])]
    /// Whether words stand side by side without spaces.
    var isUnspaced = false

    static let all = [
        script("Latin", "a:áàạấã b c d:đ e:éệ i:ī n:ñ o:øốǒ s t u:ǚ"),
        script("Greek", "α:άἀᾶ β γ ε:έ ι:ίϊΐ λ ο:ό σ υ:ύ"),
        script("Cyrillic", "а б в е:ё и:й і:ї к о у:ў"),
        script("Hebrew", "א:אָאַ ב:בּ ג ד ו:וֹ ש:שָׁשׂ ם"),
        script("Arabic", "ا:آأإ ب:بَبُ ت:تّ ح د:دِ م:مُمّ ن"),
        script("Devanagari", "दि दा दी न क्ष \u{915}\u{93C} मे ल र्"),
        script("Tamil", "கா கொ கெ கோ டி ல் ம ழ"),
        script("Thai", "กิ กั ก่ นุ่ น ม ข้ า ว เ", isUnspaced: true),
        script("Korean", "한 국 어 하 가 각 는", isUnspaced: true),
    ]

    private static func script(_ name: String, _ letters: String, isUnspaced: Bool = false)
        -> ScriptWriter
    {
        ScriptWriter(
            name: name,
            letters: letters.split(separator: " ").map { letter in
                let parts = letter.split(separator: ":", maxSplits: 1)
                let spellings = parts.count > 1 ? parts[1].map { String($0) } : []
                return (String(parts[0]), [String(parts[0])] + spellings)
            },
            isUnspaced: isUnspaced
        )
    }

    /// A word as the numbers of its letters.
    func word(_ random: inout SeededGenerator) -> [Int] {
        (0..<Int.random(in: 1...4, using: &random)).map { _ in
            Int.random(in: 0..<letters.count, using: &random)
        }
    }

    /// Writes a word in one of its ways.
    func write(_ word: [Int], _ random: inout SeededGenerator) -> String {
        let text = word.map { letters[$0].spellings.randomElement(using: &random) ?? "" }.joined()
        switch Int.random(in: 0..<4, using: &random) {
        case 0: return text.decomposedStringWithCanonicalMapping
        case 1: return text.precomposedStringWithCanonicalMapping.uppercased()
        case 2: return text.precomposedStringWithCanonicalMapping
        default: return text
        }
    }

    /// The letter by which words are compared.
    func plain(_ letter: Int) -> String {
        letters[letter].plain.precomposedStringWithCanonicalMapping
    }
}

/// Documents as lists of words, searched without any analysis.
private struct PlainEvaluator {
    let script: ScriptWriter
    let documents: [[[Int]]]

    func matches(_ document: [[Int]], word: [Int]) -> Bool {
        guard script.isUnspaced else { return document.contains(word) }
        return document.contains { run in
            word.count <= run.count
                && (0...(run.count - word.count)).contains { start in
                    if word.count > 1 { return Array(run[start..<start + word.count]) == word }
                    // One character stands for all words that begin with it.
                    return script.plain(run[start]).unicodeScalars
                        .starts(with: script.plain(word[0]).unicodeScalars)
                }
        }
    }

    func matches(_ document: [[Int]], phrase: [[Int]]) -> Bool {
        phrase.count <= document.count
            && (0...(document.count - phrase.count)).contains { start in
                Array(document[start..<start + phrase.count]) == phrase
            }
    }

    func matches(_ document: [[Int]], prefix: [Int]) -> Bool {
        if script.isUnspaced {
            let last = script.plain(prefix[prefix.count - 1]).unicodeScalars
            return document.contains { run in
                prefix.count <= run.count
                    && (prefix.count...run.count).contains { end in
                        Array(run[end - prefix.count..<end - 1]) == prefix.dropLast()
                            && script.plain(run[end - 1]).unicodeScalars.starts(with: last)
                    }
            }
        }
        let start = prefix.map { script.plain($0) }.joined().unicodeScalars
        return document.contains { word in
            word.map { script.plain($0) }.joined().unicodeScalars.starts(with: start)
        }
    }

    func rows(_ matches: ([[Int]]) -> Bool) -> Set<Int> {
        Set(documents.indices.filter { matches(documents[$0]) })
    }
}

@Suite("Scripts against FTS5 and a model")
struct ScriptDifferentialTests {
    /// The number of documents and queries of all scripts; 20,000 with `make test-scripts`.
    private static let count =
        ProcessInfo.processInfo.environment["LODESTONE_SCRIPT_DOCUMENTS"].flatMap { Int($0) }
        ?? 1_200

    @Test(
        "Postings, FTS5 and a model agree on words, phrases, prefixes and NOT in every script",
        arguments: ScriptWriter.all.indices
    )
    func queries(number: Int) throws {
        let script = ScriptWriter.all[number]
        var random = SeededGenerator(seed: UInt64(100 + number))
        let count = Self.count / ScriptWriter.all.count
        let documents = (0..<count).map { _ in
            (0..<Int.random(in: 0...8, using: &random)).map { _ in script.word(&random) }
        }
        let separators = [" ", "  ", ", ", "; ", "\n", " - ", "…"]
        let texts = documents.map { words in
            words.map { word in
                script.write(word, &random) + (separators.randomElement(using: &random) ?? " ")
            }.joined()
        }
        let index = try ScriptIndex(.none, texts)
        let model = PlainEvaluator(script: script, documents: documents)
        for round in 0..<count {
            let known = documents.randomElement(using: &random) ?? []
            let word =
                Bool.random(using: &random)
                ? known.first ?? script.word(&random)
                : script.word(&random)
            let other = known.last ?? script.word(&random)
            let (one, two) = (script.write(word, &random), script.write(other, &random))
            let query: String
            let expected: Set<Int>
            switch round % 6 {
            case 0:
                query = one
                expected = model.rows { model.matches($0, word: word) }
            case 1 where !script.isUnspaced:
                let phrase = known.isEmpty ? [word, other] : Array(known.suffix(2))
                query =
                    "\"" + phrase.map { script.write($0, &random) }.joined(separator: " ") + "\""
                expected = model.rows { model.matches($0, phrase: phrase) }
            case 2:
                query = one + "*"
                expected = model.rows { model.matches($0, prefix: word) }
            case 3:
                query = "\(one) NOT \(two)"
                expected = model.rows {
                    model.matches($0, word: word) && !model.matches($0, word: other)
                }
            case 4:
                query = "\(one) OR \(two)"
                expected = model.rows {
                    model.matches($0, word: word) || model.matches($0, word: other)
                }
            default:
                query = "\(one) AND \(two)"
                expected = model.rows {
                    model.matches($0, word: word) && model.matches($0, word: other)
                }
            }
            #expect(try index.found(query) == expected, "\(script.name) \(query)")
        }
    }
}
