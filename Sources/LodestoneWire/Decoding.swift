// SPDX-License-Identifier: Apache-2.0
import CLodestoneProto
import LodestoneCore

// Shared parts of all decoders. An error gets the path of its field from the inside out: each level
// prepends its own name.

extension LodestoneError {
    /// The same error, with the name of the enclosing message prepended to its field.
    func within(_ outer: String) -> LodestoneError {
        var error = self
        error.field = error.field.map { "\(outer).\($0)" } ?? outer
        return error
    }
}

/// Runs `body`, and prepends `field` to the path of an error.
func within<Result>(
    _ field: @autoclosure () -> String,
    _ body: () throws(LodestoneError) -> Result
) throws(LodestoneError) -> Result {
    do {
        return try body()
    } catch {
        throw error.within(field())
    }
}

extension CBytes {
    /// The bytes, in the arena of the message.
    var buffer: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: data, count: len) }

    /// The bytes as text.
    ///
    /// - Throws: `BAD_UTF8`.
    func text(_ field: @autoclosure () -> String) throws(LodestoneError) -> String {
        guard let text = String(utf8: buffer) else {
            throw .invalid(
                .badUTF8,
                "\(field()) has \(len) bytes that are not UTF-8.",
                recovery: "Encode text as UTF-8.",
                field: field()
            )
        }
        return text
    }

    /// The bytes as a document's id.
    ///
    /// - Throws: `BAD_ID`, `BAD_UTF8` or `LIMIT`.
    func documentID(_ field: @autoclosure () -> String) throws(LodestoneError) -> DocumentID {
        do throws(LodestoneError) {
            return try DocumentID(bytes: buffer)
        } catch {
            var error = error
            error.field = field()
            throw error
        }
    }
}

/// The array of a repeated message, at most `limit` elements long.
///
/// - Throws: `LIMIT`, and the errors of `decode`, with the element's index.
func list<Message, Element>(
    _ field: String,
    _ items: UnsafeMutablePointer<UnsafeMutablePointer<Message>?>?,
    _ count: Int,
    limit: Int = .max,
    _ decode: (UnsafeMutablePointer<Message>) throws(LodestoneError) -> Element
) throws(LodestoneError) -> [Element] {
    guard count <= limit else { throw .limit(field, count, limit) }
    var elements: [Element] = []
    elements.reserveCapacity(count)
    for index in 0..<count {
        guard let item = items?[index] else { throw .malformed("\(field) has a hole.") }
        do {
            elements.append(try decode(item))
        } catch {
            throw error.within("\(field)[\(index)]")
        }
    }
    return elements
}

/// The texts of a repeated bytes field.
func texts(
    _ field: String,
    _ items: UnsafeMutablePointer<CBytes>?,
    _ count: Int,
    limit: Int = .max
) throws(LodestoneError) -> [String] {
    guard count <= limit else { throw .limit(field, count, limit) }
    var elements: [String] = []
    elements.reserveCapacity(count)
    for (index, item) in UnsafeBufferPointer(start: items, count: count).enumerated() {
        elements.append(try item.text("\(field)[\(index)]"))
    }
    return elements
}

/// The document ids of a repeated bytes field.
func documentIDs(
    _ field: String,
    _ items: UnsafeMutablePointer<CBytes>?,
    _ count: Int,
    limit: Int = .max
) throws(LodestoneError) -> [DocumentID] {
    guard count <= limit else { throw .limit(field, count, limit) }
    var elements: [DocumentID] = []
    elements.reserveCapacity(count)
    for (index, item) in UnsafeBufferPointer(start: items, count: count).enumerated() {
        elements.append(try item.documentID("\(field)[\(index)]"))
    }
    return elements
}

/// The case of an enum with a number on the wire.
///
/// - Throws: `UNKNOWN_ENUM`.
func enumCase<Case: RawRepresentable<Int32>>(
    _ field: String,
    _ number: UInt32,
    as type: Case.Type = Case.self
) throws(LodestoneError) -> Case {
    guard let value = Case(rawValue: Int32(bitPattern: number)) else {
        throw .invalid(
            .unknownEnum,
            "\(field) is \(Int32(bitPattern: number)), which is unknown to this release.",
            recovery: "Use a value of proto/lodestone/v1 of the server's release.",
            field: field
        )
    }
    return value
}

/// The message of a required field.
func required<Message>(_ field: String, _ message: UnsafeMutablePointer<Message>?)
    throws(LodestoneError) -> UnsafeMutablePointer<Message>
{
    guard let message else { throw .malformed("\(field) is missing.", field: field) }
    return message
}

/// The floats of a message, one vector per call of `next`.
struct VectorSlices {
    private let floats: UnsafePointer<Float>?
    /// The number of elements of each vector.
    let dimension: Int
    private var used = 0

    /// Divides `count` floats among `vectors` vectors.
    ///
    /// - Throws: `BAD_VECTOR` when the floats can't be divided evenly.
    init(_ floats: UnsafePointer<Float>?, count: Int, vectors: Int) throws(LodestoneError) {
        guard vectors > 0 ? count > 0 && count % vectors == 0 : count == 0 else {
            throw .invalid(
                .badVector,
                "vectors has \(count) floats for \(vectors) vectors of equal length.",
                recovery: "Send the same number of floats, at least one, for every vector.",
                field: "vectors"
            )
        }
        self.floats = floats
        dimension = vectors > 0 ? count / vectors : 0
    }

    /// The next vector.
    mutating func next() -> [Float] {
        defer { used += dimension }
        return [Float](UnsafeBufferPointer(start: floats.map { $0 + used }, count: dimension))
    }
}
