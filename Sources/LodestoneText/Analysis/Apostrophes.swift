// SPDX-License-Identifier: Apache-2.0
import LodestoneCore

/// What a language makes of the apostrophes inside of a word.
///
/// `levi's` is `levi`, `l'homme` is `homme` in French, `don't` and `o'brien` are one word without
/// their apostrophe: what stands on a side of it is never a word of a letter or two. The rules are those of
/// Lucene's analyzers (possessives, elisions, the apostrophe of Turkish).
struct Apostrophes {
    /// How an apostrophe stands in the buffer of a tokenizer; in no folded word.
    static let mark = UInt8(ascii: "'")

    /// What is left out before an apostrophe.
    private let elided: Set<[UInt8]>
    /// Whether that is so only before a vowel or an `h`, since the language has no elisions itself.
    private let needsVowel: Bool
    /// What is left out behind the last apostrophe.
    private let endings: Set<[UInt8]>
    /// Whether everything behind the first apostrophe is left out.
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

    /// What is made of a word with apostrophes.
    struct Result {
        /// The parts that make up the word, without apostrophes.
        var kept: Range<Int>
        /// Whether all parts together are a word, too, because a writer may leave out the apostrophe
        /// alone: `dangelo`.
        var isJoinedToo = false
    }

    /// Looks at the parts of a word, folded or in lower case; none of them is empty.
    ///
    /// - Parameters:
    ///   - parts: What stands between the apostrophes, at least two.
    ///   - language: Of the rules.
    /// - Returns: Which of the parts are the word.
    static func resolve(_ parts: [[UInt8]], _ language: TextLanguage) -> Result {
        let rules = of(language)
        if rules.isTurkish { return Result(kept: 0..<1) }
        var kept = parts.indices
        while kept.count > 1, rules.elides(parts[kept.lowerBound], parts[kept.lowerBound + 1]) {
            kept.removeFirst()
        }
        while kept.count > 1, rules.endings.contains(parts[kept.upperBound - 1]) {
            kept.removeLast()
        }
        // English finds `levis` by its stem; without stems nothing else would.
        let isIncomplete =
            kept.lowerBound > 0
            || (language == .none && kept.upperBound < parts.count
                && parts[kept.upperBound] == [UInt8(ascii: "s")])
        return Result(kept: kept, isJoinedToo: rules.needsVowel && isIncomplete)
    }

    private func elides(_ part: [UInt8], _ next: [UInt8]) -> Bool {
        elided.contains(part) && (!needsVowel || Self.vowels.contains(next[0]))
    }

    private static let vowels = Set("aeiouyh".utf8)
}
