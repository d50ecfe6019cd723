// SPDX-License-Identifier: Apache-2.0
import CLodestoneSystem
import LodestoneCore
import LodestoneFiles
import LodestoneStructures
import LodestoneSystem

/// An append-only file of vectors of one collection, mapped read-only.
///
///     offset  bytes  content
///          0      8  "LODESEG1"
///          8      4  number of the collection
///         12      4  index of the segment in it
///         16      4  elements of a vector
///         20     40  zero
///         60      4  CRC-32C of the first 60 bytes
///         64      …  vectors, float32 little-endian; the log names the bytes of each batch
///
/// Bytes are appended at the end of the file, even where bytes before it belong to no committed
/// transaction. Bytes of a transaction in doubt are not used again, because a write-ahead log that
/// is recovered later may bring the transaction back. So gaps are normal.
///
/// A segment is never truncated or overwritten. A compaction may move the vectors that are needed
/// to another segment and remove this one.
///
/// Threading: only the store's writer calls `append` and `synchronize`; any thread may read the
/// mapping. Unchecked, because the descriptor is used only by the thread that commits.
final class VectorSegment: @unchecked Sendable {
    static let headerByteCount = 64
    /// The reserved address space of a segment, and so its largest size; a larger batch gets more.
    static let standardCapacity = 256 << 20
    private static let magic: [UInt8] = Array("LODESEG1".utf8)

    let index: UInt32
    let path: String
    private let descriptor: Int32
    private let mapping: UnsafeMutableRawPointer
    private let capacity: Int
    private(set) var needsSynchronize = false

    static func name(collection: CollectionNumber, index: UInt32) -> String {
        "vectors-\(collection)-\(index).seg"
    }

    /// Creates an empty segment with room for `byteCount` bytes of vectors, and makes its name
    /// durable.
    static func create(
        in directory: String,
        collection: CollectionNumber,
        index: UInt32,
        dimension: Int,
        byteCount: Int
    ) throws(LodestoneError) -> VectorSegment {
        let path = directory + "/" + name(collection: collection, index: index)
        let descriptor = openFile(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileSystem.failure("open", path) }
        let header = Self.header(collection: collection, index: index, dimension: dimension)
        let segment = try VectorSegment(
            descriptor: descriptor,
            path: path,
            index: index,
            capacity: max(standardCapacity, headerByteCount + byteCount)
        )
        _ = try header.withUnsafeBytes { segment.append($0) }.get()
        try FileSystem.synchronize(descriptor, path)
        try FileSystem.synchronizeDirectory(directory)
        return segment
    }

    /// The header of a segment.
    static func header(collection: CollectionNumber, index: UInt32, dimension: Int) -> [UInt8] {
        var writer = ByteWriter()
        writer.bytes = magic
        writer.append(fixed: collection)
        writer.append(fixed: index)
        writer.append(fixed: UInt32(dimension))
        writer.bytes.append(contentsOf: repeatElement(0, count: 40))
        writer.append(fixed: lode_crc32c(0, writer.bytes, writer.bytes.count))
        return writer.bytes
    }

    /// Opens a segment that the log names.
    static func open(
        in directory: String,
        collection: CollectionNumber,
        index: UInt32,
        dimension: Int,
        isReadOnly: Bool
    ) throws(LodestoneError) -> VectorSegment {
        let path = directory + "/" + name(collection: collection, index: index)
        let descriptor = openFile(path, (isReadOnly ? O_RDONLY : O_RDWR) | O_CLOEXEC)
        guard descriptor >= 0 else {
            guard errno == ENOENT else { throw FileSystem.failure("open", path) }
            throw damaged(path, "it is missing")
        }
        let byteCount = Int(FileSystem.byteCount(path))
        let segment = try VectorSegment(
            descriptor: descriptor,
            path: path,
            index: index,
            capacity: max(standardCapacity, byteCount)
        )
        guard byteCount >= headerByteCount else { throw damaged(path, "its header is cut off") }
        let header = UnsafeRawBufferPointer(start: segment.mapping, count: headerByteCount)
        let sum = UInt32(littleEndian: header.loadUnaligned(fromByteOffset: 60, as: UInt32.self))
        guard header.prefix(8).elementsEqual(magic),
            Checksum.isRight(lode_crc32c(0, segment.mapping, 60), sum),
            header.load(fromByteOffset: 8, as: UInt32.self).littleEndian == collection,
            header.load(fromByteOffset: 12, as: UInt32.self).littleEndian == index,
            header.load(fromByteOffset: 16, as: UInt32.self).littleEndian == UInt32(dimension)
        else { throw damaged(path, "its header is not the one it was created with") }
        return segment
    }

    private init(descriptor: Int32, path: String, index: UInt32, capacity: Int)
        throws(LodestoneError)
    {
        // The mapping reaches beyond the end of the file; only bytes before the end are read.
        let mapping = mmap(nil, capacity, PROT_READ, MAP_SHARED, descriptor, 0)
        guard let mapping, mapping != MAP_FAILED else {
            close(descriptor)
            throw FileSystem.failure("mmap", path)
        }
        self.descriptor = descriptor
        self.path = path
        self.index = index
        self.mapping = mapping
        self.capacity = capacity
    }

    deinit {
        munmap(mapping, capacity)
        close(descriptor)
    }

    /// Whether the file has no name any more.
    ///
    /// Its vectors were moved, and no other process would find bytes that are appended to it.
    var isRemoved: Bool {
        var status = stat()
        return fstat(descriptor, &status) != 0 || status.st_nlink == 0
    }

    /// Whether `byteCount` more bytes fit.
    func hasRoom(for byteCount: Int) throws(LodestoneError) -> Bool {
        try endOfFile() + byteCount <= capacity
    }

    /// Writes the bytes at the end of the file, aligned to a float, and returns the offset.
    func append(_ bytes: UnsafeRawBufferPointer) -> Result<Int, LodestoneError> {
        do throws(LodestoneError) {
            let start = (try endOfFile() + 3) & ~3
            try FileSystem.write(bytes, at: start, to: descriptor, path)
            needsSynchronize = true
            return .success(start)
        } catch {
            return .failure(error)
        }
    }

    /// Makes the appended bytes durable.
    func synchronize() throws(LodestoneError) {
        var result = fdatasync(descriptor)
        if result != 0 && Planted.retriesFsync { result = fdatasync(descriptor) }
        guard result == 0 else { throw FileSystem.failure("fdatasync", path) }
        needsSynchronize = false
    }

    /// The vectors at `offset`, if the file reaches that far.
    func vectors(at offset: Int, byteCount: Int) throws(LodestoneError) -> UnsafeRawBufferPointer {
        guard offset >= Self.headerByteCount, offset % 4 == 0, byteCount >= 0,
            byteCount <= capacity, offset <= capacity - byteCount,
            // The size is that of the open file, because a compaction may have removed the name.
            offset + byteCount <= (try endOfFile())
        else {
            throw Self.damaged(path, "\(byteCount) bytes at \(offset) lie beyond its end")
        }
        return UnsafeRawBufferPointer(start: mapping + offset, count: byteCount)
    }

    static func damaged(_ path: String, _ what: String) -> LodestoneError {
        LodestoneError(
            .dataLoss,
            reason: .corruptSegment,
            "The vector segment \(path) is damaged: \(what).",
            recovery: "Stop writing, keep a copy of the directory, restore a snapshot.",
            object: path
        )
    }

    private func endOfFile() throws(LodestoneError) -> Int {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw FileSystem.failure("fstat", path) }
        return Int(status.st_size)
    }

}

/// Opens a file with the mode of all files of a store; inside `VectorSegment`, `open` is shadowed.
private func openFile(_ path: String, _ flags: Int32) -> Int32 {
    open(path, flags, 0o600)
}
