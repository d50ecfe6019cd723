// SPDX-License-Identifier: Apache-2.0
import CSQLite
import Foundation
import LodestoneCore
import LodestoneStructures
import LodestoneText
import LodestoneStorage
import TestSupport
import Testing

@Suite("SQLite store")
struct SQLiteStoreTests {
    let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    func open() throws(LodestoneError) -> SQLiteStore {
        try SQLiteStore(directory: directory.path, durability: .full, analysis: FTS5Analysis())
    }

    func collection() -> StoredBatch {
        StoredBatch(
            change: .createCollection(
                CollectionRecord(
                    number: 1,
                    name: "papers",
                    options: CollectionOptions(
                        dimension: 2,
                        metric: .euclidean,
                        textStrategy: .fts5
                    )
                )
            ),
            requestID: nil,
            fingerprint: 0
        )
    }

    func batch(
        _ documents: [Document],
        firstRow: RowID,
        vectors: [Float] = [],
        checksum: UInt32 = 0,
        removed: [RowID] = [],
        requestID: RequestID? = nil
    ) -> StoredBatch {
        StoredBatch(
            change: .rows(
                RowChange(
                    collection: 1,
                    dimension: 2,
                    words: WordChange(for: documents),
                    firstRow: firstRow,
                    rows: documents.map { EncodedRow($0) },
                    vectors: vectors,
                    vectorChecksum: checksum,
                    removed: removed,
                    edgeChanges: []
                )
            ),
            requestID: requestID,
            fingerprint: 7,
            inserted: documents.count
        )
    }

    func loggedVectors(_ reader: any StoreReader) throws(LodestoneError) -> [VectorRun] {
        var runs: [VectorRun] = []
        try reader.forEachChange(after: 0, of: 1) { (change) throws(LodestoneError) in
            if case .rows(let rows) = change.kind, let run = rows.vectors { runs.append(run) }
        }
        return runs
    }

    let document = Document(
        id: "p1",
        text: [TextField(name: "title", text: "Größe"), TextField(name: "body", text: "a\0b")],
        metadata: [
            "year": 2_020, "score": 0.5, "tags": ["x", 1, true],
            "when": .timestamp(microseconds: -1), "deep": .object(["a": .object(["b": "c"])]),
        ],
        edges: [Edge("cites", to: "p2", weight: -2, metadata: ["page": 3])]
    )

    @Test("A store returns every part of a document as it was written")
    func roundTrip() throws {
        let store = try open()
        _ = try store.commit([collection(), batch([document], firstRow: 0)])
        let reader = try store.beginRead(context: nil)
        defer { reader.end() }
        let row = try #require(try reader.row(0, of: 1))
        #expect(row.id == document.id && row.text == document.text)
        #expect(row.metadata == document.metadata && row.edges == document.edges)
        #expect(reader.sequenceNumber == 2)
        #expect(
            try reader.collections().map(\.options) == [
                CollectionOptions(dimension: 2, metric: .euclidean, textStrategy: .fts5)
            ]
        )
    }

    @Test(
        "A store returns the edges of a document in pages, in the byte order of their names",
        arguments: [64, 2]
    )
    func edgePages(edgesInRow: Int) throws {
        let store = try SQLiteStore(
            directory: directory.path,
            durability: .full,
            analysis: FTS5Analysis(),
            edgesInRow: EdgesInRow(count: edgesInRow)
        )
        let edges = [
            Edge("b", to: "y"), Edge("é", to: "x"), Edge("a", to: "z"), Edge("b", to: "x"),
            Edge("b", to: "y", weight: 2),
        ]
        let (pointing, other) = (Document(id: "p1", edges: edges), Document(id: "p2", edges: edges))
        _ = try store.commit([collection(), batch([pointing, other], firstRow: 0)])
        let reader = try store.beginRead(context: nil)
        defer { reader.end() }
        let check = {
            (
                labels: [String]?,
                position: (String, DocumentID)?,
                limit: Int,
                all: [Edge],
                ends: Bool
            )
            in
            let (page, isLast) = try reader.edges(
                of: 0,
                in: 1,
                labels: labels,
                after: position,
                limit: limit,
                maxBytes: .max
            )
            #expect(page == all)
            #expect(isLast == ends)
        }
        let all = [edges[2], edges[3], edges[4], edges[1]]
        try check(nil, nil, 9, all, true)
        try check(nil, nil, 4, all, true)
        try check(nil, nil, 2, Array(all[..<2]), false)
        try check(nil, ("b", "x"), 2, Array(all[2...]), true)
        try check(["é", "b"], nil, 2, Array(all[1...2]), false)
        try check(["é", "b"], ("a", "z"), 3, Array(all[1...]), true)
        try check(["é", "b"], ("b", "y"), 2, [all[3]], true)
        try check(["b"], nil, 2, Array(all[1...2]), true)
        try check(["c"], nil, 2, [], true)
        let few = { (row: RowID, labels: [String]?) in
            try reader.edges(of: row, in: 1, labels: labels, after: nil, limit: 9, maxBytes: 1)
        }
        #expect(try few(2, nil).edges.isEmpty)
        if edgesInRow == 2 {
            // The edge that reaches this many bytes is the last one.
            #expect(try few(0, nil) == ([all[0]], false))
            #expect(try few(0, ["b", "é"]) == ([all[1]], false))
            #expect(try few(0, ["é"]) == ([all[3]], true))
        }
        let counts = try reader.edgeCounts(of: try #require(try reader.row(1, of: 1)), in: 1)
        // A row keeps an edge twice that was sent twice.
        #expect(counts.edges == (edgesInRow == 2 ? 4 : 5))
        #expect(counts.nameBytes == (edgesInRow == 2 ? 9 : 11))
    }

    @Test("A reopened store has every commit with its vectors and continues its numbers")
    func reopens() throws {
        // The CRC-32C of the eight bytes of [1, 2], computed without the store.
        let checksum = crc32c([1, 2])
        let id = RequestID.random()
        do {
            let store = try open()
            _ = try store.commit([collection()])
            _ = try store.commit([
                batch([document], firstRow: 0, vectors: [1, 2], checksum: checksum, requestID: id)
            ])
            store.close()
        }
        let store = try open()
        let reader = try store.beginRead(context: nil)
        let run = try #require(try loggedVectors(reader).first)
        #expect([run.base[0], run.base[1]] == [1, 2] && run.count == 1 && run.firstRow == 0)
        #expect(try reader.nextRow(of: 1) == 1)
        #expect(try reader.lastSequenceNumber(of: 1) == 2)
        reader.end()
        let receipt = try #require(try store.receipt(of: id))
        #expect(receipt.fingerprint == 7 && receipt.receipt.inserted == 1)
        let committed = try store.commit([batch([], firstRow: 1, removed: [0])])
        #expect(committed.map(\.sequenceNumber) == [3])
    }

    @Test("Two openers of a store see each other's commits in one log")
    func shares() throws {
        let (first, second) = (try open(), try open())
        _ = try first.exclusively { _ throws(LodestoneError) in
            defer { first.publish(1) }
            return try first.commit([collection()])
        }
        #expect(second.sharedSequenceNumber == 1)
        let committed = try second.exclusively { last throws(LodestoneError) in
            #expect(last == 1)
            return try second.commit([batch([document], firstRow: 0)])
        }
        #expect(committed.map(\.sequenceNumber) == [2])
        // The second batch is not published, as when its process has ended; the next writer notices
        // it.
        #expect(first.sharedSequenceNumber == 1)
        try first.exclusively { last in #expect(last == 2) }
        let reader = try first.beginRead(context: nil)
        defer { reader.end() }
        #expect(try reader.row(0, of: 1)?.id == "p1")
    }

    @Test("A store of a newer format is refused with its format")
    func refusesNewerFormat() throws {
        try open().close()
        try execute("PRAGMA user_version = 99")
        let error = #expect(throws: LodestoneError.self) { try open() }
        #expect(error?.reason == .formatTooNew)
        #expect(error?.message.contains("99") ?? false)
    }

    @Test("A store upgraded by a newer release is shut to a process that has it open")
    func shutsOut() throws {
        let store = try open()
        _ = try store.commit([collection()])
        try execute("PRAGMA user_version = 99")
        let write = #expect(throws: LodestoneError.self) { try store.exclusively { _ in } }
        #expect(write?.reason == .formatTooNew)
        let reader = try store.beginRead(context: nil)
        defer { reader.end() }
        let read = #expect(throws: LodestoneError.self) {
            try reader.forEachChange(after: 0, of: nil) { _ in }
        }
        #expect(read?.reason == .formatTooNew)
    }

    @Test("A store of format 2 is upgraded, with quantization by default")
    func upgrades() throws {
        do {
            let store = try open()
            _ = try store.commit([collection(), batch([document], firstRow: 0)])
            store.close()
        }
        // The bytes are dimension 2, cosine, fts5, hnsw with m 16, efConstruction 200, efSearch 64.
        try execute("UPDATE collections SET options = x'0200000210C80140'")
        // FTS5 itself cuts the words.
        try execute(
            """
            DROP TABLE text_1; DROP TABLE forms_1;
            CREATE VIRTUAL TABLE text_1 USING fts5(text, content='', tokenize='porter unicode61');
            INSERT INTO text_1(rowid, text) VALUES(0, 'Größe a b');
            PRAGMA user_version = 2;
            """
        )
        for _ in 0..<2 {
            let store = try open()
            let reader = try store.beginRead(context: nil)
            #expect(
                try reader.collections().map(\.options) == [
                    CollectionOptions(
                        dimension: 2,
                        vectorStrategy: .hnsw(
                            inlineIndexing: false,
                            HNSWOptions(efConstruction: 200)
                        ),
                        textStrategy: .fts5
                    )
                ]
            )
            #expect(try reader.row(0, of: 1)?.id == "p1")
            for (words, count) in [(["größe"], 1), (["a", "b"], 1), (["größe", "a"], 0)] {
                var rows: [RowID] = []
                let expression = FTS5Expression.render(.phrase(words), TextAnalyzer(TextOptions()))
                try reader.words(of: 1, among: nil).forEachMatch(of: expression) {
                    (row, _) throws(LodestoneError) in
                    rows.append(row)
                    return true
                }
                #expect(rows.count == count, "\(words)")
            }
            var report = VerifyReport(sequenceNumber: 2)
            let record = try #require(try reader.collections().first)
            try reader.verify(record, &report) { _ in }
            #expect(report.isClean, "\(report.damages)")
            reader.end()
            store.close()
        }
    }

    @Test("A store returns the words of texts and their frequencies until the consumer stops")
    func words() throws {
        let store = try open()
        _ = try store.commit([collection(), batch([document, document], firstRow: 0)])
        _ = try store.commit([batch([], firstRow: 2, removed: [1])])
        let context = CallContext()
        let reader = try store.beginRead(context: context)
        defer { reader.end() }
        let words = reader.words(of: 1, among: nil)
        var forms: [String] = []
        try words.forEachForm(from: []) { form in
            forms.append(String(decoding: form, as: UTF8.self))
            return forms.count < 2
        }
        #expect(forms == ["a", "b"])
        #expect(try words.frequency(ofStem: Array("große".utf8)) == 0)
        #expect(try words.frequency(ofStem: Array("große'; --\"".utf8)) == 0)
        #expect(try words.frequency(ofStem: Array("a".utf8)) == 1)
        context.cancel()
        let error = #expect(throws: LodestoneError.self) {
            try words.forEachForm(from: []) { _ in true }
        }
        #expect(error?.code == .cancelled)
    }

    @Test("A store keeps changed options and logs the change")
    func alters() throws {
        var record = CollectionRecord(
            number: 1,
            name: "papers",
            options: CollectionOptions(dimension: 2, metric: .euclidean, textStrategy: .fts5)
        )
        record.options.vectorStrategy = .hnsw(
            inlineIndexing: true,
            HNSWOptions(m: 8, efConstruction: 20, efSearch: 10, quantization: .int4)
        )
        do {
            let store = try open()
            _ = try store.commit([
                collection(), batch([document], firstRow: 0),
                StoredBatch(change: .alterCollection(record), requestID: nil, fingerprint: 0),
            ])
            store.close()
        }
        let store = try open()
        let reader = try store.beginRead(context: nil)
        defer { reader.end() }
        #expect(try reader.collections().map(\.options) == [record.options])
        #expect(try reader.lastSequenceNumber(of: 1) == 3)
        var told: [CollectionOptions] = []
        try reader.forEachChange(after: 2, of: 1) { (change) throws(LodestoneError) in
            if case .alterCollection(let options) = change.kind { told.append(options) }
        }
        #expect(told == [record.options])
        var report = VerifyReport(sequenceNumber: 3)
        try reader.verifyLog(&report)
        #expect(report.isClean && report.batches == 3)
    }

    @Test(
        "A store with options that it would not have written is data loss",
        arguments: [
            // The options are: no vectors but a graph; m of 0 and of 2^35; m above efConstruction;
            // quantization 3.
            "00000002" + "10C8014000", "02000002" + "00C8014000",
            "02000002" + "808080808001C8014000", "02000002" + "10084000", "02000002" + "10C8014003",
        ]
    )
    func refusesOptions(hex: String) throws {
        do {
            let store = try open()
            _ = try store.commit([collection()])
            store.close()
        }
        try execute("UPDATE collections SET options = x'\(hex)'")
        let error = #expect(throws: LodestoneError.self) { try open() }
        #expect(error?.code == .dataLoss)
    }

    @Test(
        "A store with a collection of another number, name or dimension is data loss",
        arguments: ["number = 65", "name = CAST('qapers' AS BLOB)", "options = x'03000000'"]
    )
    func refusesChangedCollection(change: String) throws {
        do {
            let store = try open()
            _ = try store.commit([collection()])
            store.close()
        }
        let before = change.hasPrefix("options") ? "substr(options, 5)" : "''"
        try execute("UPDATE collections SET \(change) || \(before)".replacing(" || ''", with: ""))
        let error = #expect(throws: LodestoneError.self) { try open() }
        #expect(error?.code == .dataLoss)
    }

    @Test("A database that is no Lodestone store is refused")
    func refusesForeignDatabase() throws {
        try FileManager.default.createDirectory(
            atPath: directory.path,
            withIntermediateDirectories: true
        )
        try execute("CREATE TABLE other(a)")
        let error = #expect(throws: LodestoneError.self) { try open() }
        #expect(error?.code == .dataLoss && error?.message.contains("not a Lodestone") ?? false)
    }

    @Test("Vectors are never written over bytes that are already in their file")
    func appendsAtTheEnd() throws {
        do {
            let store = try open()
            _ = try store.commit([
                collection(),
                batch([document], firstRow: 0, vectors: [1, 2], checksum: crc32c([1, 2])),
            ])
            store.close()
        }
        // The bytes are those of a process that ended between its append and its commit.
        let file = try #require(FileHandle(forWritingAtPath: directory.path + "/vectors-1-0.seg"))
        try file.seekToEnd()
        try file.write(contentsOf: Data([9, 9, 9, 9, 9]))
        try file.close()
        let store = try open()
        let reader = try store.beginRead(context: nil)
        _ = try loggedVectors(reader)
        reader.end()
        let committed = try store.commit([
            batch([Document(id: "p2")], firstRow: 1, vectors: [3, 4], checksum: crc32c([3, 4]))
        ])
        let run = try #require(committed[0].vectors)
        #expect([run.base[0], run.base[1]] == [3, 4])
        let bytes = try Data(contentsOf: URL(fileURLWithPath: directory.path + "/vectors-1-0.seg"))
        #expect(bytes.count == 64 + 8 + 8 + 8)
        #expect(bytes[72..<77] == Data([9, 9, 9, 9, 9]))
    }

    @Test("Several batches are committed together or not at all")
    func rollsBack() throws {
        let store = try open()
        _ = try store.commit([collection(), batch([document], firstRow: 0)])
        // The second batch has a row id that exists.
        #expect(throws: LodestoneError.self) {
            try store.commit([
                batch([Document(id: "p2")], firstRow: 1), batch([Document(id: "p3")], firstRow: 0),
            ])
        }
        let reader = try store.beginRead(context: nil)
        #expect(try reader.row(1, of: 1) == nil)
        #expect(reader.sequenceNumber == 2)
        reader.end()
        _ = try store.commit([batch([Document(id: "p2")], firstRow: 1)])
    }

    @Test("The files of a dropped collection are removed")
    func removesFiles() throws {
        let store = try open()
        _ = try store.commit([
            collection(),
            batch([document], firstRow: 0, vectors: [1, 2], checksum: crc32c([1, 2])),
        ])
        #expect(segments() == ["vectors-1-0.seg"])
        _ = try store.commit([
            StoredBatch(change: .dropCollection(1), requestID: nil, fingerprint: 0)
        ])
        #expect(segments() == [])
    }

    func segments() -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory.path)) ?? []
        return names.filter { $0.hasSuffix(".seg") }
    }

    /// Changes the database without the store.
    func execute(_ sql: String) throws {
        var database: OpaquePointer?
        try #require(sqlite3_open(directory.path + "/lodestone.db", &database) == SQLITE_OK)
        defer { sqlite3_close(database) }
        try #require(sqlite3_exec(database, sql, nil, nil, nil) == SQLITE_OK)
    }
}

/// The CRC-32C computed bit by bit from its definition.
func crc32c(_ floats: [Float]) -> UInt32 {
    floats.withUnsafeBytes { bytes in
        ~bytes.reduce(~UInt32(0)) { crc, byte in
            (0..<8).reduce(crc ^ UInt32(byte)) { crc, _ in
                (crc >> 1) ^ (crc & 1 == 1 ? 0x82f6_3b78 : 0)
            }
        }
    }
}
