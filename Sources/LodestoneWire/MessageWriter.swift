// SPDX-License-Identifier: Apache-2.0
import LodestoneCore

/// Writes protobuf straight behind the bytes of an output buffer, in one pass.
///
/// A message inside a message gets room for its length before it is written. When the guess was
/// wrong, the message moves by the few bytes that the length is longer or shorter.
struct MessageWriter: ~Copyable {
    /// The output: what was there before, and everything written.
    private(set) var bytes = ByteBuffer()
    /// The first value that the wire can't carry.
    private(set) var failure: LodestoneError?

    /// Takes over an output buffer, which is empty until `giveBack`.
    init(taking output: inout ByteBuffer) {
        swap(&bytes, &output)
    }

    /// Gives the output buffer back, with what was written.
    mutating func giveBack(to output: inout ByteBuffer) {
        swap(&bytes, &output)
    }

    /// Notes that a value can't be written; the first one counts.
    mutating func fail(_ error: @autoclosure () -> LodestoneError) {
        if failure == nil { failure = error() }
    }

    // MARK: Fields. Each is written whatever its value, so absence always means absence.

    mutating func bool(_ field: UInt8, _ value: Bool) {
        varint(field, value ? 1 : 0)
    }

    mutating func varint(_ field: UInt8, _ value: UInt64) {
        tag(field, 0)
        append(value)
    }

    /// Writes a number that is 0 to 2³² − 1 on the wire.
    mutating func count(_ field: UInt8, _ value: Int, _ name: StaticString) {
        guard let value = UInt32(exactly: value) else {
            return fail(
                .invalid(
                    "LIMIT", "\(name) is \(value); the wire carries 0 to \(UInt32.max).",
                    recovery: "Correct the value.", field: "\(name)"))
        }
        varint(field, UInt64(value))
    }

    /// Writes a signed number as `sint64`.
    mutating func signed(_ field: UInt8, _ value: Int64) {
        varint(field, UInt64(bitPattern: (value << 1) ^ (value >> 63)))
    }

    /// Writes the number of a closed enum, none of which are negative.
    mutating func enumeration(_ field: UInt8, _ value: some RawRepresentable<Int32>) {
        varint(field, UInt64(UInt32(bitPattern: value.rawValue)))
    }

    mutating func double(_ field: UInt8, _ value: Double) {
        tag(field, 1)
        withUnsafeBytes(of: value.bitPattern.littleEndian) { append($0) }
    }

    mutating func float(_ field: UInt8, _ value: Float) {
        tag(field, 5)
        withUnsafeBytes(of: value.bitPattern.littleEndian) { append($0) }
    }

    mutating func text(_ field: UInt8, _ text: String) {
        tag(field)
        var text = text
        text.withUTF8 {
            append(UInt64($0.count))
            bytes.append(UnsafeRawBufferPointer($0))
        }
    }

    mutating func raw(_ field: UInt8, _ value: UnsafeRawBufferPointer) {
        tag(field)
        append(UInt64(value.count))
        append(value)
    }

    /// Writes a message; `expecting` is a guess at its size.
    mutating func message(
        _ field: UInt8, expecting byteCount: Int = 0, _ body: (inout MessageWriter) -> Void
    ) {
        tag(field)
        let start = bytes.count
        let reserved = Self.varintByteCount(UInt64(byteCount))
        for _ in 0..<reserved { bytes.append(0) }
        body(&self)
        let length = bytes.count - start - reserved
        let needed = Self.varintByteCount(UInt64(length))
        if needed != reserved {
            bytes.resize(start..<start + reserved, to: needed)
        }
        var rest = length
        for index in start..<start + needed {
            bytes[index] = UInt8(truncatingIfNeeded: rest & 0x7f) | (rest > 0x7f ? 0x80 : 0)
            rest >>= 7
        }
    }

    /// Writes the vectors as one packed field; nothing when there is none.
    ///
    /// All must be of one length, because a reader divides the floats evenly.
    mutating func vectors(_ field: UInt8, _ vectors: some Sequence<[Float]>) {
        var dimension: Int?
        var count = 0
        for vector in vectors {
            count += vector.count
            guard vector.count == dimension ?? vector.count else {
                return fail(
                    .invalid(
                        "DIMENSION_MISMATCH",
                        "A vector has \(vector.count) elements, another \(dimension ?? 0).",
                        recovery: "Give all vectors of one call the same number of elements.",
                        field: "vectors"))
            }
            dimension = vector.count
        }
        guard let dimension else { return }
        guard dimension > 0 else {
            return fail(
                .invalid(
                    "BAD_VECTOR", "A vector has no elements.",
                    recovery: "Leave the vector out, or give it the collection's dimension.",
                    field: "vectors"))
        }
        tag(field)
        append(UInt64(count * MemoryLayout<Float>.size))
        for vector in vectors { append(vector) }
    }

    /// Writes one vector as a packed field.
    mutating func vector(_ field: UInt8, _ vector: [Float]) {
        tag(field)
        append(UInt64(vector.count * MemoryLayout<Float>.size))
        append(vector)
    }

    // MARK: Frames

    /// Writes a frame around what `body` writes.
    ///
    /// - Throws: `FRAME_TOO_LARGE` and the first failure; the output is then as it was before.
    mutating func frame(
        maxByteCount: Int, _ body: (inout MessageWriter) -> Void
    ) throws(LodestoneError) {
        let start = bytes.count
        for _ in 0..<FrameDecoder.headerByteCount { bytes.append(0) }
        body(&self)
        let length = bytes.count - start - FrameDecoder.headerByteCount
        if length > min(maxByteCount, Int(UInt32.max)) {
            fail(.frameTooLarge(length, limit: maxByteCount))
        }
        if let failure {
            bytes.truncate(to: start)
            self.failure = nil
            throw failure
        }
        for index in 0..<FrameDecoder.headerByteCount {
            bytes[start + index] = UInt8(truncatingIfNeeded: length >> (24 - 8 * index))
        }
    }

    // MARK: Bytes

    /// Begins a field; its wire type is length-delimited unless another is given.
    private mutating func tag(_ field: UInt8, _ wireType: UInt64 = 2) {
        append(UInt64(field) << 3 | wireType)
    }

    private mutating func append(_ value: UInt64) {
        var value = value
        while value > 0x7f {
            bytes.append(UInt8(truncatingIfNeeded: value) | 0x80)
            value >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: value))
    }

    private mutating func append(_ value: UnsafeRawBufferPointer) {
        bytes.append(value)
    }

    /// Floats are little-endian on the wire, as on every machine that Lodestone runs on.
    private mutating func append(_ vector: [Float]) {
        vector.withUnsafeBytes { append($0) }
    }

    private static func varintByteCount(_ value: UInt64) -> Int {
        max(1, (70 - value.leadingZeroBitCount) / 7)
    }
}
