// SPDX-License-Identifier: Apache-2.0
import CLodestoneSystem
import TestSupport
import Testing

@Suite("CRC-32C")
struct ChecksumTests {
    /// The checksum computed bit by bit from its definition.
    private func reference(_ bytes: some Sequence<UInt8>, after crc: UInt32 = 0) -> UInt32 {
        var sum = ~crc
        for byte in bytes {
            sum ^= UInt32(byte)
            for _ in 0..<8 { sum = (sum >> 1) ^ (sum & 1 == 1 ? 0x82F6_3B78 : 0) }
        }
        return ~sum
    }

    @Test("CRC-32C of the digits 1 to 9 is the published value")
    func published() {
        let digits = Array("123456789".utf8)
        #expect(lode_crc32c(0, digits, digits.count) == 0xE306_9283)
    }

    @Test("CRC-32C is the same for any length, start and alignment, whole or in parts")
    func lengths() {
        var random = SeededGenerator(seed: 11)
        let bytes = (0..<20_000).map { _ in UInt8.random(in: .min ... .max, using: &random) }
        let lengths = [0, 1, 7, 8, 9, 1_024, 3_071, 3_072, 3_073, 6_144, 9_300, 19_990]
        bytes.withUnsafeBytes { bytes in
            for length in lengths {
                for start in [0, 1, 5] {
                    let part = UnsafeRawBufferPointer(rebasing: bytes[start..<start + length])
                    let expected = reference(part, after: UInt32(length))
                    #expect(
                        lode_crc32c(UInt32(length), part.baseAddress, length) == expected,
                        "\(length) from \(start)"
                    )
                    let first = lode_crc32c(UInt32(length), part.baseAddress, length / 3)
                    let rest = part.baseAddress.map { $0 + length / 3 }
                    #expect(lode_crc32c(first, rest, length - length / 3) == expected)
                }
            }
        }
    }
}
