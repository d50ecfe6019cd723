// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore
package import LodestoneStructures

/// The values of some documents: the distinct keys in order, each with its rows, ascending.
///
/// A write makes the entries of its batch on its caller's thread, before rows are assigned. Until
/// then the positions of the documents in the batch take the place of rows.
package struct FieldEntries: Sendable {
    /// The fields whose values were gathered, with their numbers in the keys.
    package private(set) var fields: [ValueField]
    /// The end of each key in `keyBytes`.
    package private(set) var keyEnds: ContiguousArray<UInt64> = []
    package private(set) var keyBytes: ContiguousArray<UInt8> = []
    /// The end of each key's rows in `rows`.
    package private(set) var rowEnds: ContiguousArray<UInt64> = []
    package private(set) var rows: ContiguousArray<RowID> = []

    init(of fields: [ValueField] = []) {
        self.fields = fields
    }

    /// Bytes of memory.
    package var byteCount: Int {
        keyEnds.count * 16 + keyBytes.count + rows.count * 4
    }

    /// Replaces each position in a batch by the row of the document there.
    mutating func assign(_ rows: [RowID]) {
        for index in self.rows.indices { self.rows[index] = rows[Int(self.rows[index])] }
    }

    /// Adds rows to the last key if it is `key`, else to a new key after it.
    mutating func append(
        _ key: UnsafeBufferPointer<UInt8>,
        _ rows: UnsafeBufferPointer<RowID>
    ) {
        if rows.isEmpty { return }
        self.rows.append(contentsOf: rows)
        if isLast(key) {
            rowEnds[rowEnds.count - 1] = UInt64(self.rows.count)
        } else {
            keyBytes.append(contentsOf: key)
            keyEnds.append(UInt64(keyBytes.count))
            rowEnds.append(UInt64(self.rows.count))
        }
    }

    private func isLast(_ key: UnsafeBufferPointer<UInt8>) -> Bool {
        guard let end = keyEnds.last else { return false }
        let start = keyEnds.count > 1 ? keyEnds[keyEnds.count - 2] : 0
        return keyBytes[Int(start)..<Int(end)].elementsEqual(key)
    }
}

/// A collector of the values of documents.
///
/// Keys are appended to one buffer, and their positions are sorted, in half the time of a table of
/// keys.
struct ValueCollector {
    private struct Entry {
        /// The first eight bytes of the key, which decide nearly every comparison.
        let prefix: UInt64
        let start: UInt32
        let end: UInt32
        let row: RowID
    }

    private var bytes: ContiguousArray<UInt8> = []
    private var entries: ContiguousArray<Entry> = []

    /// Adds the values of a document; rows come in ascending order.
    mutating func add(_ metadata: Metadata, row: RowID, fields: [ValueField]) {
        for indexed in fields {
            guard let value = metadata.value(at: indexed.path[...]) else { continue }
            let field = indexed.number
            mark(field, .present, row)
            switch value {
            case .list(let elements):
                mark(field, .compound, row)
                for element in elements { add(element, field, .element, row) }
            case .object:
                mark(field, .compound, row)
            default:
                add(value, field, .single, row)
            }
        }
    }

    private mutating func mark(_ field: UInt8, _ kind: EncodedKey.Kind, _ row: RowID) {
        let start = bytes.count
        bytes.append(field)
        bytes.append(kind.rawValue)
        note(from: start, row)
    }

    private mutating func add(
        _ value: Value,
        _ field: UInt8,
        _ kind: EncodedKey.Kind,
        _ row: RowID
    ) {
        let start = bytes.count
        if EncodedKey.append(value, field, kind, to: &bytes) { note(from: start, row) }
    }

    private mutating func note(from start: Int, _ row: RowID) {
        var prefix: UInt64 = 0
        for position in start..<min(start + 8, bytes.count) {
            prefix = prefix << 8 | UInt64(bytes[position])
        }
        prefix <<= UInt64(8 * max(0, 8 - (bytes.count - start)))
        entries.append(
            Entry(prefix: prefix, start: UInt32(start), end: UInt32(bytes.count), row: row)
        )
    }

    /// The bytes of keys from which on the caller should empty the collector, because positions
    /// have 32 bits.
    static let fullByteCount = 1 << 30

    var byteCount: Int { bytes.count }

    /// The gathered values in order, as the entries of `fields`.
    func sorted(of fields: [ValueField]) -> FieldEntries {
        var sorted = FieldEntries(of: fields)
        bytes.withUnsafeBufferPointer { bytes in
            let key = { (entry: Entry) in
                UnsafeBufferPointer(rebasing: bytes[Int(entry.start)..<Int(entry.end)])
            }
            let inOrder = entries.sorted { left, right in
                if left.prefix != right.prefix { return left.prefix < right.prefix }
                let order = order(key(left), key(right))
                return order == 0 ? left.row < right.row : order < 0
            }
            var group: ContiguousArray<RowID> = []
            var position = 0
            while position < inOrder.count {
                let first = inOrder[position]
                group.removeAll(keepingCapacity: true)
                while position < inOrder.count, inOrder[position].prefix == first.prefix,
                    order(key(inOrder[position]), key(first)) == 0
                {
                    // A list may have a value twice.
                    if group.last != inOrder[position].row { group.append(inOrder[position].row) }
                    position += 1
                }
                group.withUnsafeBufferPointer { sorted.append(key(first), $0) }
            }
        }
        return sorted
    }
}

extension Metadata {
    /// The value of a field; `nil` when there is none.
    package func value(at path: ArraySlice<String>) -> Value? {
        guard let name = path.first, let value = self[name] else { return nil }
        if path.count == 1 { return value }
        guard case .object(let inner) = value else { return nil }
        return inner.value(at: path.dropFirst())
    }
}
