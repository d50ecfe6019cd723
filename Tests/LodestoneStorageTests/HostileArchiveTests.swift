// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneCore
import LodestoneStorage
import LodestoneText
import Synchronization
import TestSupport
import Testing

/// A change that makes an archive invalid, so that it must not be restored.
struct HostileArchive: Sendable, CustomTestStringConvertible {
    let name: String
    let code: LodestoneError.Code
    /// A part of the error's message.
    let says: String
    let change: @Sendable (inout TestArchive) throws -> Void

    var testDescription: String { name }

    static func hostile(
        _ name: String,
        _ says: String,
        _ change: @escaping @Sendable (inout TestArchive) throws -> Void
    ) -> HostileArchive {
        HostileArchive(name: name, code: .invalidArgument, says: says, change: change)
    }

    static func damaged(
        _ name: String,
        _ says: String,
        _ change: @escaping @Sendable (inout TestArchive) throws -> Void
    ) -> HostileArchive {
        HostileArchive(name: name, code: .dataLoss, says: says, change: change)
    }

    static func member(_ name: String, _ says: String) -> HostileArchive {
        .hostile("a member called \(name)", says) { $0.members[1].name = name }
    }

    static func size(_ size: String, _ says: String) -> HostileArchive {
        .hostile("a member of size \(size)", says) { $0.members[0].size = size }
    }

    static func sql(_ name: String, _ says: String, _ sql: String) -> HostileArchive {
        .hostile("a database with \(name)", says) { try $0.changeDatabase(sql) }
    }

    static func damagedSQL(_ name: String, _ says: String, _ sql: String) -> HostileArchive {
        .damaged("a database with \(name)", says) { try $0.changeDatabase(sql) }
    }

    static let all: [HostileArchive] = names + sizes + manifests + frames + databases + segments

    private static let names: [HostileArchive] = [
        .member("/etc/passwd", "absolute"),
        .member("/vectors-1-0.seg", "absolute"),
        .member("../vectors-1-0.seg", "leads out"),
        .member("..", "leads out"),
        .member("x/../../vectors-1-0.seg", "leads out"),
        .member("sub/vectors-1-0.seg", "leads out"),
        .member("..\\vectors-1-0.seg", "leads out"),
        .member("vectors-01-0.seg", "unexpected"),
        .member("vectors-1--0.seg", "unexpected"),
        .member("vectors-4294967296-0.seg", "unexpected"),
        .member("vectors-1-0.seg.", "unexpected"),
        .member("vectors-1-0.base", "unexpected"),
        .member("lodestone.db-wal", "unexpected"),
        .member("lock", "unexpected"),
        .member(".", "unexpected"),
        .member("", "unexpected"),
        .member("a b", "none of a member"),
        .hostile("the database twice", "occurs twice") { $0.members.append($0.members[0]) },
        .hostile("a segment twice", "occurs twice") { $0.members.append($0.members[1]) },
        .hostile("a segment that the database doesn't name", "unexpected") { archive in
            archive.members.append(archive.members[1])
            archive.members[2].name = "vectors-1-1.seg"
        },
        .hostile("a segment of another collection", "where the database names") { archive in
            archive.members[1].name = "vectors-2-0.seg"
        },
        .hostile("no segment", "is missing") { $0.members.removeLast() },
        .hostile("no member", "lacks a line") { $0.members = [] },
        .hostile("no database", "first member is not") { $0.members.removeFirst() },
        .hostile("the database last", "first member is not") { $0.members.reverse() },
    ]

    private static let sizes: [HostileArchive] = [
        .size("0", "has the size '0'"),
        .size("-1", "has the size '-1'"),
        .size("+5", "has the size '+5'"),
        .size("007", "has the size '007'"),
        .size("1e3", "has the size '1e3'"),
        .size("18446744073709551616", "has the size"),
        .size("9223372036854775807", "the free space"),
        .size("1000", "holds more than the 1000 bytes"),
        .hostile("sizes that overflow together", "larger than any disk") { archive in
            archive.members.append(archive.members[1])
            archive.members[2].name = "vectors-1-1.seg"
            for index in 0..<3 { archive.members[index].size = "9223372036854775807" }
        },
        .hostile("a member that is smaller than it says", "; the manifest says") { archive in
            archive.members[0].size = "\(archive.members[0].content.count + 1)"
        },
        .hostile("a bomb", "holds more than") { archive in
            archive.members[0].frame = TestArchive.compressed(
                [UInt8](repeating: 0, count: 64 << 20)
            )
        },
    ]

    private static let manifests: [HostileArchive] = [
        .damaged("another beginning", "does not begin as a snapshot does") { $0.magic = 1 },
        .damaged("another title", "does not begin as a snapshot does") { $0.title = "tar" },
        .hostile("a manifest of 4 GiB", "the limit is 4194304") { $0.manifestSize = .max },
        .damaged("a manifest that is longer than the file", "ends within its manifest") {
            $0.manifestSize = 1 << 20
        },
        .damaged("an empty manifest", "not text") { $0.manifest = [] },
        .damaged("a manifest with a NUL", "not text") { $0.created += "\0" },
        .damaged("a manifest with CR LF", "not text") { $0.created += "\r" },
        .damaged("a manifest without its last newline", "not text") { archive in
            archive.manifest = Array("lodestone-snapshot 1\nmanifest".utf8)
        },
        .damaged("a wrong sum of the manifest", "manifest fails its checksum") {
            $0.manifestSum = String(repeating: "0", count: 64)
        },
        .hostile("no sequence number", "lacks a line") { $0.sequence = "" },
        .hostile("a negative sequence number", "lacks a line") {
            $0.sequence = "sequence-number -3"
        },
        .hostile("a padded sequence number", "lacks a line") { $0.sequence = "sequence-number 03" },
        .hostile("another sequence number", "ends at sequence number 3") {
            $0.sequence = "sequence-number 4"
        },
        .hostile("a time beyond all times", "lacks a line") {
            $0.created = "created-microseconds 18446744073709551615"
        },
        .hostile("a line of another kind", "none of a member") { $0.moreLines = ["symlink a b c"] },
        .hostile("an empty line", "none of a member") { $0.moreLines = [""] },
        .hostile("a sum in capitals", "has no SHA-256 sum") { archive in
            archive.members[0].sum = String(repeating: "A", count: 64)
        },
        .hostile("half a sum", "has no SHA-256 sum") { archive in
            archive.members[0].sum = String(repeating: "a", count: 32)
        },
        .damaged("a wrong sum of a member", "fails its checksum") { archive in
            archive.members[1].sum = String(repeating: "a", count: 64)
        },
        HostileArchive(
            name: "a format of a later release",
            code: .failedPrecondition,
            says: "format '2'"
        ) { $0.title = "lodestone-snapshot 2" },
    ]

    private static let frames: [HostileArchive] = [
        .hostile("bytes after the end", "bytes follow") { $0.trailing = [0] },
        .hostile("another frame after the end", "bytes follow") { archive in
            archive.trailing = TestArchive.compressed([1, 2, 3])
        },
        .hostile("a skippable frame for a member", "holds 0 bytes") { archive in
            archive.members[0].frame = TestArchive.bytes(0x184d_2a53) + TestArchive.bytes(0)
        },
        .damaged("no frame for a member", "can't be decompressed") { archive in
            archive.members[0].frame = Array("not compressed at all".utf8)
        },
        .damaged("a frame with a window of 128 MiB", "can't be decompressed") { archive in
            archive.members[0].frame = TestArchive.compressed(
                archive.members[0].content,
                windowLog: 27
            )
        },
        .hostile("two frames for a member", "holds 1 bytes") { archive in
            let content = archive.members[0].content
            archive.members[0].frame =
                TestArchive.compressed([content[0]])
                + TestArchive.compressed(Array(content.dropFirst()))
        },
    ]

    private static let databases: [HostileArchive] = [
        .damaged("a database that is none", "SQLite says") { archive in
            archive.members[0].content = [UInt8](repeating: 0x5a, count: 16_384)
        },
        .damaged("a database with a page of nothing", "SQLite says") { archive in
            let page = try #require(archive.page(with: "the text of a"))
            for offset in page { archive.members[0].content[offset] = 0 }
        },
        .damaged("a database with one page in place of another", "SQLite says") { archive in
            let page = try #require(archive.page(with: "the text of a"))
            let schema = archive.members[0].content[0..<page.count]
            archive.members[0].content.replaceSubrange(page, with: schema)
        },
        .damaged("a database that lacks its last page", "SQLite says") { archive in
            archive.members[0].content.removeLast(8_192)
        },
        .damagedSQL("another application's mark", "not a Lodestone", "PRAGMA application_id = 1"),
        .damagedSQL("a later format", "format 99", "PRAGMA user_version = 99"),
        .sql(
            "a trigger",
            "has the trigger 'evil'",
            "CREATE TRIGGER evil AFTER INSERT ON log BEGIN DELETE FROM requests; END"
        ),
        .sql("a view", "has the view 'evil'", "CREATE VIEW evil AS SELECT * FROM log"),
        .sql("another table", "has the table 'evil'", "CREATE TABLE evil(a)"),
        .sql("another index", "has the index 'evil'", "CREATE INDEX evil ON log(kind)"),
        .sql(
            "a view in a table's place",
            "has the view 'requests'",
            "DROP TABLE requests; CREATE VIEW requests AS SELECT 1 AS id"
        ),
        .sql(
            "a column with a default",
            "has the table 'docs_1'",
            """
            UPDATE sqlite_schema SET sql = replace(sql, 'sum INTEGER NOT NULL',
                'sum INTEGER NOT NULL DEFAULT 7') WHERE name = 'docs_1'
            """
        ),
        .damagedSQL(
            "a generated column",
            "SQLite says",
            """
            UPDATE sqlite_schema SET sql = replace(sql, 'sum INTEGER NOT NULL',
                'sum INTEGER NOT NULL, x AS (load_extension(''x''))') WHERE name = 'docs_1'
            """
        ),
        .sql("no log index", "lacks the index", "DROP INDEX log_by_collection"),
        .sql(
            "another virtual table",
            "has the table 'text_9",
            "CREATE VIRTUAL TABLE text_9 USING fts5(text)"
        ),
        .sql(
            "a collection without tables",
            "other collections",
            // Rows of earlier releases have no checksum.
            "UPDATE collections SET number = 7,"
                + " options = substr(options, 1, length(options) - 4)"
        ),
        .sql("no collection", "other collections", "DELETE FROM collections"),
        .damagedSQL("a changed text", "fails its checksum", "UPDATE docs_1 SET text = x'00'"),
        .damagedSQL("a moved row", "Row 9 of", "UPDATE docs_1 SET row = 9 WHERE row = 4"),
        .damagedSQL("a row less", "is missing", "DELETE FROM docs_1 WHERE row = 2"),
        .damagedSQL(
            "a changed log",
            "fails its checksum",
            "UPDATE log SET row_count = 9 WHERE seq = 2"
        ),
        .damagedSQL(
            "a gap in the log",
            "goes from batch 1 to batch 3",
            "DELETE FROM log WHERE seq = 2"
        ),
        .damagedSQL(
            "other words",
            "are not those of its text",
            "INSERT INTO text_1(text_1, rowid, text) VALUES('delete', 0, 'the text of a')"
        ),
        .sql(
            "vectors beyond the segment",
            "where the database names",
            "UPDATE log SET offset = 4096 WHERE seq = 2"
        ),
        .damagedSQL(
            "vectors before the segment",
            "names 3 vectors at 0",
            "UPDATE log SET offset = 0 WHERE seq = 2"
        ),
        .damagedSQL(
            "more vectors than can be",
            "names 9223372036854775807 vectors",
            "UPDATE log SET vector_count = 9223372036854775807 WHERE seq = 2"
        ),
        .damagedSQL(
            "vectors over vectors",
            "lies over another",
            "UPDATE log SET offset = 64 WHERE seq = 3"
        ),
    ]

    private static let segments: [HostileArchive] = [
        .damaged("a changed vector", "fail their checksum") { $0.members[1].content[70] ^= 1 },
        .damaged("another header", "its header is not") { $0.members[1].content[16] ^= 1 },
        .hostile("a segment that is too long", "where the database names") { archive in
            archive.members[1].content += [0, 0, 0, 0]
        },
        .hostile("a segment that is too short", "where the database names") { archive in
            archive.members[1].content.removeLast(4)
        },
    ]
}

@Suite("Untrusted archive")
struct HostileArchiveTests {
    private let directory: TemporaryDirectory
    private let good: TestArchive

    init() throws {
        directory = try TemporaryDirectory()
        good = try TestArchive.good(in: directory)
    }

    private func write(_ bytes: [UInt8]) throws -> String {
        let path = directory.path + "/archive.lodestone"
        // The file is new each time, because an overwrite of an old one waits for the disk.
        unlink(path)
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        return path
    }

    private func restore(_ path: String) throws(LodestoneError) -> SnapshotDescription {
        try SnapshotArchive.restore(
            path,
            to: directory.path + "/restored",
            analysis: FTS5Analysis(),
            context: CallContext()
        )
    }

    @Test("A valid archive of another program is restored")
    func control() throws {
        let restored = try restore(try write(good.bytes))
        #expect(restored.sequenceNumber == 3 && restored.createdAt == 1_763_730_000_000_000)
        let store = try SQLiteStore(
            directory: directory.path + "/restored",
            durability: .full,
            analysis: FTS5Analysis()
        )
        let reader = try store.beginRead(context: nil)
        defer { reader.end() }
        var ids: [DocumentID] = []
        try reader.forEachRow(of: 1, after: nil) { row in
            ids.append(row.id)
            return true
        }
        #expect(ids == ["a", "c", "d", "b"])
        var vectors: [Int] = []
        try reader.forEachChange(after: 0, of: 1) { change in
            if case .rows(let rows) = change.kind, let run = rows.vectors {
                vectors.append(run.count)
            }
        }
        #expect(vectors == [3, 2])
    }

    @Test("An invalid archive is refused and leaves no files behind", arguments: HostileArchive.all)
    func refused(hostile: HostileArchive) throws {
        var archive = good
        try hostile.change(&archive)
        let path = try write(archive.bytes)
        let error = #expect(throws: LodestoneError.self) { try restore(path) }
        #expect(error?.code == hostile.code, "\(String(describing: error))")
        #expect(error?.message.contains(hostile.says) == true, "\(String(describing: error))")
        #expect(error?.recovery.isEmpty == false && error?.object == path)
        let names = try FileManager.default.contentsOfDirectory(atPath: directory.path).sorted()
        #expect(names == ["archive.lodestone", "store"])
        // A verification fills no disk, so the free space does not matter to it.
        guard !hostile.says.contains("free space") else { return }
        let checked = #expect(throws: LodestoneError.self) {
            try SnapshotArchive.verify(path, analysis: FTS5Analysis(), context: CallContext())
        }
        #expect(checked == error)
    }

    @Test("At least fifty distinct invalid archives are tested")
    func fifty() {
        #expect(HostileArchive.all.count >= 50)
        #expect(Set(HostileArchive.all.map(\.name)).count == HostileArchive.all.count)
    }

    @Test(
        "An archive that is no regular file is refused",
        arguments: ["directory", "pipe", "missing"]
    )
    func notAFile(kind: String) throws {
        let path = directory.path + "/" + kind
        if kind == "directory" {
            try FileManager.default.createDirectory(
                atPath: path,
                withIntermediateDirectories: false
            )
        }
        if kind == "pipe" { try #require(mkfifo(path, 0o600) == 0) }
        let error = #expect(throws: LodestoneError.self) { try restore(path) }
        #expect(error?.code == (kind == "missing" ? .notFound : .invalidArgument))
    }

    @Test("An archive over the size limit is refused")
    func limit() throws {
        let path = try write(good.bytes)
        let error = #expect(throws: LodestoneError.self) {
            try SnapshotArchive.verify(
                path,
                analysis: FTS5Analysis(),
                maxBytes: 10_000,
                context: CallContext()
            )
        }
        #expect(error?.message.contains("10000") == true)
    }

    @Test("One archive is verified by several threads at once")
    func concurrent() throws {
        let path = try write(good.bytes)
        let failures = Mutex<[String]>([])
        DispatchQueue.concurrentPerform(iterations: 100) { _ in
            do {
                _ = try SnapshotArchive.verify(
                    path,
                    analysis: FTS5Analysis(),
                    context: CallContext()
                )
            } catch {
                failures.withLock { $0.append("\(error)") }
            }
        }
        #expect(failures.withLock { $0 } == [])
    }

    @Test("An archive truncated at any byte is refused")
    func cut() throws {
        let bytes = good.bytes
        for count in bytes.indices {
            let path = try write(Array(bytes[..<count]))
            let error = #expect(throws: LodestoneError.self, "\(count) bytes") {
                try SnapshotArchive.verify(path, analysis: FTS5Analysis(), context: CallContext())
            }
            #expect(error?.code == .dataLoss, "\(count) bytes: \(String(describing: error))")
        }
    }

    @Test("An archive with a flipped bit is refused or has its original contents")
    func flipped() throws {
        let bytes = good.bytes
        let whole = try SnapshotArchive.verify(
            try write(bytes),
            analysis: FTS5Analysis(),
            context: CallContext()
        )
        for offset in bytes.indices {
            var flipped = bytes
            flipped[offset] ^= 1 << (offset % 8)
            let path = try write(flipped)
            do throws(LodestoneError) {
                // Zstandard's frame header has bits that no decoder reads.
                #expect(
                    try SnapshotArchive.verify(
                        path,
                        analysis: FTS5Analysis(),
                        context: CallContext()
                    ) == whole
                )
            } catch {
                #expect([.dataLoss, .invalidArgument, .failedPrecondition].contains(error.code))
            }
        }
    }
}
