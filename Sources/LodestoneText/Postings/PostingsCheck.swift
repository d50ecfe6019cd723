// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore
package import LodestoneStructures

/// A comparison of an index with its rows.
package struct PostingsCheck {
    /// A difference between the index and a row.
    package enum Difference {
        /// The index lacks the exact forms of some words of the row's text.
        case unknownWords
        /// The index has other words for the row, or other positions or lengths.
        case otherWords
    }

    private let index: PostingsTextIndex
    /// The fingerprint of each row in the index.
    private let fingerprints: ContiguousArray<UInt64>

    init(_ index: PostingsTextIndex) {
        self.index = index
        fingerprints = index.fingerprints()
    }

    /// The differences between the index and the text of a row.
    package func differences(of row: RowID, from text: [TextField]) -> [Difference] {
        var differences: [Difference] = []
        // `analyze` would add unknown words, so the words are looked up first.
        if !index.knowsWords(of: text) { differences.append(.unknownWords) }
        let present = Int(row) < fingerprints.count ? fingerprints[Int(row)] : 0
        let analyzed = index.analyze([text])
        let hasLengths = index.lengths.has(
            row,
            hasWords: !analyzed.postings(of: 0).isEmpty,
            length: { analyzed.length(of: 0, slot: $0) }
        )
        if !hasLengths || present != PostingsTextIndex.fingerprint(of: analyzed, at: 0) {
            differences.append(.otherWords)
        }
        return differences
    }

    /// Whether each word of the base is in a list of its stem.
    package var hasSoundVocabulary: Bool { index.hasSoundVocabulary }
}

/// The fingerprints of rows.
extension PostingsTextIndex {
    /// A fingerprint of each row, from all its words and their positions in the index.
    ///
    /// It is 0 for a row without words.
    ///
    /// - Complexity: O(positions of all words).
    func fingerprints() -> ContiguousArray<UInt64> {
        var sums = ContiguousArray<UInt64>(repeating: 0, count: Int(rowBound))
        var positions: ContiguousArray<UInt32> = []
        for number in 0..<(base?.listCount ?? 0) {
            guard let base, let list = base.list(number) else { continue }
            let hash = UInt64(hashing: list.keyBytes)
            var reader = TextBase.PositionReader()
            base.forEachEntry(of: list) { rowBlock, postings in
                for (row, number) in zip(base.columns(of: postings).rows, postings) {
                    positions.removeAll(keepingCapacity: true)
                    base.readPositions(of: number, with: &reader, into: &positions)
                    let row = rowBlock << 16 | Int(row)
                    if row < sums.count { sums[row] &+= Self.sum(hash, positions) }
                }
            }
        }
        for list in 0..<delta.dictionary.listCount {
            let hash = UInt64(hashing: delta.dictionary.key(of: list))
            var number = delta.firstNode(of: list)
            while number != 0 {
                let node = delta.node(number)
                number = node.next
                for index in 0..<node.count {
                    let posting = DeltaPosting(node.postings[index].load(ordering: .relaxed))
                    let row = Int(node.rowBlock) << 16 | posting.row
                    guard row < sums.count else { continue }
                    positions.removeAll(keepingCapacity: true)
                    delta.readPositions(of: posting.positionReference, into: &positions)
                    sums[row] &+= Self.sum(hash, positions)
                }
            }
        }
        return sums
    }

    /// Whether the exact forms in the base are in order, and each has a list.
    ///
    /// - Complexity: O(words).
    var hasSoundVocabulary: Bool {
        guard let base else { return true }
        let vocabulary = base.vocabulary
        var last: [UInt8] = []
        return (0..<vocabulary.count).allSatisfy { word in
            let bytes = vocabulary.bytes(of: word)
            defer { last = Array(bytes) }
            var form = WordBuffer()
            form.append(contentsOf: bytes)
            var stem = WordBuffer()
            stem.set(form.word)
            delta.dictionary.analyzer.stem(&stem)
            var hasList = false
            base.forEachList(ofStem: stem.word) { _, key in
                hasList = hasList || key.isList(of: form.word)
            }
            return hasList && vocabulary.isBehind(last, word)
                && vocabulary.mask(of: word) == CharacterMask.of(bytes)
        }
    }

    /// Whether the index has the exact forms of all words of a text.
    func knowsWords(of text: [TextField]) -> Bool {
        var tokenizer = delta.dictionary.analyzer.tokenizer()
        return text.allSatisfy { field in
            var text = field.text
            var isKnown = true
            text.withUTF8 { text in
                tokenizer.forEachWord(in: text) { word in
                    isKnown =
                        isKnown
                        && (delta.dictionary.number(of: word).map { delta.dictionary.isInTexts($0) }
                            ?? false || base?.vocabulary.contains(word) ?? false)
                }
            }
            return isKnown
        }
    }

    /// The fingerprint of a row with the text at `index` of `texts`.
    static func fingerprint(of texts: AnalyzedTexts, at index: Int) -> UInt64 {
        texts.postings[texts.postings(of: index)].reduce(0) { sum, posting in
            let list = UInt64(hashing: texts.tables.dictionary.key(of: posting.list))
            return sum &+ Self.sum(list, texts.positions(of: posting))
        }
    }

    private static func sum(_ list: UInt64, _ positions: ContiguousArray<UInt32>) -> UInt64 {
        positions.reduce(0) { $0 &+ list.mixed(with: UInt64($1)) }
    }
}
