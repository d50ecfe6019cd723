// SPDX-License-Identifier: Apache-2.0
import CLodestoneSystem
import LodestoneCore

/// Compares the bytes of a segment, as they are read, with the checksums in the database.
struct SegmentCheck {
    /// A part of the segment that does not match.
    struct Mismatch {
        /// The batch of the mismatch; `nil` for the header.
        var batch: SchemaReader.VectorBatch?
    }

    let segment: SchemaReader.Segment
    private(set) var mismatches: [Mismatch] = []
    private var header: [UInt8] = []
    private var position: UInt64 = 0
    /// The index of the current or next batch.
    private var next = 0
    private var sum: UInt32 = 0

    init(_ segment: SchemaReader.Segment) {
        self.segment = segment
    }

    /// Reads the next bytes of the segment.
    mutating func take(_ piece: UnsafeRawBufferPointer) {
        let start = position
        let end = start + UInt64(piece.count)
        position = end
        let headerByteCount = VectorSegment.headerByteCount
        if header.count < headerByteCount {
            header += piece.prefix(headerByteCount - header.count)
            if header.count == headerByteCount, !isHeaderRight {
                mismatches.append(Mismatch(batch: nil))
            }
        }
        while next < segment.batches.count, segment.batches[next].offset < end {
            let batch = segment.batches[next]
            let from = Int(max(batch.offset, start) - start)
            let to = Int(min(batch.end, end) - start)
            if to > from, let base = piece.baseAddress {
                sum = lode_crc32c(sum, base + from, to - from)
            }
            guard batch.end <= end else { return }
            if sum != batch.sum { mismatches.append(Mismatch(batch: batch)) }
            sum = 0
            next += 1
        }
    }

    private var isHeaderRight: Bool {
        header
            == VectorSegment.header(
                collection: segment.name.collection,
                index: segment.name.index,
                dimension: segment.dimension
            )
    }
}

extension SegmentCheck.Mismatch {
    /// The description of the mismatch, for messages.
    var text: String {
        guard let batch else { return "its header is not the one it was created with" }
        if batch.isSparse {
            return "\(batch.count) vectors or more of rows from \(batch.firstRow) on, at byte "
                + "\(batch.offset), fail their checksum"
        }
        let last = Int(batch.firstRow) + batch.count - 1
        return "the vectors of batch \(batch.sequenceNumber), rows \(batch.firstRow) to \(last), "
            + "fail their checksum"
    }
}
