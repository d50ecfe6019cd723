// SPDX-License-Identifier: Apache-2.0
import LodestoneStructures
import TestSupport
import Testing

@Suite("An overlay array")
struct OverlayArrayTests {
    private func base(count: Int, damaged: [Int] = []) throws -> MappedArray<UInt32> {
        var sections = MemorySections()
        try sections.write("Nmbr", ContiguousArray((0..<UInt32(count)).map { $0 + 1_000 }))
        sections.damage["Nmbr"] = damaged
        return try #require(sections.section("Nmbr", of: UInt32.self))
    }

    @Test("An overlay array equals a plain array under random changes, as each of its copies does")
    func model() throws {
        var random = SeededGenerator(seed: 11)
        // The base ends inside a chunk.
        var array = OverlayArray(try base(count: 700), fallback: 9)
        var model = (0..<700).map { UInt32($0 + 1_000) }
        var copies: [(array: OverlayArray<UInt32>, model: [UInt32])] = []
        for step in 0..<2_000 {
            switch Int.random(in: 0..<10, using: &random) {
            case 0:
                let count = model.count + Int.random(in: 0..<3, using: &random)
                array.grow(to: count)
                while model.count < count { model.append(9) }
            case 1, 2:
                array.append(UInt32(step))
                model.append(UInt32(step))
            default:
                let index = Int.random(in: 0..<model.count, using: &random)
                array[index] = UInt32(step)
                model[index] = UInt32(step)
            }
            if step % 200 == 0 { copies.append((array, model)) }
        }
        copies.append((array, model))
        for (array, model) in copies {
            #expect(array.count == model.count)
            #expect((0..<model.count).map { array[$0] } == model)
        }
    }

    @Test("An overlay array takes memory for changed chunks only, and still reads its base")
    func memory() throws {
        var array = OverlayArray(try base(count: 10_000), fallback: 0)
        #expect(array.byteCount == 0)
        array[300] = 1
        array[301] = 2
        #expect(array.byteCount == 256 * 4)
        #expect(array[300] == 1)
        #expect(array.baseElement(300) == 1_300)
        #expect(array.baseElement(10_000) == 0)
    }

    @Test("An overlay array over damaged bytes has the fallback for them, also after a change")
    func damage() throws {
        let blockCount = VerifiedBytes.blockBytes / 4
        let base = try base(count: 2 * blockCount, damaged: [VerifiedBytes.blockBytes])
        var array = OverlayArray(base, fallback: 5)
        #expect(array[blockCount - 1] == UInt32(blockCount - 1) + 1_000)
        #expect(array[blockCount] == 5)
        array[blockCount + 1] = 8
        #expect(array[blockCount] == 5)
        #expect(array[blockCount + 1] == 8)
        #expect(base.bytes.isDamaged)
    }
}
