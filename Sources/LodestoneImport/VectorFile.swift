// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore

/// The format of the numbers in a file; all are little-endian.
package enum ElementType: String, Sendable, CaseIterable {
    /// Two bytes each.
    case float16 = "f2"
    /// Four bytes each.
    case float32 = "f4"
    /// Eight bytes each.
    case float64 = "f8"

    /// Bytes of one number.
    package var byteCount: Int {
        switch self {
        case .float16: 2
        case .float32: 4
        case .float64: 8
        }
    }
}

/// A file of vectors: a raw matrix (`.f16`, `.f32`) or NumPy's `.npy`, row after row.
///
/// Threading: one thread at a time.
package struct VectorFile {
    /// The elements per vector.
    package let dimension: Int
    /// The number of vectors.
    package let count: Int
    /// The format of the numbers.
    package let type: ElementType
    private let file: InputFile
    private let start: Int

    /// Opens a file whose name ends in `.npy`, `.f16` or `.f32`.
    ///
    /// - Parameters:
    ///   - path: The file.
    ///   - dimension: The elements per vector: required for a raw matrix, compared for `.npy` if
    ///     given.
    /// - Throws: `.invalidArgument` for an unsupported type, or a wrong shape or size; the message
    ///   has the numbers.
    package init(path: String, dimension: Int? = nil) throws(LodestoneError) {
        let file = try InputFile(path: path)
        let header: NPYHeader
        if path.hasSuffix(".npy") {
            header = try NPYHeader(file)
        } else if let type = Self.rawType(of: path) {
            guard let dimension, dimension > 0 else {
                throw .badFile(
                    path,
                    "is a raw matrix, which doesn't contain its dimension",
                    recovery: "Give the dimension, or use a .npy file."
                )
            }
            header = try NPYHeader(raw: type, dimension: dimension, file)
        } else {
            throw .badFile(
                path,
                "has none of the endings .f16, .f32, .npy",
                recovery: "Rename it by its content, or convert it with numpy.save."
            )
        }
        if let dimension, dimension != header.columns {
            throw .badFile(
                path,
                "has vectors of \(header.columns) elements; \(dimension) are expected",
                recovery: "Use the file that belongs to the collection, or another collection."
            )
        }
        self.file = file
        self.dimension = header.columns
        count = header.rows
        type = header.type
        start = header.byteCount
    }

    /// The path as given by the user.
    package var path: String { file.path }

    /// Reads the vectors of `rows`.
    ///
    /// - Precondition: `rows` is within `0..<count`.
    /// - Throws: An error when the file ends early. The server refuses numbers that are not finite.
    package func read(_ rows: Range<Int>) throws(LodestoneError) -> [[Float]] {
        precondition(rows.lowerBound >= 0 && rows.upperBound <= count, "rows out of range")
        let rowBytes = dimension * type.byteCount
        let bytes = UnsafeMutableRawBufferPointer.allocate(
            byteCount: rows.count * rowBytes,
            alignment: 16
        )
        defer { bytes.deallocate() }
        try file.readExactly(into: bytes, at: start + rows.lowerBound * rowBytes)
        return (0..<rows.count).map { row in
            let slice = UnsafeRawBufferPointer(
                rebasing: bytes[row * rowBytes..<(row + 1) * rowBytes]
            )
            return floats(slice, type)
        }
    }

    private static func rawType(of path: String) -> ElementType? {
        if path.hasSuffix(".f16") { return .float16 }
        return path.hasSuffix(".f32") ? .float32 : nil
    }
}

/// The header of a `.npy` file, versions 1 to 3 of NEP 1.
private struct NPYHeader {
    var type: ElementType
    var rows: Int
    var columns: Int
    /// The offset at which the numbers start.
    var byteCount = 0

    init(raw type: ElementType, dimension: Int, _ file: InputFile) throws(LodestoneError) {
        self.type = type
        columns = dimension
        let rowBytes = dimension * type.byteCount
        rows = file.byteCount / rowBytes
        guard file.byteCount % rowBytes == 0 else {
            throw .badFile(
                file.path,
                "has \(file.byteCount) bytes, which is no whole number of rows of \(dimension) x "
                    + "\(type.byteCount) bytes",
                recovery: "Check the dimension and the type, or copy the file again."
            )
        }
    }

    init(_ file: InputFile) throws(LodestoneError) {
        let foreign = LodestoneError.badFile(
            file.path,
            "does not start like a .npy file",
            recovery: "Write it with numpy.save."
        )
        guard file.byteCount >= 10 else { throw foreign }
        let start = try Self.bytes(file, 0..<10)
        guard start.starts(with: [0x93] + Array("NUMPY".utf8)) else { throw foreign }
        let textStart: Int
        let textBytes: Int
        switch start[6] {
        case 1:
            textStart = 10
            textBytes = Int(start[8]) | Int(start[9]) << 8
        case 2, 3:
            guard file.byteCount >= 12 else { throw foreign }
            textStart = 12
            textBytes = try Self.bytes(file, 8..<12).reversed().reduce(0) { $0 << 8 | Int($1) }
        default:
            throw .badFile(
                file.path,
                "has version \(start[6]) of the .npy format; 1 to 3 are known",
                recovery: "Write it with numpy.save."
            )
        }
        guard textBytes <= 1 << 16, textStart + textBytes <= file.byteCount else {
            throw .badFile(
                file.path,
                "has a header of \(textBytes) bytes",
                recovery: "Copy it again."
            )
        }
        byteCount = textStart + textBytes
        let text = String(
            decoding: try Self.bytes(file, textStart..<byteCount),
            as: UTF8.self
        )
        (type, rows, columns) = try Self.parse(text, file.path)
        let (rowBytes, rowOverflow) = columns.multipliedReportingOverflow(by: type.byteCount)
        let (expected, overflow) = rows.multipliedReportingOverflow(by: rowBytes)
        guard !rowOverflow, !overflow, file.byteCount - byteCount == expected else {
            throw .badFile(
                file.path,
                "has \(file.byteCount - byteCount) bytes of numbers; its header announces "
                    + "\(rows) x \(columns) of \(type.byteCount) bytes",
                recovery: "Copy or make the file again; it is not whole."
            )
        }
    }

    private static func bytes(_ file: InputFile, _ range: Range<Int>) throws(LodestoneError)
        -> [UInt8]
    {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: range.count, alignment: 1)
        defer { buffer.deallocate() }
        try file.readExactly(into: buffer, at: range.lowerBound)
        return Array(buffer)
    }

    /// Reads `{'descr': '<f4', 'fortran_order': False, 'shape': (60000, 784), }`.
    private static func parse(_ text: String, _ path: String) throws(LodestoneError)
        -> (ElementType, rows: Int, columns: Int)
    {
        let written = text.matches(of: #/'descr'\s*:\s*'([^']*)'/#).first?.output.1 ?? "nothing"
        let order = written.first
        guard order == "<" || order == "=",
            let type = ElementType(rawValue: String(written.dropFirst()))
        else {
            throw .badFile(
                path,
                "has numbers of type '\(written)'; <f2, <f4 and <f8 are read",
                recovery: "Convert it: numpy.save(path, array.astype('<f4'))."
            )
        }
        guard text.contains(#/'fortran_order'\s*:\s*False/#) else {
            throw .badFile(
                path,
                "is in Fortran order",
                recovery: "Save numpy.ascontiguousarray(array)."
            )
        }
        let shape = text.matches(of: #/'shape'\s*:\s*\(([^)]*)\)/#).first?.output.1 ?? ""
        let sizes = shape.split(separator: ",").map {
            Int($0.trimmingPrefix(while: \.isWhitespace).prefix(while: \.isNumber))
        }
        guard sizes.count == 2, let rows = sizes[0], let columns = sizes[1], columns > 0 else {
            throw .badFile(
                path,
                "has the shape (\(shape)); a matrix of rows and columns is expected",
                recovery: "Reshape it to two dimensions before saving."
            )
        }
        return (type, rows, columns)
    }
}
