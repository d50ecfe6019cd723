// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneImport
import Synchronization
import Testing

@Suite("Import run")
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

    /// The same lines; those of some have a vector that the store refuses.
    private func file(refused: Set<Int>) throws -> String {
        try scratch.file(
            "refused.jsonl",
            (1...100).map { line in
                line == 50
                    ? "oops\n"
                    : "{\"id\":\(line),\"vector\":\(refused.contains(line) ? "[1]" : "[1,2]")}\n"
            }.joined()
        )
    }

    private func run(
        _ store: EngineStore,
        _ options: ImportOptions,
        file: String? = nil,
        from progress: ImportProgress = ImportProgress(),
        report: (ImportProgress) throws(LodestoneError) -> Void = { _ in }
    ) async throws(LodestoneError) -> ImportProgress {
        let run = ImportRun(options: options, runID: 7, send: store.send)
        return try await run.run(
            try DocumentReader(path: file ?? path),
            from: progress,
            report: report
        )
    }

    @Test("An import sends every good line once and counts every bad line", arguments: [1, 4, 50])
    func everything(_ inFlight: Int) async throws {
        let store = try await EngineStore()
        let end = try await run(store, ImportOptions(batchSize: 7, inFlight: inFlight))
        #expect(end.accepted == 99)
        #expect(end.replaced == 0)
        #expect(end.badLineCount == 1)
        #expect(end.badLines.map(\.line) == [50])
        #expect(end.throughLine == 100)
        #expect(end.fractionDone == 1)
        #expect(try await store.documents().count == 99)
    }

    @Test("Documents refused by the server are found one by one, and their neighbors are kept")
    func refused() async throws {
        let store = try await EngineStore()
        let path = try file(refused: [13, 14, 77])
        let end = try await run(store, ImportOptions(batchSize: 30), file: path)
        #expect(end.accepted == 96)
        #expect(Set(end.badLines.map(\.line)) == [13, 14, 50, 77])
        #expect(try await store.documents().count == 96)
        // Its place in the message that found it out would be another number to wonder about.
        #expect(
            end.badLines.first { $0.line == 77 }?.reason
                == "vector has 1 dimensions; collection 'c' stores 2."
        )
    }

    @Test("A document too large for the limit or for a message is a bad line")
    func tooLarge() async throws {
        let store = try await EngineStore()
        let text = String(repeating: "x", count: 1_100_000)
        let numbers = String(repeating: "1,", count: 500_000)
        let path = try scratch.file(
            "large.jsonl",
            "{\"id\":\"a\"}\n{\"t\":\"\(text)\"}\n{\"id\":\"b\",\"t\":\"\(text)\"}\n"
                + "{\"id\":\"c\",\"n\":[\(numbers)1]}\n{\"id\":\"d\"}\n"
        )
        let end = try await run(store, ImportOptions(), file: path)
        #expect(Set(try await store.documents().keys) == ["a", "d"])
        #expect(Set(end.badLines.map(\.line)) == [2, 3, 4])
        for bad in end.badLines where bad.line != 2 {
            #expect(bad.reason.hasPrefix("the document is "), "\(bad)")
        }
    }

    @Test("A batch with only refused documents ends the import with the server's error")
    func allRefused() async throws {
        let store = try await EngineStore()
        let path = try file(refused: Set(1...100))
        let error = await #expect(throws: LodestoneError.self) {
            try await run(store, ImportOptions(batchSize: 30), file: path)
        }
        #expect(error?.reason == .dimensionMismatch)
    }

    @Test("A strict import ends at the first bad line and names it")
    func strict() async throws {
        let store = try await EngineStore()
        let error = await #expect(throws: LodestoneError.self) {
            try await run(store, ImportOptions(batchSize: 10, isStrict: true))
        }
        #expect(error?.message.contains("docs.jsonl:50:") == true)
    }

    @Test(
        "A second run continues where the first was cut and repeats no document",
        arguments: [1, 4]
    )
    func resume(_ inFlight: Int) async throws {
        let store = try await EngineStore()
        let before = try store.description().sequenceNumber
        let options = ImportOptions(batchSize: 10, inFlight: inFlight)
        let last = Mutex(ImportProgress())
        store.cut(after: 4, .replyLost)
        await #expect(throws: LodestoneError.self) {
            try await run(store, options) { progress in last.withLock { $0 = progress } }
        }
        let cut = last.withLock { $0 }
        #expect(cut.throughLine > 0)
        #expect(cut.throughLine % 10 == 0)
        await store.restoreWay()
        let end = try await run(store, options, from: cut)
        #expect(end.accepted == 99)
        #expect(end.replaced == 0)
        #expect(try await store.documents().count == 99)
        #expect(store.sentBatches == 10 - cut.throughLine / 10)
        // Both runs sent their batches under the same request ids, so the store applied them once.
        #expect(try store.description().sequenceNumber == before + 10)
    }

    @Test("The state of an import is saved and loaded only for the same input and settings")
    func state() throws {
        let subject = try ImportState.Subject(
            address: "a",
            collection: "c",
            input: path,
            settings: ["s"]
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
            settings: ["s"]
        )
        #expect(ImportState.load(file, subject: other) == nil)
        let vectors = try scratch.file("v.f32", "1234")
        let withVectors = try ImportState.Subject(
            address: "a",
            collection: "c",
            input: path,
            otherInputs: [vectors],
            settings: ["s"]
        )
        state.subject = withVectors
        try state.save(file)
        #expect(ImportState.load(file, subject: withVectors) == state)
        _ = try scratch.file("v.f32", "12345678")
        let otherVectors = try ImportState.Subject(
            address: "a",
            collection: "c",
            input: path,
            otherInputs: [vectors],
            settings: ["s"]
        )
        #expect(ImportState.load(file, subject: otherVectors) == nil)
        state.subject = subject
        try state.save(file)
        _ = try scratch.file("docs.jsonl", "{}")
        let changed = try ImportState.Subject(
            address: "a",
            collection: "c",
            input: path,
            settings: ["s"]
        )
        #expect(ImportState.load(file, subject: changed) == nil)
        ImportState.remove(file)
        #expect(ImportState.load(file, subject: subject) == nil)
    }
}
