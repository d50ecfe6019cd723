// SPDX-License-Identifier: Apache-2.0
import LodestoneStructures
import Testing

@Suite("SHA-256")
struct SHA256Tests {
    @Test(
        "SHA-256 gives the digests of the standard's examples",
        arguments: [
            ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
            ),
        ]
    )
    func standard(text: String, expected: String) {
        #expect(hex(SHA256.digest(of: Array(text.utf8))) == expected)
    }

    @Test("A digest does not depend on the pieces in which bytes come")
    func pieces() {
        let bytes = (0..<5_000).map { UInt8(truncatingIfNeeded: $0 &* 37) }
        for size in [1, 63, 64, 65, 4_999] {
            let sum = SHA256()
            for start in stride(from: 0, to: bytes.count, by: size) {
                bytes[start..<min(start + size, bytes.count)].withUnsafeBytes { sum.update($0) }
            }
            #expect(sum.finalize() == SHA256.digest(of: bytes), "pieces of \(size) bytes")
        }
    }

    @Test("Digests are equal only if all bytes are")
    func equality() {
        let digest = SHA256.digest(of: [1])
        #expect(SHA256.areEqual(digest, SHA256.digest(of: [1])))
        #expect(!SHA256.areEqual(digest, Array(digest.dropLast())))
        for index in digest.indices {
            var other = digest
            other[index] ^= 1
            #expect(!SHA256.areEqual(digest, other))
        }
    }

    private func hex(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
