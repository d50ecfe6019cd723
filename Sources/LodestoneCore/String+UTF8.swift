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
        var offset = 0
        while offset + 8 <= count {
            bits |= loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            offset += 8
        }
        while offset < count {
            bits |= UInt64(self[offset])
            offset += 1
        }
        return bits & 0x8080_8080_8080_8080 == 0
    }
}
