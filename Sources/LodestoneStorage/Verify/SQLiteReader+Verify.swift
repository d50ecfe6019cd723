// SPDX-License-Identifier: Apache-2.0
import LodestoneCore

/// The verification of one state of the store, part by part; writes continue meanwhile.
extension SQLiteReader {
    /// Follows the log's chain from its start to its end.
    func verifyLog(_ report: inout VerifyReport) throws(LodestoneError) {
        try StateCheck(connection: connection, context: context, words: store.analysis)
            .verifyLog(&report)
    }

    /// Compares the rows, words and vectors of a collection with each other and with the log.
    ///
    /// `body` gets every intact row.
    func verify(
        _ record: CollectionRecord,
        _ report: inout VerifyReport,
        _ body: (StoredRow) throws(LodestoneError) -> Void
    ) throws(LodestoneError) {
        try StateCheck(connection: connection, context: context, words: store.analysis)
            .verifyRows(record, &report, body)
        try verifyVectors(record, &report)
    }

    private func verifyVectors(_ record: CollectionRecord, _ report: inout VerifyReport)
        throws(LodestoneError)
    {
        let segments: [SchemaReader.Segment]
        do throws(LodestoneError) {
            segments = try SchemaReader.segments(of: record, connection)
        } catch {
            guard error.code == .dataLoss else { throw error }
            report.note(.database("the locations of vectors", error, record))
            return
        }
        for segment in segments {
            let path = "\(store.directory)/\(segment.name.text)"
            guard let file = try RegularFile(reading: path, pastCache: true) else {
                // Either the collection was dropped meanwhile, which removed the file, or the file
                // is lost.
                if try store.hasCollection(record.number) {
                    report.note(.vectors(path, "the file is missing", record))
                }
                continue
            }
            var check = SegmentCheck(segment)
            do throws(LodestoneError) {
                try file.forEachPiece(upTo: segment.end, context: context) {
                    VectorSegment.damaged(path, "it ends before byte \(segment.end)")
                } _: {
                    check.take($0)
                }
            } catch {
                guard error.code == .dataLoss || error.reason == .ioError else { throw error }
                report.note(.vectors(path, error.message, record))
            }
            report.vectors += UInt64(segment.batches.reduce(0) { $0 + $1.count })
            for mismatch in check.mismatches { report.note(.vectors(path, mismatch.text, record)) }
        }
    }
}

extension SQLiteStore {
    /// Whether the latest state has the collection.
    fileprivate func hasCollection(_ number: CollectionNumber) throws(LodestoneError) -> Bool {
        let reader = try beginRead(context: nil)
        defer { reader.end() }
        return try reader.record(of: number) != nil
    }
}
