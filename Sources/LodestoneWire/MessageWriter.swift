// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStructures

/// Writes protobuf in one pass into memory that may be too small.
///
/// Bytes that do not fit are counted but not written, so that a second attempt can get enough
/// memory. The room for the length of a nested message is guessed first. If the guess is wrong, the
/// message moves by a few bytes.
struct MessageWriter {
    /// The memory to write to.
    ///
    /// This is the unsafe part: every store below stays inside `room`. `room` outlives the writer
    /// because `append` makes the writer inside the closure that lends the memory.
    private let room: UnsafeMutableRawBufferPointer
    /// The number of bytes written, or counted where they did not fit.
    private(set) var byteCount = 0
    /// The most bytes that were in use at any time.
    ///
    /// A guess at the length of a message may have more bytes than the length itself.
    private var peakByteCount = 0
    /// Whether bytes did not fit and were left out.
    private(set) var isTruncated = false
    /// The first value that the wire can't carry.
    private(set) var failure: LodestoneError?
    /// The lists and elements around the writer, to name a value that can't be written.
    private var enclosing: [(name: StaticString, index: Int)] = []

    private init(_ room: UnsafeMutableRawBufferPointer) {
        self.room = room
    }

    /// Advances by `count` bytes, and returns their start; `nil` when they don't fit.
    private mutating func advance(by count: Int) -> Int? {
        let start = byteCount
        byteCount += count
        peakByteCount = max(peakByteCount, byteCount)
        if byteCount > room.count { isTruncated = true }
        return isTruncated ? nil : start
    }

    /// Records that a value can't be written; the first failure is kept.
    mutating func fail(_ error: @autoclosure () -> LodestoneError) {
        if failure == nil { failure = error() }
    }

    /// Writes the elements of a list; errors inside an element name its index.
    mutating func elements<Element>(
        _ name: StaticString,
        _ elements: [Element],
        _ body: (inout MessageWriter, Element) -> Void
    ) {
        for index in elements.indices {
            enclosing.append((name, index))
            body(&self, elements[index])
            enclosing.removeLast()
        }
    }

    /// The path of a field, from the outermost message on: `queries[0].sources[1].ef_search`.
    private func path(_ name: StaticString) -> String {
        enclosing.map { "\($0.name)[\($0.index)]." }.joined() + "\(name)"
    }

    // MARK: Fields. Defaults are written, too, so an absent field is always an absent value.

    mutating func bool(_ field: UInt8, _ value: Bool) {
        varint(field, value ? 1 : 0)
    }

    mutating func varint(_ field: UInt8, _ value: UInt64) {
        tag(field, 0)
        append(value)
    }

    /// Writes a number; the wire carries 0 to 2³² − 1.
    mutating func count(_ field: UInt8, _ value: Int, _ name: StaticString) {
        guard let value = UInt32(exactly: value) else {
            let isNegative = value < 0
            let path = path(name)
            let limit = isNegative ? "it can't be negative" : "the most is \(UInt32.max)"
            return fail(
                .invalid(
                    .limit,
                    "\(path) is \(value); \(limit).",
                    recovery: isNegative ? "Send a positive number." : "Send a smaller number.",
                    field: path
                )
            )
        }
        varint(field, UInt64(value))
    }

    /// Writes a signed number as `sint64`.
    mutating func signed(_ field: UInt8, _ value: Int64) {
        varint(field, UInt64(bitPattern: (value << 1) ^ (value >> 63)))
    }

    /// Writes the number of a closed enum, which is never negative.
    mutating func enumeration(_ field: UInt8, _ value: some RawRepresentable<Int32>) {
        varint(field, UInt64(UInt32(bitPattern: value.rawValue)))
    }

    mutating func double(_ field: UInt8, _ value: Double) {
        tag(field, 1)
        store(value.bitPattern.littleEndian)
    }

    mutating func float(_ field: UInt8, _ value: Float) {
        tag(field, 5)
        store(value.bitPattern.littleEndian)
    }

    mutating func text(_ field: UInt8, _ text: String) {
        tag(field)
        var text = text
        text.withUTF8 {
            append(UInt64($0.count))
            append(UnsafeRawBufferPointer($0))
        }
    }

    mutating func raw(_ field: UInt8, _ value: UnsafeRawBufferPointer) {
        tag(field)
        append(UInt64(value.count))
        append(value)
    }

    /// Writes a message; `expected` is a guess at its size.
    mutating func message(
        _ field: UInt8,
        expecting expected: Int = 0,
        _ body: (inout MessageWriter) -> Void
    ) {
        tag(field)
        let start = byteCount
        let reserved = Self.varintByteCount(UInt64(expected))
        _ = advance(by: reserved)
        body(&self)
        let length = byteCount - start - reserved
        let needed = Self.varintByteCount(UInt64(length))
        _ = advance(by: needed - reserved)
        guard !isTruncated, let base = room.baseAddress else { return }
        if needed != reserved {
            (base + start + needed).copyMemory(from: base + start + reserved, byteCount: length)
        }
        let end = byteCount
        byteCount = start
        append(UInt64(length))
        byteCount = end
    }

    /// Writes the vectors as one packed field, or nothing when there is no vector.
    ///
    /// All vectors must have one length, because a reader divides the floats evenly. `owner`
    /// returns the field and the object of the vector at an index, for errors.
    mutating func vectors(
        _ field: UInt8,
        _ vectors: some Sequence<[Float]>,
        owner: (Int) -> (field: String, object: String?)
    ) {
        var dimension: Int?
        var count = 0
        for (index, vector) in vectors.enumerated() {
            count += vector.count
            guard vector.count == dimension ?? vector.count else {
                let (name, object) = owner(index)
                return fail(
                    .invalid(
                        .dimensionMismatch,
                        "\(name) has \(vector.count) elements, \(owner(0).field) \(dimension ?? 0).",
                        recovery: "Give all vectors of one call the same number of elements.",
                        field: name,
                        object: object
                    )
                )
            }
            dimension = vector.count
        }
        guard let dimension else { return }
        guard dimension > 0 else {
            let (name, object) = owner(0)
            return fail(
                .invalid(
                    .badVector,
                    "\(name) has no elements.",
                    recovery: "Leave the vector out, or give it the collection's dimension.",
                    field: name,
                    object: object
                )
            )
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

    /// Writes numbers as one packed field.
    @inline(__always)
    mutating func packed(_ field: UInt8, count: Int, _ number: (Int) -> UInt32) {
        message(field, expecting: count) { writer in
            for start in stride(from: 0, to: count, by: Self.numbersPerRun) {
                writer.append(start..<min(start + Self.numbersPerRun, count), number)
            }
        }
    }

    /// Writes floats as one packed field.
    mutating func floats(_ field: UInt8, _ floats: ContiguousArray<Float>) {
        floats.withUnsafeBytes { raw(field, $0) }
    }

    // MARK: Frames

    /// Appends to `output` a frame with the message that `body` writes.
    ///
    /// `expected` is a guess at the message's size. When the guess is too small and the buffer has
    /// no spare room, `body` runs a second time.
    ///
    /// - Throws: `FRAME_TOO_LARGE`, or the first failure; the output is then unchanged.
    static func append(
        to output: inout ByteBuffer,
        maxByteCount: Int,
        expecting expected: Int,
        _ body: (inout MessageWriter) -> Void
    ) throws(LodestoneError) {
        var needed = FrameDecoder.headerByteCount + min(expected, maxByteCount)
        var isWritten = false
        var failure: LodestoneError?
        while !isWritten {
            output.append(reserving: needed) { room in
                var writer = MessageWriter(room)
                _ = writer.advance(by: FrameDecoder.headerByteCount)
                body(&writer)
                let length = writer.byteCount - FrameDecoder.headerByteCount
                if length > min(maxByteCount, Int(UInt32.max)) {
                    writer.fail(.frameTooLarge(length, limit: maxByteCount))
                }
                needed = max(writer.peakByteCount, writer.byteCount)
                isWritten = !writer.isTruncated
                failure = writer.failure
                guard failure == nil, isWritten else { return 0 }
                room.storeBytes(of: UInt32(length).bigEndian, as: UInt32.self)
                return writer.byteCount
            }
            if let failure { throw failure }
        }
    }

    // MARK: Bytes

    /// Begins a field; the default of the wire type is length-delimited.
    private mutating func tag(_ field: UInt8, _ wireType: UInt64 = 2) {
        append(UInt64(field) << 3 | wireType)
    }

    private mutating func append(_ value: UInt64) {
        var value = value
        while value > 0x7f {
            store(UInt8(truncatingIfNeeded: value) | 0x80)
            value >>= 7
        }
        store(UInt8(truncatingIfNeeded: value))
    }

    /// The numbers that are written with one check of the room, and the bytes of the longest.
    private static let numbersPerRun = 64
    private static let longestNumber = 5

    /// Appends the numbers at some positions.
    @inline(__always)
    private mutating func append(_ positions: Range<Int>, _ number: (Int) -> UInt32) {
        guard !isTruncated, let base = room.baseAddress,
            room.count - byteCount >= positions.count * Self.longestNumber
        else {
            for position in positions { append(UInt64(number(position))) }
            return
        }
        var end = byteCount
        for position in positions {
            var value = number(position)
            while value > 0x7f {
                base.storeBytes(
                    of: UInt8(truncatingIfNeeded: value) | 0x80,
                    toByteOffset: end,
                    as: UInt8.self
                )
                value >>= 7
                end += 1
            }
            base.storeBytes(of: UInt8(value), toByteOffset: end, as: UInt8.self)
            end += 1
        }
        byteCount = end
    }

    private mutating func append(_ value: UnsafeRawBufferPointer) {
        guard let start = advance(by: value.count), let from = value.baseAddress,
            let base = room.baseAddress
        else { return }
        (base + start).copyMemory(from: from, byteCount: value.count)
    }

    /// Floats are little-endian on the wire, as on every machine that Lodestone runs on.
    private mutating func append(_ vector: [Float]) {
        vector.withUnsafeBytes { append($0) }
    }

    private mutating func store<Number: BitwiseCopyable>(_ value: Number) {
        guard let start = advance(by: MemoryLayout<Number>.size) else { return }
        room.storeBytes(of: value, toByteOffset: start, as: Number.self)
    }

    private static func varintByteCount(_ value: UInt64) -> Int {
        max(1, (70 - value.leadingZeroBitCount) / 7)
    }
}
