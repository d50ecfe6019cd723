// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStructures

/// The words of texts for a `BaseVocabulary`.
struct VocabularyList {
    private var bytes: ContiguousArray<UInt8> = []
    private var words: ContiguousArray<Word> = []

    private struct Word {
        let end: Int
        /// The number of letters, at most `BaseVocabulary.longest`.
        let length: Int
        /// The first eight bytes as a number, in which most words differ.
        let start: UInt64
    }

    init() {}

    /// Adds a folded word; repetitions count once.
    mutating func append(_ word: some Collection<UInt8>) {
        var start: UInt64 = 0
        var letters = 0
        for (index, byte) in word.enumerated() {
            bytes.append(byte)
            if byte & 0xC0 != 0x80 { letters += 1 }
            if index < 8 { start |= UInt64(byte) << UInt64(56 - index * 8) }
        }
        words.append(
            Word(
                end: bytes.count,
                length: min(letters, BaseVocabulary.longest),
                start: start
            )
        )
    }

    /// Writes the sections of `BaseVocabulary`.
    func write(to sink: inout some SectionSink) throws(LodestoneError) {
        let order = words.indices.sorted { first, second in
            let (one, other) = (words[first], words[second])
            if one.length != other.length { return one.length < other.length }
            if one.start != other.start { return one.start < other.start }
            return slice(first).lexicographicallyPrecedes(slice(second))
        }
        var written: ContiguousArray<UInt8> = []
        var ends: ContiguousArray<UInt64> = [0]
        var masks: ContiguousArray<UInt64> = []
        var lengths: ContiguousArray<UInt64> = []
        var last: Int?
        for word in order {
            if let last, slice(last) == slice(word) { continue }
            last = word
            while lengths.count <= words[word].length { lengths.append(UInt64(masks.count)) }
            written.append(contentsOf: slice(word))
            ends.append(UInt64(written.count))
            masks.append(slice(word).withUnsafeBufferPointer { CharacterMask.of($0) })
        }
        while lengths.count < BaseVocabulary.longest + 2 {
            lengths.append(UInt64(masks.count))
        }
        try sink.write("TFRM", written)
        try sink.write("TFEN", ends)
        try sink.write("TFSG", masks)
        try sink.write("TFLN", lengths)
    }

    private func slice(_ word: Int) -> ArraySlice<UInt8> {
        bytes[(word == 0 ? 0 : words[word - 1].end)..<words[word].end]
    }
}
