// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStorage

/// The payload of a log entry before its compression.
///
/// Of each batch: sequence number (8 bytes), time (8), chain before (4) and after (4), bytes of the
/// record (4), record. Numbers are little-endian.
enum LogPayload {
    private static let headByteCount = 28

    static func encode(_ entries: [RedoEntry]) -> [UInt8] {
        var bytes: [UInt8] = []
        func append(_ value: some FixedWidthInteger) {
            withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
        }
        for entry in entries {
            append(entry.sequenceNumber)
            append(entry.time)
            append(entry.chainBefore)
            append(entry.chain)
            append(UInt32(entry.record.count))
            bytes += entry.record
        }
        return bytes
    }

    /// Decodes a payload, whose batches must follow one another.
    ///
    /// - Parameters:
    ///   - bytes: The payload.
    ///   - entry: The entry of the payload.
    ///   - name: The name of the object in errors.
    /// - Returns: The batches.
    /// - Throws: `BAD_BACKUP` for a payload that no release writes.
    static func decode(_ bytes: [UInt8], of entry: BackupEntry, _ name: String)
        throws(LodestoneError) -> [RedoEntry]
    {
        var entries: [RedoEntry] = []
        var position = 0
        bytes.withUnsafeBytes { bytes in
            func number<T: FixedWidthInteger>(_ offset: Int, _ type: T.Type) -> T {
                T(littleEndian: bytes.loadUnaligned(fromByteOffset: position + offset, as: T.self))
            }
            while bytes.count - position >= headByteCount {
                let byteCount = Int(number(24, UInt32.self))
                let start = position + headByteCount
                guard byteCount <= bytes.count - start else { return }
                entries.append(
                    RedoEntry(
                        sequenceNumber: number(0, UInt64.self),
                        time: number(8, Int64.self),
                        chainBefore: number(16, UInt32.self),
                        chain: number(20, UInt32.self),
                        record: Array(bytes[start..<start + byteCount])
                    )
                )
                position = start + byteCount
            }
        }
        guard position == bytes.count, entries.first?.sequenceNumber == entry.first,
            entries.last?.sequenceNumber == entry.last, entries.last?.chain == entry.logChain,
            follow(entries)
        else { throw .hostileBackup(name, "its batches do not follow one another") }
        return entries
    }

    /// Whether each batch follows the one before, by its number and by the log's chain.
    static func follow(_ entries: [RedoEntry]) -> Bool {
        zip(entries, entries.dropFirst()).allSatisfy { earlier, later in
            later.sequenceNumber == earlier.sequenceNumber &+ 1
                && later.chainBefore == earlier.chain
        }
    }
}
