// SPDX-License-Identifier: Apache-2.0
import Foundation
package import LodestoneCore
package import LodestoneJSON
import LodestoneSystem

/// The output of a dump: a file that gets its name when it is complete, or standard output.
///
/// An interrupt removes the unfinished file. `takeBackPart` removes the lines since `beginPart`.
/// Threading: one thread at a time.
package final class DumpFile {
    private let path: String?
    private let temporary: String?
    private let descriptor: Int32
    private var buffer: [UInt8] = []
    private var signals: [any DispatchSourceSignal] = []
    private var isOpen = true
    /// The offset at which the part began.
    private var partStart: Int64?
    /// The temporary file of the part, if the output is standard output, from which no line can be
    /// removed.
    private var held: Int32?
    private static let bufferByteCount = 1 << 18

    /// Opens a temporary file next to `path`; without a path, standard output.
    package init(_ path: String?) throws(LodestoneError) {
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

    deinit {
        discard()
        if let held { InputFile.close(held) }
    }

    /// Adds a line.
    package func write(_ line: JSON) throws(LodestoneError) {
        buffer.append(contentsOf: line.text.utf8)
        buffer.append(UInt8(ascii: "\n"))
        if buffer.count >= Self.bufferByteCount { try flush() }
    }

    /// Begins a part that `takeBackPart` may remove.
    ///
    /// If the output is standard output, the part is in a temporary file until it ends.
    package func beginPart() throws(LodestoneError) {
        try flush()
        if temporary == nil {
            held = try Self.namelessFile()
            partStart = 0
        } else {
            partStart = Int64(lseek(descriptor, 0, SEEK_CUR))
        }
    }

    /// Keeps the part.
    package func endPart() throws(LodestoneError) {
        partStart = nil
        guard let held else { return }
        try flush()
        self.held = nil
        defer { InputFile.close(held) }
        guard lseek(held, 0, SEEK_SET) == 0 else { throw Self.failure("lseek", "a temporary file") }
        while true {
            var count = 0
            buffer = [UInt8](unsafeUninitializedCapacity: Self.bufferByteCount) { bytes, filled in
                count = InputFile.read(held, UnsafeMutableRawBufferPointer(bytes))
                filled = max(0, count)
            }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw Self.failure("read", "a temporary file") }
            if count == 0 { return }
            try flush()
        }
    }

    /// Removes the part.
    package func takeBackPart() throws(LodestoneError) {
        guard let start = partStart else { return }
        partStart = nil
        buffer.removeAll(keepingCapacity: true)
        if let held {
            InputFile.close(held)
            self.held = nil
            return
        }
        guard ftruncate(descriptor, off_t(start)) == 0,
            lseek(descriptor, off_t(start), SEEK_SET) == start
        else { throw Self.failure("ftruncate", temporary ?? "") }
    }

    /// Opens a file that no other process can open.
    private static func namelessFile() throws(LodestoneError) -> Int32 {
        var path = Array("\(NSTemporaryDirectory())/lodestone-export.XXXXXX".utf8CString)
        let descriptor = path.withUnsafeMutableBufferPointer { path in
            // The array ends with NUL.
            let name = path.baseAddress.unsafelyUnwrapped
            let descriptor = mkstemp(name)
            if descriptor >= 0 { unlink(name) }
            return descriptor
        }
        guard descriptor >= 0 else { throw failure("mkstemp", NSTemporaryDirectory()) }
        return descriptor
    }

    /// Makes the file durable and renames it to its final name.
    package func finish() throws(LodestoneError) {
        try flush()
        guard let path, let temporary else { return }
        guard fsync(descriptor) == 0 else { throw Self.failure("fsync", temporary) }
        guard rename(temporary, path) == 0 else { throw Self.failure("rename", path) }
        close()
        let directory = open(URL(fileURLWithPath: path).deletingLastPathComponent().path, O_RDONLY)
        guard directory >= 0 else { return }
        // The content is durable. A power cut may lose the name, which the user would notice at
        // once.
        fsync(directory)
        InputFile.close(directory)
    }

    /// Removes an unfinished file.
    package func discard() {
        guard isOpen, let temporary else { return }
        unlink(temporary)
        close()
    }

    private func close() {
        isOpen = false
        for source in signals { source.cancel() }
        InputFile.close(descriptor)
    }

    private func flush() throws(LodestoneError) {
        var done = 0
        while done < buffer.count {
            let count = buffer.withUnsafeBytes { bytes in
                Self.writeBytes(
                    held ?? descriptor,
                    UnsafeRawBufferPointer(rebasing: bytes[done...])
                )
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw Self.failure("write", temporary ?? "standard output") }
            done += count
        }
        buffer.removeAll(keepingCapacity: true)
    }

    private static func writeBytes(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
        LodestoneSystem.write(descriptor, bytes.baseAddress, bytes.count)
    }

    private static func failure(_ call: String, _ path: String) -> LodestoneError {
        .file(
            errno,
            path,
            recovery: "Check the path, its permissions and the room on its disk."
        ) { "\(call) of \(path) failed: \($0)." }
    }
}
