// SPDX-License-Identifier: Apache-2.0
import LodestoneClient

/// Reasons of errors in the use of a command.
extension LodestoneError.Reason {
    /// An option does not go with a dump.
    static let dump = Self(rawValue: "DUMP")
    /// An option does not go with a file of vectors.
    static let vectors = Self(rawValue: "VECTORS")
    /// The file of vectors does not have the row.
    static let row = Self(rawValue: "ROW")
    /// There is no document of this id.
    static let noDocument = Self(rawValue: "NO_DOCUMENT")
    /// The document has no vector.
    static let noVector = Self(rawValue: "NO_VECTOR")
    /// A file of this name exists already.
    static let fileExists = Self(rawValue: "FILE_EXISTS")
    /// The snapshot was replaced while it was fetched.
    static let snapshotChanged = Self(rawValue: "SNAPSHOT_CHANGED")
    /// The options of a new token are wrong.
    static let token = Self(rawValue: "TOKEN")
    /// The collection was written to while it was exported.
    static let writtenMeanwhile = Self(rawValue: "WRITTEN_MEANWHILE")
}
