// SPDX-License-Identifier: Apache-2.0
import CLodestoneSystem
import LodestoneCore
import LodestoneStructures

/// The bytes of a whole batch in the redo log: a commit of the decoded batch repeats the original.
///
///     version      1 byte: 1
///     kind         1 byte: that of the log row (`Schema.LogKind`)
///     request id   1 byte: 1 when there is one; then its 16 bytes
///     fingerprint  8 bytes
///     counts       inserted, replaced and dropped documents
///     change       a collection: number, name, options; a dropped collection: its number;
///                  rows: see `RowChangeCoding`
///
/// Counts and lengths are LEB128, numbers of fixed width little-endian.
enum RedoRecord {
    private static let version: UInt8 = 1

    static func encode(_ batch: StoredBatch) -> [UInt8] {
        var writer = ByteWriter()
        writer.bytes.append(version)
        writer.bytes.append(UInt8(kind(of: batch.change).rawValue))
        writer.bytes.append(batch.requestID == nil ? 0 : 1)
        if let requestID = batch.requestID { writer.bytes += requestID.bytes }
        writer.append(fixed: batch.fingerprint)
        for count in [batch.inserted, batch.replaced, batch.dropped] {
            writer.append(varint: UInt64(count))
        }
        switch batch.change {
        case .createCollection(let record), .alterCollection(let record):
            writer.append(varint: UInt64(record.number))
            writer.append(string: record.name)
            writer.append(bytes: OptionsCoding.encode(record.options))
        case .dropCollection(let number):
            writer.append(varint: UInt64(number))
        case .rows(let change):
            RowChangeCoding.encode(change, to: &writer)
        }
        return writer.bytes
    }

    private static func kind(of change: StoredBatch.Change) -> Schema.LogKind {
        switch change {
        case .createCollection: .createCollection
        case .alterCollection: .alterCollection
        case .dropCollection: .dropCollection
        case .rows: .rows
        }
    }

    /// Decodes a record of any origin.
    ///
    /// - Parameters:
    ///   - bytes: The record.
    ///   - collections: The collections before the batch; the batch changes them.
    ///   - analysis: The analysis that makes the words of new rows again.
    /// - Returns: The batch.
    /// - Throws: `Malformed` for bytes that no store wrote.
    static func decode(
        _ bytes: UnsafeRawBufferPointer,
        _ collections: inout [CollectionNumber: CollectionRecord],
        _ analysis: any WordAnalysis
    ) throws(ByteReader.Malformed) -> StoredBatch {
        var reader = ByteReader(bytes)
        guard try reader.byte() == version else { throw ByteReader.Malformed() }
        let kind = Schema.LogKind(rawValue: Int64(try reader.byte()))
        var requestID: RequestID?
        if try reader.byte() == 1 {
            let high = UInt64(bigEndian: try reader.fixed(UInt64.self).littleEndian)
            let low = UInt64(bigEndian: try reader.fixed(UInt64.self).littleEndian)
            requestID = RequestID(high: high, low: low)
        }
        let fingerprint = try reader.fixed(UInt64.self)
        var counts: [Int] = []
        for _ in 0..<3 {
            let count = try reader.varint()
            guard count <= UInt64(UInt32.max) else { throw ByteReader.Malformed() }
            counts.append(Int(count))
        }
        let change: StoredBatch.Change
        switch kind {
        case .createCollection:
            let record = try collection(&reader)
            guard collections[record.number] == nil else { throw ByteReader.Malformed() }
            collections[record.number] = record
            change = .createCollection(record)
        case .alterCollection:
            let record = try collection(&reader)
            guard let earlier = collections[record.number],
                earlier.name.hasSameBytes(as: record.name),
                earlier.options.dimension == record.options.dimension,
                earlier.options.textStrategy == record.options.textStrategy
            else { throw ByteReader.Malformed() }
            collections[record.number] = record
            change = .alterCollection(record)
        case .dropCollection:
            let number = try reader.collectionNumber()
            guard collections.removeValue(forKey: number) != nil else {
                throw ByteReader.Malformed()
            }
            change = .dropCollection(number)
        case .rows:
            change = .rows(try RowChangeCoding.decode(&reader, collections, analysis))
        case nil:
            throw ByteReader.Malformed()
        }
        guard reader.isAtEnd else { throw ByteReader.Malformed() }
        return StoredBatch(
            change: change,
            requestID: requestID,
            fingerprint: fingerprint,
            inserted: counts[0],
            replaced: counts[1],
            dropped: counts[2]
        )
    }

    private static func collection(_ reader: inout ByteReader) throws(ByteReader.Malformed)
        -> CollectionRecord
    {
        let number = try reader.collectionNumber()
        let name = try reader.string()
        guard number > 0, !name.isEmpty else { throw ByteReader.Malformed() }
        let options = try reader.slice()
        return CollectionRecord(
            number: number,
            name: name,
            options: try OptionsCoding.decode(options)
        )
    }
}

extension ByteWriter {
    /// Appends bytes after their number.
    mutating func append(bytes other: [UInt8]) {
        append(varint: UInt64(other.count))
        bytes += other
    }

    /// Appends bytes after their number.
    mutating func append(bytes other: UnsafeRawBufferPointer) {
        append(varint: UInt64(other.count))
        bytes.append(contentsOf: other)
    }
}

extension ByteReader {
    mutating func collectionNumber() throws(Malformed) -> CollectionNumber {
        guard let number = CollectionNumber(exactly: try varint()) else { throw Malformed() }
        return number
    }
}
