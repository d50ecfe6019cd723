// SPDX-License-Identifier: Apache-2.0
import CSQLite
import CZstd
import Foundation
import LodestoneCore
import LodestoneStructures
import LodestoneText
import LodestoneStorage
import TestSupport
import Testing

/// The parts of an archive, which a test changes and puts together.
///
/// It follows the description of the format and does not use the code under test.
struct TestArchive: Sendable {
    struct Member: Sendable {
        var name: String
        var content: [UInt8]
        /// The size and checksum in the manifest; `nil` for the right ones.
        var size: String?
        var sum: String?
        /// The compressed frame; `nil` for the right one.
        var frame: [UInt8]?
    }

    var title = "lodestone-snapshot 1"
    var sequence = "sequence-number 3"
    var created = "created-microseconds 1763730000000000"
    var members: [Member]
    var moreLines: [String] = []
    var manifestSum: String?
    /// The manifest; `nil` for the right one.
    var manifest: [UInt8]?
    var magic: UInt32 = 0x184d_2a50
    var manifestSize: UInt32?
    var trailing: [UInt8] = []

    /// The table of edges, as a store creates it with the first hub.
    static let edges = """
        CREATE TABLE edges_1(
            hub INTEGER NOT NULL, label BLOB NOT NULL, target BLOB NOT NULL,
            arrival INTEGER NOT NULL, content BLOB NOT NULL, sum INTEGER NOT NULL,
            PRIMARY KEY(hub, label, target)) WITHOUT ROWID;
        """

    /// A snapshot of a store with one collection and five rows.
    static func good(in directory: TemporaryDirectory) throws -> TestArchive {
        let path = directory.path + "/store"
        let store = try SQLiteStore(directory: path, durability: .relaxed, analysis: FTS5Analysis())
        let record = CollectionRecord(
            number: 1,
            name: "papers",
            options: CollectionOptions(dimension: 2, textStrategy: .fts5)
        )
        _ = try store.commit([
            StoredBatch(change: .createCollection(record), requestID: nil, fingerprint: 0),
            batch(["a", "b", "c"], firstRow: 0, [1, 2, 3, 4, 5, 6], removed: []),
            batch(["d", "b"], firstRow: 3, [7, 8, 9, 10], removed: [1]),
        ])
        _ = try store.createSnapshot("good", context: CallContext())
        store.close()
        return try TestArchive(
            Array(Data(contentsOf: URL(fileURLWithPath: path + "/snapshots/good.lodestone")))
        )
    }

    private static func batch(
        _ ids: [DocumentID],
        firstRow: RowID,
        _ vectors: [Float],
        removed: [RowID]
    ) -> StoredBatch {
        let documents = ids.map { id in
            Document(id: id, text: "the text of \(id.string)", edges: [Edge("to", to: "a")])
        }
        let change = RowChange(
            collection: 1,
            dimension: 2,
            words: WordChange(for: documents),
            firstRow: firstRow,
            rows: documents.map { EncodedRow($0) },
            vectors: vectors,
            vectorChecksum: crc32c(vectors),
            removed: removed,
            edgeChanges: []
        )
        return StoredBatch(change: .rows(change), requestID: .random(), fingerprint: 1)
    }

    /// Takes an archive apart.
    init(_ bytes: [UInt8]) throws {
        let length = Int(Self.number(bytes[4..<8]))
        try #require(Self.number(bytes[0..<4]) == 0x184d_2a50)
        let text = String(decoding: bytes[8..<8 + length], as: UTF8.self)
        var members: [Member] = []
        var rest = Array(bytes[(8 + length)...])
        for line in text.split(separator: "\n") where line.hasPrefix("member ") {
            let parts = line.split(separator: " ")
            var content = [UInt8](repeating: 0, count: try #require(Int(parts[2])))
            let used = ZSTD_findFrameCompressedSize(rest, rest.count)
            try #require(ZSTD_decompress(&content, content.count, rest, used) == content.count)
            #expect(Self.sum(content) == parts[3])
            members.append(Member(name: String(parts[1]), content: content))
            rest.removeFirst(used)
        }
        try #require(rest.isEmpty)
        self.members = members
    }

    /// The bytes of the archive.
    var bytes: [UInt8] {
        let lines =
            [title, sequence, created].filter { !$0.isEmpty }
            + members.map { member in
                "member \(member.name) \(member.size ?? "\(member.content.count)") "
                    + (member.sum ?? Self.sum(member.content))
            } + moreLines
        let covered = lines.map { $0 + "\n" }.joined()
        let last = "manifest \(manifestSum ?? Self.sum(Array(covered.utf8)))\n"
        let manifest = manifest ?? Array((covered + last).utf8)
        var bytes = Self.bytes(magic) + Self.bytes(manifestSize ?? UInt32(manifest.count))
        bytes += manifest
        for member in members { bytes += member.frame ?? Self.compressed(member.content) }
        return bytes + trailing
    }

    static func compressed(_ content: [UInt8], windowLog: Int32 = 0) -> [UInt8] {
        let context = ZSTD_createCCtx()
        defer { ZSTD_freeCCtx(context) }
        ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, windowLog)
        // Without the size in its header, a frame has the window of the given size.
        if windowLog > 0 { ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0) }
        var frame = [UInt8](repeating: 0, count: ZSTD_compressBound(content.count))
        var room = ZSTD_outBuffer(dst: nil, size: frame.count, pos: 0)
        var source = ZSTD_inBuffer(src: nil, size: content.count, pos: 0)
        content.withUnsafeBytes { content in
            frame.withUnsafeMutableBytes { frame in
                room.dst = frame.baseAddress
                source.src = content.baseAddress
                if windowLog > 0 { ZSTD_compressStream2(context, &room, &source, ZSTD_e_continue) }
                ZSTD_compressStream2(context, &room, &source, ZSTD_e_end)
            }
        }
        return Array(frame[..<room.pos])
    }

    static func sum(_ bytes: [UInt8]) -> String {
        SHA256.digest(of: bytes).map { byte in
            (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }.joined()
    }

    static func bytes(_ number: UInt32) -> [UInt8] {
        withUnsafeBytes(of: number.littleEndian) { Array($0) }
    }

    private static func number(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        bytes.reversed().reduce(0) { $0 << 8 | UInt32($1) }
    }

    /// The byte range of the database's page that contains a text.
    func page(with text: String) -> Range<Int>? {
        let wanted = Data(text.utf8)
        let found = Data(members[0].content).range(of: wanted)
        return found.map { $0.lowerBound / 8_192 * 8_192 }.map { $0..<$0 + 8_192 }
    }

    /// Changes the database with SQL, as a database program would.
    mutating func changeDatabase(_ sql: String) throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/x.db"
        try Data(members[0].content).write(to: URL(fileURLWithPath: path))
        var database: OpaquePointer?
        try #require(sqlite3_open(path, &database) == SQLITE_OK)
        var message: UnsafeMutablePointer<CChar>?
        let result = sqlite3_exec(
            database,
            "PRAGMA journal_mode = DELETE; PRAGMA writable_schema = ON; " + sql,
            nil,
            nil,
            &message
        )
        let text = message.map { String(cString: $0) } ?? ""
        try #require(result == SQLITE_OK, "\(text)")
        try #require(sqlite3_close(database) == SQLITE_OK)
        members[0].content = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
    }
}
