// SPDX-License-Identifier: Apache-2.0
import LodestoneStructures
import Testing

@Suite("Hashing")
struct HashingTests {
    /// A seed as large as the random ones.
    private static let seed: UInt64 = 0x243F_6A88_85A3_08D3

    @Test("The FNV-1a hash equals the published values")
    func publishedValues() {
        // Of the test vectors at isthe.com/chongo/tech/comp/fnv.
        #expect(UInt64(hashing: "".utf8) == 0xCBF2_9CE4_8422_2325)
        #expect(UInt64(hashing: "a".utf8) == 0xAF63_DC4C_8601_EC8C)
        #expect(UInt64(hashing: "foobar".utf8) == 0x8594_4171_F739_67E8)
    }

    @Test("Mixing a number equals the output of SplitMix64")
    func splitMix() {
        // The first numbers of the generator with the seed 1234567.
        let seed: UInt64 = 1_234_567
        #expect(seed.mixed(with: 1) == 6_457_827_717_110_365_317)
        #expect(seed.mixed(with: 2) == 3_203_168_211_198_807_973)
        #expect(seed.mixed(with: 3) == 9_817_491_932_198_370_423)
    }

    @Test("A keyed hash differs for each length, each byte and each key")
    func keyedHash() {
        func hash(_ bytes: [UInt8], _ seed: UInt64 = Self.seed) -> UInt64 {
            bytes.withUnsafeBytes { UInt64(hashing: $0, seed: seed) }
        }
        var seen: Set<UInt64> = []
        var count = 0
        for length in 0...40 {
            let zeros = [UInt8](repeating: 0, count: length)
            seen.insert(hash(zeros))
            count += 1
            for index in 0..<length {
                for bit in 0..<8 {
                    var changed = zeros
                    changed[index] = 1 << UInt8(bit)
                    seen.insert(hash(changed))
                    count += 1
                }
            }
        }
        #expect(seen.count == count)
        #expect(hash([1, 2, 3]) == hash([1, 2, 3]))
        #expect(hash([1, 2, 3]) != hash([1, 2, 3], Self.seed + 1))
    }

    @Test("One changed bit of the bytes changes about half the bits of a keyed hash")
    func spread() {
        let text = Array("lodestone keeps its documents".utf8)
        let first = text.withUnsafeBytes { UInt64(hashing: $0, seed: Self.seed) }
        var changedBits = 0
        for index in text.indices {
            for bit in 0..<8 {
                var changed = text
                changed[index] ^= 1 << UInt8(bit)
                let hash = changed.withUnsafeBytes { UInt64(hashing: $0, seed: Self.seed) }
                changedBits += (hash ^ first).nonzeroBitCount
            }
        }
        let mean = Double(changedBits) / Double(text.count * 8)
        #expect((28...36).contains(mean), "\(mean) bits of 64")
    }
}
