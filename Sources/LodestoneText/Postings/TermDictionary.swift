// SPDX-License-Identifier: Apache-2.0
import Synchronization

/// The numbers of the terms of an index's documents, and of the lists of their postings.
///
/// A term is a folded word, with two roles. As a form in a text it has a stem, which is computed
/// once and kept. As a stem it has linked lists (`PostingListKey`). Terms and lists are never
/// removed.
///
/// Threading: any thread. A lookup takes no lock; adding a term takes one.
// Unchecked because of the pointers: their memory is atomic, and tables are freed with the object.
package final class TermDictionary: @unchecked Sendable {
    /// The records of terms (`TermRecord`).
    private let terms = AtomicArena()
    /// The bytes of terms that are too long for their records.
    private let longTerms = AtomicArena()
    /// The records of lists (`ListRecord`).
    private let lists = AtomicArena()
    private let listTotal = Atomic<UInt32>(0)
    private let termTotal = Atomic<UInt32>(0)
    /// The hash table: the mask, then the slots.
    ///
    /// A slot has the upper half of a hash, and the number of the term + 1; 0 is free.
    private let table: Atomic<UnsafeMutablePointer<AtomicArena.Unit>>
    private let additions: Mutex<Additions>
    /// The random seed of the hashes of this index, so that no client can prepare colliding terms.
    let seed: UInt64
    /// The analyzer, for stems and stop words.
    let analyzer: TextAnalyzer

    private struct Additions {
        var byteCount = 0
        /// Outgrown tables, which readers may still use.
        var retired: [Table] = []
    }

    /// A table that can be passed to another thread.
    // Unchecked because of the pointer: slots are atomic.
    private struct Table: @unchecked Sendable {
        let slots: UnsafeMutablePointer<AtomicArena.Unit>
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

    /// The number of terms, which are numbered from 0: forms in texts, and stems.
    var termCount: UInt32 { termTotal.load(ordering: .acquiring) }

    /// An estimate of the bytes of memory.
    var byteCount: Int {
        additions.withLock { $0.byteCount }
    }

    // MARK: Looking up

    /// The entry of a form.
    struct Entry {
        /// The number of its stem.
        let stem: UInt32
        /// The list `soleForm`: documents that have the stem in this form only.
        let list: UInt32
        let isStopWord: Bool

        @inline(__always)
        fileprivate init(_ record: TermRecord, list: UInt32) {
            stem = record.stem
            self.list = list
            isStopWord = record.isStopWord
        }
    }

    /// The entry of a form; a new term is added.
    @inline(__always)
    func entry(of form: NormalizedToken) -> Entry {
        if let number = find(form, hash: form.hash(seed: seed)) {
            let record = record(of: number)
            if let list = record.soleFormList { return Entry(record, list: list) }
        }
        return addForm(form)
    }

    /// A list of a stem.
    struct List {
        let number: UInt32
        let kind: PostingListKey.Kind
        /// The number of the form; for `mixedForms`, of the stem.
        let term: UInt32
    }

    /// The list with a number.
    func list(_ number: UInt32) -> List {
        let record = listRecord(of: number)
        return List(number: number, kind: record.kind, term: record.term)
    }

    /// Calls `body` with the lists of a stem.
    @inline(__always)
    func forEachList(ofStem stem: NormalizedToken, _ body: (List) -> Void) {
        guard let number = find(stem, hash: stem.hash(seed: seed)) else { return }
        _ = firstList(of: record(of: number)) { list in
            body(list)
            return false
        }
    }

    /// The first list of a stem that satisfies `isIt`.
    @inline(__always)
    private func firstList(of stem: TermRecord, where isIt: (List) -> Bool) -> List? {
        var next = stem.lastList
        while let number = next {
            let list = list(number)
            if isIt(list) { return list }
            next = listRecord(of: number).previous
        }
        return nil
    }

    /// The list of a kind for documents that have several forms of a stem; a new list is added.
    ///
    /// - Parameters:
    ///   - kind: `mixedForms` for the stem, or `formOfMixed` for a form.
    ///   - soleForm: The list `soleForm` of the form; for `mixedForms`, of any form of the stem.
    /// - Returns: The number of the list.
    func list(_ kind: PostingListKey.Kind, like soleForm: UInt32) -> UInt32 {
        let form = list(soleForm).term
        let stem = record(of: form).stem
        let term = kind == .mixedForms ? stem : form
        let stemRecord = record(of: stem)
        let isIt = { (list: List) in list.kind == kind && list.term == term }
        if let known = firstList(of: stemRecord, where: isIt) { return known.number }
        return additions.withLock { _ in
            firstList(of: stemRecord, where: isIt)?.number ?? addList(kind, term, stem: stem)
        }
    }

    /// Whether a term is a form in texts, and not only the stem of other terms.
    func isInTexts(_ number: UInt32) -> Bool { record(of: number).soleFormList != nil }

    /// Calls `body` with a term.
    func withTerm<T>(_ number: UInt32, _ body: (NormalizedToken) -> T) -> T {
        let record = record(of: number)
        let count = record.byteCount
        guard record.isLong else {
            return body(NormalizedToken(low: record.low, high: record.high, count: count))
        }
        let bytes = longTerms[record.longIndex]
        let copy = ContiguousArray(
            (0..<((count + 7) / 8)).map { bytes[$0].load(ordering: .relaxed) }
        )
        return copy.withUnsafeBufferPointer { copy in
            guard let start = copy.baseAddress else { preconditionFailure("a long term is empty") }
            return body(NormalizedToken(start, count: count))
        }
    }

    /// The key of a list in a base.
    func key(of list: UInt32) -> [UInt8] {
        let list = self.list(list)
        let stem = list.kind == .mixedForms ? list.term : record(of: list.term).stem
        return PostingListKey.bytes(
            list.kind,
            stem: withTerm(stem) { $0.bytes },
            form: withTerm(list.term) { $0.bytes }
        )
    }

    /// The number of a term; `nil` when the dictionary lacks it.
    func number(of term: NormalizedToken) -> UInt32? {
        find(term, hash: term.hash(seed: seed))
    }

    /// Calls `body` with the forms of texts that begin with `bytes`.
    ///
    /// With `orBeyondASCII`, forms that don't begin with ASCII are included. The scan reads every
    /// term, about 5 ns per term.
    func forEachForm(
        beginningWith bytes: [UInt8],
        orBeyondASCII: Bool,
        _ body: (UnsafeBufferPointer<UInt8>) -> Void
    ) {
        var prefix: UInt64 = 0
        for (index, byte) in bytes.prefix(8).enumerated() {
            prefix |= UInt64(byte) << UInt64(index * 8)
        }
        let mask = bytes.count < 8 ? 1 << UInt64(bytes.count * 8) - 1 : UInt64.max
        for number in 0..<termCount {
            let record = record(of: number)
            if !record.isLong {
                let start = record.low
                guard start & mask == prefix || (orBeyondASCII && start & 0x80 != 0) else {
                    continue
                }
            }
            // Stems that are not a form in texts don't count.
            guard record.soleFormList != nil else { continue }
            withTerm(number) { term in
                term.withBytes { term in
                    let isBeyond = orBeyondASCII && term.first.map { $0 >= 0x80 } ?? false
                    if isBeyond || term.starts(with: bytes) { body(term) }
                }
            }
        }
    }

    @inline(__always)
    private func record(of number: UInt32) -> TermRecord {
        TermRecord(terms[number &* TermRecord.unitCount])
    }

    @inline(__always)
    private func listRecord(of number: UInt32) -> ListRecord {
        ListRecord(lists[number &* ListRecord.unitCount])
    }

    /// The number of a term; `nil` when the dictionary lacks it.
    @inline(__always)
    private func find(_ term: NormalizedToken, hash: UInt64) -> UInt32? {
        let table = table.load(ordering: .acquiring)
        let mask = table[0].load(ordering: .relaxed)
        var index = hash & mask
        while true {
            let slot = table[Int(index) + 1].load(ordering: .acquiring)
            if slot == 0 { return nil }
            if slot >> 32 == hash >> 32 {
                let number = UInt32(truncatingIfNeeded: slot) &- 1
                if isEqual(record(of: number), term, hash) { return number }
            }
            index = (index + 1) & mask
        }
    }

    @inline(__always)
    private func isEqual(_ record: TermRecord, _ term: NormalizedToken, _ hash: UInt64) -> Bool {
        guard record.byteCount == term.count else { return false }
        if let long = term.long { return record.low == hash && hasBytes(record, long, term) }
        return record.low == term.low && record.high == term.high
    }

    private func hasBytes(
        _ record: TermRecord,
        _ long: UnsafePointer<UInt64>,
        _ term: NormalizedToken
    ) -> Bool {
        let bytes = longTerms[record.longIndex]
        return (0..<term.wordCount).allSatisfy { bytes[$0].load(ordering: .relaxed) == long[$0] }
    }

    // MARK: Adding

    /// Computes the stem of a new form, and stores it.
    private func addForm(_ form: NormalizedToken) -> Entry {
        var buffer = WordBuffer()
        buffer.set(form)
        let isStopWord = analyzer.isStopWord(form)
        analyzer.stem(&buffer)
        return additions.withLock { additions in
            let number = add(form, &additions)
            let record = record(of: number)
            if let list = record.soleFormList { return Entry(record, list: list) }
            let stem = add(buffer.word, &additions)
            record.set(stem: stem, isStopWord: isStopWord)
            let list = addList(.soleForm, number, stem: stem)
            record.set(soleFormList: list)
            return Entry(record, list: list)
        }
    }

    /// Adds a list before the others of its stem.
    ///
    /// Call it under the lock.
    private func addList(_ kind: PostingListKey.Kind, _ term: UInt32, stem: UInt32) -> UInt32 {
        guard let index = lists.allocate(Int(ListRecord.unitCount)) else {
            preconditionFailure("too many lists")
        }
        let stem = record(of: stem)
        let number = index / ListRecord.unitCount
        listRecord(of: number).set(kind, term: term, previous: stem.lastList)
        listTotal.store(number + 1, ordering: .releasing)
        stem.set(lastList: number)
        return number
    }

    /// This dictionary's number for a list of another dictionary; a new list is added.
    func number(of list: UInt32, from other: TermDictionary) -> UInt32 {
        let list = other.list(list)
        guard list.kind == .mixedForms else {
            let soleForm = other.withTerm(list.term) { entry(of: $0).list }
            return list.kind == .soleForm ? soleForm : self.list(list.kind, like: soleForm)
        }
        // Any form of the stem leads to the list.
        let form = other.firstList(of: other.record(of: list.term)) { $0.kind == .soleForm }
        guard let form else { preconditionFailure("a stem without a form") }
        return self.list(.mixedForms, like: other.withTerm(form.term) { entry(of: $0).list })
    }

    /// The number of a term; a new term is added.
    ///
    /// The caller holds the lock.
    private func add(_ term: NormalizedToken, _ additions: inout Additions) -> UInt32 {
        let hash = term.hash(seed: seed)
        if let number = find(term, hash: hash) { return number }
        guard let index = terms.allocate(Int(TermRecord.unitCount)) else {
            preconditionFailure("too many terms")
        }
        let number = index / TermRecord.unitCount
        if let long = term.long {
            guard let start = longTerms.allocate(term.wordCount) else {
                preconditionFailure("too many long terms")
            }
            let bytes = longTerms[start]
            for index in 0..<term.wordCount { bytes[index].store(long[index], ordering: .relaxed) }
            record(of: number).set(term, hash: hash, longIndex: start)
        } else {
            record(of: number).set(term)
        }
        var table = table.load(ordering: .relaxed)
        if (Int(number) + 1) * 2 > Int(table[0].load(ordering: .relaxed)) {
            additions.retired.append(Table(slots: table))
            table = grown(table)
        }
        Self.put(hash, number, into: table)
        self.table.store(table, ordering: .releasing)
        termTotal.store(number + 1, ordering: .releasing)
        let slots = Int(table[0].load(ordering: .relaxed)) * 2
        additions.byteCount =
            terms.byteCount + longTerms.byteCount + lists.byteCount + slots * 8
        return number
    }

    private func grown(_ table: UnsafeMutablePointer<AtomicArena.Unit>)
        -> UnsafeMutablePointer<AtomicArena.Unit>
    {
        let slots = Int(table[0].load(ordering: .relaxed)) + 1
        let larger = Self.makeTable(slots: slots * 2)
        for index in 0..<slots {
            let slot = table[index + 1].load(ordering: .relaxed)
            guard slot != 0 else { continue }
            let number = UInt32(truncatingIfNeeded: slot) - 1
            Self.put(record(of: number).hash(seed: seed), number, into: larger)
        }
        return larger
    }

    private static func makeTable(slots: Int) -> UnsafeMutablePointer<AtomicArena.Unit> {
        let table = UnsafeMutablePointer<AtomicArena.Unit>.allocate(capacity: slots + 1)
        for index in 0...slots { (table + index).initialize(to: Atomic(0)) }
        table[0].store(UInt64(slots - 1), ordering: .relaxed)
        return table
    }

    private static func put(
        _ hash: UInt64,
        _ number: UInt32,
        into table: UnsafeMutablePointer<AtomicArena.Unit>
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
