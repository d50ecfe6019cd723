// SPDX-License-Identifier: Apache-2.0
import CZstd
import LodestoneCore
import LodestoneStructures

/// Writes an archive: a skippable Zstandard frame with the manifest, then one Zstandard frame for
/// each member, in the manifest's order, and nothing else.
///
///     offset  bytes  content
///          0      4  50 2A 4D 18, the magic number of a skippable frame
///          4      4  bytes of the manifest, little-endian
///          8      …  the manifest
///          …      …  a frame with the content of each member, with its size and checksum
///
/// `zstd -dc` shows the contents of the members one after the other; `head` shows the manifest.
///
/// Threading: one thread at a time.
final class ArchiveWriter {
    static let manifestMagic: UInt32 = 0x184d_2a50
    static let headerByteCount = 8

    private let file: RegularFile
    private var manifest: SnapshotManifest
    private var position: UInt64
    private let context: CallContext?
    private let stream: OpaquePointer
    private let output = UnsafeMutableRawBufferPointer.allocate(
        byteCount: ZSTD_CStreamOutSize(),
        alignment: 16
    )

    /// Begins an archive of the members in `manifest`; `write` fills in their checksums.
    init(_ path: String, manifest: SnapshotManifest, context: CallContext?)
        throws(LodestoneError)
    {
        guard let stream = ZSTD_createCCtx() else { throw .broken("Zstandard has no memory.") }
        self.stream = stream
        self.manifest = manifest
        self.context = context
        position = UInt64(Self.headerByteCount + manifest.bytes.count)
        file = try RegularFile(creating: path)
        // Vectors hardly compress, so the fastest level saves as much as a slower one.
        ZSTD_CCtx_setParameter(stream, ZSTD_c_compressionLevel, 1)
        ZSTD_CCtx_setParameter(stream, ZSTD_c_checksumFlag, 1)
    }

    deinit {
        ZSTD_freeCCtx(stream)
        output.deallocate()
    }

    /// Writes the next member: the first bytes of a file, as many as the manifest says.
    func write(_ index: Int, from source: RegularFile) throws(LodestoneError) {
        let member = manifest.members[index]
        try check(ZSTD_CCtx_reset(stream, ZSTD_reset_session_only))
        try check(ZSTD_CCtx_setPledgedSrcSize(stream, member.byteCount))
        let sum = SHA256()
        var rest = member.byteCount
        try source.forEachPiece(upTo: member.byteCount, context: context) {
            VectorSegment.damaged(source.path, "the log names bytes beyond its end")
        } _: { (piece) throws(LodestoneError) in
            sum.update(piece)
            rest -= UInt64(piece.count)
            try compress(piece, isLast: rest == 0)
        }
        manifest.members[index].sum = sum.finalize()
    }

    /// Completes the archive and makes it durable.
    ///
    /// - Returns: The size of the archive in bytes.
    func finish() throws(LodestoneError) -> UInt64 {
        let bytes = manifest.bytes
        var header = ByteWriter()
        header.append(fixed: Self.manifestMagic)
        header.append(fixed: UInt32(bytes.count))
        header.bytes += bytes
        try put(header.bytes, at: 0)
        try file.synchronize()
        return position
    }

    private func compress(_ piece: UnsafeRawBufferPointer, isLast: Bool) throws(LodestoneError) {
        var input = ZSTD_inBuffer(src: piece.baseAddress, size: piece.count, pos: 0)
        var isDone = false
        while !isDone {
            var room = ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
            let rest = ZSTD_compressStream2(
                stream,
                &room,
                &input,
                isLast ? ZSTD_e_end : ZSTD_e_continue
            )
            try check(rest)
            try file.write(UnsafeRawBufferPointer(rebasing: output[..<room.pos]), at: position)
            position += UInt64(room.pos)
            isDone = isLast ? rest == 0 : input.pos == input.size
        }
    }

    private func put(_ bytes: [UInt8], at offset: UInt64) throws(LodestoneError) {
        let result: Result<Void, LodestoneError> = bytes.withUnsafeBytes { buffer in
            do throws(LodestoneError) {
                return .success(try file.write(buffer, at: offset))
            } catch {
                return .failure(error)
            }
        }
        try result.get()
    }

    private func check(_ code: Int) throws(LodestoneError) {
        guard ZSTD_isError(code) == 0 else {
            throw .broken("Zstandard: \(String(cString: ZSTD_getErrorName(code))).")
        }
    }
}
