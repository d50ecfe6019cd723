// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStructures

/// The files that a restored database names, and its rows.
extension RestoredDatabase {
    /// The segments that the database names; the archive must have exactly these files.
    func segments(
        named files: [(name: String, byteCount: UInt64)],
        _ fault: (SnapshotFault) -> LodestoneError
    ) throws(LodestoneError) -> [SchemaReader.Segment] {
        var segments: [SchemaReader.Segment] = []
        do throws(LodestoneError) {
            for record in collections {
                segments += try SchemaReader.segments(of: record, connection)
            }
        } catch {
            guard error.code == .dataLoss else { throw error }
            throw fault(.damaged(error.message))
        }
        for (file, segment) in zip(files, segments) {
            guard file.name == segment.name.text, file.byteCount == segment.end else {
                throw fault(
                    .hostile(
                        "the member '\(file.name)' has \(file.byteCount) bytes where the "
                            + "database names \(segment.end) bytes of '\(segment.name.text)'"
                    )
                )
            }
        }
        if files.count > segments.count {
            throw fault(.hostile("the member '\(files[segments.count].name)' is unexpected"))
        }
        guard files.count == segments.count else {
            throw fault(.hostile("the member '\(segments[files.count].name.text)' is missing"))
        }
        return segments
    }

    /// The names of the bases that the database names.
    func bases(_ fault: (SnapshotFault) -> LodestoneError) throws(LodestoneError) -> [String] {
        var names: [String] = []
        do throws(SQLiteConnection.Failure) {
            for record in collections {
                guard let base = try BaseRecord.read(connection, of: record.number),
                    !base.file.isEmpty
                else { continue }
                names.append(base.file)
            }
        } catch {
            throw fault(.damaged(error.message))
        }
        return names
    }

    /// Checks the log and every row.
    func verifyRows(
        _ analysis: any WordAnalysis,
        _ context: CallContext,
        _ fault: (SnapshotFault) -> LodestoneError
    ) throws(LodestoneError) {
        let check = StateCheck(
            connection: connection,
            context: context,
            // Words of another analysis are rebuilt when the store is opened.
            words: self.analysis == analysis.fingerprint ? analysis : nil
        )
        try check.verifyAll(collections, fault)
    }
}

extension StateCheck {
    /// Checks the log and every row of all collections; the first damage is an error.
    func verifyAll(
        _ collections: [CollectionRecord],
        _ fault: (SnapshotFault) -> LodestoneError
    ) throws(LodestoneError) {
        var report = VerifyReport()
        try verifyLog(&report)
        for record in collections { try verifyRows(record, &report) { _ in } }
        if let damage = report.damages.first {
            throw fault(.damaged("\(damage.message) There are \(report.damageCount) faults in all"))
        }
    }
}
