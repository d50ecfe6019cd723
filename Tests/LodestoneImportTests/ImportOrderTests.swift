// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneImport
import Synchronization
import Testing

/// A collection as a server keeps it: whole batches, request ids, documents that it refuses.
private final class Store: Sendable {
    struct State {
        var versions: [DocumentID: Value] = [:]
        var edges: [DocumentID: [Edge]] = [:]
        var requests: [RequestID: UInt64] = [:]
        var sequenceNumber: UInt64 = 0
        var number: UInt64 = 1
        var left = Int.max
    }

    let state = Mutex(State())

    /// Fails after so many more batches, as a server that ends does.
    func fail(after batches: Int) { state.withLock { $0.left = batches } }

    @Sendable func send(_ batch: ImportBatch, _ id: RequestID) async throws(LodestoneError)
        -> WriteReceipt
    {
        // Batches that are under way at once come in any order, and parts of a refused one late.
        let isPart = batch.documents.count == 1 || id.low >> 34 != 0
        for _ in 0..<(isPart ? 200 : Int.random(in: 0..<4)) { await Task.yield() }
        return try apply(batch, id)
    }

    private func apply(_ batch: ImportBatch, _ id: RequestID) throws(LodestoneError) -> WriteReceipt
    {
        if let bad = batch.documents.first(where: { $0.metadata["bad"] == true }) {
            throw .invalid("TEST", "'\(bad.id)' is refused.", recovery: "")
        }
        let receipt: WriteReceipt? = state.withLock { state in
            if let number = state.requests[id] {
                var receipt = WriteReceipt(sequenceNumber: number, durability: .full)
                receipt.isRepeated = true
                return receipt
            }
            guard state.left > 0 else { return nil }
            state.left -= 1
            state.sequenceNumber += 1
            state.requests[id] = state.sequenceNumber
            for document in batch.documents { state.versions[document.id] = document.metadata["v"] }
            for edge in batch.edges { state.edges[edge.source, default: []].append(edge.edge) }
            return WriteReceipt(sequenceNumber: state.sequenceNumber, durability: .full)
        }
        guard let receipt else {
            throw LodestoneError(.unavailable, reason: "TEST", "The server ended.", recovery: "")
        }
        return receipt
    }

    @Sendable func get(_ ids: [DocumentID], _ withEdges: Bool) async throws(LodestoneError)
        -> [Document]
    {
        state.withLock { state in
            ids.filter { state.versions[$0] != nil }.map {
                Document(id: $0, edges: state.edges[$0] ?? [])
            }
        }
    }

    var description: CollectionDescription {
        state.withLock { state in
            CollectionDescription(
                name: "c",
                options: CollectionOptions(dimension: 0),
                documents: state.versions.count,
                vectors: 0,
                edges: 0,
                sequenceNumber: state.sequenceNumber,
                number: state.number
            )
        }
    }
}

@Suite("The order of an import's file")
struct ImportOrderTests {
    let scratch: Scratch

    init() throws { scratch = try Scratch() }

    /// Lines of few ids, some of which are refused, and the version of each that the last good line has.
    private func file(_ lines: Int, ids: Int) throws -> (path: String, last: [DocumentID: Value]) {
        var text = ""
        var last: [DocumentID: Value] = [:]
        for line in 0..<lines {
            let id = Int.random(in: 0..<ids)
            let isBad = Int.random(in: 0..<40) == 0
            text += "{\"id\":\"k\(id)\",\"v\":\(line)\(isBad ? ",\"bad\":true" : "")}\n"
            if !isBad { last[DocumentID(stringLiteral: "k\(id)")] = .int(Int64(line)) }
        }
        return (try scratch.file("order.jsonl", text), last)
    }

    @Test("the last line of an id stands, whatever is refused and whoever comes first")
    func lastLineStands() async throws {
        for _ in 0..<40 {
            // No id twice within 20 lines of a batch, or the batch itself would choose.
            var text = ""
            var last: [DocumentID: Value] = [:]
            for line in 0..<400 {
                let isBad = Int.random(in: 0..<20) == 0
                text += "{\"id\":\"k\(line % 50)\",\"v\":\(line)\(isBad ? ",\"bad\":true" : "")}\n"
                if !isBad { last[DocumentID(stringLiteral: "k\(line % 50)")] = .int(Int64(line)) }
            }
            let path = try scratch.file("order.jsonl", text)
            let store = Store()
            let run = ImportRun(
                options: ImportOptions(batchSize: 20, inFlight: 6),
                runID: 7,
                send: store.send
            )
            _ = try await run.run(try DocumentReader(path: path)) { _ in }
            #expect(store.state.withLock { $0.versions } == last)
        }
    }

    @Test("edges of one source come in the order of the file")
    func edges() async throws {
        let lines = (0..<600).map { "s\($0 % 3)\tnext\tt\($0)" }.joined(separator: "\n")
        let path = try scratch.file("edges.tsv", lines)
        let store = Store()
        let run = ImportRun(
            options: ImportOptions(batchSize: 8, inFlight: 6),
            runID: 7,
            send: store.send
        )
        _ = try await run.run(try EdgeReader(path: path)) { _ in }
        for source in 0..<3 {
            let targets = store.state.withLock { state in
                state.edges[DocumentID(stringLiteral: "s\(source)")]?.map(\.target.string)
            }
            #expect(targets == (0..<200).map { "t\($0 * 3 + source)" })
        }
    }

    @Test("a batch of edges ends between two sources, and no edge is lost or twice")
    func batchesOfEdges() throws {
        let text = (0..<1_000).map { "s\($0 / 3)\tnext\tt\($0)" }.joined(separator: "\n")
        var reader = try EdgeReader(path: try scratch.file("edges.tsv", text))
        var targets: [String] = []
        var lastSource: DocumentID?
        var lastLine = 0
        while let batch = try reader.next(100) {
            #expect(batch.startsAfterLine == lastLine)
            #expect(batch.edges.first?.source != lastSource)
            lastSource = batch.edges.last?.source
            lastLine = batch.endsAtLine
            targets += batch.edges.map(\.edge.target.string)
        }
        #expect(targets == (0..<1_000).map { "t\($0)" })
        #expect(lastLine == 1_000)
    }

    /// What happens between two runs.
    private enum Between: CaseIterable {
        case nothing, madeAgain, madeAgainWithSameIDs, documentsDropped, olderState, otherStore
    }

    @Test("an import that is cut anywhere has no gap afterwards, whatever happened meanwhile")
    func cutAnywhere() async throws {
        for round in 0..<200 {
            let between = Between.allCases[round % Between.allCases.count]
            let (path, last) = try file(300, ids: 90)
            var store = Store()
            let subject = try ImportState.Subject(
                address: "a",
                collection: "c",
                input: path,
                settings: ""
            )
            var state = ImportState(subject: subject, collectionNumber: 1, batchSize: 20)
            let snapshotAt = Int.random(in: 0..<15)
            store.fail(after: snapshotAt)
            var snapshot: Store.State?
            // Twice, so that there is an older state to come back to.
            for cut in [snapshotAt, Int.random(in: 0..<20)] {
                store.fail(after: cut)
                let run = ImportRun(
                    options: ImportOptions(batchSize: 20, inFlight: 4),
                    runID: state.runID,
                    send: store.send
                )
                let progress = Mutex(state.progress)
                _ = try? await run.run(try DocumentReader(path: path), from: state.progress) {
                    seen in
                    progress.withLock { $0 = seen }
                }
                state.take(progress.withLock { $0 })
                state.goOn()
                if snapshot == nil { snapshot = store.state.withLock { $0 } }
            }
            switch between {
            case .nothing: break
            case .madeAgain:
                store.state.withLock { state in
                    state.versions = ["other": 1]
                    state.number += 1
                    state.sequenceNumber += 3
                }
            case .madeAgainWithSameIDs:
                store.state.withLock { state in
                    state.versions = state.versions.mapValues { _ in "old" }
                    state.number += 1
                    state.sequenceNumber += 3
                }
            case .documentsDropped:
                store.state.withLock { state in
                    if let id = state.versions.keys.randomElement() { state.versions[id] = nil }
                    state.sequenceNumber += 1
                }
            case .olderState:
                let old = try #require(snapshot)
                store.state.withLock { $0 = old }
                store.state.withLock { $0.sequenceNumber += 100 }
            case .otherStore:
                store = Store()
                store.state.withLock { $0.sequenceNumber = 1_000 }
            }
            store.fail(after: .max)
            if state.throughLine > 0 {
                let check = ResumeCheck(state, send: store.send, get: store.get)
                let obstacle = try await check.obstacle(
                    try DocumentReader(path: path),
                    in: store.description
                )
                if between == .nothing, state.latestBatch != nil { #expect(obstacle == nil) }
                if obstacle != nil {
                    state = ImportState(
                        subject: subject,
                        collectionNumber: store.description.number,
                        batchSize: 20
                    )
                }
            }
            let run = ImportRun(
                options: ImportOptions(batchSize: 20, inFlight: 4),
                runID: state.runID,
                send: store.send
            )
            _ = try await run.run(try DocumentReader(path: path), from: state.progress) { _ in }
            var found = store.state.withLock { $0.versions }
            found["other"] = nil
            let wrong = last.keys.filter { found[$0] != last[$0] }
            #expect(wrong.isEmpty && found.count == last.count, "\(between), round \(round)")
        }
    }
}
