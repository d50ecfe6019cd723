// SPDX-License-Identifier: Apache-2.0
import CZstd
import LodestoneCore
import LodestoneStructures

/// Reads an archive of any origin: the manifest first, then the members in its order.
///
/// The memory is independent of the archive's content: one piece of input, one piece of output, and
/// a window of at most 8 MiB.
///
/// Threading: one thread at a time.
final class ArchiveReader {
    /// The largest accepted window, 8 MiB; the store's own archives have windows of 512 KiB.
    private static let maxWindowLog: Int32 = 23

    let manifest: SnapshotManifest
    let byteCount: UInt64
    private let file: RegularFile
    private let context: CallContext?
    private let stream: OpaquePointer
    private let input = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 16)
    private let output = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
    /// The part of `input` that has not been used.
    private var unused = 0..<0
    /// The position of the next bytes to read.
    private var position: UInt64
    private var next = 0

    init(_ path: String, context: CallContext?) throws(LodestoneError) {
        guard let file = try RegularFile(reading: path) else {
            throw LodestoneError(
                .notFound,
                reason: .noSnapshot,
                "There is no snapshot \(path).",
                recovery: "Check the path.",
                object: path
            )
        }
        guard let stream = ZSTD_createDCtx() else { throw .broken("Zstandard has no memory.") }
        self.file = file
        self.context = context
        self.stream = stream
        byteCount = try file.byteCount()
        let bytes = try Self.manifestBytes(file, byteCount)
        do throws(SnapshotFault) {
            manifest = try SnapshotManifest(bytes)
        } catch {
            throw error.error(path)
        }
        position = UInt64(ArchiveWriter.headerByteCount + bytes.count)
        ZSTD_DCtx_setParameter(stream, ZSTD_d_windowLogMax, Self.maxWindowLog)
    }

    deinit {
        ZSTD_freeDCtx(stream)
        input.deallocate()
        output.deallocate()
    }

    var description: SnapshotDescription {
        SnapshotDescription(
            name: "",
            sequenceNumber: manifest.sequenceNumber,
            byteCount: byteCount,
            createdAt: manifest.createdAt
        )
    }

    /// The error for a fault of this archive.
    func fault(_ fault: SnapshotFault) -> LodestoneError { fault.error(file.path) }

    /// Calls `body` with the content of the next member, piece by piece, and compares it with the
    /// manifest.
    func readMember(_ body: (UnsafeRawBufferPointer) throws(LodestoneError) -> Void)
        throws(LodestoneError)
    {
        let member = manifest.members[next]
        next += 1
        ZSTD_DCtx_reset(stream, ZSTD_reset_session_only)
        let sum = SHA256()
        var produced: UInt64 = 0
        var isEnded = false
        while !isEnded {
            try context?.check()
            try refill()
            let left = member.byteCount - produced
            // Room for one byte more than the manifest permits reveals a member that is too long.
            let room = Int(clamping: min(UInt64(output.count), left + 1))
            var target = ZSTD_outBuffer(dst: output.baseAddress, size: room, pos: 0)
            var source = ZSTD_inBuffer(
                src: input.baseAddress,
                size: unused.upperBound,
                pos: unused.lowerBound
            )
            let result = ZSTD_decompressStream(stream, &target, &source)
            guard ZSTD_isError(result) == 0 else {
                let what = String(cString: ZSTD_getErrorName(result))
                throw fault(.damaged("member '\(member.name)' can't be decompressed: \(what)"))
            }
            let isStuck = target.pos == 0 && source.pos == unused.lowerBound
            unused = source.pos..<unused.upperBound
            produced += UInt64(target.pos)
            guard produced <= member.byteCount else {
                throw fault(
                    .hostile(
                        "the member '\(member.name)' holds more than the \(member.byteCount) bytes "
                            + "that the manifest says"
                    )
                )
            }
            isEnded = result == 0
            if isStuck && !isEnded {
                throw fault(.damaged("it ends within the member '\(member.name)'"))
            }
            let piece = UnsafeRawBufferPointer(rebasing: output[..<target.pos])
            sum.update(piece)
            try body(piece)
        }
        guard produced == member.byteCount else {
            throw fault(
                .hostile(
                    "the member '\(member.name)' holds \(produced) bytes; the manifest says "
                        + "\(member.byteCount)"
                )
            )
        }
        guard sum.finalize() == member.sum else {
            throw fault(.damaged("the member '\(member.name)' fails its checksum"))
        }
    }

    /// Checks that nothing follows the last member.
    func finish() throws(LodestoneError) {
        try refill()
        guard unused.isEmpty else {
            throw fault(.hostile("bytes follow its last member"))
        }
    }

    private func refill() throws(LodestoneError) {
        guard unused.isEmpty else { return }
        let count = try file.read(into: input, at: position)
        position += UInt64(count)
        unused = 0..<count
    }

    private static func manifestBytes(_ file: RegularFile, _ byteCount: UInt64)
        throws(LodestoneError) -> [UInt8]
    {
        let header = try bytes(file, at: 0, count: ArchiveWriter.headerByteCount)
        var length: UInt32 = 0
        var magic: UInt32 = 0
        header.withUnsafeBytes { bytes in
            guard bytes.count == ArchiveWriter.headerByteCount else { return }
            magic = bytes.loadUnaligned(as: UInt32.self).littleEndian
            length = bytes.loadUnaligned(fromByteOffset: 4, as: UInt32.self).littleEndian
        }
        guard magic == ArchiveWriter.manifestMagic else {
            throw SnapshotFault.damaged("it does not begin as a snapshot does").error(file.path)
        }
        guard length <= SnapshotManifest.maxByteCount else {
            throw SnapshotFault.hostile(
                "its manifest has \(length) bytes; the limit is \(SnapshotManifest.maxByteCount)"
            ).error(file.path)
        }
        let manifest = try bytes(file, at: UInt64(header.count), count: Int(length))
        guard manifest.count == Int(length) else {
            throw SnapshotFault.damaged("it ends within its manifest").error(file.path)
        }
        return manifest
    }

    private static func bytes(_ file: RegularFile, at offset: UInt64, count: Int)
        throws(LodestoneError) -> [UInt8]
    {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 16)
        defer { buffer.deallocate() }
        let read = try file.read(into: buffer, at: offset)
        return Array(buffer[..<read])
    }
}
