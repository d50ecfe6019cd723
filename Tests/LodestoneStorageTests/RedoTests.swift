// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneCore
import LodestoneStorage
import LodestoneStructures
import LodestoneText
import TestSupport
import Testing

@Suite("Redo log")
struct RedoTests {
    let directory: TemporaryDirectory
    let context = CallContext(timeout: .seconds(60))

    init() throws {
        directory = try TemporaryDirectory()
    }

    private func open() throws -> SQLiteStore {
        try SQLiteStore(
            directory: directory.path + "/store",
            durability: .relaxed,
            analysis: FTS5Analysis()
        )
    }

    private func create() -> StoredBatch {
        let options = CollectionOptions(dimension: 2, textStrategy: .fts5)
        let record = CollectionRecord(number: 1, name: "papers", options: options)
        return StoredBatch(change: .createCollection(record), requestID: nil, fingerprint: 5)
    }

    private func rows(
        _ documents: [Document],
        firstRow: RowID,
        removed: [RowID] = [],
        requestID: RequestID? = nil,
        edgeChanges: [EdgeChange] = []
    ) -> StoredBatch {
        let vectors: [Float] = documents.flatMap { $0.vector ?? [] }
        return StoredBatch(
            change: .rows(
                RowChange(
                    collection: 1,
                    dimension: 2,
                    words: WordChange(for: documents),
                    firstRow: firstRow,
                    rows: documents.map { EncodedRow($0) },
                    vectors: vectors,
                    vectorChecksum: vectors.isEmpty ? 0 : crc32c(vectors),
                    removed: removed,
                    edgeChanges: edgeChanges
                )
            ),
            requestID: requestID,
            fingerprint: 9,
            inserted: documents.count,
            replaced: removed.count
        )
    }

    private func commit(_ batches: [StoredBatch], to store: SQLiteStore) throws {
        try store.exclusively { (last) throws(LodestoneError) in
            _ = try store.commit(batches)
            store.publish(last + UInt64(batches.count))
        }
    }

    private func entries(of store: SQLiteStore, after number: UInt64 = 0) throws -> [RedoEntry] {
        try store.redoEntries(after: number, maxBytes: .max, context: nil).entries
    }

    @Test("A store records nothing before a backup switches its redo log on")
    func off() throws {
        let store = try open()
        try commit([create()], to: store)
        #expect(try store.redoStatus() == nil)
        #expect(try entries(of: store).isEmpty)
    }

    @Test("Recorded batches are in the order of the log, and stay until a backup deletes them")
    func records() throws {
        let store = try open()
        try commit([create()], to: store)
        let history = try store.recordRedo(limit: 1 << 20).history
        let document = Document(id: "a", vector: [1, 2], text: "one")
        try commit(
            [rows([document], firstRow: 0), rows([document], firstRow: 1, removed: [0])],
            to: store
        )
        try commit([rows([Document(id: "b", text: "two")], firstRow: 2)], to: store)
        let all = try entries(of: store)
        #expect(all.map(\.sequenceNumber) == [2, 3, 4])
        #expect(all[0].chain == all[1].chainBefore && all[1].chain == all[2].chainBefore)
        #expect(all[0].time <= all[2].time && all[0].time > 1_700_000_000_000_000)
        #expect(try entries(of: store, after: 3).map(\.sequenceNumber) == [4])
        let few = try store.redoEntries(after: 0, maxBytes: 1, context: nil)
        #expect(few.entries.count == 1 && few.last == 4)
        let before = try #require(try store.redoStatus()).byteCount
        try store.deleteRedo(through: 3)
        #expect(try entries(of: store).map(\.sequenceNumber) == [4])
        let status = try #require(try store.redoStatus())
        #expect(status.byteCount < before && status.byteCount > 0)
        #expect(status.history == history)
        #expect(try store.recordRedo(limit: 1 << 21).history == history)
    }

    @Test("A redo log that reached its limit stops, and starts again empty")
    func limit() throws {
        let store = try open()
        try commit([create()], to: store)
        _ = try store.recordRedo(limit: 300)
        for number in 0..<10 {
            let id = DocumentID(stringLiteral: "d\(number)")
            try commit(
                [rows([Document(id: id, text: "words")], firstRow: RowID(number))],
                to: store
            )
        }
        let status = try #require(try store.redoStatus())
        #expect(status.isStopped && status.byteCount <= 300)
        let kept = try entries(of: store).map(\.sequenceNumber)
        #expect(kept.first == 2 && kept.count < 10)
        #expect(try !store.recordRedo(limit: 1 << 20).isStopped)
        #expect(try entries(of: store).isEmpty)
        try commit([rows([], firstRow: 10, removed: [3])], to: store)
        #expect(try entries(of: store).map(\.sequenceNumber) == [12])
    }

    @Test(
        "A replay of recorded batches gives the rows, vectors, edges and request ids of the store"
    )
    func replay() throws {
        let store = try open()
        _ = try store.recordRedo(limit: 1 << 30)
        try store.deleteRedo(through: .max)
        try commit([create()], to: store)
        let id = RequestID.random()
        let many = (0..<100).map { Edge("to", to: DocumentID(stringLiteral: "d\($0)")) }
        let documents = [
            Document(id: "a", vector: [1, 2], text: "one", metadata: ["x": 1], edges: many),
            Document(id: "b", vector: [3, 4], text: "two", edges: [Edge("to", to: "a")]),
            Document(id: "c", text: "three"),
        ]
        try commit([rows(documents, firstRow: 0, requestID: id)], to: store)
        let change = EdgeChange(
            row: 1,
            removed: [EdgeName(label: "to", target: "a")],
            added: [Edge("new", to: "c", weight: 3)]
        )
        try commit(
            [
                rows(
                    [Document(id: "c", vector: [5, 6], text: "four")],
                    firstRow: 3,
                    removed: [2],
                    edgeChanges: [change]
                )
            ],
            to: store
        )
        let all = try entries(of: store)
        store.close()
        let restored = try replayed(all)
        defer { restored.close() }
        let reader = try restored.beginRead(context: nil)
        defer { reader.end() }
        #expect(reader.sequenceNumber == 3)
        let first = try #require(try reader.row(0, of: 1))
        #expect(first.id == "a" && first.metadata == ["x": 1])
        #expect(try reader.edges(of: first, in: 1).count == 100)
        #expect(try reader.row(1, of: 1)?.edges == [Edge("new", to: "c", weight: 3)])
        #expect(try reader.row(2, of: 1) == nil)
        #expect(try reader.row(3, of: 1)?.text.first?.text == "four")
        var vectors: [Float] = []
        try reader.forEachChange(after: 0, of: 1) { (change) throws(LodestoneError) in
            guard case .rows(let rows) = change.kind, let run = rows.vectors else { return }
            vectors += (0..<run.count * 2).map { run.base[$0] }
        }
        #expect(vectors == [1, 2, 3, 4, 5, 6])
        #expect(try restored.receipt(of: id)?.receipt.inserted == 3)
    }

    /// A new store with the batches of `entries`.
    private func replayed(_ entries: [RedoEntry]) throws -> SQLiteStore {
        let empty = try SQLiteStore(
            directory: directory.path + "/empty",
            durability: .relaxed,
            analysis: FTS5Analysis()
        )
        let path = directory.path + "/restored"
        let restore = try StateRestore(
            "test",
            to: path,
            analysis: FTS5Analysis(),
            maxBytes: nil,
            context: context
        )
        do {
            try empty.withStateCopy(context: context) { (copy) throws(LodestoneError) in
                try restore.restore(
                    copy.files.map { ($0.name, $0.byteCount) },
                    sequenceNumber: copy.sequenceNumber,
                    withoutBases: false,
                    CopiedFiles(files: copy.files)
                )
            }
            empty.close()
            try restore.replay(entries)
            try restore.publish()
        } catch {
            empty.close()
            restore.abandon()
            throw error
        }
        return try SQLiteStore(
            directory: path,
            durability: .relaxed,
            analysis: FTS5Analysis()
        )
    }

    @Test(
        "A recorded batch with any byte changed is refused or replayed, and never ends the program"
    )
    func hostileRecords() throws {
        let store = try open()
        _ = try store.recordRedo(limit: 1 << 30)
        try commit([create()], to: store)
        let documents = [
            Document(id: "a", vector: [1, 2], text: "one", edges: [Edge("to", to: "b")]),
            Document(id: "b", text: "two"),
        ]
        try commit([rows(documents, firstRow: 0)], to: store)
        let all = try entries(of: store)
        store.close()
        var random = SeededGenerator(seed: 4)
        for index in 0..<TestLength.cases(60, long: 3_000) {
            var changed = all
            let batch = index % 2
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let position = Int.random(in: 0..<changed[batch].record.count, using: &random)
                changed[batch].record[position] = .random(in: 0...255, using: &random)
            }
            if index % 5 == 0 { changed[batch].record.removeLast(index % 7 + 1) }
            do {
                try replayed(changed).close()
                try removeAll()
            } catch let error as LodestoneError {
                #expect(
                    [.badBackup, .corruptBackup, .corruptDatabase].contains(error.reason),
                    "\(error)"
                )
                try removeAll()
            }
        }
    }

    private func removeAll() throws {
        for name in ["empty", "restored"] {
            try? FileManager.default.removeItem(atPath: "\(directory.path)/\(name)")
        }
    }

    @Test("A batch with another sequence number than the next one is refused")
    func order() throws {
        let store = try open()
        _ = try store.recordRedo(limit: 1 << 30)
        try commit([create()], to: store)
        var all = try entries(of: store)
        store.close()
        all[0].sequenceNumber = 2
        #expect(throws: LodestoneError.self) { try replayed(all) }
    }
}

/// The files of a copied state.
private struct CopiedFiles: StateSource {
    let files: [StateFile]

    func read(
        _ index: Int,
        _ sink: (UnsafeRawBufferPointer) throws(LodestoneError) -> Void
    ) throws(LodestoneError) {
        try files[index].forEachPiece(context: nil, sink)
    }
}
