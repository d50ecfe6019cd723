// SPDX-License-Identifier: Apache-2.0
import CLodestoneSystem
package import LodestoneCore
package import LodestoneStructures
import LodestoneSystem

/// The base of a collection: an immutable file with its derived indexes in sections, mapped
/// read-only.
///
///     header   64 bytes:
///              0   "LODEBASE"                        8 bytes
///              8   format                            4
///              12  number of sections                4
///              16  bytes of the body                 8
///              24  bytes in all                      8
///              32  CRC-32C of the tail               4
///              36  zeros                             24
///              60  CRC-32C of the header up to here  4
///     body     the sections, each aligned to 64 bytes
///     tail     per section 24 bytes: tag 4, zeros 4, offset in the body 8, size 8;
///              then per 64 KiB of the body its CRC-32C, 4 bytes
///
/// Numbers are little-endian. Opening reads the header and the tail, which has 4 bytes for each 64
/// KiB of the body. A block of the body is checked before its first use.
///
/// Threading: a value over memory that is never written.
package struct BaseFile: SectionSource, Sendable {
    static let magic = Array("LODEBASE".utf8)
    static let format: UInt32 = 2
    static let headerByteCount = 64

    /// The path of the file.
    package let path: String
    /// The body.
    package let bytes: VerifiedBytes
    private let sections: [SectionTag: Range<Int>]

    /// Maps a file.
    ///
    /// - Throws: `.dataLoss` when the file is missing or cut off, or its header or tail is damaged;
    ///   `.failedPrecondition` with `FORMAT_TOO_NEW` when a later release wrote it.
    package static func open(_ path: String) throws(LodestoneError) -> BaseFile {
        let file = try MappedFile(path)
        let bytes = file.bytes
        guard bytes.count >= headerByteCount, bytes.prefix(8).elementsEqual(magic) else {
            throw damaged(path, "its header is cut off or another file's")
        }
        let word = { (offset: Int) in
            UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
        }
        let long = { (offset: Int) in
            UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
        }
        guard word(60) == lode_crc32c(0, bytes.baseAddress, 60) else {
            throw damaged(path, "its header fails its checksum")
        }
        guard word(8) <= format else {
            throw LodestoneError(
                .failedPrecondition,
                reason: .formatTooNew,
                "The base \(path) has format \(word(8)); this release reads up to \(format).",
                recovery: "Open the store with the release that wrote it, or a later one.",
                object: path
            )
        }
        let sectionCount = Int(word(12))
        let bodyEnd = headerByteCount + Int(clamping: long(16))
        let blocks =
            (bodyEnd - headerByteCount + VerifiedBytes.blockBytes - 1)
            / VerifiedBytes.blockBytes
        guard long(24) == UInt64(bytes.count), bodyEnd <= bytes.count,
            bytes.count - bodyEnd == sectionCount * 24 + blocks * 4
        else { throw damaged(path, "it has \(bytes.count) bytes") }
        let tail = UnsafeRawBufferPointer(rebasing: bytes[bodyEnd...])
        guard word(32) == lode_crc32c(0, tail.baseAddress, tail.count) else {
            throw damaged(path, "its table of sections fails its checksum")
        }
        var sections: [SectionTag: Range<Int>] = [:]
        for index in 0..<sectionCount {
            let entry = bodyEnd + index * 24
            let start = Int(clamping: long(entry + 8))
            let count = Int(clamping: long(entry + 16))
            guard start <= bodyEnd - headerByteCount, count <= bodyEnd - headerByteCount - start
            else { throw damaged(path, "a section lies beyond its end") }
            sections[SectionTag(code: word(entry))] = start..<start + count
        }
        let sums = (0..<blocks).map { word(bodyEnd + sectionCount * 24 + $0 * 4) }
        let body = UnsafeRawBufferPointer(rebasing: bytes[headerByteCount..<bodyEnd])
        return BaseFile(
            path: path,
            bytes: VerifiedBytes(
                body,
                sums: sums,
                checksum: { lode_crc32c(0, $0.baseAddress, $0.count) },
                release: { withExtendedLifetime(file) {} }
            ),
            sections: sections
        )
    }

    package func section<Element: BitwiseCopyable>(_ tag: SectionTag, of type: Element.Type)
        -> MappedArray<Element>?
    {
        sections[tag].flatMap { MappedArray(bytes, $0) }
    }

    /// The error for a base that can't be used.
    package static func damaged(_ path: String, _ what: String) -> LodestoneError {
        LodestoneError(
            .dataLoss,
            reason: .corruptBase,
            "The base \(path) is damaged: \(what).",
            recovery: "Nothing is lost: it is made again from the rows.",
            object: path
        )
    }
}

/// A file that is mapped read-only as long as the object exists.
// Unchecked because of the pointer. No base file is changed after it has its name.
package final class MappedFile: @unchecked Sendable {
    package let bytes: UnsafeRawBufferPointer

    /// - Throws: `.dataLoss` when there is no such file.
    package init(_ path: String) throws(LodestoneError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            guard errno == ENOENT else { throw FileSystem.failure("open", path) }
            throw BaseFile.damaged(path, "it is missing")
        }
        // The mapping outlives the descriptor.
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw FileSystem.failure("fstat", path) }
        let count = Int(status.st_size)
        guard count > 0 else { throw BaseFile.damaged(path, "it is empty") }
        let address = mmap(nil, count, PROT_READ, MAP_SHARED, descriptor, 0)
        guard let address, address != MAP_FAILED else { throw FileSystem.failure("mmap", path) }
        bytes = UnsafeRawBufferPointer(start: address, count: count)
    }

    deinit {
        munmap(UnsafeMutableRawPointer(mutating: bytes.baseAddress), bytes.count)
    }
}
