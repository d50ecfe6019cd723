// SPDX-License-Identifier: Apache-2.0
import LodestoneStructures
import TestSupport
import Testing

@Suite("A mapped array")
struct MappedArrayTests {
    /// The number of `UInt32` elements that share a checksum.
    private let blockCount = VerifiedBytes.blockBytes / 4

    private func sections(count: Int, damaged: [Int] = []) throws -> MemorySections {
        var sections = MemorySections()
        let elements = ContiguousArray((0..<UInt32(count)).map { $0 &* 3 })
        try sections.write("Nmbr", elements)
        sections.damage["Nmbr"] = damaged
        return sections
    }

    @Test("A mapped array returns its elements, and the fallback beyond its ends")
    func elements() throws {
        let sections = try sections(count: 2 * blockCount + 10)
        let array = try #require(sections.section("Nmbr", of: UInt32.self))
        #expect(array.count == 2 * blockCount + 10)
        for index in [0, 1, blockCount - 1, blockCount, 2 * blockCount + 9] {
            #expect(array.element(index, or: .max) == UInt32(index) * 3)
        }
        #expect(array.element(-1, or: .max) == .max)
        #expect(array.element(array.count, or: .max) == .max)
        let found = array.elements(blockCount - 2..<blockCount + 2)
        #expect(found.elementsEqual((blockCount - 2..<blockCount + 2).map { UInt32($0) * 3 }))
        #expect(array.elements(0..<array.count + 1).isEmpty)
        #expect(!sections.isDamaged)
    }

    @Test("A damaged block of a mapped array is never returned, and is noticed")
    func damagedBlock() throws {
        // A byte of the second block of three.
        let sections = try sections(
            count: 3 * blockCount,
            damaged: [VerifiedBytes.blockBytes + 100]
        )
        let array = try #require(sections.section("Nmbr", of: UInt32.self))
        #expect(array.element(blockCount - 1, or: .max) == UInt32(blockCount - 1) * 3)
        #expect(!sections.isDamaged, "The first block is as it was written.")
        #expect(array.element(blockCount, or: .max) == .max)
        #expect(sections.isDamaged)
        #expect(array.element(2 * blockCount - 1, or: .max) == .max)
        #expect(array.elements(blockCount - 1..<blockCount + 1).isEmpty)
        #expect(array.element(2 * blockCount, or: .max) == UInt32(2 * blockCount) * 3)
    }

    @Test("The check of all verified bytes finds a damaged block that was never read")
    func checkOfAll() throws {
        let whole = try sections(count: 3 * blockCount)
        try #require(whole.section("Nmbr", of: UInt32.self)).bytes.checkAll()
        #expect(!whole.isDamaged)

        let damaged = try sections(
            count: 3 * blockCount,
            damaged: [3 * VerifiedBytes.blockBytes - 1]
        )
        try #require(damaged.section("Nmbr", of: UInt32.self)).bytes.checkAll()
        #expect(damaged.isDamaged)
    }

    @Test("Bytes that are trusted are not compared with their checksums, and all others are")
    func trustedBytes() throws {
        let count = 3 * VerifiedBytes.blockBytes
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 64)
        defer { memory.deallocate() }
        memory.initializeMemory(as: UInt8.self, repeating: 7)
        let bytes = UnsafeRawBufferPointer(memory)
        // Every checksum is wrong.
        let wrong = { VerifiedBytes(bytes, sums: [1, 1, 1], checksum: { _ in 0 }, release: {}) }
        let part = wrong()
        // The first block is not wholly trusted.
        part.trust(UnsafeRawBufferPointer(rebasing: bytes[1..<2 * VerifiedBytes.blockBytes]))
        #expect(part.check(VerifiedBytes.blockBytes..<2 * VerifiedBytes.blockBytes))
        #expect(!part.isDamaged)
        #expect(!part.check(0..<1))
        #expect(part.isDamaged)

        let other = wrong()
        other.trust(part)
        #expect(other.check(VerifiedBytes.blockBytes..<2 * VerifiedBytes.blockBytes))
        #expect(!other.check(2 * VerifiedBytes.blockBytes..<count))
    }

    @Test("A range that is not aligned, not whole or beyond the bytes gives no mapped array")
    func ranges() throws {
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 64, alignment: 64)
        defer { memory.deallocate() }
        memory.initializeMemory(as: UInt8.self, repeating: 0)
        let bytes = VerifiedBytes(
            UnsafeRawBufferPointer(memory),
            sums: [0],
            checksum: { _ in 0 },
            release: {}
        )
        #expect(MappedArray<UInt32>(bytes, 4..<12)?.count == 2)
        #expect(MappedArray<UInt32>(bytes, 2..<10) == nil)
        #expect(MappedArray<UInt32>(bytes, 4..<13) == nil)
        #expect(MappedArray<UInt32>(bytes, 60..<68) == nil)
    }
}
