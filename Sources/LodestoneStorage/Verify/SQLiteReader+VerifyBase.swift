// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneFiles

extension SQLiteReader {
    /// Reads the base file of a collection from the disk and compares it with its checksums.
    func verifyBase(of record: CollectionRecord, _ report: inout VerifyReport)
        throws(LodestoneError)
    {
        let base: StoredBase?
        do throws(LodestoneError) {
            base = try self.base(of: record.number)
        } catch {
            // The check of the vectors has reported this damage: their locations are in the same
            // row.
            guard error.code == .dataLoss else { throw error }
            return
        }
        guard let path = base?.path else { return }
        guard let file = try RegularFile(reading: path, pastCache: true) else {
            report.note(.base(path, "it is missing", record))
            return
        }
        var check = BaseFileCheck()
        do throws(LodestoneError) {
            try file.forEachPiece(upTo: try file.byteCount(), context: context) {
                BaseFile.damaged(path, "it became shorter")
            } _: {
                check.take($0)
            }
        } catch {
            guard error.code == .dataLoss || error.reason == .ioError else { throw error }
            report.note(.base(path, error.message, record))
            return
        }
        for mismatch in check.mismatches { report.note(.base(path, mismatch, record)) }
    }
}
