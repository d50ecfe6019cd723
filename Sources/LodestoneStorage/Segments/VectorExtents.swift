// SPDX-License-Identifier: Apache-2.0
import CLodestoneSystem
import LodestoneCore
import LodestoneStructures

/// The locations of a collection's vectors up to its base's sequence number, with a checksum per
/// block.
///
/// The table replaces the vector locations of the log rows that a compaction forgets. A run covers
/// the batches whose rows and bytes follow each other without a gap, or the vectors that a
/// compaction moved together.
struct VectorExtents: Sendable {
    struct Run: Sendable {
        var segment: UInt32
        var offset: Int
        var firstRow: RowID
        var count: Int
        /// Whether the rows have gaps; the row ids, 4 bytes each, then follow the vectors.
        var isSparse = false
        /// CRC-32C of each `VerifiedBytes.blockBytes` of the run.
        var sums: [UInt32]

        /// The bytes of the run, with `vectorBytes` per vector.
        func byteCount(vectorBytes: Int) -> Int {
            count * (vectorBytes + (isSparse ? MemoryLayout<RowID>.stride : 0))
        }
    }

    private(set) var runs: [Run] = []

    init(_ runs: [Run] = []) {
        self.runs = runs
    }

    /// Adds the vectors of one batch.
    ///
    /// - Parameters:
    ///   - log: The log row of the batch.
    ///   - vectorBytes: The bytes of one vector.
    ///   - bytes: The bytes of all vectors of the batch.
    ///   - runBytes: Returns the bytes of a run, whose last block the batch continues. It is called
    ///     only when the batch follows the last run without a gap.
    /// - Throws: The errors of `runBytes`; `.dataLoss` when the last block of that run is damaged.
    mutating func append(
        _ log: LogRow,
        vectorBytes: Int,
        bytes: UnsafeRawBufferPointer,
        runBytes: (Run) throws(LodestoneError) -> UnsafeRawBufferPointer
    ) throws(LodestoneError) {
        guard let last = runs.last, last.segment == log.segment, !last.isSparse,
            last.offset + last.count * vectorBytes == log.offset,
            Int(last.firstRow) + last.count == Int(log.firstRow)
        else {
            runs.append(
                Run(
                    segment: log.segment,
                    offset: log.offset,
                    firstRow: log.firstRow,
                    count: log.vectorCount,
                    sums: Self.sums(of: bytes)
                )
            )
            return
        }
        let whole = try runBytes(
            Run(
                segment: last.segment,
                offset: last.offset,
                firstRow: last.firstRow,
                count: last.count + log.vectorCount,
                sums: []
            )
        )
        let oldCount = last.count * vectorBytes
        let firstOpen = oldCount / VerifiedBytes.blockBytes
        let start = firstOpen * VerifiedBytes.blockBytes
        let tail = UnsafeRawBufferPointer(rebasing: whole[start..<oldCount])
        guard tail.isEmpty || Self.sums(of: tail)[0] == last.sums.last else {
            throw VectorSegment.damaged(
                "segment \(last.segment)",
                "the block at \(last.offset + start) fails its checksum"
            )
        }
        runs[runs.count - 1].count += log.vectorCount
        runs[runs.count - 1].sums.removeLast(last.sums.count - firstOpen)
        runs[runs.count - 1].sums +=
            Self.sums(of: UnsafeRawBufferPointer(rebasing: whole[start...]))
    }

    static func sums(of bytes: UnsafeRawBufferPointer) -> [UInt32] {
        stride(from: 0, to: bytes.count, by: VerifiedBytes.blockBytes).map { start in
            let count = min(VerifiedBytes.blockBytes, bytes.count - start)
            return lode_crc32c(0, bytes.baseAddress.map { $0 + start }, count)
        }
    }

    // MARK: Bytes

    /// The bit in an encoded count that marks a sparse run; no run has that many vectors.
    private static let sparseBit: UInt32 = 1 << 31

    init(_ bytes: UnsafeRawBufferPointer) throws(ByteReader.Malformed) {
        var reader = ByteReader(bytes)
        for _ in 0..<(try reader.count()) {
            let segment = try reader.fixed(UInt32.self)
            let offset = Int(clamping: try reader.fixed(UInt64.self))
            let firstRow = RowID(rawValue: try reader.fixed(UInt32.self))
            let count = try reader.fixed(UInt32.self)
            var sums: [UInt32] = []
            let sumCount = try reader.count()
            guard UInt64(firstRow) + UInt64(count & ~Self.sparseBit) < UInt64(RowID.max) else {
                throw ByteReader.Malformed()
            }
            sums.reserveCapacity(sumCount)
            for _ in 0..<sumCount { sums.append(try reader.fixed(UInt32.self)) }
            runs.append(
                Run(
                    segment: segment,
                    offset: offset,
                    firstRow: firstRow,
                    count: Int(count & ~Self.sparseBit),
                    isSparse: count & Self.sparseBit != 0,
                    sums: sums
                )
            )
        }
    }

    var bytes: [UInt8] {
        var writer = ByteWriter()
        writer.append(varint: UInt64(runs.count))
        for run in runs {
            writer.append(fixed: run.segment)
            writer.append(fixed: UInt64(run.offset))
            writer.append(fixed: run.firstRow.rawValue)
            writer.append(fixed: UInt32(run.count) | (run.isSparse ? Self.sparseBit : 0))
            writer.append(varint: UInt64(run.sums.count))
            for sum in run.sums { writer.append(fixed: sum) }
        }
        return writer.bytes
    }
}
