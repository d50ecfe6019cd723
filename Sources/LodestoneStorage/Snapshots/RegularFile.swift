// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneFiles
import LodestoneSystem

/// A regular file with its own descriptor, never a file that SQLite has open.
///
/// Closing any descriptor of such a file would release SQLite's locks.
///
/// Threading: one thread at a time.
final class RegularFile {
    /// The bytes of a piece of `forEachPiece`, and the alignment of its reads.
    static let pieceByteCount = 1 << 20

    let path: String
    private let descriptor: Int32

    /// Creates a file that only its owner may read; the name must be free.
    init(creating path: String) throws(LodestoneError) {
        self.path = path
        descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw FileSystem.failure("open", path) }
    }

    /// Opens a file for reading; `nil` when there is none, an error when it is not a regular file.
    ///
    /// With `pastCache` the file is read from the disk, not from memory, where the system permits
    /// that.
    init?(reading path: String, pastCache: Bool = false) throws(LodestoneError) {
        self.path = path
        var descriptor: Int32 = -1
        // `O_NONBLOCK` avoids a wait for the other end of a pipe; it changes nothing for regular
        // files.
        let flags = O_RDONLY | O_NONBLOCK | O_CLOEXEC
        if pastCache { descriptor = open(path, flags | Self.direct) }
        if descriptor < 0 { descriptor = open(path, flags) }
        guard descriptor >= 0 else {
            if errno == ENOENT { return nil }
            throw FileSystem.failure("open", path)
        }
        self.descriptor = descriptor
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw FileSystem.failure("fstat", path) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw .invalid(
                .notAFile,
                "\(path) is no regular file.",
                recovery: "Give the path of a file.",
                object: path
            )
        }
    }

    deinit {
        close(descriptor)
    }

    /// `O_DIRECT`, which Swift does not import; 0 on systems without it.
    private static var direct: Int32 {
        #if os(Linux) && arch(x86_64)
        0o40000
        #elseif os(Linux) && arch(arm64)
        0o200000
        #else
        0
        #endif
    }

    func byteCount() throws(LodestoneError) -> UInt64 {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw FileSystem.failure("fstat", path) }
        return UInt64(status.st_size)
    }

    /// Fills `buffer` from `offset` on; returns the number of bytes before the file's end.
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64)
        throws(LodestoneError) -> Int
    {
        var total = 0
        while total < buffer.count {
            let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[total...])
            let count = pread(
                descriptor,
                rest.baseAddress,
                rest.count,
                off_t(offset) + off_t(total)
            )
            if count < 0 && errno == EINTR { continue }
            if count < 0 && errno == EINVAL && leaveDirectMode() { continue }
            guard count >= 0 else { throw FileSystem.failure("pread", path) }
            if count == 0 { break }
            total += count
        }
        return total
    }

    /// Turns `O_DIRECT` off; returns false when it was off already or can't be turned off.
    ///
    /// A file system that accepts `O_DIRECT` in `open` may still refuse a read, for example at the
    /// file's uneven end.
    private func leaveDirectMode() -> Bool {
        let flags = fcntl(descriptor, F_GETFL)
        guard Self.direct != 0, flags >= 0, flags & Self.direct != 0 else { return false }
        return fcntl(descriptor, F_SETFL, flags & ~Self.direct) == 0
    }

    /// Calls `body` with the first `end` bytes, piece by piece.
    ///
    /// - Throws: The error of `cut` when the file ends earlier.
    func forEachPiece(
        upTo end: UInt64,
        context: CallContext?,
        cut: () -> LodestoneError,
        _ body: (UnsafeRawBufferPointer) throws(LodestoneError) -> Void
    ) throws(LodestoneError) {
        let buffer = UnsafeMutableRawBufferPointer.allocate(
            byteCount: Self.pieceByteCount,
            alignment: 4_096
        )
        defer { buffer.deallocate() }
        var offset: UInt64 = 0
        while offset < end {
            try context?.check()
            let count = min(try read(into: buffer, at: offset), Int(clamping: end - offset))
            let wanted = min(Self.pieceByteCount, Int(clamping: end - offset))
            guard count == wanted else { throw cut() }
            try body(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            offset += UInt64(count)
        }
    }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(LodestoneError) {
        try FileSystem.write(bytes, at: Int(offset), to: descriptor, path)
    }

    func synchronize() throws(LodestoneError) {
        try FileSystem.synchronize(descriptor, path)
    }
}
