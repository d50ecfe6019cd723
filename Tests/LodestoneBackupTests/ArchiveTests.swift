// SPDX-License-Identifier: Apache-2.0
import CZstd
import Foundation
import LodestoneBackup
import LodestoneCore
import LodestoneEngine
import LodestoneStructures
import LodestoneText
import TestSupport
import Testing

/// Backups that were damaged, or that another program wrote.
@Suite("Backup archive", .timeLimit(.minutes(10)))
struct ArchiveTests {
    let folder: TemporaryDirectory
    let objects: FileObjectStore
    /// The content of the store at its last batch.
    private let content: Content
    private let context = CallContext(timeout: .seconds(300))

    init() async throws {
        folder = try TemporaryDirectory()
        objects = FileObjectStore(directory: folder.path + "/backups")
        let store = try BackedUpStore(folder.path + "/store", seed: 21)
        for _ in 0..<12 { try await store.step() }
        _ = try await store.engine.compact("a")
        try store.backUp(to: objects)
        for _ in 0..<6 { try await store.step() }
        try store.backUp(to: objects)
        content = store.contents[store.last] ?? [:]
        store.engine.close()
    }

    private func restore(_ name: String = "restored", maxBytes: UInt64? = nil)
        throws(LodestoneError)
    {
        var restore = BackupRestore(
            objects,
            .newest,
            analysis: FTS5Analysis(),
            context: context
        ) { _, _ in }
        restore.maxBytes = maxBytes
        _ = try restore.run(to: "\(folder.path)/\(name)", isOnlyVerified: false)
    }

    private func expectRefusal(
        _ reasons: Set<LodestoneError.Reason>,
        _ what: String,
        _ location: SourceLocation = #_sourceLocation
    ) {
        let error = failure { try restore() }
        #expect(
            error.map { reasons.contains($0.reason) } ?? false,
            "\(what): \(String(describing: error))",
            sourceLocation: location
        )
        let left = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        #expect(Set(left) == ["store", "backups"], sourceLocation: location)
    }

    private func keys(_ prefix: String) throws -> [String] {
        try objects.list(prefix, after: nil, limit: 1_000, context: context).map(\.key)
    }

    @Test("A bit that turned in any object is found, or changes nothing that is restored")
    func bitFlips() async throws {
        var random = SeededGenerator(seed: 5)
        for key in try keys("") {
            let path = "\(folder.path)/backups/\(key)"
            let before = try Data(contentsOf: URL(fileURLWithPath: path))
            for _ in 0..<TestLength.cases(3, long: 40) {
                var bytes = [UInt8](before)
                let position = Int.random(in: 0..<bytes.count, using: &random)
                bytes[position] ^= 1 << Int.random(in: 0..<8, using: &random)
                try Data(bytes).write(to: URL(fileURLWithPath: path))
                let what = "\(key) at \(position)"
                // Zstandard has several forms of one content, so a chunk may stay right.
                guard key.hasPrefix("chunks/"), failure({ try restore() }) == nil else {
                    expectRefusal([.corruptBackup, .badBackup], what)
                    continue
                }
                let engine = try Engine.open(directory: "\(folder.path)/restored")
                #expect(try await BackedUpStore.content(of: engine) == content, "\(what)")
                engine.close()
                try FileManager.default.removeItem(atPath: "\(folder.path)/restored")
            }
            try before.write(to: URL(fileURLWithPath: path))
        }
        try restore()
    }

    @Test("A missing or cut object is found, and no directory appears")
    func missing() throws {
        for key in try keys("") where key != "entries/000000000002" {
            let path = "\(folder.path)/backups/\(key)"
            let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
            try bytes.prefix(bytes.count / 2).write(to: URL(fileURLWithPath: path))
            expectRefusal([.corruptBackup, .badBackup], "half of \(key)")
            try FileManager.default.removeItem(atPath: path)
            expectRefusal([.corruptBackup, .badBackup, .noBackup], "no \(key)")
            try bytes.write(to: URL(fileURLWithPath: path))
        }
        try restore()
    }

    /// Writes the first entry again with another payload and right checksums.
    private func forge(_ body: (String) -> String) throws {
        let path = "\(folder.path)/backups/entries/000000000001"
        let object = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        var lines = String(decoding: object, as: UTF8.self)
            .split(separator: "\n", maxSplits: 13, omittingEmptySubsequences: false)
            .prefix(13).map(String.init)
        let start = lines.reduce(0) { $0 + $1.utf8.count + 1 }
        let plainBytes = Int(lines[11].split(separator: " ")[2]) ?? 0
        var plain = [UInt8](repeating: 0, count: plainBytes)
        let count = plain.count
        _ = object[start...].withUnsafeBytes {
            ZSTD_decompress(&plain, count, $0.baseAddress, $0.count)
        }
        let changed = Array(body(String(decoding: plain, as: UTF8.self)).utf8)
        var payload = [UInt8](repeating: 0, count: ZSTD_compressBound(changed.count))
        let room = payload.count
        payload.removeLast(room - ZSTD_compress(&payload, room, changed, changed.count, 1))
        let sum = Hexadecimal.text(SHA256.digest(of: payload))
        lines[11] = "payload \(payload.count) \(changed.count) \(sum)"
        let covered = lines.dropLast().map { "\($0)\n" }.joined()
        let total = Hexadecimal.text(SHA256.digest(of: Array(covered.utf8)))
        let forged = Array("\(covered)entry \(total)\n".utf8) + payload
        try Data(forged).write(to: URL(fileURLWithPath: path))
    }

    @Test(
        "A forged state with right checksums is refused before anything leaves its directory",
        arguments: [
            ("/etc/passwd", "file /etc/passwd"), ("../x", "file ../x"), ("lock", "file lock"),
            ("base-1-../x.base", "file base-1-../x.base"),
            ("vectors-9-0.seg", "file vectors-9-0.seg"), ("lodestone.db", "file lodestone.db"),
        ]
    )
    func forgedNames(name: String, line: String) throws {
        try forge { text in
            var lines = text.split(separator: "\n").map(String.init)
            let index = lines.lastIndex { $0.hasPrefix("file ") } ?? 0
            let size = lines[index].split(separator: " ").last ?? ""
            lines[index] = "\(line) \(size)"
            return lines.map { "\($0)\n" }.joined()
        }
        expectRefusal([.badBackup], name)
    }

    @Test("A forged state whose sizes do not add up is refused")
    func forgedSizes() throws {
        try forge { text in
            text.replacing(/file lodestone\.db [0-9]+/, with: "file lodestone.db 1")
        }
        expectRefusal([.badBackup], "a size below its chunks")
    }

    @Test("A state larger than the limit is refused before a file is written")
    func limit() throws {
        #expect(failure { try restore(maxBytes: 1_000) }?.reason == .badBackup)
    }

    @Test("A state without bases is restored for bases to be made again")
    func withoutBases() throws {
        var restore = BackupRestore(
            objects,
            .newest,
            analysis: FTS5Analysis(),
            context: context
        ) { _, _ in }
        restore.leavesOutBases = true
        _ = try restore.run(to: "\(folder.path)/restored", isOnlyVerified: false)
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path + "/restored")
        #expect(!names.contains { $0.hasSuffix(".base") })
    }

    @Test("A verification restores everything and leaves nothing behind")
    func verify() throws {
        let restore = BackupRestore(
            objects,
            .newest,
            analysis: FTS5Analysis(),
            context: context
        ) { _, _ in }
        let report = try restore.run(to: "\(folder.path)/verified", isOnlyVerified: true)
        #expect(report.sequenceNumber > 12)
        #expect(!FileManager.default.fileExists(atPath: "\(folder.path)/verified"))
    }
}
