// SPDX-License-Identifier: Apache-2.0
import CSQLite
import LodestoneCore
import LodestoneStorage
import LodestoneText
import TestSupport
import Testing

@Suite("Text analysis of a store")
struct StoreAnalysisTests {
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    private func open(_ fingerprint: UInt64 = AnalysisFingerprint.all) throws(LodestoneError)
        -> SQLiteStore
    {
        try SQLiteStore(
            directory: directory.path,
            durability: .relaxed,
            analysis: FTS5Analysis(fingerprint: fingerprint)
        )
    }

    /// Writes a collection with one document, whose words the store keeps.
    private func fill(_ store: SQLiteStore) throws {
        let record = CollectionRecord(
            number: 1,
            name: "notes",
            options: CollectionOptions(dimension: 0, textStrategy: .fts5)
        )
        let document = Document(id: "a", text: [TextField(name: "", text: "running dogs")])
        let rows = RowChange(
            collection: 1,
            dimension: 0,
            words: WordChange(for: [document]),
            firstRow: 0,
            rows: [EncodedRow(document)],
            vectors: [],
            vectorChecksum: 0,
            removed: [],
            edgeChanges: []
        )
        _ = try store.commit(
            [.createCollection(record), .rows(rows)].map {
                StoredBatch(change: $0, requestID: nil, fingerprint: 0)
            }
        )
    }

    private func found(_ word: String, in store: SQLiteStore) throws -> Int {
        let reader = try store.beginRead(context: nil)
        defer { reader.end() }
        var count = 0
        let expression = FTS5Expression.render(.word(word), TextAnalyzer(TextOptions()))
        try reader.words(of: 1, among: nil).forEachMatch(of: expression) {
            (_, _) throws(LodestoneError) in
            count += 1
            return true
        }
        return count
    }

    private func execute(_ sql: String) throws {
        var handle: OpaquePointer?
        #expect(sqlite3_open(directory.path + "/lodestone.db", &handle) == SQLITE_OK)
        defer { sqlite3_close(handle) }
        #expect(sqlite3_exec(handle, sql, nil, nil, nil) == SQLITE_OK)
    }

    @Test("A store with words of another analysis is reanalyzed once at the next open")
    func remade() throws {
        let first = try open(1)
        try fill(first)
        #expect(first.remadeWords.isEmpty)
        first.close()
        // The words and the fingerprint are those of the other analysis.
        try execute(
            """
            DROP TABLE text_1; DROP TABLE forms_1;
            CREATE VIRTUAL TABLE text_1 USING fts5(text, content='', tokenize='ascii');
            CREATE VIRTUAL TABLE forms_1 USING fts5(
                form, content='', columnsize=0, detail=none, tokenize='ascii');
            INSERT INTO text_1(rowid, text) VALUES(0, 'runn dogz');
            """
        )
        let second = try open()
        #expect(second.remadeWords == ["notes"])
        #expect(try found("runs", in: second) == 1)
        #expect(try found("dog", in: second) == 1)
        second.close()
        let third = try open()
        #expect(third.remadeWords.isEmpty)
        #expect(try found("dogs", in: third) == 1)
        third.close()
    }

    @Test("A store of a format without an analysis fingerprint is reanalyzed")
    func earlierFormat() throws {
        let first = try open()
        try fill(first)
        first.close()
        try execute("PRAGMA user_version = 4")
        let second = try open()
        #expect(second.remadeWords == ["notes"])
        #expect(try found("dogs", in: second) == 1)
        second.close()
    }

    @Test("A store of an earlier format is not upgraded while another process has it open")
    func upgradeOfSharedStore() throws {
        let first = try open()
        try fill(first)
        try execute("PRAGMA user_version = 5")
        let error = #expect(throws: LodestoneError.self) { try open() }
        #expect(error?.code == .failedPrecondition && error?.reason == .earlierReleaseOpen)
        // The store was not upgraded, and the process that has it open still works.
        #expect(try found("dogs", in: first) == 1)
        #expect(throws: LodestoneError.self) { try open() }
        first.close()
        let upgraded = try open()
        // The lock is shared again.
        let another = try open()
        another.close()
        upgraded.close()
    }

    @Test("A store of another analysis is refused while another process has it open")
    func refused() throws {
        let first = try open()
        try fill(first)
        let same = try open()
        let error = #expect(throws: LodestoneError.self) { try open(7) }
        #expect(error?.code == .failedPrecondition && error?.reason == .analysisDiffers)
        #expect(error?.message.contains("libstemmer") == true)
        #expect(try found("dogs", in: first) == 1)
        first.close()
        #expect(throws: LodestoneError.self) { try open(7) }
        same.close()
        let other = try open(7)
        #expect(other.remadeWords == ["notes"])
        #expect(throws: LodestoneError.self) { try open() }
        other.close()
    }

    @Test("Analysis fingerprints differ between languages")
    func fingerprints() {
        let all = TextLanguage.allCases.map { AnalysisFingerprint.of($0) }
        #expect(Set(all).count == all.count)
    }
}
