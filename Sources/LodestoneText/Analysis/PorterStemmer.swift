// SPDX-License-Identifier: Apache-2.0

/// A stemmer of English words.
///
/// M. F. Porter, "An algorithm for suffix stripping", Program 14(3), 1980, with two changes of the
/// author's later program, which FTS5's `porter` also has: `bli` becomes `ble`, `logi` becomes
/// `log`. Bytes outside ASCII count as consonants.
struct PorterStemmer {
    /// The lengths in bytes of words that are stemmed; others stay unchanged.
    static let lengths = 3...64

    private let word: UnsafeMutablePointer<UInt8>
    private var count: Int

    /// Stems the folded word in `buffer`.
    static func stem(_ buffer: inout WordBuffer) {
        guard lengths.contains(buffer.count) else { return }
        var stemmer = PorterStemmer(word: buffer.bytes, count: buffer.count)
        stemmer.run()
        buffer.shorten(to: stemmer.count)
    }

    private mutating func run() {
        removePlural()
        removePast()
        if last == UInt8(ascii: "y"), hasVowel(count - 1) { word[count - 1] = UInt8(ascii: "i") }
        replace(Self.step2, whenMeasureExceeds: 0)
        replace(Self.step3, whenMeasureExceeds: 0)
        replace(Self.step4, whenMeasureExceeds: 1)
        removeFinalE()
    }

    private var last: UInt8 { word[count - 1] }

    // MARK: Steps

    private mutating func removePlural() {
        if ends("sses") || ends("ies") {
            count -= 2
        } else if last == UInt8(ascii: "s"), word[count - 2] != UInt8(ascii: "s") {
            count -= 1
        }
    }

    private mutating func removePast() {
        if ends("eed") {
            if measure(count - 3) > 0 { count -= 1 }
            return
        }
        if ends("ed"), hasVowel(count - 2) {
            count -= 2
        } else if ends("ing"), hasVowel(count - 3) {
            count -= 3
        } else {
            return
        }
        if ends("at") || ends("bl") || ends("iz") {
            append(UInt8(ascii: "e"))
        } else if count > 1, last == word[count - 2], !Self.isVowel(last),
            last != UInt8(ascii: "l"), last != UInt8(ascii: "s"), last != UInt8(ascii: "z")
        {
            count -= 1
        } else if measure(count) == 1, endsShort(count) {
            append(UInt8(ascii: "e"))
        }
    }

    private mutating func removeFinalE() {
        if last == UInt8(ascii: "e") {
            let measure = measure(count - 1)
            if measure > 1 || (measure == 1 && !endsShort(count - 1)) { count -= 1 }
        }
        if count > 1, last == UInt8(ascii: "l"), word[count - 2] == last, measure(count - 1) > 1 {
            count -= 1
        }
    }

    private typealias Rule = (ending: StaticString, replacement: StaticString)

    /// The rules of step 2; a rule comes before rules whose endings are suffixes of its own.
    private static let step2: [Rule] = [
        ("ational", "ate"), ("tional", "tion"), ("enci", "ence"), ("anci", "ance"), ("izer", "ize"),
        ("logi", "log"), ("bli", "ble"), ("alli", "al"), ("entli", "ent"), ("eli", "e"),
        ("ousli", "ous"), ("ization", "ize"), ("ation", "ate"), ("ator", "ate"), ("alism", "al"),
        ("iveness", "ive"), ("fulness", "ful"), ("ousness", "ous"), ("aliti", "al"),
        ("iviti", "ive"), ("biliti", "ble"),
    ]
    private static let step3: [Rule] = [
        ("icate", "ic"), ("ative", ""), ("alize", "al"), ("iciti", "ic"), ("ical", "ic"),
        ("ful", ""), ("ness", ""),
    ]
    private static let step4: [Rule] = [
        ("al", ""), ("ance", ""), ("ence", ""), ("er", ""), ("ic", ""), ("able", ""), ("ible", ""),
        ("ant", ""), ("ement", ""), ("ment", ""), ("ent", ""), ("sion", "s"), ("tion", "t"),
        ("ou", ""), ("ism", ""), ("ate", ""), ("iti", ""), ("ous", ""), ("ive", ""), ("ize", ""),
    ]

    /// Applies the first rule whose ending matches, if enough of the word is before the ending.
    private mutating func replace(_ rules: [Rule], whenMeasureExceeds bound: Int) {
        guard let rule = rules.first(where: { ends($0.ending) }) else { return }
        let added = rule.replacement.utf8CodeUnitCount
        let stem = count - rule.ending.utf8CodeUnitCount
        // The endings "sion" and "tion" are "ion" after a letter that stays.
        let isIon = bound == 1 && added == 1
        guard measure(isIon ? stem + 1 : stem) > bound else { return }
        for index in 0..<added { word[stem + index] = rule.replacement.utf8Start[index] }
        count = stem + added
    }

    // MARK: Parts of words

    /// Whether the word ends with `ending` and has a letter before it.
    private func ends(_ ending: StaticString) -> Bool {
        let length = ending.utf8CodeUnitCount
        guard count > length, last == ending.utf8Start[length - 1] else { return false }
        return (0..<length).allSatisfy { word[count - length + $0] == ending.utf8Start[$0] }
    }

    private mutating func append(_ byte: UInt8) {
        word[count] = byte
        count += 1
    }

    private static func isVowel(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a"), UInt8(ascii: "e"), UInt8(ascii: "i"), UInt8(ascii: "o"),
            UInt8(ascii: "u"):
            true
        default: false
        }
    }

    /// Whether a letter is a vowel, given whether the previous one is a consonant.
    private static func isVowel(_ byte: UInt8, afterConsonant: Bool) -> Bool {
        isVowel(byte) || (byte == UInt8(ascii: "y") && afterConsonant)
    }

    /// Porter's m of the first `length` letters: the number of consonants right after a vowel.
    private func measure(_ length: Int) -> Int {
        var measure = 0
        var isConsonant = false
        var wasVowel = false
        for index in 0..<max(0, length) {
            isConsonant = !Self.isVowel(word[index], afterConsonant: isConsonant)
            if isConsonant, wasVowel { measure += 1 }
            wasVowel = !isConsonant
        }
        return measure
    }

    private func hasVowel(_ length: Int) -> Bool {
        (0..<max(0, length)).contains { Self.isVowel(word[$0], afterConsonant: $0 > 0) }
    }

    /// Whether the first `length` letters end with consonant, vowel, consonant, the last one not
    /// w, x or y: Porter's *o.
    private func endsShort(_ length: Int) -> Bool {
        guard length >= 3 else { return false }
        switch word[length - 1] {
        case UInt8(ascii: "w"), UInt8(ascii: "x"), UInt8(ascii: "y"): return false
        default: break
        }
        var shape: UInt8 = 0
        var isConsonant = false
        for index in 0..<length {
            isConsonant = !Self.isVowel(word[index], afterConsonant: isConsonant)
            shape = shape << 1 | (isConsonant ? 1 : 0)
        }
        return shape & 7 == 5
    }
}
