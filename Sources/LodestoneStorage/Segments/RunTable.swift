// SPDX-License-Identifier: Apache-2.0
import CLodestoneSystem
import LodestoneCore
import LodestoneFiles

/// Where the vectors of a collection lie up to the sequence number of its base, and the checksums
/// of their blocks: what replaces the log rows that a compaction forgets.
///
/// A run is as long as rows and bytes go on without a gap, however many batches wrote it; or it is
/// what a compaction made of many.
struct RunTable: Sendable {
    struct Run: Sendable {
        var segment: UInt32
        var offset: Int
        var firstRow: RowNumber
        var count: Int
        /// Rows are missing in between; the number of each follows the vectors, 4 bytes each.
        var isSparse = false
        /// CRC-32C of each `CheckedBytes.blockBytes` of the run.
        var sums: [UInt32]

        /// Bytes of the run, with `vectorBytes` of each vector.
        func byteCount(vectorBytes: Int) -> Int {
            count * (vectorBytes + (isSparse ? MemoryLayout<RowNumber>.stride : 0))
        }
    }

    private(set) var runs: [Run] = []

    init(_ runs: [Run] = []) {
        self.runs = runs
    }

    /// Takes in the vectors of one batch, which lie at `bytes`.
    ///
    /// - Parameters:
    ///   - log: The batch.
    ///   - vectorBytes: Of each vector.
    ///   - bytes: Of all its vectors.
    ///   - runBytes: Answers where the bytes of a run lie, to go on with its last block; only asked
    ///     when the batch goes on where the last run ends.
    /// - Throws: What `runBytes` throws; `.dataLoss` when the last block of that run is damaged.
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
        let firstOpen = oldCount / CheckedBytes.blockBytes
        let start = firstOpen * CheckedBytes.blockBytes
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
        stride(from: 0, to: bytes.count, by: CheckedBytes.blockBytes).map { start in
            let count = min(CheckedBytes.blockBytes, bytes.count - start)
            return lode_crc32c(0, bytes.baseAddress.map { $0 + start }, count)
        }
    }

    // MARK: Bytes

    /// In the count of a run; a run has fewer vectors than that.
    private static let sparseBit: UInt32 = 1 << 31

    init(_ bytes: UnsafeRawBufferPointer) throws(ByteReader.Malformed) {
        var reader = ByteReader(bytes)
        for _ in 0..<(try reader.count()) {
            let segment = try reader.fixed(UInt32.self)
            let offset = Int(clamping: try reader.fixed(UInt64.self))
            let firstRow = try reader.fixed(UInt32.self)
            let count = try reader.fixed(UInt32.self)
            var sums: [UInt32] = []
            let sumCount = try reader.count()
            guard UInt64(firstRow) + UInt64(count & ~Self.sparseBit) < UInt64(RowNumber.max) else {
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
            writer.append(fixed: run.firstRow)
            writer.append(fixed: UInt32(run.count) | (run.isSparse ? Self.sparseBit : 0))
            writer.append(varint: UInt64(run.sums.count))
            for sum in run.sums { writer.append(fixed: sum) }
        }
        return writer.bytes
    }
}
