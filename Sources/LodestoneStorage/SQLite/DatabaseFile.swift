// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneFiles

/// The database file of a store, and how readers open it.
struct DatabaseFile: Sendable {
    let path: String
    /// Whether no process can change the file.
    ///
    /// SQLite then needs neither locks nor the index of the write-ahead log, which it could not
    /// create.
    private let isImmutable: Bool

    /// The file of a store that is open for writing.
    init(in directory: String) {
        path = directory + "/lodestone.db"
        isImmutable = false
    }

    /// The file of a store that is open for reading only.
    ///
    /// - Throws: `.notFound` when there is no store. `.failedPrecondition` on a read-only file
    ///   system with a write-ahead log that SQLite can't read there.
    init(readingFrom directory: String) throws(LodestoneError) {
        path = directory + "/lodestone.db"
        guard FileSystem.byteCount(path) > 0 else {
            throw LodestoneError(
                .notFound,
                reason: .noStore,
                "There is no store in \(directory).",
                recovery: "Check the path; only a store that is opened for writing is created.",
                object: directory
            )
        }
        // Another mount of the directory may be writable. SQLite reads the index that a process
        // there made.
        let lacksIndex =
            FileSystem.isReadOnly(directory) && FileSystem.byteCount(path + "-shm") == 0
        isImmutable = lacksIndex && FileSystem.byteCount(path + "-wal") == 0
        if lacksIndex, !isImmutable {
            throw LodestoneError(
                .failedPrecondition,
                reason: .walNeedsIndex,
                "The write-ahead log of \(path) holds batches, and its index can't be made on a "
                    + "file system that is read-only.",
                recovery: "Copy the directory to one that can be written to, or close the store "
                    + "before its file system becomes read-only.",
                object: path
            )
        }
    }

    func connectReader() throws(SQLiteConnection.Failure) -> SQLiteConnection {
        guard isImmutable else { return try SQLiteConnection(path: path, isReadOnly: true) }
        return try SQLiteConnection(immutable: path)
    }
}
