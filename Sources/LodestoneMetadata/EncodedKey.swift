// SPDX-License-Identifier: Apache-2.0
// The encoded keys of a `FieldIndex`: bytes that sort like the values.
package import LodestoneCore

/// A value of an indexed field as bytes.
///
///     0   number of the field among those that are indexed
///     1   the kind of the key: `Kind`
///     2   its type: 1 bool, 2 number, 3 timestamp, 4 string
///     3…  its content:
///         bool       0 or 1
///         number     the largest double up to the number, 8 bytes in the order of numbers,
///                    then the number minus this double, 2 bytes
///         timestamp  8 bytes in the order of times
///         string     its first 256 bytes, and a zero if there were more
///
/// All numbers are big-endian, with signs encoded so that keys sort as bytes. Numbers that are
/// equal in value have the same bytes, whether they are whole or not. Two strings with the same
/// first 256 bytes also have the same bytes, so a key can be `isTruncated`.
package struct EncodedKey: Sendable, Hashable {
    /// The kind of a key: the part of a document that has the value.
    package enum Kind: UInt8, Sendable {
        /// A mark without a value, for each document that has the field.
        case present = 0
        /// The value of the field itself.
        case single = 1
        /// An element of the field's list.
        case element = 2
        /// A mark for each document whose field is a list or an object, which have no key.
        case compound = 3
    }

    /// The most bytes of a string in a key.
    package static let maxStringBytes = 256
    /// Bytes of the longest key.
    package static let maxByteCount = maxStringBytes + 4

    package var bytes: [UInt8]

    /// The first bytes of all keys of a field and a kind.
    package init(field: UInt8, _ kind: Kind) {
        bytes = [field, kind.rawValue]
    }

    /// The key of a value; `nil` for lists, objects and NaN.
    package init?(field: UInt8, _ kind: Kind, _ value: Value) {
        var bytes = ContiguousArray<UInt8>()
        guard Self.append(value, field, kind, to: &bytes) else { return nil }
        self.bytes = Array(bytes)
    }

    /// A key from untrusted bytes; `nil` when they are not the key of a single value.
    package init?(checking bytes: [UInt8]) {
        self.bytes = bytes
        let isWhole =
            switch type {
            case 1: bytes.count == 4 && bytes[3] <= 1
            case 2: bytes.count == 13
            case 3: bytes.count == 11
            case 4: bytes.count <= Self.maxByteCount
            default: false
            }
        guard isWhole, bytes[1] == Kind.single.rawValue else { return nil }
    }

    /// Whether more than one string may have this key.
    package var isTruncated: Bool { type == 4 && bytes.count == Self.maxByteCount }

    private var type: UInt8 { bytes.count > 2 ? bytes[2] : 0 }

    /// A key after all keys of the same field, kind and type.
    package var endOfType: EncodedKey {
        var end = self
        end.bytes = Array(bytes.prefix(3))
        end.bytes[end.bytes.count - 1] += 1
        return end
    }

    /// A key before all keys of the same field, kind and type.
    package var startOfType: EncodedKey {
        var start = self
        start.bytes = Array(bytes.prefix(3))
        return start
    }

    /// Appends the key of a value; returns `false` and appends nothing for a value without a key.
    static func append(
        _ value: Value,
        _ field: UInt8,
        _ kind: Kind,
        to bytes: inout ContiguousArray<UInt8>
    ) -> Bool {
        bytes += [field, kind.rawValue]
        guard append(value, maxStringBytes: maxStringBytes, to: &bytes) else {
            bytes.removeLast(2)
            return false
        }
        return true
    }

    /// Appends type and content of a value; returns `false` and appends nothing for a value without
    /// a key.
    static func append(
        _ value: Value,
        maxStringBytes: Int,
        to bytes: inout ContiguousArray<UInt8>
    ) -> Bool {
        switch value {
        case .bool(let flag):
            bytes.append(1)
            bytes.append(flag ? 1 : 0)
        case .int(let number):
            let (floor, rest) = floor(number)
            bytes.append(2)
            append(ordered(floor), to: &bytes)
            append(rest, to: &bytes)
        case .double(let number):
            guard !number.isNaN else { return false }
            bytes.append(2)
            append(ordered(number), to: &bytes)
            append(UInt16(0), to: &bytes)
        case .timestamp(let microseconds):
            bytes.append(3)
            append(UInt64(bitPattern: microseconds) ^ 1 << 63, to: &bytes)
        case .string(let text):
            bytes.append(4)
            bytes.append(contentsOf: text.utf8.prefix(maxStringBytes))
            if text.utf8.count > maxStringBytes { bytes.append(0) }
        case .list, .object:
            return false
        }
        return true
    }

    /// The largest double up to a whole number, and the number minus this double, less than 1,024.
    private static func floor(_ number: Int64) -> (Double, UInt16) {
        var floor = Double(number)
        if (Int64(exactly: floor) ?? .max) > number || floor >= 0x1p63 { floor = floor.nextDown }
        return (floor, UInt16(truncatingIfNeeded: number &- Int64(floor)))
    }

    private static func ordered(_ number: Double) -> UInt64 {
        // Both zeros have the same key.
        let bits = number == 0 ? 0 : number.bitPattern
        return bits >> 63 == 1 ? ~bits : bits | 1 << 63
    }

    private static func append(
        _ number: some FixedWidthInteger,
        to bytes: inout ContiguousArray<UInt8>
    ) {
        withUnsafeBytes(of: number.bigEndian) { bytes.append(contentsOf: $0) }
    }

    /// The value of the type and content of a key.
    ///
    /// A whole number that fits is an `.int`.
    ///
    /// - Returns: `nil` when no value, or more than one, has this type and content.
    static func value(_ key: UnsafeBufferPointer<UInt8>, maxStringBytes: Int) -> Value? {
        guard let type = key.first else { return nil }
        let content = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(key)[1...])
        switch type {
        case 1 where content.count == 1:
            return .bool(content[0] == 1)
        case 2 where content.count == 10:
            let bits = UInt64(bigEndian: content.loadUnaligned(as: UInt64.self))
            let rest = UInt16(
                bigEndian: content.loadUnaligned(fromByteOffset: 8, as: UInt16.self)
            )
            let floor = Double(bitPattern: bits >> 63 == 1 ? bits ^ 1 << 63 : ~bits)
            if let whole = Int64(exactly: floor) { return .int(whole &+ Int64(rest)) }
            return .double(floor)
        case 3 where content.count == 8:
            let bits = UInt64(bigEndian: content.loadUnaligned(as: UInt64.self))
            return .timestamp(microseconds: Int64(bitPattern: bits ^ 1 << 63))
        case 4 where content.count <= maxStringBytes:
            return .string(String(decoding: content, as: UTF8.self))
        default:
            return nil
        }
    }
}

/// Whether a key comes before another: byte by byte, a prefix before the longer key.
func precedes(_ left: UnsafeBufferPointer<UInt8>, _ right: UnsafeBufferPointer<UInt8>) -> Bool {
    let order = order(left, right)
    return order < 0
}

/// Negative if `left` comes before `right`, zero if they are equal, else positive.
func order(_ left: UnsafeBufferPointer<UInt8>, _ right: UnsafeBufferPointer<UInt8>) -> Int {
    let count = min(left.count, right.count)
    if count > 0, let first = left.baseAddress, let second = right.baseAddress {
        let order = UnsafeRawPointer(first).compared(to: UnsafeRawPointer(second), count)
        if order != 0 { return order }
    }
    return left.count - right.count
}

extension UnsafeRawPointer {
    /// Compares eight bytes at a time; both have `count` bytes.
    fileprivate func compared(to other: UnsafeRawPointer, _ count: Int) -> Int {
        var position = 0
        while position + 8 <= count {
            let left = UInt64(
                bigEndian: loadUnaligned(fromByteOffset: position, as: UInt64.self)
            )
            let right = UInt64(
                bigEndian: other.loadUnaligned(fromByteOffset: position, as: UInt64.self)
            )
            if left != right { return left < right ? -1 : 1 }
            position += 8
        }
        while position < count {
            let left = load(fromByteOffset: position, as: UInt8.self)
            let right = other.load(fromByteOffset: position, as: UInt8.self)
            if left != right { return Int(left) - Int(right) }
            position += 1
        }
        return 0
    }
}
