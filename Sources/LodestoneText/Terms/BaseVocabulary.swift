// SPDX-License-Identifier: Apache-2.0
import LodestoneStructures

/// The forms of words in a base, searched in place.
///
/// The words are sorted by their number of letters, then by bytes, so that words of one length are
/// contiguous.
///
///     TFRM  the words, folded, one after the other        UInt8
///     TFEN  where each word begins, and the end           UInt64
///     TFSG  the mask of each word                       UInt64
///     TFLN  the first word of 0, 1, 2 … 65 or more        UInt64
///           letters, and the end
///
/// The bytes of the file are checked before use, as in `TextBase`.
struct BaseVocabulary: Sendable {
    /// Words of this many letters or more are one group.
    static let longest = 65

    private let words: MappedArray<UInt8>
    private let ends: MappedArray<UInt64>
    private let masks: MappedArray<UInt64>
    private let lengths: MappedArray<UInt64>

    /// `nil` when sections are missing or contradict each other.
    init?(_ source: some SectionSource) {
        guard let words = source.section("TFRM", of: UInt8.self),
            let ends = source.section("TFEN", of: UInt64.self),
            let masks = source.section("TFSG", of: UInt64.self),
            let lengths = source.section("TFLN", of: UInt64.self),
            ends.count == masks.count + 1, lengths.count == Self.longest + 2
        else { return nil }
        self.words = words
        self.ends = ends
        self.masks = masks
        self.lengths = lengths
    }

    /// The number of words.
    var count: Int { masks.count }

    /// A word, folded, in UTF-8.
    func bytes(of word: Int) -> UnsafeBufferPointer<UInt8> {
        guard let start = Int(exactly: ends.element(word, or: 0)),
            let end = Int(exactly: ends.element(word + 1, or: 0)), start <= end
        else { return UnsafeBufferPointer(start: nil, count: 0) }
        return words.elements(start..<end)
    }

    /// The stored mask of a word.
    func mask(of word: Int) -> UInt64 { masks.element(word, or: 0) }

    /// The words of `letters`, and their masks.
    func masks(ofLengths letters: ClosedRange<Int>) -> (
        first: Int, masks: UnsafeBufferPointer<UInt64>
    ) {
        let first = bound(min(letters.lowerBound, Self.longest))
        let end = bound(min(letters.upperBound, Self.longest) + 1)
        return (first, masks.elements(first..<max(first, end)))
    }

    /// Calls `body` with the words of `letters` letters that begin with `prefix`, in order.
    func forEach(
        beginningWith prefix: [UInt8],
        letters: Int,
        _ body: (UnsafeBufferPointer<UInt8>) -> Void
    ) {
        let end = bound(letters + 1)
        var word = first(of: bound(letters)..<end) { !$0.lexicographicallyPrecedes(prefix) }
        while word < end {
            let bytes = bytes(of: word)
            guard bytes.starts(with: prefix) else { return }
            body(bytes)
            word += 1
        }
    }

    /// Calls `body` with the words of `letters` letters that don't begin with ASCII, in order.
    func forEachBeyondASCII(letters: Int, _ body: (UnsafeBufferPointer<UInt8>) -> Void) {
        let end = bound(letters + 1)
        let start = first(of: bound(letters)..<end) { $0.first.map { $0 >= 0x80 } ?? false }
        for word in start..<max(start, end) { body(bytes(of: word)) }
    }

    /// The first word, among words of one length, for which `isBehind` is true; else their end.
    private func first(of words: Range<Int>, _ isBehind: (UnsafeBufferPointer<UInt8>) -> Bool)
        -> Int
    {
        var (low, high) = (words.lowerBound, words.upperBound)
        while low < high {
            let middle = (low + high) / 2
            if isBehind(bytes(of: middle)) { high = middle } else { low = middle + 1 }
        }
        return low
    }

    private func bound(_ length: Int) -> Int {
        min(count, Int(clamping: lengths.element(length, or: 0)))
    }

    /// Whether a word sorts after another: it is longer, or equally long with greater bytes.
    func isBehind(_ other: [UInt8], _ word: Int) -> Bool {
        let bytes = bytes(of: word)
        let letters = min(WordScalars.count(in: bytes), Self.longest)
        let lettersOfOther = other.withUnsafeBufferPointer {
            min(WordScalars.count(in: $0), Self.longest)
        }
        guard bound(letters) <= word, word < bound(letters + 1) else { return false }
        return lettersOfOther < letters
            || (lettersOfOther == letters && other.lexicographicallyPrecedes(bytes))
    }

    /// Whether the base has a word.
    func contains(_ word: NormalizedToken) -> Bool {
        let bytes = word.bytes
        let letters = bytes.withUnsafeBufferPointer { WordScalars.count(in: $0) }
        var low = bound(min(letters, Self.longest))
        var high = bound(min(letters, Self.longest) + 1)
        while low < high {
            let middle = (low + high) / 2
            let found = self.bytes(of: middle)
            if found.elementsEqual(bytes) { return true }
            if found.lexicographicallyPrecedes(bytes) { low = middle + 1 } else { high = middle }
        }
        return false
    }
}
