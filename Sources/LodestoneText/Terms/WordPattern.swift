// SPDX-License-Identifier: Apache-2.0

/// A pattern of words: parts in order, with any letters between them.
package struct WordPattern: Sendable, Equatable, CustomStringConvertible {
    /// The parts as typed, in order, none empty: two in `p*thon`, one in `*ytho*`.
    package let parts: [String]
    /// Whether any letters may precede the first part.
    package let isOpenAtStart: Bool
    /// Whether any letters may follow the last part.
    package let isOpenAtEnd: Bool

    /// Creates a pattern of at least one part.
    package init(_ parts: [String], isOpenAtStart: Bool, isOpenAtEnd: Bool) {
        self.parts = parts
        self.isOpenAtStart = isOpenAtStart
        self.isOpenAtEnd = isOpenAtEnd
    }

    /// The pattern in the syntax of a query.
    package var description: String {
        (isOpenAtStart ? "*" : "") + parts.joined(separator: "*") + (isOpenAtEnd ? "*" : "")
    }
}

/// A pattern ready to be compared with many words.
struct WordMatcher {
    private let parts: [[UInt8]]
    private let isOpenAtStart: Bool
    private let isOpenAtEnd: Bool
    /// The mask of the letters that a word must have.
    let mask: UInt64
    /// The least number of letters of a word.
    let letterCount: Int

    init(_ pattern: WordPattern, _ analyzer: TextAnalyzer) {
        parts = pattern.parts.map { analyzer.words(of: $0).flatMap(\.form.bytes) }
        isOpenAtStart = pattern.isOpenAtStart
        isOpenAtEnd = pattern.isOpenAtEnd
        let letters = parts.reduce(into: []) { $0 += $1 }
        (mask, letterCount) = letters.withUnsafeBufferPointer { letters in
            (CharacterMask.of(letters), WordScalars.count(in: letters))
        }
    }

    /// Whether a folded word matches the pattern.
    ///
    /// Each part is matched at its first occurrence, which finds a match if there is one.
    ///
    /// - Complexity: O(letters of the word × letters of the longest part).
    func matches(_ word: UnsafeBufferPointer<UInt8>) -> Bool {
        var start = 0
        for (number, part) in parts.enumerated() {
            let isFixed = number == 0 && !isOpenAtStart
            let isLast = number == parts.count - 1 && !isOpenAtEnd
            guard word.count - start >= part.count else { return false }
            if isLast {
                let offset = word.count - part.count
                return (!isFixed || offset == 0) && Self.has(part, in: word, at: offset)
            }
            var offset = start
            let end = isFixed ? start : word.count - part.count
            while !Self.has(part, in: word, at: offset) {
                offset += 1
                if offset > end { return false }
            }
            start = offset + part.count
        }
        return true
    }

    @inline(__always)
    private static func has(
        _ part: [UInt8],
        in word: UnsafeBufferPointer<UInt8>,
        at start: Int
    ) -> Bool {
        for offset in part.indices where word[start + offset] != part[offset] { return false }
        return true
    }
}
