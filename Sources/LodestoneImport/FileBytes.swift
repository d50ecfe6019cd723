// SPDX-License-Identifier: Apache-2.0
import CZstd
package import LodestoneCore
import LodestoneSystem

/// An open input file, read in order or at an offset.
///
/// Files are read, not mapped, so that a truncation during an import is an error and not a fault.
/// Threading: one thread at a time.
package final class InputFile {
    /// The path as given by the user.
    package let path: String
    /// The file's bytes at the time of opening; 0 for a pipe.
    package let byteCount: Int
    private let descriptor: Int32

    /// Opens `path` for reading.
    ///
    /// - Throws: `.notFound` or `.permissionDenied`, with the system's message.
    package init(path: String) throws(LodestoneError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Self.failure("Can't open", path, errno) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT != S_IFDIR else {
            Self.close(descriptor)
            throw .badFile(path, "is a directory", recovery: "Name a file.")
        }
        self.path = path
        self.descriptor = descriptor
        self.byteCount = Int(status.st_size)
    }

    deinit { Self.close(descriptor) }

    /// Reads the next bytes.
    ///
    /// - Returns: The number of bytes read; 0 at the end of the file.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws(LodestoneError) -> Int {
        while true {
            let count = Self.read(descriptor, buffer)
            if count >= 0 { return count }
            guard errno == EINTR else { throw Self.failure("Can't read", path, errno) }
        }
    }

    /// Reads the first bytes; fewer if the file is shorter.
    func readStart(_ count: Int) throws(LodestoneError) -> [UInt8] {
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 1)
        defer { bytes.deallocate() }
        var done = 0
        while done < count {
            let read = try read(into: UnsafeMutableRawBufferPointer(rebasing: bytes[done...]))
            guard read > 0 else { break }
            done += read
        }
        return Array(bytes[..<done])
    }

    /// Fills `buffer` from `offset` on.
    ///
    /// - Throws: `.invalidArgument` when the file ends first.
    func readExactly(into buffer: UnsafeMutableRawBufferPointer, at offset: Int)
        throws(LodestoneError)
    {
        var done = 0
        while done < buffer.count {
            let remaining = UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
            let count = pread(
                descriptor,
                remaining.baseAddress,
                remaining.count,
                off_t(offset + done)
            )
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw Self.failure("Can't read", path, errno) }
            guard count > 0 else {
                throw .badFile(
                    path,
                    "ends at byte \(offset + done); \(remaining.count) more were expected",
                    recovery: "Copy or make the file again; it is cut short."
                )
            }
            done += count
        }
    }

    /// Calls the system's `close`, which the method of the same name hides.
    @discardableResult
    static func close(_ descriptor: Int32) -> Int32 {
        LodestoneSystem.close(descriptor)
    }

    /// Calls the system's `read`, which the method of the same name hides.
    static func read(_ descriptor: Int32, _ buffer: UnsafeMutableRawBufferPointer) -> Int {
        LodestoneSystem.read(descriptor, buffer.baseAddress, buffer.count)
    }

    private static func failure(_ action: String, _ path: String, _ number: Int32) -> LodestoneError
    {
        .file(number, path, recovery: "Check the path and its permissions.") {
            "\(action) \(path): \($0)."
        }
    }
}

extension LodestoneError {
    /// The error of a failed call on a file: `message` gets the system's text for `number`, an
    /// `errno`.
    static func file(
        _ number: Int32,
        _ path: String,
        recovery: String,
        _ message: (String) -> String
    ) -> LodestoneError {
        LodestoneError(
            number == EACCES ? .permissionDenied : number == ENOENT ? .notFound : .unavailable,
            reason: .file,
            message(String(cString: strerror(number))),
            recovery: recovery,
            object: path
        )
    }
}

extension LodestoneError {
    /// The error for a file with wrong content; `problem` follows the path in the message.
    package static func badFile(_ path: String, _ problem: String, recovery: String)
        -> LodestoneError
    {
        .invalid(.badFile, "\(path) \(problem).", recovery: recovery, object: path)
    }
}

/// The bytes of a file in order, decompressed if it is compressed with Zstandard.
///
/// Threading: one thread at a time.
final class ByteReader {
    /// The file that is read.
    let file: InputFile
    /// The bytes read from the file so far, before decompression.
    private(set) var consumedByteCount = 0
    private var decompressor: Decompressor?
    // The bytes that were read to detect the format, and the number of them that were returned.
    private var start: [UInt8] = []
    private var startTaken = 0

    /// Opens a file and checks its first bytes.
    ///
    /// - Throws: `BAD_FILE` for a format without lines.
    init(path: String) throws(LodestoneError) {
        file = try InputFile(path: path)
        start = try file.readStart(FileFormat.byteCount)
        if FileFormat.isZstandard(start) || path.hasSuffix(".zst") && !start.isEmpty {
            decompressor = try Decompressor(path: path)
        } else {
            try FileFormat.check(start, path)
        }
    }

    /// Whether the file is compressed, so that `consumedByteCount` counts other bytes than `read`
    /// returns.
    var isCompressed: Bool { decompressor != nil }

    /// Reads the next bytes.
    ///
    /// - Returns: Bytes written to `buffer`; 0 at the end.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws(LodestoneError) -> Int {
        guard let decompressor else { return try take(buffer) }
        return try decompressor.read(into: buffer, from: take)
    }

    private func take(_ buffer: UnsafeMutableRawBufferPointer) throws(LodestoneError) -> Int {
        var count = min(start.count - startTaken, buffer.count)
        if count > 0 {
            buffer.copyBytes(from: start[startTaken..<startTaken + count])
            startTaken += count
        } else {
            count = try file.read(into: buffer)
        }
        consumedByteCount += count
        return count
    }
}

/// A Zstandard decompressor that works piece by piece.
///
/// The library's default bounds the window: 128 MiB.
private final class Decompressor {
    private let path: String
    private let stream: OpaquePointer
    // Owned memory with a fixed address, because the library keeps pointers into it between calls.
    private let input: UnsafeMutableRawBufferPointer
    private var available = 0
    private var position = 0
    private var isInsideFrame = false

    init(path: String) throws(LodestoneError) {
        guard let stream = ZSTD_createDStream() else { throw .broken("Zstandard has no memory.") }
        self.path = path
        self.stream = stream
        input = .allocate(byteCount: ZSTD_DStreamInSize(), alignment: 16)
    }

    deinit {
        ZSTD_freeDStream(stream)
        input.deallocate()
    }

    func read(
        into buffer: UnsafeMutableRawBufferPointer,
        from refill: (UnsafeMutableRawBufferPointer) throws(LodestoneError) -> Int
    ) throws(LodestoneError) -> Int {
        while true {
            if position == available {
                available = try refill(input)
                position = 0
                if available == 0, !isInsideFrame { return 0 }
                guard available > 0 else {
                    throw .badFile(
                        path,
                        "ends inside a Zstandard frame",
                        recovery: "Copy or make the file again; it is cut short."
                    )
                }
            }
            var output = ZSTD_outBuffer(dst: buffer.baseAddress, size: buffer.count, pos: 0)
            var piece = ZSTD_inBuffer(src: input.baseAddress, size: available, pos: position)
            let result = ZSTD_decompressStream(stream, &output, &piece)
            guard ZSTD_isError(result) == 0 else {
                throw .badFile(
                    path,
                    "is damaged: \(String(cString: ZSTD_getErrorName(result)))",
                    recovery: "Check it with zstd --test, and make it again."
                )
            }
            position = piece.pos
            isInsideFrame = result != 0
            if output.pos > 0 { return output.pos }
        }
    }
}
