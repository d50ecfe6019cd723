// SPDX-License-Identifier: Apache-2.0
import CSQLite
import LodestoneCore
import LodestoneEngine
import LodestoneStorage
import LodestoneText
import TestSupport
import Testing

/// Stores that seem to have been written by another analysis.
///
/// Each collection was written in another language and is then marked with its own. So its base and
/// its tables have stems that no query looks for.
@Suite("Store of another text analysis")
struct AnalysisChangeTests {
    private let store: TestStore

    init() throws {
        store = try TestStore()
    }

    /// Per language, a word of a text and another form of the word, which finds it only in that
    /// language.
    private static let words: [(language: TextLanguage, text: String, queryText: String)] = [
        (.english, "running", "runs"), (.arabic, "المدرسات", "المدرس"),
        (.armenian, "աշխատում", "աշխատել"), (.basque, "mendiak", "mendian"),
        (.catalan, "cantant", "cantar"), (.danish, "huset", "husene"),
        (.dutch, "mogelijkheden", "mogelijkheid"), (.finnish, "taloissa", "talossa"),
        (.french, "mangées", "manger"), (.german, "häuser", "häusern"),
        (.greek, "θάλασσες", "θάλασσα"), (.hindi, "किताबें", "किताबों"),
        (.hungarian, "házak", "házban"), (.indonesian, "bukunya", "bukulah"),
        (.irish, "bhfear", "fear"), (.italian, "mangiare", "mangiavano"),
        (.lithuanian, "knygos", "knyga"), (.nepali, "केटाहरू", "केटालाई"),
        (.norwegian, "husene", "huset"), (.portuguese, "livros", "livro"),
        (.romanian, "informația", "informațiile"), (.russian, "книгами", "книга"),
        (.serbian, "knjigama", "knjiga"), (.spanish, "habitaciones", "habitación"),
        (.swedish, "flickorna", "flickor"), (.tamil, "புத்தகங்கள்", "புத்தகம்"),
        (.turkish, "kitaplarda", "kitaplar"), (.yiddish, "קינדער", "קינד"),
    ]

    private static func name(_ language: TextLanguage, _ strategy: TextIndexStrategy) -> String {
        "\(language)-\(strategy == .fts5 ? "fts5" : "postings")"
    }

    private static func names(_ strategy: TextIndexStrategy) -> [String] {
        (words.map(\.language) + [.none]).map { name($0, strategy) }.sorted()
    }

    private func create(_ engine: Engine, others: Bool) async throws {
        for language in Self.words.map(\.language) + [TextLanguage.none] {
            for strategy in [TextIndexStrategy.postings, .fts5] {
                let other: TextLanguage = language == .none ? .english : .none
                try await engine.createCollection(
                    Self.name(language, strategy),
                    CollectionOptions(
                        dimension: 0,
                        textStrategy: strategy,
                        text: TextOptions(language: others ? other : language)
                    )
                )
            }
        }
    }

    private func execute(_ sql: String) throws {
        var handle: OpaquePointer?
        #expect(sqlite3_open(store.path + "/lodestone.db", &handle) == SQLITE_OK)
        defer { sqlite3_close(handle) }
        var message: UnsafeMutablePointer<CChar>?
        let result = sqlite3_exec(handle, sql, nil, nil, &message)
        #expect(result == SQLITE_OK, "\(message.map { String(cString: $0) } ?? "")")
        sqlite3_free(message)
    }

    /// Writes the store.
    ///
    /// `fingerprint` is the store's record of the analysis of FTS5's words. With `nil` the store
    /// says that they are those of this release, so only the bases tell the difference.
    private func write(fingerprint: Int64? = 1) async throws {
        let engine = try store.open()
        try await create(engine, others: true)
        for (language, text, queryText) in Self.words + [(.none, "running", "runs")] {
            for strategy in [TextIndexStrategy.postings, .fts5] {
                let name = Self.name(language, strategy)
                _ = try await engine.index(
                    name,
                    [
                        Document(id: "hit", text: [TextField(name: "t", text: "x \(text) y")]),
                        Document(id: "other", text: [TextField(name: "t", text: "x y z")]),
                    ]
                )
                try await engine.compact(name)
                let found = try await engine.search(name, Query([.matching(queryText)]))
                #expect(found.isEmpty == (language != .none), "\(name) before")
            }
        }
        engine.close()
        let own = try store.open(copy: "own")
        try await create(own, others: false)
        own.close()
        let path = store.path.dropLast("store".count) + "own/lodestone.db"
        try execute(
            """
            ATTACH '\(path)' AS own;
            UPDATE collections SET options =
                (SELECT options FROM own.collections AS o WHERE o.number = collections.number
                    AND o.name = collections.name);
            \(fingerprint.map { "UPDATE meta SET value = \($0) WHERE key = 'analysis';" } ?? "")
            """
        )
    }

    /// Expects that each of the two forms finds the text with the other one.
    private func expectResults(
        _ engine: Engine,
        _ strategies: [TextIndexStrategy] = [.postings, .fts5],
        _ location: SourceLocation = #_sourceLocation
    ) async throws {
        for (language, text, queryText) in Self.words {
            for name in strategies.map({ Self.name(language, $0) }) {
                for query in [
                    Source.matching(queryText), .matching(text),
                    .matching(queryText, mode: .querySyntax),
                    .matching("t:\"x \(queryText)\"", mode: .querySyntax),
                    .matching(String(text.prefix(3)) + "*", mode: .querySyntax),
                ] {
                    let ids = try await engine.search(name, Query([query])).map(\.id)
                    #expect(ids == ["hit"], "\(name) \(query)", sourceLocation: location)
                }
            }
        }
        for name in strategies.map({ Self.name(.none, $0) }) {
            for (queryText, ids) in [("running", ["hit"]), ("runs", [])] as [(String, [DocumentID])]
            {
                let found = try await engine.search(name, Query([.matching(queryText)])).map(\.id)
                #expect(found == ids, "\(name) \(queryText)", sourceLocation: location)
            }
        }
    }

    @Test(
        "A store of another text analysis is reanalyzed once, with right results in all languages"
    )
    func remade() async throws {
        try await write()
        var engine = try store.open()
        #expect(engine.remadeWords == (Self.names(.postings) + Self.names(.fts5)).sorted())
        try await expectResults(engine)
        for name in Self.names(.postings) { try await engine.compact(name) }
        try await expectResults(engine)
        engine.close()
        engine = try store.open()
        #expect(engine.remadeWords == [])
        try await expectResults(engine)
        #expect(try await engine.verify().isClean)
        engine.close()
    }

    @Test("A base of another text analysis is reanalyzed even when the store records no change")
    func basesAlone() async throws {
        try await write(fingerprint: nil)
        // The lock prevents a new base meanwhile.
        let lock = try HeldLock(store.path + "/compaction.lock")
        for _ in 0..<2 {
            // Words that were made again are lost when the process ends, until a base has them.
            let engine = try store.open()
            #expect(engine.remadeWords == Self.names(.postings))
            try await expectResults(engine, [.postings])
            engine.close()
        }
        lock.release()
        var engine = try store.open()
        #expect(engine.remadeWords == Self.names(.postings))
        for name in Self.names(.postings) { try await engine.compact(name) }
        engine.close()
        engine = try store.open()
        #expect(engine.remadeWords == [])
        try await expectResults(engine, [.postings])
        engine.close()
    }

    @Test("An interrupted reanalysis continues with all words of a collection or none")
    func interrupted() async throws {
        try await write()
        // The words of a collection in the middle can't be removed, because the table is a view.
        try execute("DROP TABLE forms_30; CREATE VIEW forms_30 AS SELECT 1 AS form")
        #expect(throws: LodestoneError.self) { try store.open() }
        try execute(
            """
            DROP VIEW forms_30;
            CREATE VIRTUAL TABLE forms_30 USING fts5(form, content='', tokenize='ascii')
            """
        )
        // A process with the same analysis as the writer finds all words.
        let writer = try SQLiteStore(
            directory: store.path,
            durability: .relaxed,
            analysis: FTS5Analysis(fingerprint: 1)
        )
        #expect(writer.remadeWords == [])
        writer.close()
        let engine = try store.open()
        #expect(engine.remadeWords == (Self.names(.postings) + Self.names(.fts5)).sorted())
        try await expectResults(engine)
        engine.close()
    }

    @Test("A store of another text analysis is refused while another process has it open")
    func refused() async throws {
        try await write()
        let other = try SQLiteStore(
            directory: store.path,
            durability: .relaxed,
            analysis: FTS5Analysis(fingerprint: 1)
        )
        let error = #expect(throws: LodestoneError.self) { try store.open() }
        #expect(error?.code == .failedPrecondition && error?.reason == .analysisDiffers)
        #expect(error?.message.contains(store.path) == true)
        other.close()
        let engine = try store.open()
        try await expectResults(engine)
        let refusal = #expect(throws: LodestoneError.self) {
            try SQLiteStore(
                directory: store.path,
                durability: .relaxed,
                analysis: FTS5Analysis(fingerprint: 1)
            )
        }
        #expect(refusal?.reason == .analysisDiffers)
        engine.close()
    }

    @Test("A restored snapshot of another text analysis returns right results in all languages")
    func snapshot() async throws {
        try await write()
        let writer = try SQLiteStore(
            directory: store.path,
            durability: .relaxed,
            analysis: FTS5Analysis(fingerprint: 1)
        )
        _ = try writer.createSnapshot("copy", context: CallContext())
        writer.close()
        try store.restore("copy")
        let engine = try store.open(copy: "copy")
        #expect(engine.remadeWords == Self.names(.fts5))
        try await expectResults(engine)
        engine.close()
    }
}
