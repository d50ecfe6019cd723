// SPDX-License-Identifier: Apache-2.0
import LodestoneCore

/// A word of the index that matches a word of a query.
struct Expansion {
    /// The form of the word in texts, in UTF-8.
    let word: ContiguousArray<UInt8>
    let stem: TermKey
    /// The number of edits from the query's word.
    let distance: Int
    /// The lists of the expansion's stem, or of the word in exactly this form.
    let cursors: [PostingsCursor]

    /// The number of documents in these lists.
    var frequency: Int { cursors.reduce(0) { $0 + $1.frequency } }
}

extension PostingsTextIndex {
    /// The words within some edits of a word, nearest first.
    ///
    /// The search compares forms of words in texts, so that `runing` finds `running`. It returns
    /// the nearest word of each stem, and misses none. The order is by distance, whether the first
    /// letter is the same, the difference in length, the number of documents with the stem, most
    /// first, then the words' bytes.
    ///
    /// - Parameters:
    ///   - word: The query's word, folded, in UTF-8; not empty.
    ///   - edits: 1 or 2.
    ///   - prefixLength: The number of letters at the start that must be the same; all of a shorter
    ///     word.
    ///   - limit: The most words to return.
    ///   - context: Checked every few thousand words.
    /// - Returns: At most `limit` words, no two with the same stem.
    /// - Throws: The errors of `context`.
    /// - Complexity: O(words of about the same length), less than a nanosecond each.
    func expansions(
        of word: [UInt8],
        edits: Int,
        prefixLength: Int,
        limit: Int,
        context: CallContext?
    ) throws(LodestoneError) -> [Expansion] {
        let scalars = word.withUnsafeBufferPointer { WordScalars.all(in: $0) }
        let distances = EditDistance(scalars)
        let mask = word.withUnsafeBufferPointer { CharacterMask.of($0) }
        let prefix = Self.prefix(of: word, letters: prefixLength)
        var candidates = Candidates(self, word: word, letters: scalars.count)
        let letters = max(1, scalars.count - edits)...(scalars.count + edits)
        try scan(.near(mask, edits: edits), letters: letters, context) { found in
            if found.starts(with: prefix),
                let distance = distances.distance(to: found, limit: edits)
            {
                candidates.append(found, distance: distance)
            }
            return true
        }
        return candidates.expansions(limit: limit)
    }

    static func prefix(of word: [UInt8], letters: Int) -> ArraySlice<UInt8> {
        var index = 0
        var count = 0
        while index < word.count {
            if word[index] & 0xC0 != 0x80 {
                if count == letters { break }
                count += 1
            }
            index += 1
        }
        return word[..<index]
    }

    /// Calls `found` with each word of some lengths in letters whose mask passes, until `found`
    /// returns false; leaves exact spellings out.
    @inline(__always)
    func scan(
        _ filter: MaskFilter,
        letters: ClosedRange<Int>,
        _ context: CallContext?,
        found: (UnsafeBufferPointer<UInt8>) -> Bool
    ) throws(LodestoneError) {
        if let vocabulary = base?.vocabulary {
            let (first, masks) = vocabulary.masks(ofLengths: letters)
            var start = 0
            while start < masks.count {
                try context?.check()
                let end = min(start + 1 << 15, masks.count)
                let part = UnsafeBufferPointer(rebasing: masks[start..<end])
                let goesOn = filter.forEachIndex(in: part) { index in
                    let word = vocabulary.bytes(of: first + start + index)
                    return ExactSpelling.isOne(word) || found(word)
                }
                if !goesOn { return }
                start = end
            }
        }
        let dictionary = delta.dictionary
        let lengths = delta.vocabulary.lengths(of: dictionary)
        let longest = BaseVocabulary.longest
        for parts in lengths[min(letters.lowerBound, longest)...min(letters.upperBound, longest)] {
            try context?.check()
            for part in parts {
                let goesOn = part.masks.withUnsafeBufferPointer { masks in
                    filter.forEachIndex(in: masks) { index in
                        let word = part.words[index]
                        // Stems that are not a form in texts don't count.
                        guard dictionary.isInTexts(word) else { return true }
                        return dictionary.withTerm(word) { word in
                            ExactSpelling.isOne(word) || word.withBytes(found)
                        }
                    }
                }
                if !goesOn { return }
            }
        }
    }
}

extension LodestoneError {
    /// The error for a pattern with too many words; some of them would be a wrong result.
    static func tooManyWords(_ pattern: WordPattern, _ limit: Int) -> LodestoneError {
        .invalid(
            .limit,
            "The pattern \(pattern) stands for more than \(limit) words.",
            recovery: "Write more of its letters.",
            field: "query"
        )
    }
}

/// The rank of an expansion among those of a query's word.
struct ExpansionRank {
    let word: ContiguousArray<UInt8>
    let distance: Int
    private let differsAtStart: Bool
    private let lengthDifference: Int
    /// The number of documents that have the word's stem.
    let frequency: Int

    /// - Parameters:
    ///   - word: A word of texts, folded.
    ///   - distance: The number of edits between the two words.
    ///   - first: The first letter of the query's word.
    ///   - letters: The number of letters of the query's word.
    ///   - frequency: The number of documents that have the stem of `word`.
    init(
        word: UnsafeBufferPointer<UInt8>,
        distance: Int,
        first: UInt32?,
        letters: Int,
        frequency: Int
    ) {
        var start: UInt32?
        var count = 0
        WordScalars.forEach(in: word) { scalar in
            if start == nil { start = scalar }
            count += 1
        }
        self.word = ContiguousArray(word)
        self.distance = distance
        differsAtStart = start != first
        lengthDifference = abs(count - letters)
        self.frequency = frequency
    }

    /// Whether this rank is better than `other`.
    func precedes(_ other: ExpansionRank) -> Bool {
        if distance != other.distance { return distance < other.distance }
        if differsAtStart != other.differsAtStart { return !differsAtStart }
        if lengthDifference != other.lengthDifference {
            return lengthDifference < other.lengthDifference
        }
        if frequency != other.frequency { return frequency > other.frequency }
        return word.lexicographicallyPrecedes(other.word)
    }
}

/// Candidates for expansions: the best word of each stem.
private struct Candidates {
    private struct Candidate {
        let rank: ExpansionRank
        let stem: TermKey
        let cursors: [PostingsCursor]
    }

    private let index: PostingsTextIndex
    private let first: UInt32?
    private let letters: Int
    private var candidates: ContiguousArray<Candidate> = []
    /// The index of each stem's candidate; -1 for a stem without documents.
    private var indexes: [TermKey: Int] = [:]

    init(_ index: PostingsTextIndex, word: [UInt8], letters: Int) {
        self.index = index
        self.letters = letters
        first = word.withUnsafeBufferPointer { WordScalars.all(in: $0).first }
    }

    mutating func append(_ word: UnsafeBufferPointer<UInt8>, distance: Int) {
        let stem = index.delta.dictionary.analyzer.stem(of: word)
        let known = indexes[stem]
        if known == -1 { return }
        // The vocabulary has words whose documents are all dropped or hidden. The stem may still
        // have documents, by another word.
        if index.hasDeletedRows || index.visible != nil {
            let cursors = index.cursors(ofForm: TermKey(bytes: word), stem: stem)
            guard cursors.reduce(0, { $0 + $1.frequency }) > 0 else { return }
        }
        let cursors = known.map { candidates[$0].cursors } ?? index.cursors(ofStem: stem)
        let frequency = cursors.reduce(0) { $0 + $1.frequency }
        guard frequency > 0 else { return indexes[stem] = -1 }
        let rank = ExpansionRank(
            word: word,
            distance: distance,
            first: first,
            letters: letters,
            frequency: frequency
        )
        let candidate = Candidate(rank: rank, stem: stem, cursors: cursors)
        if let known {
            if rank.precedes(candidates[known].rank) { candidates[known] = candidate }
        } else {
            indexes[stem] = candidates.count
            candidates.append(candidate)
        }
    }

    func expansions(limit: Int) -> [Expansion] {
        candidates.sorted { $0.rank.precedes($1.rank) }.prefix(limit).map { candidate in
            Expansion(
                word: candidate.rank.word,
                stem: candidate.stem,
                distance: candidate.rank.distance,
                cursors: candidate.cursors
            )
        }
    }
}
