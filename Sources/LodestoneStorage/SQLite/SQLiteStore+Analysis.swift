// SPDX-License-Identifier: Apache-2.0
import LodestoneCore

/// The check that the stored words come from this process's analysis, and their rebuild.
extension SQLiteStore {
    /// Shares `analysis.lock`, so that the words stay those of this process's analysis.
    ///
    /// Words of FTS5 that another analysis made are rebuilt first. Runs inside `exclusively`, while
    /// the store is opened.
    ///
    /// - Returns: The names of the collections whose words were rebuilt.
    /// - Throws: `.failedPrecondition` when the stored words are those of another analysis, and
    ///   another process has the store open.
    func adoptAnalysis() throws(LodestoneError) -> [String] {
        let stored = try SQLiteConnection.orFail { () throws(SQLiteConnection.Failure) in
            try scalar("SELECT value FROM meta WHERE key = 'analysis'")
        }
        if UInt64(bitPattern: stored) == analysis.fingerprint {
            try analysisLock.share()
            return []
        }
        guard analysisLock.takeAlone() else {
            throw LodestoneError(
                .failedPrecondition,
                reason: .analysisDiffers,
                "Another process has the store in \(directory) open, which makes other words of "
                    + "texts: its release, libstemmer or Unicode tables are not those of this one "
                    + "(\(Self.hex(analysis.fingerprint)), there \(Self.hex(UInt64(bitPattern: stored)))).",
                recovery:
                    "Give all processes of a store the same release and libraries; or end the "
                    + "other one, and words are made again.",
                object: directory
            )
        }
        try SQLiteConnection.orFail { () throws(SQLiteConnection.Failure) in
            try writer.execute("BEGIN EXCLUSIVE")
        }
        let remade: [String]
        do throws(LodestoneError) {
            remade = try makeWords()
            try SQLiteConnection.orFail { () throws(SQLiteConnection.Failure) in
                let statement = try writer.statement(
                    "INSERT OR REPLACE INTO meta(key, value) VALUES('analysis', ?1)"
                )
                statement.bind(analysis.fingerprint, at: 1)
                try statement.run()
                try writer.execute("COMMIT")
            }
        } catch {
            rollBack()
            throw error
        }
        try analysisLock.share()
        return remade
    }

    private static func hex(_ value: UInt64) -> String { String(value, radix: 16) }

    /// Rebuilds the words of all collections with FTS5 from their rows.
    ///
    /// - Returns: The names of these collections.
    private func makeWords() throws(LodestoneError) -> [String] {
        var names: [String] = []
        for record in try SchemaReader.collections(writer) {
            guard let words = WordMaker(analysis, for: record.options) else { continue }
            try SQLiteConnection.orFail { () throws(SQLiteConnection.Failure) in
                try writer.execute(Schema.dropWords(record.number))
                try writer.execute(Schema.createWords(record.number))
            }
            try RowTable(collection: record.number, connection: writer, words: words)
                .insertAllWords()
            names.append(record.name)
        }
        return names
    }
}
