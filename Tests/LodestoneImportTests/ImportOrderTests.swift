// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneImport
import Testing

@Suite("Order of an import")
struct ImportOrderTests {
    let scratch: Scratch

    init() throws { scratch = try Scratch() }

    @Test("The last good line of an id wins, with bad lines and batches in any order")
    func lastLineStands() async throws {
        let store = try await EngineStore(isShuffled: true)
        for round in 0..<40 {
            // No id twice within 20 lines of a batch, or the batch itself would choose.
            var text = ""
            var last: [DocumentID: Value] = [:]
            for line in 0..<400 {
                let isBad = Int.random(in: 0..<20) == 0
                text +=
                    "{\"id\":\"k\(line % 50)\",\"v\":\(line)\(isBad ? ",\"vector\":[1]" : "")}\n"
                if !isBad { last[DocumentID(stringLiteral: "k\(line % 50)")] = .int(Int64(line)) }
            }
            let path = try scratch.file("order.jsonl", text)
            let run = ImportRun(
                options: ImportOptions(batchSize: 20, inFlight: 6),
                runID: UInt64(round),
                send: store.send
            )
            _ = try await run.run(try DocumentReader(path: path)) { _ in }
            #expect(try await store.documents().compactMapValues { $0.metadata["v"] } == last)
            try await store.empty()
        }
    }

    @Test("Edges of one source are written in the order of the file")
    func edges() async throws {
        let lines = (0..<600).map { "s\($0 % 3)\tnext\tt\($0)" }.joined(separator: "\n")
        let path = try scratch.file("edges.tsv", lines)
        let store = try await EngineStore(isShuffled: true)
        try await store.write(["s0", "s1", "s2"].map { Document(id: $0) })
        let run = ImportRun(
            options: ImportOptions(batchSize: 8, inFlight: 6),
            runID: 7,
            send: store.send
        )
        _ = try await run.run(try EdgeReader(path: path)) { _ in }
        for source in 0..<3 {
            let document = try await store.documents()[DocumentID(stringLiteral: "s\(source)")]
            let targets = document?.edges.map(\.target.string)
            #expect(targets == (0..<200).map { "t\($0 * 3 + source)" })
        }
    }

    @Test("Batches of edges end between two sources, without a lost or repeated edge")
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
}
