// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStructures
import Synchronization

/// A table that gives each distinct label a dense label id, which never changes.
///
/// Label ids are added and never removed, so all versions of a collection can share one table. A
/// label id that was added after a version has no edge in this version.
///
/// Threading: a mutex guards the table; callers with many labels take it once.
final class LabelTable: Sendable {
    struct Table {
        private var numbers = ByteTable()
        /// The labels in the order of their label ids.
        private(set) var labels: [String] = []

        func id(of label: String) -> LabelID? {
            var label = label
            return label.withUTF8 { numbers.number(of: $0) }.map { LabelID(rawValue: $0) }
        }

        /// The label of a label id; `nil` for a label id from a damaged base.
        func label(_ id: LabelID) -> String? {
            Int(id) < labels.count ? labels[Int(id)] : nil
        }

        mutating func intern(_ label: String) -> LabelID {
            var bytes = label
            let number = bytes.withUTF8 { numbers.intern($0) }
            if Int(number) == labels.count { labels.append(label) }
            return LabelID(rawValue: number)
        }
    }

    private let table = Mutex(Table())

    func withTable<T, Failure: Error>(
        _ body: (inout sending Table) throws(Failure) -> sending T
    ) throws(Failure) -> sending T {
        try table.withLock(body)
    }
}

extension LabelTable {
    /// Opens the section that `write` wrote; `nil` when it is missing or not valid.
    convenience init?(from source: some SectionSource) {
        self.init()
        guard let section = source.section("LABL", of: UInt8.self) else { return nil }
        let bytes = UnsafeRawBufferPointer(section.elements(0..<section.count))
        guard bytes.count == section.count else { return nil }
        var offset = 0
        while offset + 4 <= bytes.count {
            let count = Int(
                UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
            )
            guard count <= bytes.count - offset - 4 else { return nil }
            let label = String(decoding: bytes[offset + 4..<offset + 4 + count], as: UTF8.self)
            _ = withTable { $0.intern(label) }
            offset += 4 + count
        }
    }

    /// Writes labels in the order of their ids, each after its length in four bytes.
    static func write(_ labels: [String], to sink: inout some SectionSink) throws(LodestoneError) {
        var bytes: ContiguousArray<UInt8> = []
        for label in labels {
            let count = UInt32(label.utf8.count)
            withUnsafeBytes(of: count.littleEndian) { bytes.append(contentsOf: $0) }
            bytes.append(contentsOf: label.utf8)
        }
        try sink.write("LABL", bytes)
    }
}
