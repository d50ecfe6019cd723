// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore
import LodestoneFiles
import LodestoneSystem

/// Objects as files in a directory: `file:///var/backups/lodestone`.
///
/// A file gets its name when it is complete and durable. `link` refuses a name that exists, so of
/// two writers of one name one fails.
package struct FileObjectStore: ObjectStore {
    /// The start of the names of files that are being written.
    private static let stagingPrefix = ".writing-"

    package let url: String
    private let directory: String

    /// - Parameter directory: The directory; it is created with the first object.
    package init(directory: String) {
        self.directory = directory
        url = "file://" + directory
    }

    private func path(_ key: String) throws(LodestoneError) -> String {
        guard ObjectKey.isPlain(key) else { throw .broken("The object name '\(key)' is no path.") }
        return "\(directory)/\(key)"
    }

    package func get(_ key: String, maxBytes: Int, prefixBytes: Int?, context: CallContext)
        throws(LodestoneError) -> [UInt8]?
    {
        try context.check()
        let path = try path(key)
        let descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else {
            if errno == ENOENT || errno == ENOTDIR { return nil }
            throw FileSystem.failure("open", path)
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw FileSystem.failure("fstat", path) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw .hostileBackup(url, "'\(key)' is no regular file")
        }
        let byteCount = min(Int(status.st_size), prefixBytes ?? .max)
        guard byteCount <= maxBytes else {
            throw .hostileBackup(url, "'\(key)' has \(byteCount) bytes; the limit is \(maxBytes)")
        }
        var bytes = [UInt8](repeating: 0, count: byteCount)
        let read = bytes.withUnsafeMutableBytes { buffer in
            Result { () throws(LodestoneError) in try Self.read(descriptor, buffer, path) }
        }
        bytes.removeLast(byteCount - (try read.get()))
        return bytes
    }

    private static func read(
        _ descriptor: Int32,
        _ buffer: UnsafeMutableRawBufferPointer,
        _ path: String
    ) throws(LodestoneError) -> Int {
        var total = 0
        while total < buffer.count {
            let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[total...])
            let count = pread(descriptor, rest.baseAddress, rest.count, off_t(total))
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw FileSystem.failure("pread", path) }
            if count == 0 { break }
            total += count
        }
        return total
    }

    package func put(_ key: String, _ bytes: [UInt8], ifAbsent: Bool, context: CallContext)
        throws(LodestoneError) -> Bool
    {
        try context.check()
        let path = try path(key)
        let folder = FileSystem.parent(of: path)
        if ifAbsent, access(path, F_OK) == 0 { return false }
        try FileSystem.createDirectory(folder)
        let staging = "\(folder)/\(Self.stagingPrefix)\(UInt64.random(in: 0 ... .max))"
        let descriptor = open(staging, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw FileSystem.failure("open", staging) }
        defer {
            close(descriptor)
            unlink(staging)
        }
        let written = bytes.withUnsafeBytes { buffer in
            Result { () throws(LodestoneError) in
                try FileSystem.write(buffer, at: 0, to: descriptor, staging)
            }
        }
        try written.get()
        try FileSystem.synchronize(descriptor, staging)
        if ifAbsent {
            guard link(staging, path) == 0 else {
                if errno == EEXIST { return false }
                throw FileSystem.failure("link", path)
            }
        } else {
            guard rename(staging, path) == 0 else { throw FileSystem.failure("rename", path) }
        }
        try FileSystem.synchronizeDirectory(folder)
        return true
    }

    package func list(_ prefix: String, after last: String?, limit: Int, context: CallContext)
        throws(LodestoneError) -> [ObjectInfo]
    {
        try context.check()
        // Every prefix in use ends with a folder, so the search begins in that folder.
        let folder = prefix.lastIndex(of: "/").map { String(prefix[..<$0]) } ?? ""
        var objects: [ObjectInfo] = []
        collect(folder, &objects) { key in
            key.utf8.starts(with: prefix.utf8) && last.map { key.isAfter($0) } ?? true
        }
        objects.sort { $1.key.isAfter($0.key) }
        return Array(objects.prefix(limit))
    }

    private func collect(
        _ folder: String,
        _ objects: inout [ObjectInfo],
        where isWanted: (String) -> Bool
    ) {
        for name in FileSystem.names(in: folder.isEmpty ? directory : "\(directory)/\(folder)")
        where !name.hasPrefix(".") {
            let key = folder.isEmpty ? name : "\(folder)/\(name)"
            guard ObjectKey.isPlain(key) else { continue }
            var status = stat()
            guard lstat("\(directory)/\(key)", &status) == 0 else { continue }
            switch status.st_mode & S_IFMT {
            case S_IFDIR: collect(key, &objects, where: isWanted)
            case S_IFREG where isWanted(key):
                objects.append(
                    ObjectInfo(
                        key: key,
                        byteCount: UInt64(status.st_size),
                        modifiedAt: Int64(status.st_mtim.tv_sec)
                    )
                )
            default: break
            }
        }
    }

    package func delete(_ key: String, context: CallContext) throws(LodestoneError) {
        try context.check()
        let path = try path(key)
        guard unlink(path) == 0 else {
            if errno == ENOENT || errno == ENOTDIR { return }
            throw FileSystem.failure("unlink", path)
        }
    }
}

extension String {
    /// Whether a name comes after another in the order of bytes, as S3 lists names.
    fileprivate func isAfter(_ other: String) -> Bool {
        other.utf8.lexicographicallyPrecedes(utf8)
    }
}
