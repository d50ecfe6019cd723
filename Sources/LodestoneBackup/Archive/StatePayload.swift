// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStructures

/// The payload of a state before its compression: the files of the store, and the chunks of each.
///
///     file lodestone.db 163840
///     chunk <SHA-256> 163840 90112
///     file vectors-1-0.seg 640
///     chunk <SHA-256> 640 500
///
/// A chunk is an object `chunks/XX/SHA-256` with a Zstandard frame. Its name is the SHA-256 of its
/// content, and XX are the first two digits. The numbers are the bytes of the content and of the
/// object. Chunks that an earlier state has are not written again.
struct StatePayload: Equatable {
    struct Chunk: Equatable {
        var sum: [UInt8]
        var byteCount: Int
        var storedByteCount: Int

        static let prefix = "chunks/"

        var key: String {
            let digits = Hexadecimal.text(sum)
            return "\(Self.prefix)\(digits.prefix(2))/\(digits)"
        }
    }

    struct File: Equatable {
        var name: String
        var byteCount: UInt64
        var chunks: [Chunk] = []
    }

    /// The largest content of a chunk.
    static let maxChunkBytes = 4 << 20

    var files: [File] = []

    var chunkBytes: UInt64 {
        files.reduce(0) { $0 + $1.chunks.reduce(0) { $0 + UInt64($1.storedByteCount) } }
    }

    var bytes: [UInt8] {
        var text = ""
        for file in files {
            text += "file \(file.name) \(file.byteCount)\n"
            for chunk in file.chunks {
                text += "chunk \(Hexadecimal.text(chunk.sum)) \(chunk.byteCount) "
                text += "\(chunk.storedByteCount)\n"
            }
        }
        return Array(text.utf8)
    }

    init() {}

    /// Reads a payload; the chunks of each file must have its size together.
    init(_ bytes: [UInt8], _ name: String) throws(LodestoneError) {
        guard bytes.last == 10 else { throw .hostileBackup(name, "it names no files") }
        var missing: UInt64 = 0
        for line in bytes.dropLast().split(separator: 10, omittingEmptySubsequences: false) {
            let fields = String(decoding: line.prefix(300), as: UTF8.self)
                .split(separator: " ", omittingEmptySubsequences: false).map(String.init)
            if fields.count == 3, fields[0] == "file", missing == 0,
                let byteCount = Self.number(fields[2], 1...UInt64(Int64.max))
            {
                files.append(File(name: fields[1], byteCount: byteCount))
                missing = byteCount
            } else if fields.count == 4, fields[0] == "chunk", !files.isEmpty,
                let sum = Hexadecimal.bytes(fields[1], count: SHA256.byteCount),
                let byteCount = Self.number(
                    fields[2],
                    1...UInt64(Self.maxChunkBytes)
                ), byteCount <= missing,
                let stored = Self.number(fields[3], 1...UInt64(2 * Self.maxChunkBytes))
            {
                missing -= byteCount
                files[files.count - 1].chunks.append(
                    Chunk(sum: sum, byteCount: Int(byteCount), storedByteCount: Int(stored))
                )
            } else {
                let shown = String(decoding: line.prefix(80), as: UTF8.self)
                throw .hostileBackup(name, "the line '\(shown)' is none of a state")
            }
        }
        guard missing == 0, !files.isEmpty else {
            throw .hostileBackup(name, "the chunks of its last file are too few")
        }
    }

    private static func number(_ text: String, _ range: ClosedRange<UInt64>) -> UInt64? {
        guard let number = UInt64(text), "\(number)" == text, range.contains(number) else {
            return nil
        }
        return number
    }
}
