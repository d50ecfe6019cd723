// SPDX-License-Identifier: Apache-2.0
import CLodestoneSystem
import LodestoneCore
import LodestoneStructures
import Synchronization

/// The map between document ids and vertex ids: a base in a mapped file, and the ids added since.
///
/// Vertex ids are added and never removed, so all versions of a collection can share one table. A
/// vertex id that was added after a version has no row in this version. A compaction makes a new
/// table with new vertex ids.
///
/// A lookup takes one probe of an open-addressing table on average, at any size.
///
/// Threading: a mutex guards all but the base; callers with many ids take it once.
final class IDTable: Sendable {
    struct Table {
        private let base: Base?
        private var added = ByteTable()

        fileprivate init(_ base: Base?) {
            self.base = base
        }

        private var baseCount: Int { base?.count ?? 0 }

        /// The number of ids in the table.
        var count: Int { baseCount + added.count }

        /// The bytes of memory, without the base.
        var byteCount: Int { added.byteCount }

        func vertex(of id: DocumentID) -> VertexID? {
            var string = id.string
            return string.withUTF8 { id in
                base?.vertex(of: id) ?? added.number(of: id).map { VertexID(Int($0) + baseCount) }
            }
        }

        mutating func intern(_ id: DocumentID) -> VertexID {
            var string = id.string
            return string.withUTF8 { intern($0) }
        }

        /// The vertex id of an id's bytes; a new id is added.
        mutating func intern(_ id: UnsafeBufferPointer<UInt8>) -> VertexID {
            base?.vertex(of: id) ?? VertexID(Int(added.intern(id)) + baseCount)
        }

        /// The id of an existing vertex id.
        func id(_ vertex: VertexID) -> DocumentID {
            withBytes(of: vertex) { DocumentID(trusted: String(decoding: $0, as: UTF8.self)) }
        }

        /// Calls `body` with the bytes of an id.
        func withBytes<T>(of vertex: VertexID, _ body: (UnsafeBufferPointer<UInt8>) -> T) -> T {
            let position = Int(vertex)
            if let base, position < base.count { return body(base.utf8(position)) }
            let index = position - baseCount
            // Only a vertex id from a damaged base is out of range; its result is discarded.
            guard index < added.count else { return body(.init(start: nil, count: 0)) }
            return added.withBytes(of: index, body)
        }
    }

    /// The ids in a mapped file.
    ///
    /// A class, because copying the three sections took longer than a lookup.
    final class Base: Sendable {
        /// The start of each id in `bytes`, and the end of the last one.
        fileprivate let offsets: MappedArray<UInt64>
        fileprivate let bytes: MappedArray<UInt8>
        /// An open-addressing table: the id's hash in the upper half, number plus one in the lower.
        fileprivate let slots: MappedArray<UInt64>
        private let hashing: IDHashing

        private init(
            offsets: MappedArray<UInt64>,
            bytes: MappedArray<UInt8>,
            slots: MappedArray<UInt64>,
            hashing: IDHashing
        ) {
            self.offsets = offsets
            self.bytes = bytes
            self.slots = slots
            self.hashing = hashing
        }

        fileprivate var count: Int { offsets.count - 1 }

        fileprivate func vertex(of id: UnsafeBufferPointer<UInt8>) -> VertexID? {
            let hash = hashing.hash(UnsafeRawBufferPointer(id))
            let mask = slots.count - 1
            var position = Int(hash) & mask
            // A table is never full unless it is damaged, so the loop has a bound.
            for _ in 0..<slots.count {
                let slot = slots.element(position, or: 0)
                if slot == 0 { return nil }
                let number = UInt32(truncatingIfNeeded: slot) &- 1
                if UInt32(slot >> 32) == hash, utf8(Int(number)).elementsEqual(id) {
                    return VertexID(rawValue: number)
                }
                position = (position + 1) & mask
            }
            return nil
        }

        fileprivate func utf8(_ number: Int) -> UnsafeBufferPointer<UInt8> {
            let offsets = offsets.elements(number..<number + 2)
            guard offsets.count == 2 else { return .init(start: nil, count: 0) }
            let start = Int(clamping: offsets[0])
            return bytes.elements(start..<max(start, Int(clamping: offsets[1])))
        }

        /// Appends the ids of a few vertices, one after the other, and the end of each.
        ///
        /// Offsets and bytes are prefetched together, because they are spread over the file.
        fileprivate func append(
            _ vertices: ArraySlice<VertexID>,
            to bytes: inout ContiguousArray<UInt8>,
            _ ends: inout ContiguousArray<Int>
        ) {
            for vertex in vertices { offsets.prefetch(Int(vertex)) }
            withUnsafeTemporaryAllocation(
                of: UnsafeBufferPointer<UInt8>.self,
                capacity: vertices.count
            ) { ids in
                var end = bytes.count
                for (index, vertex) in zip(ids.indices, vertices) {
                    let id = utf8(Int(vertex))
                    if let start = id.baseAddress { lode_prefetch(start) }
                    ids.initializeElement(at: index, to: id)
                    end += id.count
                    ends.append(end)
                }
                bytes.append(addingCapacity: end - bytes.count) { added in
                    added.withUnsafeMutableBufferPointer { added, count in
                        for id in ids {
                            guard let target = added.baseAddress, let start = id.baseAddress
                            else { continue }
                            (target + count).initialize(from: start, count: id.count)
                            count += id.count
                        }
                    }
                }
            }
        }
    }

    private let table: Mutex<Table>
    /// The base of `table`, which never changes.
    private let base: Base?

    /// Creates a table without ids, or over a base.
    init(_ base: Base? = nil) {
        self.base = base
        table = Mutex(Table(base))
    }

    /// The ids of existing vertex ids; `nil` for `nil`.
    ///
    /// The mutex is taken only for ids outside the base. Measured with the mutex for all ids: 32
    /// concurrent searches spent a tenth of their time waiting for it.
    func ids(_ vertices: [VertexID?]) -> [DocumentID?] {
        guard let base else { return vertices.map { $0.map(addedID) } }
        // The ids are spread over the file, so their offsets are prefetched together. Measured
        // without that: ten ids took an eighth of a short search.
        for case .some(let vertex) in vertices { base.offsets.prefetch(Int(vertex)) }
        let positions = vertices.map { vertex in
            vertex.flatMap { Int($0) < base.count ? base.utf8(Int($0)) : nil }
        }
        for case .some(let utf8) in positions { utf8.baseAddress.map { lode_prefetch($0) } }
        return zip(vertices, positions).map { vertex, utf8 in
            guard let utf8 else { return vertex.map(addedID) }
            return DocumentID(trusted: String(decoding: utf8, as: UTF8.self))
        }
    }

    /// Appends the ids of existing vertex ids, one after the other, and the end of each.
    ///
    /// `charge` is called with the bytes of each few ids.
    ///
    /// The mutex is taken once per few ids, and only for ids outside the base.
    func appendUTF8(
        of vertices: ContiguousArray<VertexID>,
        to bytes: inout ContiguousArray<UInt8>,
        _ ends: inout ContiguousArray<Int>,
        charge: (Int) throws(LodestoneError) -> Void
    ) throws(LodestoneError) {
        ends.reserveCapacity(ends.count + vertices.count)
        for first in stride(from: 0, to: vertices.count, by: Self.idsPerPrefetch) {
            let some = vertices[first..<min(first + Self.idsPerPrefetch, vertices.count)]
            let start = bytes.count
            if let base, some.allSatisfy({ Int($0) < base.count }) {
                base.append(some, to: &bytes, &ends)
            } else {
                withTable { table in
                    for vertex in some {
                        table.withBytes(of: vertex) { bytes.append(contentsOf: $0) }
                        ends.append(bytes.count)
                    }
                }
            }
            try charge(bytes.count - start)
        }
    }

    private static let idsPerPrefetch = 32

    private func addedID(_ vertex: VertexID) -> DocumentID { withTable { $0.id(vertex) } }

    func withTable<T, Failure: Error>(
        _ body: (inout sending Table) throws(Failure) -> sending T
    ) throws(Failure) -> sending T {
        try table.withLock(body)
    }
}

/// The hash function of a base's table of ids.
private enum IDHashing {
    /// The CRC-32C of the id, as earlier releases wrote it.
    ///
    /// Ids with the same checksum are easy to make; lookups then take time in proportion to their
    /// count.
    case checksum
    /// A hash with a random seed per base, so that no client can prepare colliding ids.
    case seeded(UInt64)

    func hash(_ id: UnsafeRawBufferPointer) -> UInt32 {
        switch self {
        case .checksum: lode_crc32c(0, id.baseAddress, id.count)
        case .seeded(let seed): UInt32(UInt64(hashing: id, seed: seed) >> 32)
        }
    }
}

extension IDTable.Base {
    /// Opens the sections that `write` wrote; `nil` when one is missing or they contradict each
    /// other.
    convenience init?(from source: some SectionSource) {
        guard let offsets = source.section("IDOF", of: UInt64.self), offsets.count > 0,
            let bytes = source.section("IDBY", of: UInt8.self)
        else { return nil }
        let hashing: IDHashing
        let slots: MappedArray<UInt64>?
        if let seed = source.section("IDSD", of: UInt64.self), seed.count == 1 {
            hashing = .seeded(seed.element(0, or: 0))
            slots = source.section("IDHS", of: UInt64.self)
        } else {
            hashing = .checksum
            slots = source.section("IDSL", of: UInt64.self)
        }
        guard let slots, slots.count > 0, slots.count & (slots.count - 1) == 0 else { return nil }
        self.init(offsets: offsets, bytes: bytes, slots: slots, hashing: hashing)
    }
}

extension IDTable {
    /// The ids that are copied per lock of the table.
    private static let idsPerLock = 4_096

    /// Writes the ids of some vertices as a base; their positions become their vertex ids.
    func write(_ vertices: ContiguousArray<VertexID>, to sink: inout some SectionSink)
        throws(LodestoneError)
    {
        var offsets: ContiguousArray<UInt64> = [0]
        offsets.reserveCapacity(vertices.count + 1)
        var bytes: ContiguousArray<UInt8> = []
        for start in stride(from: 0, to: vertices.count, by: Self.idsPerLock) {
            withTable { table in
                for vertex in vertices[start..<min(start + Self.idsPerLock, vertices.count)] {
                    table.withBytes(of: vertex) { bytes.append(contentsOf: $0) }
                    offsets.append(UInt64(bytes.count))
                }
            }
        }
        try sink.write("IDOF", offsets)
        try sink.write("IDBY", bytes)
        let seed = UInt64.random(in: .min ... .max)
        try sink.write("IDSD", [seed] as ContiguousArray)
        try sink.write("IDHS", Self.slots(offsets, bytes, .seeded(seed)))
    }

    private static func slots(
        _ offsets: ContiguousArray<UInt64>,
        _ bytes: ContiguousArray<UInt8>,
        _ hashing: IDHashing
    ) -> ContiguousArray<UInt64> {
        let count = offsets.count - 1
        var capacity = 4
        while capacity * 2 < count * 3 { capacity *= 2 }
        var slots = ContiguousArray<UInt64>(repeating: 0, count: capacity)
        bytes.withUnsafeBufferPointer { bytes in
            for number in 0..<count {
                let (start, end) = (Int(offsets[number]), Int(offsets[number + 1]))
                let id = UnsafeBufferPointer(rebasing: bytes[start..<end])
                let hash = hashing.hash(UnsafeRawBufferPointer(id))
                var position = Int(hash) & (capacity - 1)
                while slots[position] != 0 { position = (position + 1) & (capacity - 1) }
                slots[position] = UInt64(hash) << 32 | UInt64(number + 1)
            }
        }
        return slots
    }
}
