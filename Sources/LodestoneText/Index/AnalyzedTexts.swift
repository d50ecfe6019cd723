// SPDX-License-Identifier: Apache-2.0

/// Texts cut into words, counted and looked up, ready to be added to an index or taken out.
///
/// Made on any thread with `TextIndex.analyze`, so that the one writer has the least to do.
package struct AnalyzedTexts: Sendable {
    /// A term in a text.
    struct Occurrence {
        var term: UInt32
        /// The one position, or with `isRun` where in `positions` their count and they lie.
        let place: UInt32
        let postingClass: UInt16
    }

    /// Marks a place where several positions lie.
    static let isRun: UInt32 = 1 << 31

    private(set) var dictionary: TextDictionary
    private(set) var occurrences: ContiguousArray<Occurrence> = []
    private(set) var positions: ContiguousArray<UInt32> = []
    /// Where each text's occurrences end, and its length in words.
    private var ends: ContiguousArray<(end: Int, length: Int)> = []

    init(dictionary: TextDictionary) {
        self.dictionary = dictionary
    }

    /// Texts.
    package var count: Int { ends.count }

    /// Bytes of memory, roughly.
    package var byteCount: Int {
        occurrences.count * MemoryLayout<Occurrence>.stride
            + positions.count * MemoryLayout<UInt32>.stride + ends.count * 16
    }

    /// The same texts in the terms of another dictionary.
    func renumbered(for dictionary: TextDictionary, _ number: (UInt32) -> UInt32)
        -> AnalyzedTexts
    {
        var texts = self
        texts.dictionary = dictionary
        for place in texts.occurrences.indices {
            texts.occurrences[place].term = number(texts.occurrences[place].term)
        }
        return texts
    }

    /// The occurrences of a text, by term.
    func occurrences(of text: Int) -> Range<Int> {
        (text == 0 ? 0 : ends[text - 1].end)..<ends[text].end
    }

    /// The words of a text, repeated ones too.
    func length(of text: Int) -> Int { ends[text].length }

    /// Calls `body` with each position of an occurrence, in order.
    func forEachPosition(of occurrence: Occurrence, _ body: (UInt32) -> Void) {
        guard occurrence.place & Self.isRun != 0 else { return body(occurrence.place) }
        let start = Int(occurrence.place & ~Self.isRun)
        for index in 0..<Int(positions[start]) { body(positions[start + 1 + index]) }
    }

    /// Analyses a text, or a part of it that ends where a word ends, as UTF-8.
    ///
    /// Tokenizer and lists are to be used again for the next text.
    func read(
        _ text: UnsafeBufferPointer<UInt8>,
        _ tokenizer: inout Tokenizer,
        _ lists: inout Lists
    ) {
        // All short words are looked up together, when where words end is no guess of the CPU's
        // any more: then it waits for several places of the dictionary at once.
        tokenizer.forEachWord(in: text) { word in
            if word.long == nil {
                lists.words.append(word)
                return
            }
            resolve(&lists)
            let position = UInt64(lists.keys.count)
            lists.keys.append(UInt64(dictionary.term(of: word)) << 32 | position)
        }
        resolve(&lists)
    }

    /// Adds the text that was read in parts.
    mutating func endText(_ lists: inout Lists) {
        add(&lists.keys)
        lists.keys.removeAll(keepingCapacity: true)
    }

    /// What is put together for one text.
    struct Lists {
        fileprivate var words: ContiguousArray<FoldedWord> = []
        /// Terms with their positions.
        fileprivate var keys: ContiguousArray<UInt64> = []

        init() {}
    }

    /// Looks up the words at hand.
    private func resolve(_ lists: inout Lists) {
        var position = UInt64(lists.keys.count)
        for word in lists.words {
            lists.keys.append(UInt64(dictionary.term(of: word)) << 32 | position)
            position += 1
        }
        lists.words.removeAll(keepingCapacity: true)
    }

    private mutating func add(_ keys: inout ContiguousArray<UInt64>) {
        Self.sort(&keys)
        let length = keys.count
        var index = 0
        while index < length {
            let term = UInt32(truncatingIfNeeded: keys[index] >> 32)
            var end = index + 1
            while end < length, UInt32(truncatingIfNeeded: keys[end] >> 32) == term { end += 1 }
            let place: UInt32
            if end == index + 1 {
                place = UInt32(truncatingIfNeeded: keys[index])
            } else {
                place = Self.isRun | UInt32(positions.count)
                positions.append(UInt32(end - index))
                for run in index..<end { positions.append(UInt32(truncatingIfNeeded: keys[run])) }
            }
            occurrences.append(
                Occurrence(
                    term: term,
                    place: place,
                    postingClass: PostingClass.of(frequency: end - index, length: length)
                )
            )
            index = end
        }
        ends.append((occurrences.count, length))
    }

    /// Short lists, nearly all of them, are sorted faster by hand.
    private static func sort(_ keys: inout ContiguousArray<UInt64>) {
        guard keys.count <= 48 else { return keys.sort() }
        keys.withUnsafeMutableBufferPointer { keys in
            var end = 1
            while end < keys.count {
                let key = keys[end]
                var place = end
                while place > 0, keys[place - 1] > key {
                    keys[place] = keys[place - 1]
                    place -= 1
                }
                keys[place] = key
                end += 1
            }
        }
    }
}
