// SPDX-License-Identifier: Apache-2.0
import CLodestoneSystem
import LodestoneCore
import Synchronization

/// The map between document ids and node numbers: a base that lies in a mapped file, and what was
/// added since.
///
/// Numbers are only ever added, so every state of a collection can share one table: a number that
/// a state does not know yet is one without a row in it. A compaction makes a new table, with new
/// numbers.
///
/// Looking an id up costs one probe in an open table on average, whatever the size.
///
/// Threading: behind a mutex; callers with many ids take it once.
final class IDTable: Sendable {
    struct Table {
        private let base: Base?
        private var numbers: [DocumentID: NodeNumber] = [:]
        private var added: ContiguousArray<DocumentID> = []

        fileprivate init(_ base: Base?) {
            self.base = base
        }

        private var baseCount: Int { base?.count ?? 0 }

        /// Ids that have a number.
        var count: Int { baseCount + added.count }

        func number(of id: DocumentID) -> NodeNumber? {
            base?.number(of: id) ?? numbers[id]
        }

        mutating func intern(_ id: DocumentID) -> NodeNumber {
            if let number = base?.number(of: id) { return number }
            // Found or put in with one look: hashing is most of the cost.
            let fresh = NodeNumber(count)
            let number = Self.value(&numbers[id, default: fresh])
            if number == fresh { added.append(id) }
            return number
        }

        private static func value(_ number: inout NodeNumber) -> NodeNumber { number }

        /// The id of a number that was given.
        func id(_ number: NodeNumber) -> DocumentID {
            let place = Int(number)
            if let base, place < base.count { return base.id(place) }
            // Out of range only for a number read from a damaged base, whose answer is thrown away.
            let index = place - baseCount
            return index < added.count ? added[index] : DocumentID(trusted: "")
        }
    }

    /// Ids in a mapped file.
    struct Base: Sendable {
        /// Where each id begins among the bytes, and where the last one ends.
        fileprivate let offsets: Section<UInt64>
        fileprivate let bytes: Section<UInt8>
        /// An open table: checksum of the id in the upper half, number plus one in the lower.
        fileprivate let slots: Section<UInt64>

        fileprivate var count: Int { offsets.count - 1 }

        fileprivate func number(of id: DocumentID) -> NodeNumber? {
            var string = id.string
            return string.withUTF8 { id in
                let hash = lode_crc32c(0, id.baseAddress, id.count)
                let mask = slots.count - 1
                var place = Int(hash) & mask
                // The table is never full, unless it is damaged.
                for _ in 0..<slots.count {
                    let slot = slots.element(place, or: 0)
                    if slot == 0 { return nil }
                    let number = NodeNumber(truncatingIfNeeded: slot) &- 1
                    if UInt32(slot >> 32) == hash, utf8(Int(number)).elementsEqual(id) {
                        return number
                    }
                    place = (place + 1) & mask
                }
                return nil
            }
        }

        fileprivate func id(_ number: Int) -> DocumentID {
            DocumentID(trusted: String(decoding: utf8(number), as: UTF8.self))
        }

        private func utf8(_ number: Int) -> UnsafeBufferPointer<UInt8> {
            let start = Int(clamping: offsets.element(number, or: 0))
            let end = Int(clamping: offsets.element(number + 1, or: 0))
            return bytes.elements(start..<max(start, end))
        }
    }

    private let table: Mutex<Table>

    /// Creates a table without ids, or over a base.
    init(_ base: Base? = nil) {
        table = Mutex(Table(base))
    }

    func withTable<T, Failure: Error>(
        _ body: (inout sending Table) throws(Failure) -> sending T
    ) throws(Failure) -> sending T {
        try table.withLock(body)
    }
}

extension IDTable.Base {
    /// Opens what `write` wrote; `nil` when parts of it are missing or don't fit each other.
    init?(from source: some SectionSource) {
        guard let offsets = source.section("IDOF", of: UInt64.self), offsets.count > 0,
            let bytes = source.section("IDBY", of: UInt8.self),
            let slots = source.section("IDSL", of: UInt64.self),
            slots.count > 0, slots.count & (slots.count - 1) == 0
        else { return nil }
        self.init(offsets: offsets, bytes: bytes, slots: slots)
    }

    /// Writes ids, whose places are their numbers.
    static func write(_ ids: [DocumentID], to sink: inout some SectionSink)
        throws(LodestoneError)
    {
        var offsets: ContiguousArray<UInt64> = [0]
        offsets.reserveCapacity(ids.count + 1)
        var bytes: ContiguousArray<UInt8> = []
        var capacity = 4
        while capacity * 2 < ids.count * 3 { capacity *= 2 }
        var slots = ContiguousArray<UInt64>(repeating: 0, count: capacity)
        for (number, id) in ids.enumerated() {
            var string = id.string
            let hash = string.withUTF8 { id in
                bytes.append(contentsOf: id)
                return lode_crc32c(0, id.baseAddress, id.count)
            }
            offsets.append(UInt64(bytes.count))
            var place = Int(hash) & (capacity - 1)
            while slots[place] != 0 { place = (place + 1) & (capacity - 1) }
            slots[place] = UInt64(hash) << 32 | UInt64(number + 1)
        }
        try sink.write("IDOF", offsets)
        try sink.write("IDBY", bytes)
        try sink.write("IDSL", slots)
    }
}
