// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneCore
import LodestoneImport
import Synchronization
import TestSupport
import Testing

/// Imports that are cut twice in the middle, after which something happens to the collection.
///
/// Then the same import is run again, and everything in its file must be there.
@Suite("Resumed import")
struct ImportResumeTests {
    /// An event before the last run.
    enum Between: CaseIterable {
        case nothing, madeAgain, dropped, someDropped, olderSnapshot, otherStore,
            otherStoreWithSameIDs
    }

    let scratch: Scratch

    init() throws { scratch = try Scratch() }

    @Test(
        "A resumed import has no gap of documents, with the collection changed or not",
        arguments: Between.allCases
    )
    func documents(_ between: Between) async throws {
        let stores = [
            try await EngineStore(isShuffled: true), try await EngineStore(isShuffled: true),
        ]
        let rounds = TestLength.cases(12, long: 30)
        var runsThatWentOn = 0
        for number in 0..<rounds {
            var round = Round(scratch, number, between, stores[number % 2])
            let last = try round.makeDocuments()
            try await round.store.empty()
            // Every second time the import writes over older versions of the same documents.
            if number % 2 == 0 {
                try await round.store.write(last.keys.map { Document(id: $0, metadata: ["v": -1]) })
            }
            try await round.cutTwice()
            try await round.happen(ids: Array(last.keys), otherStore: stores[(number + 1) % 2])
            let beginning = try await round.run()
            if case .after = beginning { runsThatWentOn += 1 }
            let found = try await round.store.documents()
            let wrong = last.filter { id, version in found[id]?.metadata["v"] != .int(version) }
            #expect(wrong.isEmpty, "round \(number): \(wrong), \(beginning)")
            #expect(!FileManager.default.fileExists(atPath: round.state))
        }
        switch between {
        // An import that always began with the first line would have no gaps either.
        case .nothing: #expect(runsThatWentOn > rounds * 2 / 3, "\(runsThatWentOn)")
        // The event may concern other documents, or come before the snapshot.
        case .someDropped, .olderSnapshot: #expect(runsThatWentOn < rounds)
        default: #expect(runsThatWentOn == 0)
        }
    }

    @Test(
        "A resumed import has no gap of edges",
        arguments: [Between.nothing, .madeAgain, .someDropped, .olderSnapshot]
    )
    func edges(_ between: Between) async throws {
        let store = try await EngineStore(isShuffled: true)
        let rounds = TestLength.cases(6, long: 15)
        var runsThatWentOn = 0
        for number in 0..<rounds {
            var round = Round(scratch, number, between, store)
            round.hasEdges = true
            let last = try round.makeEdges()
            try await store.empty()
            try await store.write(last.keys.map { Document(id: $0) })
            try await round.cutTwice()
            try await round.happen(ids: Array(last.keys), otherStore: store)
            let beginning = try await round.run()
            if case .after = beginning { runsThatWentOn += 1 }
            let found = try await round.store.documents()
            for (source, expected) in last {
                let edges = found[source]?.edges.map { ($0.target.string, $0.weight) } ?? []
                let weights = Dictionary(edges) { $1 }
                #expect(weights == expected, "round \(number), \(source), \(beginning)")
            }
        }
        if between == .nothing { #expect(runsThatWentOn > rounds * 3 / 5, "\(runsThatWentOn)") }
    }

    /// Runs an import of ten lines per batch, one batch at a time.
    private func run(_ path: String, into store: EngineStore) async throws(LodestoneError) {
        let run = ResumableImport(
            options: ImportOptions(batchSize: 10, inFlight: 1),
            state: (
                try ImportState.Subject(address: "a", collection: "c", input: path), path + ".state"
            ),
            send: store.send,
            get: store.get,
            listEdges: store.listEdges
        )
        _ = try await run.run(into: try store.description()) { () throws(LodestoneError) in
            try DocumentReader(path: path)
        }
    }

    @Test("A resumed import has no gap when its last batch was split and a snapshot lacks it")
    func pieces() async throws {
        let store = try await EngineStore()
        let ids = (1...30).map { DocumentID(stringLiteral: "k\($0)") }
        try await store.write(ids.map { Document(id: $0, metadata: ["v": -1]) })
        let lines = (1...30).map { line in
            "{\"id\":\"k\(line)\",\"v\":\(line),\"vector\":\(line == 15 ? "[1]" : "[1,2]")}\n"
        }
        let path = try scratch.file("pieces.jsonl", lines.joined())
        // The first batch, nine messages until the refused line of the second is found, and the
        // third.
        store.makeSnapshot("s", after: 0)
        store.cut(after: 10, .lost)
        await #expect(throws: LodestoneError.self) { try await run(path, into: store) }
        await store.restoreWay()
        let before = try store.description().sequenceNumber
        try store.restore("s")
        while try store.description().sequenceNumber <= before {
            try await store.write([Document(id: "other")])
        }
        try await run(path, into: store)
        let found = try await store.documents()
        for (position, id) in ids.enumerated() where id != "k15" {
            #expect(found[id]?.metadata["v"] == .int(Int64(position + 1)))
        }
    }

    @Test("A resumed import has no gap when a dropped document stood in for a refused later line")
    func earlierDocument() async throws {
        let store = try await EngineStore()
        let lines = (1...20).map { line in
            "{\"id\":\"k\(line == 7 ? 3 : line)\",\"v\":\(line),\"vector\":\(line == 7 ? "[1]" : "[1,2]")}\n"
        }
        let path = try scratch.file("earlier.jsonl", lines.joined())
        // Cut a message later each time, until the first batch is acknowledged.
        var sent = 0
        repeat {
            try await store.empty()
            ImportState.remove(path + ".state")
            sent += 1
            store.cut(after: sent, .lost)
            await #expect(throws: LodestoneError.self) { try await run(path, into: store) }
            await store.restoreWay()
        } while !FileManager.default.fileExists(atPath: path + ".state")
        #expect(try await store.documents()["k3"]?.metadata["v"] == 3)
        let drop = DropManyRequest(collection: EngineStore.collection, ids: ["k3"])
        _ = try await store.engine.dropMany(drop)
        try await run(path, into: store)
        #expect(try await store.documents()["k3"]?.metadata["v"] == 3)
    }
}

/// One import, its file, and the store that it goes to.
private struct Round {
    let number: Int
    let between: ImportResumeTests.Between
    let path: String
    let state: String
    var store: EngineStore
    var hasEdges = false
    private var random: SeededGenerator
    private static let batchSize = 10
    private static let batches = 0..<30

    init(
        _ scratch: Scratch,
        _ number: Int,
        _ between: ImportResumeTests.Between,
        _ store: EngineStore
    ) {
        self.number = number
        self.between = between
        path = "\(scratch.path)/\(number).input"
        state = "\(scratch.path)/\(number).state"
        self.store = store
        random = SeededGenerator(seed: UInt64(number))
    }

    /// Lines of few ids; the store refuses some of them.
    ///
    /// - Returns: The version of each document that the last good line has.
    mutating func makeDocuments() throws -> [DocumentID: Int64] {
        var text = ""
        var last: [DocumentID: Int64] = [:]
        for line in 0..<Self.batches.count * Self.batchSize {
            let id = Int.random(in: 0..<90, using: &random)
            let isBad = Int.random(in: 0..<40, using: &random) == 0
            text += "{\"id\":\"k\(id)\",\"v\":\(line),\"vector\":\(isBad ? "[1]" : "[1,2]")}\n"
            if !isBad { last[DocumentID(stringLiteral: "k\(id)")] = Int64(line) }
        }
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        return last
    }

    /// Edges of some sources, some written twice, and of a source that does not exist.
    ///
    /// - Returns: The targets and weights of each source that exists.
    mutating func makeEdges() throws -> [DocumentID: [String: Float]] {
        var text = ""
        var last: [DocumentID: [String: Float]] = [:]
        for line in 0..<Self.batches.count * Self.batchSize {
            let source = "s\(line / 12)"
            let target = "t\(Int.random(in: 0..<9, using: &random))"
            text += "\(source)\tnext\t\(target)\t\(line)\n"
            if source != "s7" {
                last[DocumentID(stringLiteral: source), default: [:]][target] = Float(line)
            }
        }
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        return last
    }

    /// Runs the import from where it was cut.
    func run(report: (ImportProgress) -> Void = { _ in }) async throws(LodestoneError)
        -> ResumableImport.Beginning
    {
        let subject = try ImportState.Subject(address: "a", collection: "c", input: path)
        let run = ResumableImport(
            options: ImportOptions(batchSize: Self.batchSize, inFlight: 4),
            state: (subject, state),
            send: store.send,
            get: store.get,
            listEdges: store.listEdges
        )
        let collection = try store.description()
        var beginning = ResumableImport.Beginning.firstLine
        let begins = { (said: ResumableImport.Beginning) in beginning = said }
        if hasEdges {
            _ = try await run.run(
                into: collection,
                { () throws(LodestoneError) in try EdgeReader(path: path) },
                begins: begins,
                report: report
            )
        } else {
            _ = try await run.run(
                into: collection,
                { () throws(LodestoneError) in try DocumentReader(path: path) },
                begins: begins,
                report: report
            )
        }
        return beginning
    }

    /// Runs the import twice; each run is cut at a random place.
    mutating func cutTwice() async throws {
        let first = Int.random(in: Self.batches, using: &random)
        if between == .olderSnapshot {
            store.makeSnapshot("s\(number)", after: .random(in: 0...first, using: &random))
        }
        try await runUntilCut(after: first)
        try await runUntilCut(after: .random(in: Self.batches, using: &random))
    }

    /// Runs the import until it is cut; its process may end before it has kept how far it was.
    private mutating func runUntilCut(after batches: Int) async throws {
        let how = EngineStore.Cut.allCases.randomElement(using: &random) ?? .lost
        let states = Mutex<[Data]>([])
        let underWay = Mutex<Task<Void, Never>?>(nil)
        store.cut(after: batches, how) { underWay.withLock { $0?.cancel() } }
        let (round, state) = (self, state)
        let task = Task {
            _ = try? await round.run { _ in
                guard let data = FileManager.default.contents(atPath: state) else { return }
                states.withLock { $0.append(data) }
            }
        }
        underWay.withLock { $0 = task }
        await task.value
        await store.restoreWay()
        let older = states.withLock { $0 }.suffix(3).randomElement(using: &random)
        if let older, Bool.random(using: &random) {
            try older.write(to: URL(fileURLWithPath: state))
        }
        if Int.random(in: 0..<4, using: &random) == 0 { try store.reopen() }
    }

    /// Lets the event of this round happen to the collection.
    mutating func happen(ids: [DocumentID], otherStore: EngineStore) async throws {
        let before = try store.description().sequenceNumber
        let old = ids.map { Document(id: $0, metadata: hasEdges ? [:] : ["v": -2]) }
        switch between {
        case .nothing: break
        case .madeAgain:
            try await store.empty()
            try await store.write(old)
        case .dropped:
            try await store.drop()
            let round = self
            let error = await #expect(throws: LodestoneError.self) { _ = try await round.run() }
            #expect(error?.reason == .noCollection)
            try await store.create()
        case .someDropped:
            let some = ids.sorted { $0.string < $1.string }.randomElement(using: &random)
            let request = DropManyRequest(
                collection: EngineStore.collection,
                ids: some.map { [$0] } ?? []
            )
            _ = try await store.engine.dropMany(request)
            // A document that is written again has the edges that it comes with.
            if hasEdges { try await store.write(some.map { [Document(id: $0)] } ?? []) }
        case .olderSnapshot:
            let name = "s\(number)"
            // The way may have been cut before its turn came.
            guard try await store.engine.snapshots().contains(where: { $0.name == name }) else {
                return
            }
            try store.restore(name)
            try await othersWrite(after: before)
        case .otherStore, .otherStoreWithSameIDs:
            store = otherStore
            try await store.empty()
            try await othersWrite(after: before)
            if between == .otherStoreWithSameIDs { try await store.write(old) }
        }
    }

    /// Writes from another source until sequence numbers tell nothing of the import's writes.
    private func othersWrite(after number: UInt64) async throws {
        while try store.description().sequenceNumber <= number {
            try await store.write([Document(id: "other")])
        }
    }
}
