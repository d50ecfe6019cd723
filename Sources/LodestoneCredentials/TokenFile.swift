// SPDX-License-Identifier: Apache-2.0
import Foundation
package import LodestoneCore
import LodestoneStructures
import LodestoneSystem

/// The text of a token file, and changes to it.
package struct TokenFile: Sendable {
    /// The largest token file that is read.
    static let maxByteCount = 1 << 20

    /// The text, without a byte order mark.
    package let text: String

    /// Reads the file at `path`.
    ///
    /// - Throws: `BAD_TOKEN_FILE` when it can't be read as text, when others may read it, or when
    ///   it changes meanwhile.
    package init(reading path: String) throws(LodestoneError) {
        do throws(CheckedFile.Problem) {
            text = try Self.read(try CheckedFile(path))
        } catch {
            throw .badTokenFile(path, error.problem, error.recovery)
        }
    }

    private static func read(_ file: borrowing CheckedFile) throws(CheckedFile.Problem) -> String {
        let status = try check(file)
        let handle = FileHandle(fileDescriptor: file.descriptor, closeOnDealloc: false)
        guard let data = try? handle.read(upToCount: maxByteCount + 1) ?? Data(),
            let text = String(validating: data.trimmingPrefix([0xEF, 0xBB, 0xBF]), as: UTF8.self)
        else {
            throw CheckedFile.Problem(
                problem: "it can't be read as UTF-8 text",
                recovery: "Write it as plain text."
            )
        }
        let end = try check(file)
        guard data.count == status.st_size, end.st_size == status.st_size,
            end.modification == status.modification
        else {
            throw CheckedFile.Problem(
                problem: "it changed while it was read",
                recovery: "Replace it in one step: write another file, and rename it to this name."
            )
        }
        return text
    }

    private static func check(_ file: borrowing CheckedFile) throws(CheckedFile.Problem) -> stat {
        try file.check(isSecret: true, maxByteCount: maxByteCount, contents: "of tokens")
    }

    // MARK: Lines

    /// The lines with their numbers from 1, without their ends, which may be those of any system.
    package static func lines(of text: String) -> [(number: Int, line: Substring)] {
        pieces(of: text).enumerated().map { index, piece in
            let ends = piece.utf8.reversed().prefix { $0 == newline || $0 == carriageReturn }
            return (index + 1, Substring(piece.utf8.dropLast(ends.count)))
        }
    }

    /// The lines, with their ends.
    private static func pieces(of text: String) -> [Substring] {
        var pieces: [Substring] = []
        let bytes = text.utf8
        var start = bytes.startIndex
        var index = start
        while index < bytes.endIndex {
            let byte = bytes[index]
            index = bytes.index(after: index)
            guard byte == newline || byte == carriageReturn else { continue }
            if byte == carriageReturn, index < bytes.endIndex, bytes[index] == newline {
                index = bytes.index(after: index)
            }
            pieces.append(Substring(bytes[start..<index]))
            start = index
        }
        if start < bytes.endIndex { pieces.append(Substring(bytes[start...])) }
        return pieces
    }

    private static let newline = UInt8(ascii: "\n")
    private static let carriageReturn = UInt8(ascii: "\r")

    // MARK: Changes

    /// The text with one more line.
    package static func appending(_ line: String, to text: String) -> String {
        let isEnded = text.isEmpty || text.utf8.last == newline || text.utf8.last == carriageReturn
        return text + (isEnded ? "" : "\n") + line + "\n"
    }

    /// The text without the lines with these numbers; the others stay as they are.
    package static func removing(_ numbers: Set<Int>, from text: String) -> String {
        pieces(of: text).enumerated().filter { !numbers.contains($0.offset + 1) }
            .map { String($0.element) }.joined()
    }

    /// Replaces the text of the file at `path`, in one step that survives a power cut.
    ///
    /// Of several programs that change the file, one at a time does.
    ///
    /// - Parameters:
    ///   - path: The file; it is created with mode 600 when it does not exist.
    ///   - body: The change of the text, which is empty for a new file.
    /// - Returns: The result of `body`.
    /// - Throws: `BAD_TOKEN_FILE` when the file can't be read or written, or would be no token file
    ///   any more; the file then stays as it was.
    package static func change<R>(
        _ path: String,
        _ body: (inout String) throws(LodestoneError) -> R
    ) throws(LodestoneError) -> R {
        // The file keeps its place when the path is a link.
        let target = resolved(path)
        let directory = parent(of: target)
        let lock = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard lock >= 0 else { throw failure("open", path) }
        defer { close(lock) }
        guard flock(lock, LOCK_EX) == 0 else { throw failure("flock", path) }
        var status = stat()
        let exists = stat(target, &status) == 0
        var text = exists ? try TokenFile(reading: target).text : ""
        let result = try body(&text)
        _ = try Credentials(text: text, path: path)
        let scratch = directory + "/.tokens-\(UInt64.random(in: 0 ... .max))"
        do throws(LodestoneError) {
            try write(text, to: scratch, like: exists ? status : nil, path)
            guard rename(scratch, target) == 0 else { throw failure("rename", path) }
        } catch {
            unlink(scratch)
            throw error
        }
        guard fsync(lock) == 0 else { throw failure("fsync", path) }
        return result
    }

    private static func write(
        _ text: String,
        to scratch: String,
        like earlier: stat?,
        _ path: String
    ) throws(LodestoneError) {
        let descriptor = open(scratch, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure("open", path) }
        defer { close(descriptor) }
        if let earlier {
            // The server may run as the owner of the file, and the caller as root.
            guard fchown(descriptor, earlier.st_uid, earlier.st_gid) == 0 else {
                throw failure("chown", path)
            }
            guard fchmod(descriptor, earlier.st_mode & 0o770) == 0 else {
                throw failure("chmod", path)
            }
        }
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: false)
        do {
            try handle.write(contentsOf: Data(text.utf8))
        } catch {
            throw .badTokenFile(
                path,
                "it can't be written: \(error.localizedDescription)",
                "Free space on its disk."
            )
        }
        guard fsync(descriptor) == 0 else { throw failure("fsync", path) }
    }

    private static func resolved(_ path: String) -> String {
        // The C library allocates the text, and its caller frees it.
        guard let resolved = realpath(path, nil) else { return path }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    private static func parent(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    private static func failure(_ call: String, _ path: String) -> LodestoneError {
        .badTokenFile(
            path,
            "\(call) failed: \(String(cString: strerror(errno)))",
            "Run the command as the owner of the file, or as root, and check its directory."
        )
    }
}

extension stat {
    /// The time of the last change of the contents, in nanoseconds since 1970.
    fileprivate var modification: Int64 {
        #if canImport(Darwin)
        Int64(st_mtimespec.tv_sec) * 1_000_000_000 + Int64(st_mtimespec.tv_nsec)
        #else
        Int64(st_mtim.tv_sec) * 1_000_000_000 + Int64(st_mtim.tv_nsec)
        #endif
    }
}
