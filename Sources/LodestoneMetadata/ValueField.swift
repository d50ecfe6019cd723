// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore
package import LodestoneStructures

/// A field of the metadata that is indexed.
package struct ValueField: Sendable, Equatable {
    /// The index as it was declared.
    package let index: MetadataIndex
    /// The number of the field in the keys of the base and of the runs since.
    let number: UInt8
    /// The first row whose values the index has; `.first`: it has the values of all rows.
    package internal(set) var firstRow: RowID

    /// The names of the enclosing objects, outermost first, and of the field.
    package var path: [String] { index.path }

    /// Whether the index has the values of all rows.
    var isComplete: Bool { firstRow == .first }
}

/// The section of a base with the fields of its keys. Per field it has
///
///     number      1 byte
///     first row   4 bytes
///     names       1 byte with their number, then for each its length, 4 bytes, and itself
///
/// Numbers are little-endian.
extension ValueField {
    static func write(_ fields: [ValueField], to sink: inout some SectionSink)
        throws(LodestoneError)
    {
        var bytes: ContiguousArray<UInt8> = []
        for field in fields {
            bytes.append(field.number)
            append(field.firstRow.rawValue, to: &bytes)
            bytes.append(UInt8(truncatingIfNeeded: field.path.count))
            for name in field.path {
                append(UInt32(name.utf8.count), to: &bytes)
                bytes.append(contentsOf: name.utf8)
            }
        }
        try sink.write("MFLD", bytes)
    }

    private static func append(_ number: UInt32, to bytes: inout ContiguousArray<UInt8>) {
        withUnsafeBytes(of: number.littleEndian) { bytes.append(contentsOf: $0) }
    }

    /// Reads the section that `write` wrote; `nil` when it is missing or not valid.
    static func read(from source: some SectionSource) -> [ValueField]? {
        guard let section = source.section("MFLD", of: UInt8.self) else { return nil }
        let elements = section.elements(0..<section.count)
        guard elements.count == section.count else { return nil }
        var bytes = UnsafeRawBufferPointer(elements)[...]
        var fields: [ValueField] = []
        while !bytes.isEmpty {
            guard let number = bytes.popFirst(), let firstRow = takeNumber(&bytes),
                let nameCount = bytes.popFirst(), fields.count < MetadataIndex.maxCount,
                !fields.contains(where: { $0.number == number })
            else { return nil }
            var path: [String] = []
            for _ in 0..<nameCount {
                guard let count = takeNumber(&bytes), count <= bytes.count else { return nil }
                path.append(String(decoding: bytes.prefix(Int(count)), as: UTF8.self))
                bytes.removeFirst(Int(count))
            }
            let index = MetadataIndex(path: path)
            fields.append(
                ValueField(index: index, number: number, firstRow: RowID(rawValue: firstRow))
            )
        }
        return fields
    }

    private static func takeNumber(_ bytes: inout Slice<UnsafeRawBufferPointer>) -> UInt32? {
        guard bytes.count >= 4 else { return nil }
        defer { bytes.removeFirst(4) }
        return bytes.prefix(4).reversed().reduce(0) { $0 << 8 | UInt32($1) }
    }
}
