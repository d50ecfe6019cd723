// SPDX-License-Identifier: Apache-2.0
import CLodestoneSystem
import LodestoneCore
import LodestoneStructures

/// Writes the live vectors of some runs into new segments, in row order.
///
/// Threading: one thread at a time.
struct SegmentCompactor {
    /// A vector to move.
    private struct Source {
        let row: RowID
        let address: UnsafeRawPointer
    }

    private let vectorBytes: Int
    private let create: (Int) throws(LodestoneError) -> VectorSegment
    private var pending: [Source] = []
    private var lastRow: RowID?
    /// The owners of the mappings to which `pending` points.
    private var owners: [AnyObject] = []
    /// The runs of the new base, in row order.
    private(set) var runs: [VectorExtents.Run] = []
    /// The segments that were created.
    private(set) var made: [VectorSegment] = []

    /// - Parameters:
    ///   - dimension: Elements of a vector.
    ///   - create: Makes an empty segment with room for a number of bytes.
    init(dimension: Int, create: @escaping (Int) throws(LodestoneError) -> VectorSegment) {
        vectorBytes = dimension * MemoryLayout<Float>.stride
        self.create = create
    }

    /// Leaves a run where it is.
    mutating func keep(_ run: VectorExtents.Run) throws(LodestoneError) {
        try flush()
        runs.append(run)
    }

    /// Moves the vectors of a run that belong to live rows.
    ///
    /// - Throws: `.dataLoss` when one of these vectors fails its checksum.
    mutating func move(_ run: VectorRun, isLive: (RowID) -> Bool) throws(LodestoneError) {
        owners.append(run.owner)
        let base = UnsafeRawPointer(run.base)
        for index in 0..<run.count {
            let row = run.rows?.element(index, or: .max) ?? run.firstRow + index
            guard isLive(row) else { continue }
            let start = index * vectorBytes
            guard run.checked?.check(start..<start + vectorBytes) ?? true else {
                throw VectorSegment.damaged(
                    "to be left",
                    "the vector of row \(row) fails its checksum"
                )
            }
            // An archive of another origin may have row ids in any order, with correct checksums.
            guard lastRow.map({ $0 < row }) ?? true else {
                throw VectorSegment.damaged("to be left", "row \(row) is not in the order of rows")
            }
            lastRow = row
            pending.append(Source(row: row, address: base + start))
            if pending.count == maxRunCount { try flush() }
        }
        if run.checked?.isDamaged ?? false {
            throw VectorSegment.damaged("to be left", "the numbers of its rows fail their checksum")
        }
    }

    /// Writes the remaining vectors and makes everything durable.
    mutating func finish(needsSegment: Bool) throws(LodestoneError) {
        try flush()
        if made.isEmpty && needsSegment { made.append(try create(0)) }
        for segment in made where segment.needsSynchronize { try segment.synchronize() }
    }

    /// The number of vectors, with their row ids, that fit a segment of the usual size.
    private var maxRunCount: Int {
        let room = VectorSegment.standardCapacity - VectorSegment.headerByteCount - 8
        return max(1, room / (vectorBytes + MemoryLayout<RowID>.stride))
    }

    private mutating func flush() throws(LodestoneError) {
        guard let first = pending.first, let last = pending.last else { return }
        var run = VectorExtents.Run(
            segment: 0,
            offset: 0,
            firstRow: first.row,
            count: pending.count,
            isSparse: first.row.distance(to: last.row) + 1 != pending.count,
            sums: []
        )
        let segment = try room(for: run.byteCount(vectorBytes: vectorBytes))
        var output = BlockWriter(segment)
        for source in pending {
            try output.append(UnsafeRawBufferPointer(start: source.address, count: vectorBytes))
        }
        if run.isSparse {
            let rows = pending.map(\.row.rawValue.littleEndian)
            let result = rows.withUnsafeBytes { bytes in
                Result { () throws(LodestoneError) in try output.append(bytes) }
            }
            try result.get()
        }
        try output.flush()
        run.segment = segment.index
        run.offset = output.start ?? 0
        run.sums = output.sums
        runs.append(run)
        pending.removeAll(keepingCapacity: true)
    }

    private mutating func room(for byteCount: Int) throws(LodestoneError) -> VectorSegment {
        if let last = made.last, try last.hasRoom(for: byteCount + 4) { return last }
        let segment = try create(byteCount + 4)
        made.append(segment)
        return segment
    }
}

/// Appends to a segment block by block, and computes the checksum of each block.
private struct BlockWriter {
    private let segment: VectorSegment
    private var block: [UInt8] = []
    private(set) var start: Int?
    private(set) var sums: [UInt32] = []

    init(_ segment: VectorSegment) {
        self.segment = segment
        block.reserveCapacity(VerifiedBytes.blockBytes)
    }

    mutating func append(_ bytes: UnsafeRawBufferPointer) throws(LodestoneError) {
        var rest = bytes
        while !rest.isEmpty {
            let count = min(rest.count, VerifiedBytes.blockBytes - block.count)
            block.append(contentsOf: rest.prefix(count))
            rest = UnsafeRawBufferPointer(rebasing: rest[count...])
            if block.count == VerifiedBytes.blockBytes { try flush() }
        }
    }

    mutating func flush() throws(LodestoneError) {
        if block.isEmpty { return }
        sums.append(lode_crc32c(0, block, block.count))
        let offset = try block.withUnsafeBytes { segment.append($0) }.get()
        if start == nil { start = offset }
        block.removeAll(keepingCapacity: true)
    }
}
