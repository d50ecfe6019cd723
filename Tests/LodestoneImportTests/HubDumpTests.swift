// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneCore
import LodestoneEngine
import LodestoneImport
import Synchronization
import TestSupport
import Testing

/// Bounds are small here: three edges a line, and more than ten come in pages of four.
@Suite("Dumps of hubs")
struct HubDumpTests {
    private let scratch: Scratch

    init() throws { scratch = try Scratch() }

    private static func edges(_ count: Int, _ version: Int = 0) -> [Edge] {
        (0..<count).map { number in
            Edge(
                "l\(number % 2)",
                to: DocumentID(trusted: "t\((number * 7) % count)"),
                weight: Float(number) + 0.1,
                metadata: ["v": .int(Int64(version)), "n": .int(Int64(number))]
            )
        }
    }

    /// One with few edges, one with more than a line takes, and two whose edges come in pages, one
    /// of them the last document of all.
    private static func documents(_ version: Int = 0) -> [Document] {
        let text = [TextField(name: "t", text: "version \(version)")]
        return [
            Document(id: "hub", vector: [1, 2], text: text, edges: edges(50, version)),
            Document(id: "few", vector: [3, 4], text: text, edges: edges(3, version)),
            Document(id: "some", vector: [5, 6], text: text, edges: edges(10, version)),
            Document(id: "none", vector: [7, 8], text: text),
            Document(id: "last", vector: [9, 8], text: text, edges: edges(31, version)),
        ]
    }

    /// Documents by id, and the edges of those with more than ten by label and target.
    private func expected(_ documents: [Document]) -> [DocumentID: Document] {
        var all: [DocumentID: Document] = [:]
        for var document in documents {
            if document.edges.count > 10 {
                document.edges.sort { ($0.label, $0.target.string) < ($1.label, $1.target.string) }
            }
            all[document.id] = document
        }
        return all
    }

    /// Exports a store; `between` gets the number of each page of edges before it is read.
    @discardableResult
    private func export(
        _ store: EngineStore,
        to path: String?,
        between: @escaping @Sendable (Int) async throws(LodestoneError) -> Void = { _ in }
    ) async throws(LodestoneError) -> DumpExport.Written {
        let pages = Mutex(0)
        let engine = store.engine
        let export = DumpExport(maxEdges: 10, maxEdgesInLine: 3) {
            (cursor, maxEdges) throws(LodestoneError) in
            let request = ScanRequest(
                collection: EngineStore.collection,
                cursor: cursor,
                limit: 2,
                maxEdges: maxEdges
            )
            return try await engine.scan(request)
        } listEdges: { (id, cursor) throws(LodestoneError) in
            let page = pages.withLock { pages in
                pages += 1
                return pages
            }
            try await between(page)
            let request = ListEdgesRequest(
                collection: EngineStore.collection,
                id: id,
                limit: 4,
                cursor: cursor
            )
            return try await engine.listEdges(request)
        }
        let output = try DumpFile(path)
        let written = try await export.run(try store.description(), into: output)
        let end = DumpHeader.end(
            documents: written.documents,
            edgeLines: written.edgeLines,
            sequenceNumber: 1
        )
        try output.write(end)
        try output.finish()
        return written
    }

    @discardableResult
    private func load(
        _ path: String,
        into store: EngineStore,
        batchSize: Int = 5,
        begins: (ResumableImport.Beginning) -> Void = { _ in }
    ) async throws(LodestoneError) -> ImportProgress {
        let run = ResumableImport(
            options: ImportOptions(batchSize: batchSize, inFlight: 3),
            state: (
                try ImportState.Subject(address: "a", collection: "c", input: path), path + ".state"
            ),
            send: store.send,
            get: store.get,
            listEdges: store.listEdges
        )
        return try await run.run(
            into: try store.description(),
            { () throws(LodestoneError) in try DocumentReader(path: path) },
            begins: begins
        )
    }

    @Test(
        "Hubs return from a dump with all edges and replace older versions",
        arguments: [1, 5, 1_000],
        [false, true]
    )
    func roundTrip(_ batchSize: Int, hasOlder: Bool) async throws {
        let stores = [try await EngineStore(), try await EngineStore(isShuffled: true)]
        for document in Self.documents(1) { try await stores[0].write([document]) }
        if hasOlder {
            var older = Self.documents()
            older[0].edges = Self.edges(90)
            older[3].edges = Self.edges(80)
            try await stores[1].write(older)
        }
        let path = "\(scratch.path)/hubs.jsonl"
        let written = try await export(stores[0], to: path)
        #expect(written.documents == 5 && written.edges == 94)
        // Four edges of a page make two lines.
        #expect(written.edgeLines == 25 + 4 + 15)
        let progress = try await load(path, into: stores[1], batchSize: batchSize)
        #expect(progress.badLineCount == 0, "\(progress.badLines)")
        #expect(progress.accepted == 5 && progress.addedEdges == 91)
        let found = try await stores[1].documents()
        #expect(found == expected(Self.documents(1)))
    }

    /// A change of a document while its edges are read.
    enum Change: CaseIterable { case replaced, dropped, replacedByFewEdges }

    @Test(
        "A dump has one version of a hub that is replaced or dropped during the export",
        arguments: ["hub", "last"],
        Change.allCases
    )
    func writtenMeanwhile(_ name: String, _ change: Change) async throws {
        let store = try await EngineStore()
        for document in Self.documents() { try await store.write([document]) }
        let id = DocumentID(stringLiteral: name)
        var wanted = Self.documents()
        let position = try #require(wanted.firstIndex { $0.id == id })
        wanted[position] = Self.documents(2)[position]
        if change == .replacedByFewEdges { wanted[position].edges = Self.edges(2, 2) }
        let newer = wanted[position]
        if change == .dropped { wanted.remove(at: position) }
        let path = "\(scratch.path)/changed.jsonl"
        // The thirteen pages of "hub" come before those of "last".
        let page = name == "hub" ? 5 : 16
        try await export(store, to: path) { number throws(LodestoneError) in
            guard number == page else { return }
            if change == .dropped {
                let drop = DropManyRequest(collection: EngineStore.collection, ids: [id])
                _ = try await store.engine.dropMany(drop)
            } else {
                let write = IndexManyRequest(
                    collection: EngineStore.collection,
                    documents: [newer]
                )
                _ = try await store.engine.indexMany(write)
            }
        }
        let other = try await EngineStore()
        let progress = try await load(path, into: other)
        #expect(progress.badLineCount == 0 && progress.replaced == 0)
        #expect(try await other.documents() == expected(wanted))
    }

    @Test("A dump of a hub lacks no lasting edge while other edges are added and dropped")
    func edgesMeanwhile() async throws {
        let store = try await EngineStore()
        let hub = Self.documents()[0]
        try await store.write([hub])
        let path = "\(scratch.path)/edges.jsonl"
        try await export(store, to: path) { number throws(LodestoneError) in
            let dropped = hub.edges[number % 10]
            let added = SourcedEdge(from: "hub", Edge("l0", to: DocumentID(trusted: "u\(number)")))
            let drop = DropManyRequest(
                collection: EngineStore.collection,
                edges: [SourcedEdge(from: "hub", dropped)]
            )
            _ = try await store.engine.dropMany(drop)
            let write = IndexManyRequest(
                collection: EngineStore.collection,
                documents: [],
                edges: [added]
            )
            _ = try await store.engine.indexMany(write)
        }
        let other = try await EngineStore()
        try await load(path, into: other)
        let edges = try #require(try await other.documents()["hub"]?.edges)
        for edge in hub.edges[10...] { #expect(edges.count { $0 == edge } == 1) }
    }

    @Test(
        "An interrupted import of hubs has no gap after the next run",
        arguments: EngineStore.Cut.allCases.filter { $0 != .cancelled }
    )
    func cutImport(_ how: EngineStore.Cut) async throws {
        let source = try await EngineStore()
        for document in Self.documents(1) { try await source.write([document]) }
        let path = "\(scratch.path)/cut.jsonl"
        try await export(source, to: path)
        let store = try await EngineStore()
        var runsThatWentOn = 0
        for batches in 0..<24 {
            try await store.empty()
            var older = Self.documents()
            older[0].edges = Self.edges(90)
            try await store.write(older)
            store.cut(after: batches, how)
            await #expect(throws: LodestoneError.self) { try await load(path, into: store) }
            await store.restoreWay()
            try await load(path, into: store) { beginning in
                if case .after = beginning { runsThatWentOn += 1 }
            }
            let found = try await store.documents()
            #expect(found == expected(Self.documents(1)), "after \(batches)")
        }
        #expect(runsThatWentOn >= 20, "\(runsThatWentOn)")
    }

    @Test("An interrupted import restarts at the first line when an edge was dropped since")
    func droppedSince() async throws {
        let source = try await EngineStore()
        for document in Self.documents(1) { try await source.write([document]) }
        let path = "\(scratch.path)/dropped.jsonl"
        try await export(source, to: path)
        let store = try await EngineStore()
        store.cut(after: 12, .lost)
        await #expect(throws: LodestoneError.self) { try await load(path, into: store) }
        await store.restoreWay()
        let edge = try #require(try await store.documents()["hub"]?.edges.first)
        let drop = DropManyRequest(
            collection: EngineStore.collection,
            edges: [SourcedEdge(from: "hub", edge)]
        )
        _ = try await store.engine.dropMany(drop)
        try await load(path, into: store)
        #expect(try await store.documents() == expected(Self.documents(1)))
    }

    @Test("A hub whose new version is refused keeps its document and edges", arguments: [2, 100])
    func refused(_ batchSize: Int) async throws {
        let source = try await EngineStore()
        for document in Self.documents(1) { try await source.write([document]) }
        let path = "\(scratch.path)/refused.jsonl"
        try await export(source, to: path)
        let text = try String(contentsOfFile: path, encoding: .utf8)
        // Three elements instead of two.
        let lines = text.split(separator: "\n").map { line in
            line.hasPrefix("{\"id\":\"hub\"")
                ? String(line.replacing(#/"vector":{[^}]*}/#, with: "\"vector\":[1,2,3]"))
                : String(line)
        }
        let refused = try scratch.file("three.jsonl", lines.joined(separator: "\n"))
        let store = try await EngineStore()
        let older = Document(id: "hub", vector: [0, 1], edges: Self.edges(12))
        try await store.write([older])
        let progress = try await load(refused, into: store, batchSize: batchSize)
        // The document, and the lines of its edges.
        #expect(progress.badLineCount == 1 + 25)
        var found = try await store.documents()
        #expect(found.removeValue(forKey: "hub") == older)
        var wanted = expected(Self.documents(1))
        wanted.removeValue(forKey: "hub")
        #expect(found == wanted)
    }

    private func read(_ lines: [String]) throws -> ImportBatch {
        let path = try scratch.file("lines.jsonl", lines.joined(separator: "\n"))
        return try drain(try DocumentReader(path: path), by: 3)
    }

    private func header(_ form: Int) -> String {
        let description = CollectionDescription(
            name: "c",
            options: CollectionOptions(dimension: 0),
            documents: 1,
            vectors: 0,
            edges: 0,
            sequenceNumber: 1
        )
        return DumpHeader(description).json.text
            .replacing("\"dump\":\(DumpHeader.version)", with: "\"dump\":\(form)")
    }

    private static let line = #"{"source":"a","edges":[{"label":"x","target":"b"}]}"#
    private static let end = DumpHeader.end(documents: 1, edgeLines: 1, sequenceNumber: 1).text

    @Test("Lines of edges are valid only after the document that they leave")
    func order() throws {
        let good = try read([header(2), #"{"id":"a"}"#, Self.line, Self.end])
        #expect(good.badLines.isEmpty && good.edges == [SourcedEdge(from: "a", Edge("x", to: "b"))])
        for document in [#"{"id":"b"}"#, #"{"id":"a","edges":5}"#, "{"] {
            let batch = try read([header(2), document, Self.line, Self.end])
            #expect(batch.edges.isEmpty && batch.badLines.last?.line == 3)
        }
        for wrong in [
            #"{"source":"a","edges":[{"label":"x"}]}"#, #"{"source":5,"edges":[]}"#,
            #"{"source":"a","edges":[],"text":{}}"#, #"{"source":"a"}"#,
        ] {
            let batch = try read([header(2), #"{"id":"a"}"#, wrong, Self.end])
            #expect(batch.edges.isEmpty && batch.badLines.map(\.line) == [3])
        }
    }

    @Test("A dump that lacks a line of edges is refused")
    func missingLine() throws {
        let error = failure { _ = try read([header(2), #"{"id":"a"}"#, Self.end]) }
        #expect(error?.reason == .badFile && error?.message.contains("lines of edges") == true)
    }

    @Test("Dumps of earlier forms are read, and those of later forms refused")
    func forms() throws {
        let end = #"{"lodestone":{"end":true,"documents":1,"sequenceNumber":1}}"#
        let document = #"{"id":"a","edges":[{"label":"x","target":"b"}]}"#
        let old = try read([header(1), document, end])
        #expect(old.badLines.isEmpty && old.documents.map(\.edges.count) == [1])
        let error = failure { _ = try read([header(3), document, end]) }
        #expect(error?.reason == .badFile && error?.message.contains("form 3") == true)
    }
}
