// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore
import LodestoneSystem

/// The file system calls of the store; their errors say what to do.
package enum FileSystem {
    /// The error for a call that failed, from `errno`.
    package static func failure(_ call: String, _ path: String) -> LodestoneError {
        let number = errno
        let text = String(cString: strerror(number))
        if number == ENOSPC || number == EDQUOT {
            return LodestoneError(
                .resourceExhausted,
                reason: .diskFull,
                "The disk is full: \(call) of \(path).",
                recovery: "Free space on the data directory's disk; reads and drops go on.",
                object: path
            )
        }
        return LodestoneError(
            .failedPrecondition,
            reason: .ioError,
            "\(call) of '\(path)' failed: \(text).",
            recovery: "Check the disk and the rights on the data directory.",
            object: path
        )
    }

    /// Creates a directory and its missing parents.
    ///
    /// - Throws: `IO_ERROR` with the system's message when the directory can't be created: the path
    ///   is empty, is a link to a missing target or is a file, or the file system permits no
    ///   directories.
    package static func createDirectory(_ path: String) throws(LodestoneError) {
        guard !path.utf8.contains(0) else {
            // The system would read the path only up to the zero byte.
            errno = EINVAL
            throw failure("mkdir", path)
        }
        if try makeDirectory(path) { return }
        let parent = parent(of: path)
        guard !path.isEmpty, parent != path else { throw failure("mkdir", path) }
        try createDirectory(parent)
        // One more attempt is enough: the parent exists now.
        guard try makeDirectory(path) else { throw failure("mkdir", path) }
    }

    /// Creates a directory whose parent exists.
    ///
    /// - Returns: False, with `errno`, when a directory above it is missing.
    private static func makeDirectory(_ path: String) throws(LodestoneError) -> Bool {
        if mkdir(path, 0o700) == 0 {
            try synchronizeDirectory(parent(of: path))
            return true
        }
        if errno == ENOENT { return false }
        guard errno == EEXIST else { throw failure("mkdir", path) }
        // The name may belong to a file, or to a link to a missing target.
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
        if Planted.skipsDirectorySync { return }
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

    /// The size of a file in bytes, without opening it; 0 when there is none.
    package static func byteCount(_ path: String) -> UInt64 {
        var status = stat()
        return stat(path, &status) == 0 ? UInt64(status.st_size) : 0
    }

    /// The free bytes on the disk of a file or directory; `nil` when the system can't tell.
    package static func freeBytes(_ path: String) -> UInt64? {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { return nil }
        return UInt64(status.f_bavail) * UInt64(status.f_frsize)
    }

    /// Whether the file system of a directory is read-only.
    package static func isReadOnly(_ directory: String) -> Bool {
        var status = statvfs()
        guard statvfs(directory, &status) == 0 else { return false }
        return UInt(status.f_flag) & UInt(ST_RDONLY) != 0
    }

    /// The names in a directory that begin with `prefix`, in no order.
    ///
    /// Names without the prefix cost no string, because a directory may have the files of thousands
    /// of collections.
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
