// SPDX-License-Identifier: Apache-2.0
import CLodestoneSystem
import LodestoneStructures

/// A comparison of a base file with all its checksums, in one pass over its bytes.
///
/// `BaseFile` checks a block once, before its first use. This check is given the bytes that the
/// disk has now.
package struct BaseFileCheck {
    private var position = 0
    private var header: [UInt8] = []
    private var tail: [UInt8] = []
    /// The checksum of each complete block of the body so far.
    private var sums: [UInt32] = []
    private var sum: UInt32 = 0

    /// Begins at the first byte.
    package init() {}

    /// Reads the next bytes of the file.
    package mutating func take(_ piece: UnsafeRawBufferPointer) {
        var rest = piece
        while !rest.isEmpty {
            let count: Int
            if position < BaseFile.headerByteCount {
                count = min(rest.count, BaseFile.headerByteCount - position)
                header += rest.prefix(count)
            } else if position < bodyEnd {
                let end = min(blockStart + VerifiedBytes.blockBytes, bodyEnd)
                count = min(rest.count, end - position)
                sum = lode_crc32c(sum, rest.baseAddress, count)
                if position + count == end {
                    sums.append(sum)
                    sum = 0
                }
            } else {
                count = rest.count
                tail += rest
            }
            position += count
            rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        }
    }

    /// The damages of the file; call it after the last byte.
    package var mismatches: [String] {
        guard header.count == BaseFile.headerByteCount,
            header.starts(with: BaseFile.magic), word(60, of: header) == crc(header.prefix(60))
        else { return ["its header fails its checksum"] }
        let sectionCount = Int(word(12, of: header))
        let sumStart = sectionCount * 24
        guard tail.count == sumStart + sums.count * 4, word(32, of: header) == crc(tail[...]) else {
            return ["its table of sections fails its checksum"]
        }
        var mismatches: [String] = []
        for (block, sum) in sums.enumerated() where word(sumStart + 4 * block, of: tail) != sum {
            let start = BaseFile.headerByteCount + block * VerifiedBytes.blockBytes
            let end = min(start + VerifiedBytes.blockBytes, bodyEnd)
            mismatches.append("bytes \(start) to \(end - 1) fail their checksum")
        }
        return mismatches
    }

    /// The end of the body by the header; 2⁴⁸ when the end in the header is impossible.
    private var bodyEnd: Int {
        let low = UInt64(word(16, of: header))
        let high = UInt64(word(20, of: header))
        let count = Int(clamping: high << 32 | low)
        return count > 1 << 48 ? 1 << 48 : BaseFile.headerByteCount + count
    }

    private var blockStart: Int {
        BaseFile.headerByteCount + sums.count * VerifiedBytes.blockBytes
    }

    private func word(_ offset: Int, of bytes: [UInt8]) -> UInt32 {
        (0..<4).reduce(0) { $0 | UInt32(bytes[offset + $1]) << (8 * $1) }
    }

    private func crc(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        bytes.withUnsafeBytes { lode_crc32c(0, $0.baseAddress, $0.count) }
    }
}
