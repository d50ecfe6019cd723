// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneCore
import LodestoneStructures
import LodestoneText
import LodestoneStorage
import TestSupport
import Testing

/// The formats of earlier releases, made from a store of this release.
private enum EarlierFormat: Int, CaseIterable {
    /// The format has no bases.
    case one = 1
    /// The table of rows has other blanks, and there are fewer options.
    case two = 2
    /// FTS5 itself cut and stemmed words.
    case three = 3
    /// The store does not record the analysis of its words.
    case four = 4
    /// The log has all rows after the first that some base lacked.
    case five = 5
    /// Rows have all their edges.
    case six = 6

    var sql: String {
        if self == .five || self == .six { return "PRAGMA user_version = \(rawValue);" }
        if self == .four {
            return "DELETE FROM meta WHERE key = 'analysis'; PRAGMA user_version = 4;"
        }
        var sql = """
            DROP TABLE text_1; DROP TABLE forms_1;
            CREATE VIRTUAL TABLE text_1 USING fts5(
                text, content='', tokenize='porter unicode61');
            INSERT INTO text_1(rowid, text) VALUES(0, 'the text of a'), (2, 'the text of c'),
                (3, 'the text of d'), (4, 'the text of b');
            DELETE FROM meta WHERE key = 'analysis';
            PRAGMA user_version = \(rawValue);
            """
        if self != .three {
            sql += """
                ALTER TABLE docs_1 RENAME TO later;
                CREATE TABLE docs_1(
                    row INTEGER PRIMARY KEY, id BLOB NOT NULL, text BLOB NOT NULL, metadata BLOB NOT NULL,
                    edges BLOB NOT NULL, sum INTEGER NOT NULL);
                INSERT INTO docs_1 SELECT * FROM later;
                DROP TABLE later;
                UPDATE collections SET options = x'02000000';
                """
        }
        if self == .one {
            sql += "DROP TABLE bases; DELETE FROM meta WHERE key = 'next_collection';"
        }
        return sql
    }
}

@Suite("Snapshot of an earlier release")
struct EarlierSnapshotTests {
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    private func restore(_ archive: TestArchive, to name: String) throws -> String {
        let file = "\(directory.path)/\(name).lodestone"
        try Data(archive.bytes).write(to: URL(fileURLWithPath: file))
        _ = try SnapshotArchive.verify(file, analysis: FTS5Analysis(), context: CallContext())
        let target = "\(directory.path)/\(name)"
        _ = try SnapshotArchive.restore(
            file,
            to: target,
            analysis: FTS5Analysis(),
            context: CallContext()
        )
        return target
    }

    private func check(_ store: SQLiteStore) throws {
        let reader = try store.beginRead(context: nil)
        defer { reader.end() }
        let record = try #require(try reader.collections().first)
        #expect(record.options == CollectionOptions(dimension: 2, textStrategy: .fts5))
        #expect(try (0..<5).map { try reader.row($0, of: 1)?.id } == ["a", nil, "c", "d", "b"])
        let queries: [(words: [String], expected: [RowID])] = [
            (["texts"], [0, 2, 3, 4]), (["of", "d"], [3]), (["b"], [4]),
        ]
        for (words, expected) in queries {
            var rows: [RowID] = []
            let expression = FTS5Expression.render(.phrase(words), TextAnalyzer(TextOptions()))
            try reader.words(of: 1, among: nil).forEachMatch(of: expression) {
                (row, _) throws(LodestoneError) in
                rows.append(row)
                return true
            }
            #expect(rows.sorted() == expected, "\(words)")
        }
        var forms: [String] = []
        try reader.words(of: 1, among: nil).forEachForm(from: []) { form in
            forms.append(String(decoding: form, as: UTF8.self))
            return true
        }
        #expect(forms == ["a", "b", "c", "d", "of", "text", "the"])
        var report = VerifyReport(sequenceNumber: 3)
        try reader.verify(record, &report) { _ in }
        #expect(report.isClean, "\(report.damages)")
    }

    @Test(
        "A snapshot of an earlier release is restored and upgraded when it is opened",
        arguments: EarlierFormat.allCases
    )
    private func restored(format: EarlierFormat) throws {
        var archive = try TestArchive.good(in: directory)
        try archive.changeDatabase(format.sql)
        let target = try restore(archive, to: "copy")
        for turn in 0..<2 {
            let store = try SQLiteStore(
                directory: target,
                durability: .relaxed,
                analysis: FTS5Analysis()
            )
            try check(store)
            // The snapshots after the upgrade must show nothing of the earlier format.
            _ = try store.createSnapshot("again-\(turn)", context: CallContext())
            store.close()
        }
        let bytes = try Data(
            contentsOf: URL(fileURLWithPath: target + "/snapshots/again-1.lodestone")
        )
        let again = try SQLiteStore(
            directory: try restore(TestArchive(Array(bytes)), to: "again"),
            durability: .relaxed,
            analysis: FTS5Analysis()
        )
        try check(again)
        again.close()
    }

    @Test(
        "A snapshot with tables that its release did not have is refused",
        arguments: [
            (
                EarlierFormat.three, "forms_1",
                """
                CREATE VIRTUAL TABLE forms_1 USING fts5(
                    form, content='', columnsize=0, detail=none, tokenize='ascii');
                """
            ), (.six, "edges_1", TestArchive.edges),
        ]
    )
    private func strangers(format: EarlierFormat, name: String, table: String) throws {
        var archive = try TestArchive.good(in: directory)
        try archive.changeDatabase(format.sql + table)
        let error = #expect(throws: LodestoneError.self) { try restore(archive, to: "copy") }
        #expect(error?.code == .invalidArgument)
        #expect(error?.message.contains("'\(name)'") == true, "\(error?.message ?? "")")
    }
}
