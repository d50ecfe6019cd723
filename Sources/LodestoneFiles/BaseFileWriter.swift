// SPDX-License-Identifier: Apache-2.0
import CLodestoneSystem
package import LodestoneCore
package import LodestoneStructures
import LodestoneSystem

/// The writer of a base file: a temporary name, fsync, then the final name.
///
/// Measured without the sync of the directory: 14 of 50 power cuts left an older file under the
/// name.
///
/// Threading: one thread at a time.
package final class BaseFileWriter: SectionSink {
    private let path: String
    private let temporaryPath: String
    private let descriptor: Int32
    private var block: ContiguousArray<UInt8> = []
    private var bodyByteCount = 0
    private var sums: [UInt32] = []
    private var sections: [(tag: SectionTag, start: Int)] = []
    private var ends: [Int] = []
    private var isFinished = false

    /// Creates the temporary file for a base that will be `path`.
    package init(_ path: String) throws(LodestoneError) {
        self.path = path
        temporaryPath = path + ".tmp"
        descriptor = open(temporaryPath, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw FileSystem.failure("open", temporaryPath) }
        block.reserveCapacity(VerifiedBytes.blockBytes)
    }

    deinit {
        close(descriptor)
        if !isFinished { unlink(temporaryPath) }
    }

    package func begin(_ tag: SectionTag) throws(LodestoneError) {
        endSection()
        let padding = (64 - bodyByteCount % 64) % 64
        try add([UInt8](repeating: 0, count: padding))
        sections.append((tag, bodyByteCount))
    }

    package func append(_ bytes: UnsafeRawBufferPointer) throws(LodestoneError) {
        var rest = bytes
        while !rest.isEmpty {
            let count = min(rest.count, VerifiedBytes.blockBytes - block.count)
            block.append(contentsOf: rest[rest.startIndex..<rest.startIndex + count])
            bodyByteCount += count
            rest = UnsafeRawBufferPointer(rebasing: rest[(rest.startIndex + count)...])
            if block.count == VerifiedBytes.blockBytes { try flush() }
        }
    }

    /// Makes the file durable, renames it, and makes the name durable.
    package func finish() throws(LodestoneError) {
        endSection()
        try flush()
        var tail: [UInt8] = []
        for (section, end) in zip(sections, ends) {
            tail.append(fixed: section.tag.code)
            tail.append(fixed: UInt32(0))
            tail.append(fixed: UInt64(section.start))
            tail.append(fixed: UInt64(end - section.start))
        }
        for sum in sums { tail.append(fixed: sum) }
        var header = BaseFile.magic
        header.append(fixed: BaseFile.format)
        header.append(fixed: UInt32(sections.count))
        header.append(fixed: UInt64(bodyByteCount))
        header.append(fixed: UInt64(BaseFile.headerByteCount + bodyByteCount + tail.count))
        header.append(fixed: lode_crc32c(0, tail, tail.count))
        header.append(contentsOf: repeatElement(0, count: 24))
        header.append(fixed: lode_crc32c(0, header, header.count))
        try write(tail, at: BaseFile.headerByteCount + bodyByteCount)
        try write(header, at: 0)
        try FileSystem.synchronize(descriptor, temporaryPath)
        guard rename(temporaryPath, path) == 0 else { throw FileSystem.failure("rename", path) }
        isFinished = true
        try FileSystem.synchronizeDirectory(FileSystem.parent(of: path))
    }

    private func endSection() {
        if ends.count < sections.count { ends.append(bodyByteCount) }
    }

    private func add(_ bytes: [UInt8]) throws(LodestoneError) {
        let result = bytes.withUnsafeBytes { bytes in
            Result { () throws(LodestoneError) in try append(bytes) }
        }
        try result.get()
    }

    private func flush() throws(LodestoneError) {
        guard !block.isEmpty else { return }
        sums.append(block.withUnsafeBytes { lode_crc32c(0, $0.baseAddress, $0.count) })
        try write(
            Array(block),
            at: BaseFile.headerByteCount + bodyByteCount - block.count
        )
        block.removeAll(keepingCapacity: true)
    }

    private func write(_ bytes: [UInt8], at start: Int) throws(LodestoneError) {
        let result = bytes.withUnsafeBytes { bytes in
            Result { () throws(LodestoneError) in
                try FileSystem.write(bytes, at: start, to: descriptor, temporaryPath)
            }
        }
        try result.get()
    }
}

extension [UInt8] {
    fileprivate mutating func append(fixed value: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
    }
}
