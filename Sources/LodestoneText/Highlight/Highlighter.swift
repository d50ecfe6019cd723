// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore

/// A highlighter that finds the fragments of a text with the best matches.
package struct Highlighter {
    private let words: HighlightTerms
    private let highlight: Highlight

    /// Creates a highlighter of texts that match the words.
    package init(_ words: HighlightTerms, _ highlight: Highlight) {
        self.words = words
        self.highlight = highlight
    }

    /// The best fragments of the requested fields of a document, for fields with a match.
    package func fields(of text: [TextField]) -> [HighlightedField] {
        text.compactMap { field in
            let isWished = highlight.fields.contains { $0.hasSameBytes(as: field.name) }
            guard highlight.fields.isEmpty || isWished else { return nil }
            let fragments = fragments(of: field)
            return fragments.isEmpty
                ? nil : HighlightedField(field: field.name, fragments: fragments)
        }
    }

    /// The best fragments of a field.
    ///
    /// A fragment is better with more different words of the query, then with more matches, then if
    /// it comes first.
    ///
    /// - Complexity: O(length of the text + fragments × matches).
    package func fragments(of field: TextField) -> [HighlightedField.Fragment] {
        var text = field.text
        return text.withUTF8 { bytes in
            let ranges = WordRanges(bytes, words.analyzer)
            let name = ByteString(field.name)
            let matches = words.matches(in: ranges.stems, ranges.forms, field: name)
            let matching = matches.indices.filter { matches[$0].word != 0 }
            if matching.isEmpty { return [] }
            let found = Self.merged(
                matching.map { index in
                    let bytes = ranges.bytes[index]
                    return matches[index].byteCount.map { bytes.prefix($0) } ?? bytes
                }
            )
            guard highlight.fragmentSize > 0 else {
                return [fragment(bytes, 0..<bytes.count, found)]
            }
            var windows = Window.all(
                matching.map { ($0, matches[$0].word) },
                ranges,
                size: highlight.fragmentSize
            )
            windows.sort()
            var chosen: [Window] = []
            for window in windows {
                if chosen.count == max(1, highlight.maxFragments) { break }
                if !chosen.contains(where: { $0.words.overlaps(window.words) }) {
                    chosen.append(window)
                }
            }
            chosen.sort { $0.words.lowerBound < $1.words.lowerBound }
            var end = 0
            var endByte = 0
            return chosen.indices.compactMap { number in
                let words = ranges.extended(
                    chosen[number].words,
                    within:
                        end..<(number + 1 < chosen.count
                        ? chosen[number + 1].words.lowerBound : ranges.stems.count),
                    size: highlight.fragmentSize
                )
                end = words.upperBound
                let range = ranges.range(of: words, size: highlight.fragmentSize)
                    .clamped(to: endByte..<bytes.count)
                endByte = range.upperBound
                let fragment = fragment(bytes, range, found)
                // The only match may have been a character at the end of the previous fragment.
                return fragment.matches.isEmpty ? nil : fragment
            }
        }
    }

    /// Joins matches that overlap or touch, as words of Chinese, Japanese and Korean do.
    private static func merged(_ matches: [Range<Int>]) -> [Range<Int>] {
        var merged: [Range<Int>] = []
        for match in matches {
            if let last = merged.last, match.lowerBound <= last.upperBound {
                merged[merged.count - 1] =
                    last.lowerBound..<max(last.upperBound, match.upperBound)
            } else {
                merged.append(match)
            }
        }
        return merged
    }

    /// A fragment of a text with the requested marks around its matches.
    private func fragment(
        _ bytes: UnsafeBufferPointer<UInt8>,
        _ range: Range<Int>,
        _ matches: [Range<Int>]
    ) -> HighlightedField.Fragment {
        var piece: [UInt8] = []
        var found: [Range<Int>] = []
        var end = range.lowerBound
        for match in matches.lazy.map({ $0.clamped(to: range) }) where !match.isEmpty {
            piece += bytes[end..<match.lowerBound]
            piece += highlight.before.utf8
            found.append(piece.count..<piece.count + match.count)
            piece += bytes[match]
            piece += highlight.after.utf8
            end = match.upperBound
        }
        piece += bytes[end..<range.upperBound]
        return HighlightedField.Fragment(
            text: String(decoding: piece, as: UTF8.self),
            offset: range.lowerBound,
            matches: found
        )
    }
}

/// The matches that fit a fragment, from one match on.
private struct Window: Comparable {
    /// The words of the text from the first match to the last.
    let words: Range<Int>
    /// The number of different words of the query among the matches.
    let differentWords: Int
    let matchCount: Int

    /// Whether the first window is the better one.
    static func < (first: Window, second: Window) -> Bool {
        if first.differentWords != second.differentWords {
            return first.differentWords > second.differentWords
        }
        if first.matchCount != second.matchCount { return first.matchCount > second.matchCount }
        return first.words.lowerBound < second.words.lowerBound
    }

    /// The windows that begin with each match.
    static func all(
        _ matches: [(index: Int, word: Int)],
        _ ranges: WordRanges,
        size: Int
    ) -> [Window] {
        var counts: [Int: Int] = [:]
        var end = 0
        return matches.indices.map { start in
            let first = ranges.scalars[matches[start].index].lowerBound
            while end < matches.count,
                end == start || ranges.scalars[matches[end].index].upperBound - first <= size
            {
                counts[matches[end].word, default: 0] += 1
                end += 1
            }
            let window = Window(
                words: matches[start].index..<matches[end - 1].index + 1,
                differentWords: counts.count,
                matchCount: end - start
            )
            let word = matches[start].word
            counts[word] = counts[word].flatMap { $0 > 1 ? $0 - 1 : nil }
            return window
        }
    }
}

/// The words of a text, and their ranges.
private struct WordRanges {
    private(set) var stems: [[UInt8]] = []
    /// The folded words.
    private(set) var forms: [[UInt8]] = []
    private(set) var bytes: [Range<Int>] = []
    /// The ranges of the words in Unicode scalars.
    private(set) var scalars: [Range<Int>] = []
    private let byteCount: Int
    private var scalarCount = 0

    init(_ text: UnsafeBufferPointer<UInt8>, _ analyzer: TextAnalyzer) {
        byteCount = text.count
        var tokenizer = analyzer.tokenizer()
        var buffer = WordBuffer()
        var index = 0
        var count = 0
        func scalar(at end: Int) -> Int {
            while index < end {
                if text[index] & 0xC0 != 0x80 { count += 1 }
                index += 1
            }
            return count
        }
        tokenizer.forEachWordRange(in: text) { word, range in
            forms.append(word.withBytes { Array($0) })
            buffer.set(word)
            analyzer.stem(&buffer)
            stems.append(Array(UnsafeBufferPointer(start: buffer.bytes, count: buffer.count)))
            bytes.append(range)
            let start = scalar(at: range.lowerBound)
            scalars.append(start..<scalar(at: range.upperBound))
        }
        scalarCount = scalar(at: text.count)
    }

    /// Extends `words` by the words around them, within `others`, to at most `size` scalars.
    func extended(_ words: Range<Int>, within others: Range<Int>, size: Int) -> Range<Int> {
        var (first, last) = (words.lowerBound, words.upperBound - 1)
        let room = max(0, size - (scalars[last].upperBound - scalars[first].lowerBound))
        let start = scalars[first].lowerBound - room / 2
        while first > others.lowerBound, scalars[first - 1].lowerBound >= start { first -= 1 }
        let end = scalars[first].lowerBound + size
        while last + 1 < others.upperBound, scalars[last + 1].upperBound <= end { last += 1 }
        return first..<last + 1
    }

    /// The range of some words in bytes.
    ///
    /// Text before the first word of the text, and after its last, is included if it has at most
    /// `size` scalars.
    func range(of words: Range<Int>, size: Int) -> Range<Int> {
        let isFirst = words.lowerBound == 0 && scalars[0].lowerBound <= size
        let last = words.upperBound - 1
        let isLast = last + 1 == bytes.count && scalarCount - scalars[last].upperBound <= size
        let start = isFirst ? 0 : bytes[words.lowerBound].lowerBound
        return start..<(isLast ? byteCount : bytes[last].upperBound)
    }
}
