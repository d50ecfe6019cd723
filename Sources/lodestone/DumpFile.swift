// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneClient
import LodestoneImport

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Where a dump goes: a file that gets its name once it is whole, or standard output.
///
/// An interrupt removes the unfinished file. Threading: one thread at a time.
final class DumpFile {
    private let path: String?
    private let temporary: String?
    private let descriptor: Int32
    private var buffer: [UInt8] = []
    private var signals: [any DispatchSourceSignal] = []
    private var isOpen = true
    private static let bufferByteCount = 1 << 18

    /// Opens a temporary file next to `path`; standard output without one.
    init(_ path: String?) throws(LodestoneError) {
        self.path = path
        guard let path else {
            temporary = nil
            descriptor = STDOUT_FILENO
            return
        }
        let temporary = "\(path).\(getpid()).partial"
        descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        self.temporary = temporary
        guard descriptor >= 0 else { throw Self.failure("open", temporary) }
        for number in [SIGINT, SIGTERM] {
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler {
                unlink(temporary)
                exit(128 + number)
            }
            source.resume()
            signals.append(source)
        }
    }

    deinit { discard() }

    /// Adds a line.
    func write(_ line: JSON) throws(LodestoneError) {
        buffer.append(contentsOf: line.text.utf8)
        buffer.append(UInt8(ascii: "\n"))
        if buffer.count >= Self.bufferByteCount { try flush() }
    }

    /// Makes the file durable and gives it its name.
    func finish() throws(LodestoneError) {
        try flush()
        guard let path, let temporary else { return }
        guard fsync(descriptor) == 0 else { throw Self.failure("fsync", temporary) }
        guard rename(temporary, path) == 0 else { throw Self.failure("rename", path) }
        close()
        let directory = open(URL(fileURLWithPath: path).deletingLastPathComponent().path, O_RDONLY)
        guard directory >= 0 else { return }
        // The content is safe; a name that a power cut takes is missed at once.
        fsync(directory)
        Self.closeDescriptor(directory)
    }

    /// Removes what isn't finished.
    func discard() {
        guard isOpen, let temporary else { return }
        unlink(temporary)
        close()
    }

    private func close() {
        isOpen = false
        for source in signals { source.cancel() }
        Self.closeDescriptor(descriptor)
    }

    private func flush() throws(LodestoneError) {
        var done = 0
        while done < buffer.count {
            let count = buffer.withUnsafeBytes { bytes in
                Self.writeBytes(descriptor, UnsafeRawBufferPointer(rebasing: bytes[done...]))
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw Self.failure("write", temporary ?? "standard output") }
            done += count
        }
        buffer.removeAll(keepingCapacity: true)
    }

    private static func writeBytes(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
        #if canImport(Glibc)
        Glibc.write(descriptor, bytes.baseAddress, bytes.count)
        #else
        Darwin.write(descriptor, bytes.baseAddress, bytes.count)
        #endif
    }

    private static func closeDescriptor(_ descriptor: Int32) {
        #if canImport(Glibc)
        _ = Glibc.close(descriptor)
        #else
        _ = Darwin.close(descriptor)
        #endif
    }

    private static func failure(_ call: String, _ path: String) -> LodestoneError {
        let word = String(cString: strerror(errno))
        return LodestoneError(
            errno == EACCES ? .permissionDenied : errno == ENOENT ? .notFound : .unavailable,
            reason: "FILE",
            "\(call) of \(path) failed: \(word).",
            recovery: "Check the path, its permissions and the room on its disk.",
            object: path
        )
    }
}
