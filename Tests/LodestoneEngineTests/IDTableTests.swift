// SPDX-License-Identifier: Apache-2.0
import CLodestoneSystem
import LodestoneCore
import LodestoneStructures
import TestSupport
import Testing

@testable import LodestoneEngine

@Suite("Id table")
struct IDTableTests {
    /// Ids of 16 letters that all have the same CRC-32C.
    ///
    /// A checksum is linear: each of the 64 free bits changes it by a fixed pattern. Combinations
    /// of bits whose patterns cancel out, found by elimination over GF(2), leave it as it is.
    private static func collidingIDs(_ count: Int) -> [String] {
        let plain = [UInt8](repeating: 0x40, count: 16)
        let checksum = lode_crc32c(0, plain, plain.count)
        func flipped(_ bits: UInt64) -> [UInt8] {
            var id = plain
            for bit in 0..<64 where bits >> UInt64(bit) & 1 == 1 { id[bit / 4] ^= 1 << (bit % 4) }
            return id
        }
        var basis: [UInt32: (pattern: UInt32, bits: UInt64)] = [:]
        var silent: [UInt64] = []
        for bit in 0..<64 {
            var bits: UInt64 = 1 << UInt64(bit)
            let id = flipped(bits)
            var pattern = lode_crc32c(0, id, id.count) ^ checksum
            while pattern != 0 {
                let top = UInt32(31 - pattern.leadingZeroBitCount)
                guard let other = basis[top] else {
                    basis[top] = (pattern, bits)
                    break
                }
                pattern ^= other.pattern
                bits ^= other.bits
            }
            if pattern == 0 { silent.append(bits) }
        }
        return (0..<count).map { number in
            let bits = silent.indices.filter { number >> $0 & 1 == 1 }.reduce(0) { $0 ^ silent[$1] }
            return String(decoding: flipped(bits), as: UTF8.self)
        }
    }

    private static func base(of ids: [String]) throws -> IDTable.Base {
        let table = IDTable()
        let numbers = table.withTable { table in
            ContiguousArray(ids.map { table.intern(DocumentID(trusted: $0)) })
        }
        var sections = MemorySections()
        try table.write(numbers, to: &sections)
        return try #require(IDTable.Base(from: sections))
    }

    /// The time to look every id up.
    private static func timeToFind(_ ids: [String]) throws -> Duration {
        let table = IDTable(try base(of: ids))
        return ContinuousClock().measure {
            let found = table.withTable { table in
                ids.map { table.vertex(of: DocumentID(trusted: $0)) }
            }
            #expect(found == ids.indices.map { VertexID($0) })
        }
    }

    @Test("Ids with colliding checksums are found as fast as ordinary ids")
    func colliding() throws {
        let ids = Self.collidingIDs(6_000)
        #expect(Set(ids).count == ids.count)
        let sums = Set(
            ids.map { id in
                Array(id.utf8).withUnsafeBytes {
                    lode_crc32c(0, $0.baseAddress, $0.count)
                }
            }
        )
        #expect(sums.count == 1)
        let ordinary = try Self.timeToFind((0..<6_000).map { "ordinary-id-\($0)" })
        #expect(try Self.timeToFind(ids) < ordinary * 10)
    }

    @Test("Ids are copied in the order of their vertices, from a base and from after it")
    func copies() throws {
        let ids = (0..<300).map { "d\($0)" + String(repeating: "é", count: $0 % 40) }
        let table = IDTable(try Self.base(of: Array(ids.prefix(200))))
        table.withTable { table in
            for id in ids[200...] { _ = table.intern(DocumentID(trusted: id)) }
        }
        var random = SeededGenerator(seed: 2)
        // Parts that lie in the base, after it, and in both.
        for range in [0..<200, 200..<300, 0..<300, 7..<8, 0..<0] {
            let order = Array(range).shuffled(using: &random)
            var bytes: ContiguousArray<UInt8> = []
            var ends: ContiguousArray<Int> = []
            var charged = 0
            let vertices = ContiguousArray(order.map { VertexID($0) })
            try table.appendUTF8(of: vertices, to: &bytes, &ends) { charged += $0 }
            #expect(String(decoding: bytes, as: UTF8.self) == order.map { ids[$0] }.joined())
            #expect(charged == bytes.count)
            let counts = zip([0] + ends, ends).map { $1 - $0 }
            #expect(counts == order.map { ids[$0].utf8.count })
        }
    }

    @Test("Ids of a damaged base are empty, and the damage is reported")
    func damage() throws {
        for tag in ["IDOF", "IDBY"] as [SectionTag] {
            var sections = MemorySections()
            let table = IDTable(try Self.base(of: ["a", "bc"]))
            try table.write([0, 1], to: &sections)
            sections.damage = [tag: [1]]
            let base: IDTable.Base = try #require(IDTable.Base(from: sections))
            let damaged = IDTable(base)
            var bytes: ContiguousArray<UInt8> = []
            var ends: ContiguousArray<Int> = []
            try damaged.appendUTF8(of: [0, 1], to: &bytes, &ends) { _ in }
            #expect(bytes.isEmpty)
            #expect(Array(ends) == [0, 0])
            #expect(sections.isDamaged)
        }
    }

    @Test("Ids in a base of an earlier release are found")
    func earlier() throws {
        let ids = ["a", "bc", "", "def"]
        var sections = MemorySections()
        var offsets: ContiguousArray<UInt64> = [0]
        var bytes: ContiguousArray<UInt8> = []
        var slots = ContiguousArray<UInt64>(repeating: 0, count: 8)
        for (number, id) in ids.enumerated() {
            bytes.append(contentsOf: id.utf8)
            offsets.append(UInt64(bytes.count))
            let hash = lode_crc32c(0, Array(id.utf8), id.utf8.count)
            var position = Int(hash) & 7
            while slots[position] != 0 { position = (position + 1) & 7 }
            slots[position] = UInt64(hash) << 32 | UInt64(number + 1)
        }
        try sections.write("IDOF", offsets)
        try sections.write("IDBY", bytes)
        try sections.write("IDSL", slots)
        let base: IDTable.Base = try #require(IDTable.Base(from: sections))
        let table = IDTable(base)
        let found = table.withTable { table in
            (ids + ["x"]).map { table.vertex(of: DocumentID(trusted: $0)) }
        }
        #expect(found == [0, 1, 2, 3, nil])
    }
}
