// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore
import LodestoneFiles
package import LodestoneStructures
import LodestoneSystem
import Synchronization

/// Archives as files, apart from any store: their check, and their restore.
package enum SnapshotArchive {
    /// Makes a store from an archive.
    ///
    /// The store is built and checked in a directory next to `directory`, and renamed last.
    ///
    /// - Parameters:
    ///   - archive: A file of any origin.
    ///   - directory: A directory that is missing or empty.
    ///   - analysis: The analysis of texts in this process.
    ///   - maxBytes: The largest size of the contents that is accepted; `nil`: the free space of
    ///     the disk.
    ///   - context: The call that may end the work.
    /// - Returns: The description of the restored snapshot.
    /// - Throws: `.dataLoss` for a damaged archive. `.invalidArgument` for an archive that no
    ///   server wrote. `.failedPrecondition` when the directory is not empty.
    package static func restore(
        _ archive: String,
        to directory: String,
        analysis: any WordAnalysis,
        maxBytes: UInt64? = nil,
        context: CallContext
    ) throws(LodestoneError) -> SnapshotDescription {
        let target = RestoreTarget(directory)
        try target.checkIsFresh()
        let staging = try target.makeStaging()
        do throws(LodestoneError) {
            let limit = min(maxBytes ?? .max, try target.freeBytes())
            let description = try Extraction(archive, analysis, limit: limit, context: context)
                .run(into: staging, keepsSegments: true)
            try FileSystem.synchronizeDirectory(staging)
            Failpoint.reach(.restoreBeforeRename)
            try target.publish(staging)
            return description
        } catch {
            target.remove(staging)
            throw error
        }
    }

    /// The number of calls of `verify` so far; each call has its own directory.
    private static let verifications = Atomic<Int>(0)

    /// Checks an archive like `restore`, and leaves no files behind.
    ///
    /// The database is unpacked into a temporary directory; the vectors are not unpacked.
    package static func verify(
        _ archive: String,
        analysis: any WordAnalysis,
        maxBytes: UInt64? = nil,
        context: CallContext
    ) throws(LodestoneError) -> SnapshotDescription {
        let base = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        let number = verifications.add(1, ordering: .relaxed).newValue
        let target = RestoreTarget(base + "/lodestone-verify-\(getpid())-\(number)")
        let scratch = try target.makeStaging()
        defer { target.remove(scratch) }
        return try Extraction(archive, analysis, limit: maxBytes ?? .max, context: context)
            .run(into: scratch, keepsSegments: false)
    }
}

/// The extraction of one archive into a directory.
private struct Extraction {
    let reader: ArchiveReader
    let analysis: any WordAnalysis
    let limit: UInt64
    let context: CallContext

    init(_ path: String, _ analysis: any WordAnalysis, limit: UInt64, context: CallContext)
        throws(LodestoneError)
    {
        reader = try ArchiveReader(path, context: context)
        self.analysis = analysis
        self.limit = limit
        self.context = context
    }

    func run(into directory: String, keepsSegments: Bool) throws(LodestoneError)
        -> SnapshotDescription
    {
        try checkSize()
        let members = reader.manifest.members
        guard members.first?.name == SchemaReader.databaseName else {
            throw reader.fault(.hostile("its first member is not \(SchemaReader.databaseName)"))
        }
        let path = directory + "/" + SchemaReader.databaseName
        try unpack(to: path, durably: keepsSegments) { _ in }
        Failpoint.reach(.restoreAfterDatabase)
        let database = try RestoredDatabase(path, context: context) { reader.fault($0) }
        guard database.sequenceNumber == reader.manifest.sequenceNumber else {
            throw reader.fault(
                .hostile(
                    "its database ends at sequence number \(database.sequenceNumber); the manifest "
                        + "says \(reader.manifest.sequenceNumber)"
                )
            )
        }
        let files = members.dropFirst().map { ($0.name, $0.byteCount) }
        for segment in try database.segments(named: files, reader.fault) {
            var check = SegmentCheck(segment)
            let name = keepsSegments ? "\(directory)/\(segment.name.text)" : nil
            try unpack(to: name, durably: true) { check.take($0) }
            if let mismatch = check.mismatches.first {
                throw reader.fault(.damaged("\(segment.name.text): \(mismatch.text)"))
            }
        }
        try reader.finish()
        try database.verifyRows(analysis, context, reader.fault)
        return reader.description
    }

    private func checkSize() throws(LodestoneError) {
        let total: UInt64
        do throws(SnapshotFault) {
            total = try reader.manifest.totalByteCount()
        } catch {
            throw reader.fault(error)
        }
        guard total <= limit else {
            throw reader.fault(
                .hostile(
                    "its contents are \(total) bytes; the limit, or the free space, is \(limit)"
                )
            )
        }
    }

    /// Unpacks the next member, into a file if there is a path.
    private func unpack(
        to path: String?,
        durably isDurable: Bool,
        _ body: (UnsafeRawBufferPointer) -> Void
    ) throws(LodestoneError) {
        var file: RegularFile?
        if let path { file = try RegularFile(creating: path) }
        var position: UInt64 = 0
        try reader.readMember { (piece) throws(LodestoneError) in
            try file?.write(piece, at: position)
            position += UInt64(piece.count)
            body(piece)
        }
        if isDurable { try file?.synchronize() }
    }
}

/// The directory that a restored store will have.
struct RestoreTarget {
    private let path: String

    init(_ path: String) {
        var path = path
        while path.count > 1, path.hasSuffix("/") { path.removeLast() }
        self.path = path
    }

    private var parent: String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    func checkIsFresh() throws(LodestoneError) {
        var status = stat()
        guard lstat(path, &status) == 0 else {
            if errno == ENOENT { return }
            throw FileSystem.failure("lstat", path)
        }
        let isDirectory = status.st_mode & S_IFMT == S_IFDIR
        guard isDirectory, FileSystem.names(in: path).allSatisfy({ [".", ".."].contains($0) })
        else {
            throw LodestoneError(
                .failedPrecondition,
                reason: .notEmpty,
                isDirectory ? "The directory \(path) is not empty." : "\(path) is no directory.",
                recovery: "Name a directory that does not exist yet, or an empty one.",
                object: path
            )
        }
    }

    /// Creates the directory next to the target in which the store is built.
    ///
    /// Files that an earlier, killed restore has left there are removed.
    func makeStaging() throws(LodestoneError) -> String {
        let name = path.split(separator: "/").last.map(String.init) ?? "store"
        let staging = "\(parent)/.\(name).restoring"
        try FileSystem.createDirectory(parent)
        remove(staging)
        guard mkdir(staging, 0o700) == 0 else { throw FileSystem.failure("mkdir", staging) }
        return staging
    }

    /// Renames the finished store to its final name.
    ///
    /// An empty directory of that name is replaced; a directory that was filled meanwhile is not.
    func publish(_ staging: String) throws(LodestoneError) {
        guard rename(staging, path) == 0 else {
            if errno == ENOTEMPTY || errno == EEXIST { try checkIsFresh() }
            throw FileSystem.failure("rename", staging)
        }
        Failpoint.reach(.restoreAfterRename)
        try FileSystem.synchronizeDirectory(parent)
    }

    func remove(_ staging: String) {
        for name in FileSystem.names(in: staging) where name != "." && name != ".." {
            unlink("\(staging)/\(name)")
        }
        rmdir(staging)
    }

    func freeBytes() throws(LodestoneError) -> UInt64 {
        var status = statvfs()
        guard statvfs(parent, &status) == 0 else { throw FileSystem.failure("statvfs", parent) }
        return UInt64(status.f_bavail) * UInt64(status.f_frsize)
    }
}
