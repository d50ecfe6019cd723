// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import TestSupport
import Testing

@testable import LodestoneMetadata

@Suite("Encoded key")
struct EncodedKeyTests {
    private static let numbers: [Value] = [
        .double(-.infinity), .double(-0x1p64), .double(-0x1p63), .int(.min), .int(.min + 1),
        .int(-(1 << 53) - 1), .double(-0x1p53), .double(-1.5), -1, .double(-0x1p-1074), 0,
        .double(0x1p-1074), 0.5, 1, .double(0x1p53), .int((1 << 53) + 1), .int((1 << 53) + 2),
        .int(.max - 1_024), .int(.max - 1_023), .int(.max - 1), .int(.max), .double(0x1p63),
        .double(.greatestFiniteMagnitude), .double(.infinity),
    ]

    @Test("Encoded keys sort numbers by value, without rounding")
    func order() throws {
        let keys = try Self.numbers.map { try #require(EncodedKey(field: 0, .single, $0)).bytes }
        for (position, key) in keys.enumerated().dropFirst() {
            let before = keys[position - 1]
            // The least integer equals a double.
            if Self.numbers[position] == .int(.min) {
                #expect(key == before)
            } else {
                #expect(before.lexicographicallyPrecedes(key), "\(Self.numbers[position])")
            }
        }
    }

    @Test("Encoded keys of equal numbers are equal, and decode to an equal number")
    func equalNumbers() throws {
        #expect(EncodedKey(field: 1, .single, 2) == EncodedKey(field: 1, .single, 2.0))
        #expect(EncodedKey(field: 1, .single, 0.0) == EncodedKey(field: 1, .single, .double(-0.0)))
        for number in Self.numbers {
            let key = try #require(EncodedKey(field: 0, .single, number))
            let value = key.bytes.dropFirst(2).withContiguousStorageIfAvailable {
                EncodedKey.value($0, maxStringBytes: 256)
            }
            let found = try #require(value ?? nil)
            let again = try #require(EncodedKey(field: 0, .single, found))
            #expect(again == key, "\(number)")
        }
    }

    @Test("An encoded key of a string longer than 256 bytes is a prefix and marked as cut")
    func strings() throws {
        let fits = try #require(
            EncodedKey(field: 0, .single, .string(.init(repeating: "é", count: 128)))
        )
        let long = try #require(
            EncodedKey(field: 0, .single, .string(.init(repeating: "é", count: 128) + "x"))
        )
        #expect(!fits.isTruncated && long.isTruncated && fits != long)
        #expect(fits.bytes.lexicographicallyPrecedes(long.bytes))
    }

    @Test("An encoded key from untrusted bytes is refused unless it is well-formed")
    func strangers() throws {
        let key = try #require(EncodedKey(field: 3, .single, "x"))
        #expect(EncodedKey(checking: key.bytes) == key)
        for bytes: [UInt8] in [
            [], [0], [0, 1], [0, 1, 9], [0, 1, 1], [0, 1, 1, 2], [0, 1, 2, 0], [0, 1, 3, 0],
            [0, 2, 1, 1], [0, 0], [0, 1, 4] + Array(repeating: 65, count: 258),
        ] {
            #expect(EncodedKey(checking: bytes) == nil, "\(bytes)")
        }
    }
}
