// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStructures

/// Appends numbers and byte strings in the encoding of rows.
///
/// Counts are LEB128, numbers of fixed width little-endian.
struct ByteWriter {
    var bytes: [UInt8] = []

    mutating func append(varint value: UInt64) {
        var value = value
        while value >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: value) | 0x80)
            value >>= 7
        }
        bytes.append(UInt8(value))
    }

    mutating func append(fixed value: some FixedWidthInteger) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    mutating func append(string: String) {
        var string = string
        string.withUTF8 { utf8 in
            append(varint: UInt64(utf8.count))
            bytes.append(contentsOf: utf8)
        }
    }
}

/// Decodes the bytes of a `ByteWriter`; each step checks that enough bytes are left.
struct ByteReader {
    /// The error for bytes that end early or have an impossible value.
    struct Malformed: Error {}

    private let bytes: UnsafeRawBufferPointer
    private var position = 0

    init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
    }

    var isAtEnd: Bool { position == bytes.count }

    mutating func byte() throws(Malformed) -> UInt8 {
        guard position < bytes.count else { throw Malformed() }
        defer { position += 1 }
        return bytes[position]
    }

    mutating func varint() throws(Malformed) -> UInt64 {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 64, by: 7) {
            let byte = try byte()
            value |= UInt64(byte & 0x7f) << shift
            if byte < 0x80 { return value }
        }
        throw Malformed()
    }

    /// Reads a count of items of at least one byte each; a count above the bytes left is malformed.
    mutating func count() throws(Malformed) -> Int {
        let value = try varint()
        guard value <= UInt64(bytes.count - position) else { throw Malformed() }
        return Int(value)
    }

    mutating func fixed<T: FixedWidthInteger>(_ type: T.Type) throws(Malformed) -> T {
        guard bytes.count - position >= MemoryLayout<T>.size else { throw Malformed() }
        defer { position += MemoryLayout<T>.size }
        return T(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: T.self))
    }

    /// Reads a row id, which was written as a count.
    mutating func row() throws(Malformed) -> RowID {
        RowID(rawValue: UInt32(truncatingIfNeeded: try varint()))
    }

    mutating func string() throws(Malformed) -> String {
        let count = try count()
        let slice = UnsafeRawBufferPointer(rebasing: bytes[position..<position + count])
        position += count
        guard let string = String(validating: slice, as: UTF8.self) else { throw Malformed() }
        return string
    }

    /// Reads bytes after their number, without a copy.
    mutating func slice() throws(Malformed) -> UnsafeRawBufferPointer {
        try slice(byteCount: try count())
    }

    /// Reads some bytes, without a copy.
    mutating func slice(byteCount: Int) throws(Malformed) -> UnsafeRawBufferPointer {
        guard byteCount <= bytes.count - position else { throw Malformed() }
        defer { position += byteCount }
        return UnsafeRawBufferPointer(rebasing: bytes[position..<position + byteCount])
    }
}
