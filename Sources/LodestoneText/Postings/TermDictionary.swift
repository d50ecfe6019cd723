// SPDX-License-Identifier: Apache-2.0
import Synchronization

/// Numbers the words of an index's documents, and the lists of their postings.
///
/// A word has two roles. As a form in a text it has a stem, which is computed once and kept. As a
/// stem it has lists, which are linked to each other (`PostingList`). Words and lists are never
/// removed.
///
/// Threading: any thread. Looking up takes no lock; new words take one.
// Unchecked for the pointers: the memory behind them is atomic, and a table stays until the end.
package final class TermDictionary: @unchecked Sendable {
    /// The records of words, four 64-bit units each.
    ///
    ///     0  first eight bytes; of a long word its hash
    ///     1  next eight bytes; of a long word where its bytes lie in `longWords`
    ///     2  bytes (low half); stem's number (30 bits), whether it is a stop word (last bit)
    ///     3  its list of `alone` + 1, or 0 (low half); as a stem the last of its lists + 1, or 0
    private let words = AtomicArena()
    private let longWords = AtomicArena()
    /// The records of lists, two 64-bit units each.
    ///
    ///     0  number of the word, of `mixed` that of the stem (low half); kind (high half)
    ///     1  the list of the same stem that came before + 1, or 0
    private let lists = AtomicArena()
    private let listTotal = Atomic<UInt32>(0)
    private let wordTotal = Atomic<UInt32>(0)
    /// The hash table: the mask, then the slots.
    ///
    /// A slot has the upper half of a hash, and the number of the word + 1; 0 is free.
    private let table: Atomic<UnsafeMutablePointer<AtomicArena.Word>>
    private let additions: Mutex<Additions>
    /// Makes hashes differ from index to index, so that nobody can prepare words that collide.
    let seed: UInt64
    /// The analyzer, for stems and stop words.
    let analyzer: TextAnalyzer

    private struct Additions {
        var byteCount = 0
        /// Outgrown tables, which readers may still be looking at.
        var retired: [Table] = []
    }

    /// A table as something to send.
    // Unchecked for the pointer: slots are atomic.
    private struct Table: @unchecked Sendable {
        let slots: UnsafeMutablePointer<AtomicArena.Word>
    }

    init(seed: UInt64, analyzer: TextAnalyzer) {
        self.seed = seed
        self.analyzer = analyzer
        table = Atomic(Self.makeTable(slots: 256))
        additions = Mutex(Additions())
    }

    deinit {
        table.load(ordering: .relaxed).deallocate()
        additions.withLock { additions in
            for table in additions.retired { table.slots.deallocate() }
        }
    }

    /// The number of lists; lists are numbered from 0.
    var listCount: UInt32 { listTotal.load(ordering: .acquiring) }

    /// The number of words, which are numbered from 0: those of texts, and stems.
    var wordCount: UInt32 { wordTotal.load(ordering: .acquiring) }

    /// Bytes of memory, roughly.
    var byteCount: Int {
        additions.withLock { $0.byteCount }
    }

    // MARK: Looking up

    /// The entry of a word as it stands in a text.
    struct Entry {
        /// The number of its stem.
        let stem: UInt32
        /// The list for documents that have the stem in this form alone.
        let list: UInt32
        let isStopWord: Bool

        @inline(__always)
        fileprivate init(_ record: UnsafeMutablePointer<AtomicArena.Word>, list: UInt32) {
            let stem = record[2].load(ordering: .relaxed) >> 32
            self.stem = UInt32(truncatingIfNeeded: stem & 0x3FFF_FFFF)
            self.list = list
            isStopWord = stem >> 31 != 0
        }
    }

    /// The entry of `word`; a new word is added.
    @inline(__always)
    func entry(of word: NormalizedToken) -> Entry {
        if let record = find(word, hash: word.hash(seed: seed)) {
            let list = UInt32(truncatingIfNeeded: record[3].load(ordering: .acquiring))
            if list != 0 { return Entry(record, list: list - 1) }
        }
        return addSurface(word)
    }

    /// A list of a stem.
    struct List {
        let number: UInt32
        let kind: PostingList.Kind
        /// The number of the word; for `mixed` the number of the stem.
        let word: UInt32
    }

    /// The list with a number.
    func list(_ number: UInt32) -> List {
        let head = lists[number * 2][0].load(ordering: .relaxed)
        return List(
            number: number,
            kind: PostingList.Kind(rawValue: UInt8(truncatingIfNeeded: head >> 32)) ?? .mixed,
            word: UInt32(truncatingIfNeeded: head)
        )
    }

    /// Calls `body` with the lists of a stem.
    @inline(__always)
    func forEachList(ofStem word: NormalizedToken, _ body: (List) -> Void) {
        guard let record = find(word, hash: word.hash(seed: seed)) else { return }
        _ = firstList(of: record) { list in
            body(list)
            return false
        }
    }

    /// The first list of a stem for which `isIt` is true.
    @inline(__always)
    private func firstList(
        of record: UnsafeMutablePointer<AtomicArena.Word>,
        where isIt: (List) -> Bool
    ) -> List? {
        var next = UInt32(truncatingIfNeeded: record[3].load(ordering: .acquiring) >> 32)
        while next != 0 {
            let list = list(next - 1)
            if isIt(list) { return list }
            next = UInt32(truncatingIfNeeded: lists[(next - 1) * 2][1].load(ordering: .relaxed))
        }
        return nil
    }

    /// The list of a kind for documents that have several forms of a stem; a new list is made.
    ///
    /// - Parameters:
    ///   - kind: `mixed` for the stem, or `among` for a form.
    ///   - alone: The list `alone` of the form; for `mixed` that of any form of the stem.
    /// - Returns: The number of the list.
    func list(_ kind: PostingList.Kind, beside alone: UInt32) -> UInt32 {
        let form = list(alone).word
        let stem = stem(of: form)
        let word = kind == .mixed ? stem : form
        let record = words[stem * 4]
        let isIt = { (list: List) in list.kind == kind && list.word == word }
        if let there = firstList(of: record, where: isIt) { return there.number }
        return additions.withLock { _ in
            firstList(of: record, where: isIt)?.number ?? addList(kind, word, stem: stem)
        }
    }

    /// The number of a word's stem; 0 for a word that never stood in a text.
    private func stem(of word: UInt32) -> UInt32 {
        let record = words[word * 4]
        return UInt32(truncatingIfNeeded: record[2].load(ordering: .relaxed) >> 32) & 0x3FFF_FFFF
    }

    /// Whether a word stands in texts and is not only the stem of other words.
    func isInTexts(_ number: UInt32) -> Bool {
        words[number * 4][3].load(ordering: .acquiring) & 0xFFFF_FFFF != 0
    }

    /// Calls `body` with a word.
    func withWord<T>(_ number: UInt32, _ body: (NormalizedToken) -> T) -> T {
        let record = words[number * 4]
        let count = Int(record[2].load(ordering: .relaxed) & 0xFFFF_FFFF)
        let low = record[0].load(ordering: .relaxed)
        let high = record[1].load(ordering: .relaxed)
        guard count > NormalizedToken.shortCount else {
            return body(NormalizedToken(low: low, high: high, count: count))
        }
        let bytes = longWords[UInt32(truncatingIfNeeded: high)]
        let copy = ContiguousArray(
            (0..<((count + 7) / 8)).map { bytes[$0].load(ordering: .relaxed) }
        )
        return copy.withUnsafeBufferPointer { copy in
            guard let start = copy.baseAddress else { preconditionFailure("a long word is empty") }
            return body(NormalizedToken(start, count: count))
        }
    }

    /// The key of a list in a base.
    func key(of list: UInt32) -> [UInt8] {
        let list = self.list(list)
        let stem = list.kind == .mixed ? list.word : stem(of: list.word)
        return PostingList.key(
            list.kind,
            stem: withWord(stem) { $0.bytes },
            word: withWord(list.word) { $0.bytes }
        )
    }

    /// The number of a word.
    func number(of word: NormalizedToken) -> UInt32? {
        findNumber(word, hash: word.hash(seed: seed))
    }

    /// Calls `body` with the words of texts that begin with `bytes`.
    ///
    /// With `orBeyondASCII`, words that don't begin with ASCII are included. The scan looks at
    /// every word, about 5 ns each.
    func forEachForm(
        beginningWith bytes: [UInt8],
        orBeyondASCII: Bool,
        _ body: (UnsafeBufferPointer<UInt8>) -> Void
    ) {
        var wanted: UInt64 = 0
        for (place, byte) in bytes.prefix(8).enumerated() {
            wanted |= UInt64(byte) << UInt64(place * 8)
        }
        let mask = bytes.count < 8 ? 1 << UInt64(bytes.count * 8) - 1 : UInt64.max
        for number in 0..<wordCount {
            let record = words[number * 4]
            let count = record[2].load(ordering: .relaxed) & 0xFFFF_FFFF
            if count <= UInt64(NormalizedToken.shortCount) {
                let start = record[0].load(ordering: .relaxed)
                guard start & mask == wanted || (orBeyondASCII && start & 0x80 != 0) else {
                    continue
                }
            }
            // Stems that no text has as they are don't count.
            guard isInTexts(number) else { continue }
            withWord(number) { word in
                word.withBytes { word in
                    let isBeyond = orBeyondASCII && word.first.map { $0 >= 0x80 } ?? false
                    if isBeyond || word.starts(with: bytes) { body(word) }
                }
            }
        }
    }

    @inline(__always)
    private func find(_ word: NormalizedToken, hash: UInt64) -> UnsafeMutablePointer<
        AtomicArena.Word
    >? {
        findNumber(word, hash: hash).map { words[$0 &* 4] }
    }

    /// The number of a word; `nil` when the dictionary lacks it.
    @inline(__always)
    private func findNumber(_ word: NormalizedToken, hash: UInt64) -> UInt32? {
        let table = table.load(ordering: .acquiring)
        let mask = table[0].load(ordering: .relaxed)
        var index = hash & mask
        while true {
            let slot = table[Int(index) + 1].load(ordering: .acquiring)
            if slot == 0 { return nil }
            if slot >> 32 == hash >> 32 {
                let number = UInt32(truncatingIfNeeded: slot) &- 1
                if isEqual(words[number &* 4], word, hash) { return number }
            }
            index = (index + 1) & mask
        }
    }

    @inline(__always)
    private func isEqual(
        _ record: UnsafeMutablePointer<AtomicArena.Word>,
        _ word: NormalizedToken,
        _ hash: UInt64
    ) -> Bool {
        guard record[2].load(ordering: .relaxed) & 0xFFFF_FFFF == UInt64(word.count) else {
            return false
        }
        if let long = word.long {
            return record[0].load(ordering: .relaxed) == hash && hasBytes(record, long, word)
        }
        return record[0].load(ordering: .relaxed) == word.low
            && record[1].load(ordering: .relaxed) == word.high
    }

    private func hasBytes(
        _ record: UnsafeMutablePointer<AtomicArena.Word>,
        _ long: UnsafePointer<UInt64>,
        _ word: NormalizedToken
    ) -> Bool {
        let bytes = longWords[UInt32(truncatingIfNeeded: record[1].load(ordering: .relaxed))]
        return (0..<word.wordCount).allSatisfy { bytes[$0].load(ordering: .relaxed) == long[$0] }
    }

    // MARK: Adding

    /// Computes the stem of a new word, and stores it.
    private func addSurface(_ word: NormalizedToken) -> Entry {
        var buffer = WordBuffer()
        buffer.set(word)
        let isStopWord = analyzer.isStopWord(word)
        analyzer.stem(&buffer)
        return additions.withLock { additions in
            let number = add(word, &additions)
            let record = words[number * 4]
            let sides = record[3].load(ordering: .relaxed)
            if sides & 0xFFFF_FFFF != 0 {
                return Entry(record, list: UInt32(truncatingIfNeeded: sides) - 1)
            }
            let stem = add(buffer.word, &additions)
            let bytes = record[2].load(ordering: .relaxed)
            record[2].store(
                bytes | UInt64(stem) << 32 | (isStopWord ? 1 << 63 : 0),
                ordering: .relaxed
            )
            let list = addList(.alone, number, stem: stem)
            let own = record[3].load(ordering: .relaxed) >> 32
            record[3].store(own << 32 | UInt64(list + 1), ordering: .releasing)
            return Entry(record, list: list)
        }
    }

    /// Adds a list before the others of its stem; under the lock.
    private func addList(_ kind: PostingList.Kind, _ word: UInt32, stem: UInt32) -> UInt32 {
        guard let place = lists.allocate(2) else { preconditionFailure("too many words") }
        let record = words[stem * 4]
        let sides = record[3].load(ordering: .relaxed)
        lists[place][0].store(UInt64(kind.rawValue) << 32 | UInt64(word), ordering: .relaxed)
        lists[place][1].store(sides >> 32, ordering: .relaxed)
        listTotal.store(place / 2 + 1, ordering: .releasing)
        record[3].store(
            UInt64(place / 2 + 1) << 32 | sides & 0xFFFF_FFFF,
            ordering: .releasing
        )
        return place / 2
    }

    /// The number in this dictionary of a list of another dictionary; a new list is made.
    func number(of list: UInt32, from other: TermDictionary) -> UInt32 {
        let list = other.list(list)
        guard list.kind == .mixed else {
            let alone = other.withWord(list.word) { entry(of: $0).list }
            return list.kind == .alone ? alone : self.list(list.kind, beside: alone)
        }
        // Several forms have this stem: any of them leads to the list.
        let form = other.firstList(of: other.words[list.word * 4]) { $0.kind == .alone }
        guard let form else { preconditionFailure("a stem without a form") }
        return self.list(.mixed, beside: other.withWord(form.word) { entry(of: $0).list })
    }

    /// The number of a word; a new word is added.
    ///
    /// The caller holds the lock.
    private func add(_ word: NormalizedToken, _ additions: inout Additions) -> UInt32 {
        let hash = word.hash(seed: seed)
        if let number = findNumber(word, hash: hash) { return number }
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
        var table = table.load(ordering: .relaxed)
        if (Int(index) / 4 + 1) * 2 > Int(table[0].load(ordering: .relaxed)) {
            additions.retired.append(Table(slots: table))
            table = grown(table)
        }
        Self.put(hash, index / 4, into: table)
        self.table.store(table, ordering: .releasing)
        wordTotal.store(index / 4 + 1, ordering: .releasing)
        let slots = Int(table[0].load(ordering: .relaxed)) * 2
        additions.byteCount =
            words.byteCount + longWords.byteCount + lists.byteCount + slots * 8
        return index / 4
    }

    private func grown(_ table: UnsafeMutablePointer<AtomicArena.Word>)
        -> UnsafeMutablePointer<AtomicArena.Word>
    {
        let slots = Int(table[0].load(ordering: .relaxed)) + 1
        let larger = Self.makeTable(slots: slots * 2)
        for index in 0..<slots {
            let slot = table[index + 1].load(ordering: .relaxed)
            guard slot != 0 else { continue }
            let number = UInt32(truncatingIfNeeded: slot) - 1
            let record = words[number * 4]
            let count = Int(record[2].load(ordering: .relaxed) & 0xFFFF_FFFF)
            let low = record[0].load(ordering: .relaxed)
            let hash =
                count > NormalizedToken.shortCount
                ? low
                : NormalizedToken(low: low, high: record[1].load(ordering: .relaxed), count: count)
                    .hash(seed: seed)
            Self.put(hash, number, into: larger)
        }
        return larger
    }

    private static func makeTable(slots: Int) -> UnsafeMutablePointer<AtomicArena.Word> {
        let table = UnsafeMutablePointer<AtomicArena.Word>.allocate(capacity: slots + 1)
        for index in 0...slots { (table + index).initialize(to: Atomic(0)) }
        table[0].store(UInt64(slots - 1), ordering: .relaxed)
        return table
    }

    private static func put(
        _ hash: UInt64,
        _ number: UInt32,
        into table: UnsafeMutablePointer<AtomicArena.Word>
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
