// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// The few calls on files that the store makes itself, each with an error that says what to do.
package enum FileSystem {
    /// A call that failed, with `errno`.
    package static func failure(_ call: String, _ path: String) -> LodestoneError {
        let number = errno
        let text = String(cString: strerror(number))
        if number == ENOSPC || number == EDQUOT {
            return LodestoneError(
                .resourceExhausted,
                reason: "DISK_FULL",
                "The disk is full: \(call) of \(path).",
                recovery: "Free space on the data directory's disk; reads and drops go on.",
                object: path
            )
        }
        return LodestoneError(
            .failedPrecondition,
            reason: "IO_ERROR",
            "\(call) of '\(path)' failed: \(text).",
            recovery: "Check the disk and the rights on the data directory.",
            object: path
        )
    }

    /// Creates a directory, and those above it, if they are missing.
    ///
    /// - Throws: `IO_ERROR` with the system's word when that can't be done: no name, a link to
    ///   nowhere, a file in the way, a file system that takes no directories.
    package static func createDirectory(_ path: String) throws(LodestoneError) {
        guard !path.utf8.contains(0) else {
            // The system would take the name up to there.
            errno = EINVAL
            throw failure("mkdir", path)
        }
        if try makeDirectory(path) { return }
        let parent = parent(of: path)
        guard !path.isEmpty, parent != path else { throw failure("mkdir", path) }
        try createDirectory(parent)
        // Once: where its parent is there, nothing that this could create is missing.
        guard try makeDirectory(path) else { throw failure("mkdir", path) }
    }

    /// Creates a directory whose parent is there.
    ///
    /// - Returns: False, with `errno`, when a directory above it is missing.
    private static func makeDirectory(_ path: String) throws(LodestoneError) -> Bool {
        if mkdir(path, 0o700) == 0 {
            try synchronizeDirectory(parent(of: path))
            return true
        }
        if errno == ENOENT { return false }
        guard errno == EEXIST else { throw failure("mkdir", path) }
        // A name that is taken may be that of a file, or of a link to nothing.
        var status = stat()
        guard stat(path, &status) == 0 else { throw failure("mkdir", path) }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            errno = ENOTDIR
            throw failure("mkdir", path)
        }
        return true
    }

    /// Makes the names in a directory durable.
    package static func synchronizeDirectory(_ path: String) throws(LodestoneError) {
        if PlantedBug.noDirectoryFsync.isPlanted { return }
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("open", path) }
        defer { close(descriptor) }
        try synchronize(descriptor, path)
    }

    /// Makes a file durable.
    package static func synchronize(_ descriptor: Int32, _ path: String) throws(LodestoneError) {
        guard fsync(descriptor) == 0 else { throw failure("fsync", path) }
    }

    /// Writes all of `bytes` at `offset`.
    package static func write(
        _ bytes: UnsafeRawBufferPointer,
        at offset: Int,
        to descriptor: Int32,
        _ path: String
    ) throws(LodestoneError) {
        var written = 0
        while written < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[written...])
            let count = pwrite(descriptor, rest.baseAddress, rest.count, off_t(offset + written))
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw failure("pwrite", path) }
            written += count
        }
    }

    /// Bytes of a file, without opening it; 0 when it isn't there.
    package static func byteCount(_ path: String) -> UInt64 {
        var status = stat()
        return stat(path, &status) == 0 ? UInt64(status.st_size) : 0
    }

    /// Bytes that the disk of a file or directory has free; `nil` when it can't be asked.
    package static func freeBytes(_ path: String) -> UInt64? {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { return nil }
        return UInt64(status.f_bavail) * UInt64(status.f_frsize)
    }

    /// Whether nothing can be written to the file system of a directory.
    package static func isReadOnly(_ directory: String) -> Bool {
        var status = statvfs()
        guard statvfs(directory, &status) == 0 else { return false }
        return UInt(status.f_flag) & UInt(ST_RDONLY) != 0
    }

    /// The names in a directory that begin with `prefix`.
    ///
    /// Others cost no string: a directory of thousands of collections is listed for one of them.
    package static func names(in path: String, prefix: String = "") -> [String] {
        guard let directory = opendir(path) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name: String? = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                guard bytes.starts(with: prefix.utf8) else { return nil }
                return String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if let name { names.append(name) }
        }
        return names
    }

    package static func parent(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }
}
