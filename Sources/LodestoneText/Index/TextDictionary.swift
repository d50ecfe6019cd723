// SPDX-License-Identifier: Apache-2.0
import Synchronization

/// Numbers the words of the documents that a text index took in.
///
/// A word has two sides. As it stands in a text it has a stem, found once and remembered; as a stem
/// it is a term, with a number that postings are kept under. Words are never taken out.
///
/// Threading: any thread. Looking up takes no lock; new words take one.
// Unchecked for the pointers: what they lead to is atomic, and a table stays until the end.
package final class TextDictionary: @unchecked Sendable {
    /// Four words each.
    ///
    ///     0  first eight bytes; of a long word its hash
    ///     1  next eight bytes; of a long word where its bytes lie in `longWords`
    ///     2  bytes
    ///     3  stem's term + 1, or 0 (low half); own term + 1, or 0 (high half)
    private let words = GrowingWords()
    private let longWords = GrowingWords()
    /// The number of each term's word.
    private let terms = GrowingWords()
    private let termTotal = Atomic<UInt32>(0)
    /// Mask, then slots: upper half of the hash, number of the word + 1; 0 is free.
    private let table: Atomic<UnsafeMutablePointer<GrowingWords.Word>>
    private let additions: Mutex<Additions>
    /// Makes hashes differ from index to index, so that nobody can prepare words that collide.
    let seed: UInt64

    private struct Additions {
        var wordCount = 0
        var byteCount = 0
        /// Outgrown tables, which readers may still be looking at.
        var retired: [Table] = []
    }

    /// A table as something to send.
    // Unchecked for the pointer: slots are atomic.
    private struct Table: @unchecked Sendable {
        let slots: UnsafeMutablePointer<GrowingWords.Word>
    }

    init(seed: UInt64) {
        self.seed = seed
        table = Atomic(Self.makeTable(slots: 256))
        additions = Mutex(Additions())
    }

    deinit {
        table.load(ordering: .relaxed).deallocate()
        additions.withLock { additions in
            for table in additions.retired { table.slots.deallocate() }
        }
    }

    /// Terms, numbered from 0.
    var termCount: UInt32 { termTotal.load(ordering: .acquiring) }

    /// Bytes of memory, roughly.
    var byteCount: Int {
        additions.withLock { $0.byteCount }
    }

    // MARK: Looking up

    /// The term that occurrences of `word` are kept under.
    @inline(__always)
    func term(of word: FoldedWord) -> UInt32 {
        if let record = find(word, hash: word.hash(seed: seed)) {
            let stem = UInt32(truncatingIfNeeded: record[3].load(ordering: .acquiring))
            if stem != 0 { return stem - 1 }
        }
        return addSurface(word)
    }

    /// The term whose stem is `word` itself, if it has one.
    func term(forStem word: FoldedWord) -> UInt32? {
        guard let record = find(word, hash: word.hash(seed: seed)) else { return nil }
        let own = UInt32(truncatingIfNeeded: record[3].load(ordering: .acquiring) >> 32)
        return own == 0 ? nil : own - 1
    }

    /// Calls `body` with the stem of a term.
    func withStem<T>(of term: UInt32, _ body: (FoldedWord) -> T) -> T {
        let number = UInt32(truncatingIfNeeded: terms[term][0].load(ordering: .relaxed))
        let record = words[number * 4]
        let count = Int(record[2].load(ordering: .relaxed))
        let low = record[0].load(ordering: .relaxed)
        let high = record[1].load(ordering: .relaxed)
        guard count > FoldedWord.shortCount else {
            return body(FoldedWord(low: low, high: high, count: count))
        }
        let bytes = longWords[UInt32(truncatingIfNeeded: high)]
        let copy = ContiguousArray(
            (0..<((count + 7) / 8)).map { bytes[$0].load(ordering: .relaxed) }
        )
        return copy.withUnsafeBufferPointer { copy in
            guard let start = copy.baseAddress else { preconditionFailure("a long word is empty") }
            return body(FoldedWord(start, count: count))
        }
    }

    /// The terms whose stems begin with `prefix`.
    ///
    /// Looks at every term, about 5 ns each.
    func terms(withPrefix prefix: [UInt8]) -> [UInt32] {
        var wanted: UInt64 = 0
        for (place, byte) in prefix.prefix(8).enumerated() {
            wanted |= UInt64(byte) << UInt64(place * 8)
        }
        let mask = prefix.count < 8 ? 1 << UInt64(prefix.count * 8) - 1 : UInt64.max
        return (0..<termCount).filter { term in
            let number = UInt32(truncatingIfNeeded: terms[term][0].load(ordering: .relaxed))
            let record = words[number * 4]
            let isLong = record[2].load(ordering: .relaxed) > UInt64(FoldedWord.shortCount)
            guard isLong || record[0].load(ordering: .relaxed) & mask == wanted else {
                return false
            }
            if !isLong && prefix.count <= 8 { return true }
            return withStem(of: term) { $0.bytes.starts(with: prefix) }
        }
    }

    @inline(__always)
    private func find(_ word: FoldedWord, hash: UInt64) -> UnsafeMutablePointer<GrowingWords.Word>?
    {
        let table = table.load(ordering: .acquiring)
        let mask = table[0].load(ordering: .relaxed)
        var index = hash & mask
        while true {
            let slot = table[Int(index) + 1].load(ordering: .acquiring)
            if slot == 0 { return nil }
            if slot >> 32 == hash >> 32 {
                let record = words[(UInt32(truncatingIfNeeded: slot) &- 1) &* 4]
                if isEqual(record, word, hash) { return record }
            }
            index = (index + 1) & mask
        }
    }

    @inline(__always)
    private func isEqual(
        _ record: UnsafeMutablePointer<GrowingWords.Word>,
        _ word: FoldedWord,
        _ hash: UInt64
    ) -> Bool {
        guard record[2].load(ordering: .relaxed) == UInt64(word.count) else { return false }
        if let long = word.long {
            return record[0].load(ordering: .relaxed) == hash && hasBytes(record, long, word)
        }
        return record[0].load(ordering: .relaxed) == word.low
            && record[1].load(ordering: .relaxed) == word.high
    }

    private func hasBytes(
        _ record: UnsafeMutablePointer<GrowingWords.Word>,
        _ long: UnsafePointer<UInt64>,
        _ word: FoldedWord
    ) -> Bool {
        let bytes = longWords[UInt32(truncatingIfNeeded: record[1].load(ordering: .relaxed))]
        return (0..<word.wordCount).allSatisfy { bytes[$0].load(ordering: .relaxed) == long[$0] }
    }

    // MARK: Adding

    /// Finds the stem of a word that is new, and remembers it.
    private func addSurface(_ word: FoldedWord) -> UInt32 {
        var buffer = WordBuffer()
        buffer.set(word)
        PorterStemmer.stem(&buffer)
        let term = addTerm(forStem: buffer.word)
        additions.withLock { additions in
            let record = add(word, &additions)
            let own = record[3].load(ordering: .relaxed) >> 32
            record[3].store(own << 32 | UInt64(term + 1), ordering: .releasing)
        }
        return term
    }

    /// The term whose stem is `word` itself, made when it is new.
    func addTerm(forStem word: FoldedWord) -> UInt32 {
        additions.withLock { additions in
            let record = add(word, &additions)
            let sides = record[3].load(ordering: .relaxed)
            if sides >> 32 != 0 { return UInt32(truncatingIfNeeded: sides >> 32) - 1 }
            guard let term = terms.allocate(1) else { preconditionFailure("too many terms") }
            terms[term][0].store(number(of: word), ordering: .relaxed)
            termTotal.store(term + 1, ordering: .releasing)
            record[3].store(
                UInt64(term + 1) << 32 | sides & 0xFFFF_FFFF,
                ordering: .releasing
            )
            return term
        }
    }

    /// The number of a word that is there.
    private func number(of word: FoldedWord) -> UInt64 {
        let hash = word.hash(seed: seed)
        let table = table.load(ordering: .relaxed)
        let mask = table[0].load(ordering: .relaxed)
        var index = hash & mask
        while true {
            let slot = table[Int(index) + 1].load(ordering: .relaxed)
            precondition(slot != 0, "a word that was just added is missing")
            let number = UInt32(truncatingIfNeeded: slot) - 1
            if slot >> 32 == hash >> 32, isEqual(words[number * 4], word, hash) {
                return UInt64(number)
            }
            index = (index + 1) & mask
        }
    }

    /// The record of a word, made when it is new; under the lock.
    private func add(_ word: FoldedWord, _ additions: inout Additions)
        -> UnsafeMutablePointer<GrowingWords.Word>
    {
        let hash = word.hash(seed: seed)
        if let record = find(word, hash: hash) { return record }
        guard let index = words.allocate(4) else { preconditionFailure("too many words") }
        let record = words[index]
        record[0].store(word.low, ordering: .relaxed)
        record[1].store(word.high, ordering: .relaxed)
        record[2].store(UInt64(word.count), ordering: .relaxed)
        if let long = word.long {
            guard let start = longWords.allocate(word.wordCount) else {
                preconditionFailure("too many long words")
            }
            let bytes = longWords[start]
            for index in 0..<word.wordCount { bytes[index].store(long[index], ordering: .relaxed) }
            record[0].store(hash, ordering: .relaxed)
            record[1].store(UInt64(start), ordering: .relaxed)
        }
        additions.wordCount += 1
        var table = table.load(ordering: .relaxed)
        if additions.wordCount * 2 > Int(table[0].load(ordering: .relaxed)) {
            additions.retired.append(Table(slots: table))
            table = grown(table)
        }
        Self.put(hash, index / 4, into: table)
        self.table.store(table, ordering: .releasing)
        let slots = Int(table[0].load(ordering: .relaxed)) * 2
        additions.byteCount =
            words.byteCount + longWords.byteCount + terms.byteCount + slots * 8
        return record
    }

    private func grown(_ table: UnsafeMutablePointer<GrowingWords.Word>)
        -> UnsafeMutablePointer<GrowingWords.Word>
    {
        let slots = Int(table[0].load(ordering: .relaxed)) + 1
        let larger = Self.makeTable(slots: slots * 2)
        for index in 0..<slots {
            let slot = table[index + 1].load(ordering: .relaxed)
            guard slot != 0 else { continue }
            let number = UInt32(truncatingIfNeeded: slot) - 1
            let record = words[number * 4]
            let count = Int(record[2].load(ordering: .relaxed))
            let low = record[0].load(ordering: .relaxed)
            let hash =
                count > FoldedWord.shortCount
                ? low
                : FoldedWord(low: low, high: record[1].load(ordering: .relaxed), count: count)
                    .hash(seed: seed)
            Self.put(hash, number, into: larger)
        }
        return larger
    }

    private static func makeTable(slots: Int) -> UnsafeMutablePointer<GrowingWords.Word> {
        let table = UnsafeMutablePointer<GrowingWords.Word>.allocate(capacity: slots + 1)
        for index in 0...slots { (table + index).initialize(to: Atomic(0)) }
        table[0].store(UInt64(slots - 1), ordering: .relaxed)
        return table
    }

    private static func put(
        _ hash: UInt64,
        _ number: UInt32,
        into table: UnsafeMutablePointer<GrowingWords.Word>
    ) {
        let mask = table[0].load(ordering: .relaxed)
        var index = hash & mask
        while table[Int(index) + 1].load(ordering: .relaxed) != 0 { index = (index + 1) & mask }
        table[Int(index) + 1].store(
            hash & (0xFFFF_FFFF << 32) | UInt64(number + 1),
            ordering: .releasing
        )
    }
}
