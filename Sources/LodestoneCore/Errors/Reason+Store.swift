// SPDX-License-Identifier: Apache-2.0

/// The reasons of the store or its state.
extension LodestoneError.Reason {
    /// There is no collection of this name.
    public static let noCollection = Self(rawValue: "NO_COLLECTION")
    /// There is a collection of this name already.
    public static let collectionExists = Self(rawValue: "COLLECTION_EXISTS")
    /// The source document of an edge does not exist.
    public static let noSource = Self(rawValue: "NO_SOURCE")
    /// The index of a field is still being built.
    public static let indexBuilding = Self(rawValue: "INDEX_BUILDING")
    /// The vector strategy was changed while its index was built.
    public static let strategyChanged = Self(rawValue: "STRATEGY_CHANGED")
    /// Another compaction makes the index.
    public static let overtaken = Self(rawValue: "OVERTAKEN")
    /// The words since the last compaction exceed their memory.
    public static let deltaFull = Self(rawValue: "DELTA_FULL")
    /// More documents satisfy the filter of a drop than it may drop.
    public static let tooManyMatches = Self(rawValue: "TOO_MANY_MATCHES")
    /// A field without a usable index has too many values to count.
    public static let tooManyValues = Self(rawValue: "TOO_MANY_VALUES")
    /// There is no store in the directory.
    public static let noStore = Self(rawValue: "NO_STORE")
    /// The store was opened for reading only.
    public static let readOnly = Self(rawValue: "READ_ONLY")
    /// The store is closed.
    public static let closed = Self(rawValue: "CLOSED")
    /// The store is being closed.
    public static let closing = Self(rawValue: "CLOSING")
    /// Another process has held the store's lock for too long.
    public static let storeBusy = Self(rawValue: "STORE_BUSY")
    /// The database is busy.
    public static let busy = Self(rawValue: "BUSY")
    /// A later release has written the file.
    public static let formatTooNew = Self(rawValue: "FORMAT_TOO_NEW")
    /// The store's format is earlier, and the store was opened for reading only.
    public static let upgradeNeeded = Self(rawValue: "UPGRADE_NEEDED")
    /// Another process is upgrading the store to this release's format.
    public static let upgrading = Self(rawValue: "UPGRADING")
    /// A process of an earlier release has the store open.
    public static let earlierReleaseOpen = Self(rawValue: "EARLIER_RELEASE_OPEN")
    /// Another process has the store open and analyzes texts differently.
    public static let analysisDiffers = Self(rawValue: "ANALYSIS_DIFFERS")
    /// The write-ahead log can't be read on a file system that is read-only.
    public static let walNeedsIndex = Self(rawValue: "WAL_NEEDS_INDEX")
    /// The change log no longer has the batches after a base.
    public static let logForgotten = Self(rawValue: "LOG_FORGOTTEN")
    /// A compaction has moved the vectors that a version refers to.
    public static let vectorsMoved = Self(rawValue: "VECTORS_MOVED")
    /// The disk is full.
    public static let diskFull = Self(rawValue: "DISK_FULL")
    /// A system call on a file failed.
    public static let ioError = Self(rawValue: "IO_ERROR")
    /// The database is damaged.
    public static let corruptDatabase = Self(rawValue: "CORRUPT_DATABASE")
    /// A row is damaged.
    public static let corruptRow = Self(rawValue: "CORRUPT_ROW")
    /// A file of vectors is damaged.
    public static let corruptSegment = Self(rawValue: "CORRUPT_SEGMENT")
    /// Vectors fail their checksum.
    public static let corruptVectors = Self(rawValue: "CORRUPT_VECTORS")
    /// A base is damaged; it can be rebuilt.
    public static let corruptBase = Self(rawValue: "CORRUPT_BASE")
    /// A snapshot is damaged.
    public static let corruptSnapshot = Self(rawValue: "CORRUPT_SNAPSHOT")
    /// A file is not a snapshot, or names files outside it.
    public static let badSnapshot = Self(rawValue: "BAD_SNAPSHOT")
    /// A backup is damaged.
    public static let corruptBackup = Self(rawValue: "CORRUPT_BACKUP")
    /// An object is not one of a backup, or names files outside of a store.
    public static let badBackup = Self(rawValue: "BAD_BACKUP")
    /// There is no backup of the wanted state.
    public static let noBackup = Self(rawValue: "NO_BACKUP")
    /// Another process has written the next backup.
    public static let backupConflict = Self(rawValue: "BACKUP_CONFLICT")
    /// The backups are those of another history of a store.
    public static let otherHistory = Self(rawValue: "OTHER_HISTORY")
    /// There is no snapshot of this name.
    public static let noSnapshot = Self(rawValue: "NO_SNAPSHOT")
    /// There is a snapshot of this name already.
    public static let snapshotExists = Self(rawValue: "SNAPSHOT_EXISTS")
    /// The directory to restore into is not empty.
    public static let notEmpty = Self(rawValue: "NOT_EMPTY")
    /// The path is not a regular file.
    public static let notAFile = Self(rawValue: "NOT_A_FILE")
    /// Another snapshot, verification or erasure is running.
    public static let maintenanceRuns = Self(rawValue: "MAINTENANCE_RUNS")
    /// An invariant of Lodestone is broken.
    public static let invariant = Self(rawValue: "INVARIANT")
}
