// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStructures

/// A set of rows with one bit per row.
struct RowBits {
    private var words: [UInt64] = []

    mutating func insert(_ rows: Range<RowID>) {
        let needed = Int(rows.upperBound) / 64 + 1
        if words.count < needed {
            words.append(contentsOf: repeatElement(0, count: needed - words.count))
        }
        for row in Int(rows.lowerBound)..<Int(rows.upperBound) {
            words[row / 64] |= 1 << (row % 64)
        }
    }

    /// Removes a row; returns false when it was not in the set.
    @discardableResult
    mutating func remove(_ row: RowID) -> Bool {
        let word = Int(row) / 64
        let bit: UInt64 = 1 << UInt64(row.rawValue % 64)
        guard word < words.count, words[word] & bit != 0 else { return false }
        words[word] &= ~bit
        return true
    }

    /// The rows, in order, as runs.
    var runs: [Range<RowID>] {
        var runs: [Range<RowID>] = []
        for (index, word) in words.enumerated() where word != 0 {
            var rest = word
            while rest != 0 {
                let row = RowID(64 * index + rest.trailingZeroBitCount)
                rest &= rest - 1
                if let last = runs.last, last.upperBound == row {
                    runs[runs.count - 1] = last.lowerBound..<row + 1
                } else {
                    runs.append(row..<row + 1)
                }
            }
        }
        return runs
    }
}

extension RowTable {
    /// Calls `body` with the rows in order; for a damaged row, with its error.
    func forEachResult(
        context: CallContext?,
        _ body: (RowID, Result<StoredRow, LodestoneError>) throws(LodestoneError) -> Void
    ) throws(LodestoneError) {
        let statement = try SQLiteConnection.orFail {
            () throws(SQLiteConnection.Failure) in
            try connection.statement(
                """
                SELECT row, id, text, metadata, edges, sum FROM docs_\(collection) ORDER BY row
                """
            )
        }
        defer { statement.reset() }
        while try SQLiteConnection.orFail(
            context,
            { () throws(SQLiteConnection.Failure) in try statement.step() }
        ) {
            try context?.check()
            let number = statement.row(at: 0)
            let result: Result<StoredRow, LodestoneError>
            do throws(LodestoneError) {
                result = .success(try decode(statement))
            } catch {
                result = .failure(error)
            }
            try body(number, result)
        }
    }
}
