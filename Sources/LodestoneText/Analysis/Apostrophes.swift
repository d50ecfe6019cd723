// SPDX-License-Identifier: Apache-2.0
import LodestoneCore

/// The rules of a language for the apostrophes inside a word.
///
/// `levi's` becomes `levi`, and `l'homme` becomes `homme` in French. `don't` and `o'brien` become
/// one word without their apostrophe. So no part of one or two letters becomes a word. The rules
/// are those of Lucene's analyzers (possessives, elisions, the apostrophe of Turkish).
struct Apostrophes {
    /// The byte for an apostrophe in a tokenizer's buffer; no folded word has this byte.
    static let mark = UInt8(ascii: "'")

    /// The parts that are dropped before an apostrophe.
    private let elided: Set<[UInt8]>
    /// Whether they are dropped only before a vowel or an `h`, as in languages without elisions.
    private let needsVowel: Bool
    /// The endings that are dropped after the last apostrophe.
    private let endings: Set<[UInt8]>
    /// Whether everything after the first apostrophe is dropped.
    private let isTurkish: Bool

    private static let all: [Apostrophes] = TextLanguage.allCases.map { Apostrophes($0) }

    /// The rules of a language.
    static func of(_ language: TextLanguage) -> Apostrophes { all[Int(language.rawValue)] }

    private init(_ language: TextLanguage) {
        var (elided, endings) = ("", "s")
        switch language {
        case .english, .none:
            elided = "c d j l m n s t qu"
            endings = "s ll re ve d m"
        case .french: elided = "l m t qu n s j d c jusqu quoiqu lorsqu puisqu"
        case .italian:
            elided = "c l all dall dell nell sull coll pell gl agl dagl degl negl sugl un m t s v d"
        case .catalan:
            elided = "d l m n s t"
            endings = "l ls m n ns s t"
        case .irish: elided = "b d m"
        default: break
        }
        self.elided = Self.words(elided)
        self.endings = Self.words(endings)
        needsVowel = language == .english || language == .none
        isTurkish = language == .turkish
    }

    private static func words(_ list: String) -> Set<[UInt8]> {
        Set(list.split(separator: " ").map { Array($0.utf8) })
    }

    /// The result of the rules for a word with apostrophes.
    struct Result {
        /// The parts that remain as the word, without apostrophes.
        var remaining: Range<Int>
        /// Whether all parts joined are an additional word.
        ///
        /// Some people write the word without its apostrophe: `dangelo`.
        var isJoinedToo = false
    }

    /// Applies the rules to the parts of a word, which are folded or in lower case and not empty.
    ///
    /// - Parameters:
    ///   - parts: The pieces between the apostrophes, at least two.
    ///   - language: The language whose rules apply.
    /// - Returns: The parts that remain as the word.
    static func resolve(_ parts: [[UInt8]], _ language: TextLanguage) -> Result {
        let rules = of(language)
        if rules.isTurkish { return Result(remaining: 0..<1) }
        var remaining = parts.indices
        while remaining.count > 1,
            rules.elides(parts[remaining.lowerBound], parts[remaining.lowerBound + 1])
        {
            remaining.removeFirst()
        }
        while remaining.count > 1, rules.endings.contains(parts[remaining.upperBound - 1]) {
            remaining.removeLast()
        }
        // In English the stem finds `levis`; without stems only the joined word does.
        let isIncomplete =
            remaining.lowerBound > 0
            || (language == .none && remaining.upperBound < parts.count
                && parts[remaining.upperBound] == [UInt8(ascii: "s")])
        return Result(remaining: remaining, isJoinedToo: rules.needsVowel && isIncomplete)
    }

    private func elides(_ part: [UInt8], _ next: [UInt8]) -> Bool {
        elided.contains(part) && (!needsVowel || Self.vowels.contains(next[0]))
    }

    private static let vowels = Set("aeiouyh".utf8)
}
