// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneImport
import Synchronization
import Testing

/// Takes batches as a server would: all or nothing, each request id once.
private final class Sink: Sendable {
    struct State {
        var ids: [DocumentID] = []
        var requests: Set<RequestID> = []
        var repeated = 0
        var batches = 0
    }

    let state = Mutex(State())
    let refused: Set<DocumentID>
    let failsAfter: Int

    init(refused: Set<DocumentID> = [], failsAfter: Int = .max) {
        self.refused = refused
        self.failsAfter = failsAfter
    }

    @Sendable func send(_ batch: ImportBatch, _ id: RequestID) async throws(LodestoneError)
        -> WriteReceipt
    {
        if let bad = batch.documents.first(where: { refused.contains($0.id) }) {
            throw LodestoneError(
                .invalidArgument,
                reason: "TEST",
                "Document '\(bad.id)' is refused.",
                recovery: ""
            )
        }
        let isDown = state.withLock { state in
            guard state.batches < failsAfter else { return true }
            state.batches += 1
            guard state.requests.insert(id).inserted else {
                state.repeated += 1
                return false
            }
            state.ids += batch.documents.map(\.id)
            return false
        }
        guard !isDown else {
            throw LodestoneError(.unavailable, reason: "TEST", "The server is gone.", recovery: "")
        }
        return WriteReceipt(sequenceNumber: 1, durability: .full)
    }
}

@Suite("A run of an import")
struct ImportRunTests {
    let scratch: Scratch
    let path: String

    init() throws {
        scratch = try Scratch()
        path = try scratch.file(
            "docs.jsonl",
            (1...100).map { $0 == 50 ? "oops\n" : "{\"id\":\($0)}\n" }.joined()
        )
    }

    private func run(
        _ sink: Sink,
        _ options: ImportOptions,
        from progress: ImportProgress = ImportProgress(),
        report: (ImportProgress) throws(LodestoneError) -> Void = { _ in }
    ) async throws(LodestoneError) -> ImportProgress {
        let run = ImportRun(options: options, runID: 7, send: sink.send)
        return try await run.run(
            try DocumentReader(path: path),
            from: progress,
            report: report
        )
    }

    @Test("every good line is sent once and every bad one counted", arguments: [1, 4, 50])
    func everything(_ inFlight: Int) async throws {
        let sink = Sink()
        let end = try await run(sink, ImportOptions(batchSize: 7, inFlight: inFlight))
        #expect(end.accepted == 99)
        #expect(end.badLineCount == 1)
        #expect(end.badLines.map(\.line) == [50])
        #expect(end.throughLine == 100)
        #expect(end.fractionDone == 1)
        #expect(Set(sink.state.withLock { $0.ids }).count == 99)
    }

    @Test("documents that the server refuses are found one by one; their neighbors are kept")
    func refused() async throws {
        let sink = Sink(refused: ["13", "14", "77"])
        let end = try await run(sink, ImportOptions(batchSize: 30))
        #expect(end.accepted == 96)
        #expect(Set(end.badLines.map(\.line)) == [13, 14, 50, 77])
        #expect(end.badLines.first { $0.line == 77 }?.reason == "Document '77' is refused.")
    }

    @Test("a batch of which nothing is good ends the import with the server's error")
    func allRefused() async throws {
        let sink = Sink(refused: Set((1...100).map { DocumentID(stringLiteral: "\($0)") }))
        let error = await #expect(throws: LodestoneError.self) {
            try await run(sink, ImportOptions(batchSize: 30))
        }
        #expect(error?.reason == "TEST")
    }

    @Test("strict means: the first bad line ends it and is named")
    func strict() async throws {
        let error = await #expect(throws: LodestoneError.self) {
            try await run(Sink(), ImportOptions(batchSize: 10, isStrict: true))
        }
        #expect(error?.message.contains("docs.jsonl:50:") == true)
    }

    @Test("a second run goes on where the first was cut, and repeats nothing", arguments: [1, 4])
    func resume(_ inFlight: Int) async throws {
        let options = ImportOptions(batchSize: 10, inFlight: inFlight)
        let first = Sink(failsAfter: 4)
        let last = Mutex(ImportProgress())
        await #expect(throws: LodestoneError.self) {
            try await run(first, options) { progress in last.withLock { $0 = progress } }
        }
        let cut = last.withLock { $0 }
        #expect(cut.throughLine > 0)
        #expect(cut.throughLine % 10 == 0)
        let second = Sink()
        let end = try await run(second, options, from: cut)
        #expect(end.accepted == 99)
        let all = first.state.withLock { Set($0.ids) }.union(second.state.withLock { $0.ids })
        #expect(all.count == 99)
        // What both runs sent went under the same request ids, so a server applies it once.
        let shared = Set(first.state.withLock { $0.ids }).intersection(
            second.state.withLock { $0.ids }
        )
        let requests = first.state.withLock { $0.requests }.intersection(
            second.state.withLock { $0.requests }
        )
        #expect(shared.isEmpty == requests.isEmpty)
    }

    @Test("the state of an import survives in its file and belongs to one input only")
    func state() throws {
        let subject = try ImportState.Subject(
            address: "a",
            collection: "c",
            input: path,
            settings: "s"
        )
        var state = ImportState(subject: subject, collectionNumber: 1, batchSize: 10)
        state.throughLine = 40
        let file = ImportState.path(besides: path)
        try state.save(file)
        #expect(ImportState.load(file, subject: subject) == state)
        let other = try ImportState.Subject(
            address: "a",
            collection: "d",
            input: path,
            settings: "s"
        )
        #expect(ImportState.load(file, subject: other) == nil)
        _ = try scratch.file("docs.jsonl", "{}")
        let changed = try ImportState.Subject(
            address: "a",
            collection: "c",
            input: path,
            settings: "s"
        )
        #expect(ImportState.load(file, subject: changed) == nil)
        ImportState.remove(file)
        #expect(ImportState.load(file, subject: subject) == nil)
    }
}
