// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneEngine
import TestSupport
import Testing

@Suite("Reply budget")
struct ReplyBudgetTests {
    private let store: TestStore

    init() throws {
        store = try TestStore()
    }

    /// A call with limits on the bytes of its reply.
    private func call(
        wire: Int = .max,
        memory: Int = .max,
        of budget: MemoryBudget = MemoryBudget(limit: .max)
    ) -> CallContext {
        CallContext(
            deadline: .now.advanced(by: .seconds(300)),
            replyBudget: ReplyBudget(maxWireBytes: wire, maxMemoryBytes: memory, memory: budget)
        )
    }

    @Test("A reply that is made again is counted from its beginning")
    func restarts() throws {
        let context = call(wire: 100)
        try context.charge(wire: 80, memory: 10)
        context.replyBudget?.restart()
        try context.charge(wire: 80, memory: 10)
        #expect(throws: LodestoneError.self) { try context.charge(wire: 30, memory: 10) }
    }

    /// A store with 1,000 documents with words, a number and a kind, and a hub with an edge to
    /// each.
    private func filled() async throws -> Engine {
        let engine = try store.open()
        try await engine.createCollection("c", CollectionOptions(dimension: 4))
        var random = SeededGenerator(seed: 7)
        let words = ["pump", "valve", "seal", "motor", "belt", "bearing", "filter", "hose"]
        var documents: [Document] = []
        for number in 0..<1_000 {
            documents.append(
                Document(
                    id: try DocumentID("document-\(number)"),
                    vector: (0..<4).map { _ in Float.random(in: -1...1, using: &random) },
                    text: (0..<5).map { _ in words.randomElement(using: &random) ?? "" }
                        .joined(separator: " "),
                    metadata: ["n": .int(Int64(number % 50)), "kind": .string(words[number % 8])]
                )
            )
        }
        documents.append(
            Document(id: "hub", edges: documents.map { Edge("to", to: $0.id) })
        )
        documents.append(Document(id: "large", text: String(repeating: "x", count: 100_000)))
        _ = try await engine.index("c", documents)
        return engine
    }

    private func refusal(_ body: () throws -> Void) -> LodestoneError? {
        do {
            try body()
            return nil
        } catch {
            return error as? LodestoneError
        }
    }

    @Test("A read of one document too many times for a reply is refused")
    func get() async throws {
        let engine = try await filled()
        func get(_ times: Int, _ call: CallContext) throws {
            let ids = [DocumentID](repeating: "large", count: times)
            let documents = try engine.get(
                GetRequest(collection: "c", ids: ids, include: .text),
                context: call
            )
            #expect(documents.count == times)
        }
        try get(9, call(wire: 1 << 20))
        let byWire = refusal { try get(11, call(wire: 1 << 20)) }
        #expect(byWire?.code == .resourceExhausted)
        #expect(byWire?.reason == .replyTooLarge)
        #expect(byWire?.message.contains("1048576") == true)
        #expect(byWire?.retryAfter == nil)
        let byMemory = refusal { try get(100, call(memory: 2 << 20)) }
        #expect(byMemory?.reason == .replyTooLarge)
        #expect(byMemory?.message.contains("2097152") == true)
    }

    @Test("Many walks of a hub beyond the reply budget are refused")
    func walk() async throws {
        let engine = try await filled()
        let request = WalkRequest(
            collection: "c",
            walks: Array(repeating: Walk(from: ["hub"]), count: 100)
        )
        let steps = try engine.walk(request, context: call()).results.map(\.reached.count)
        #expect(steps == Array(repeating: 1_000, count: 100))
        let byWire = refusal { _ = try engine.walk(request, context: call(wire: 1 << 20)) }
        #expect(byWire?.reason == .replyTooLarge)
        let byMemory = refusal { _ = try engine.walk(request, context: call(memory: 1 << 20)) }
        #expect(byMemory?.reason == .replyTooLarge)
    }

    @Test("Hits, documents, highlights and facets beyond the reply budget are refused")
    func search() async throws {
        let engine = try await filled()
        func reason(_ query: Query, times: Int, _ call: CallContext) -> LodestoneError.Reason? {
            let queries = [Query](repeating: query, count: times)
            return refusal {
                _ = try engine.search(
                    SearchRequest(collection: "c", queries: queries),
                    context: call
                )
            }?.reason
        }
        let near = Query([.near([1, 0, 0, 0])], limit: 1_000)
        #expect(reason(near, times: 20, call(wire: 400_000)) == nil)
        #expect(reason(near, times: 100, call(wire: 400_000)) == .replyTooLarge)
        #expect(reason(near, times: 100, call(memory: 1 << 20)) == .replyTooLarge)
        var large = Query([.matching(String(repeating: "x", count: 40) + "*", mode: .querySyntax)])
        #expect(reason(large, times: 100, call(wire: 1 << 20)) == nil)
        large.include = .text
        #expect(reason(large, times: 100, call(wire: 1 << 20)) == .replyTooLarge)
        var highlighted = Query([.matching("pump valve")], limit: 1_000)
        #expect(reason(highlighted, times: 20, call(wire: 400_000)) == nil)
        highlighted.highlight = Highlight()
        #expect(reason(highlighted, times: 20, call(wire: 400_000)) == .replyTooLarge)
        var counted = Query([.near([1, 0, 0, 0])], limit: 1)
        counted.facets = [FacetRequest(path: ["kind"])]
        #expect(reason(counted, times: 100, call(wire: 10_000)) == nil)
        #expect(reason(counted, times: 1_000, call(wire: 20_000)) == .replyTooLarge)
    }

    @Test("The id of a hit with its document is counted once")
    func idsOfHits() async throws {
        let engine = try store.open()
        try await engine.createCollection("c", CollectionOptions(dimension: 1))
        let documents = try (0..<100).map { number in
            Document(
                id: try DocumentID(String(repeating: "i", count: 200) + "\(100 + number)"),
                vector: [Float(number + 1)],
                metadata: ["n": .int(1)]
            )
        }
        _ = try await engine.index("c", documents)
        var query = Query([.near([1])], limit: 100)
        query.include = .metadata
        let request = SearchRequest(collection: "c", queries: [query])
        func hits(_ call: CallContext) throws -> Int {
            try engine.search(request, context: call).results[0].hits.count
        }
        #expect(try hits(call(wire: 100 * 203)) == 100)
        #expect(refusal { _ = try hits(call(wire: 100 * 203 - 1)) }?.reason == .replyTooLarge)
    }

    @Test("Replies together stay within the memory budget, and their memory is freed")
    func together() async throws {
        let engine = try await filled()
        let memory = MemoryBudget(limit: 2 << 20)
        let near = Query([.near([1, 0, 0, 0])], limit: 1_000)
        let request = SearchRequest(collection: "c", queries: [near, near, near, near])
        let first = call(of: memory)
        _ = try engine.search(request, context: first)
        #expect(memory.usedByteCount > 256 << 10)
        var refused: LodestoneError?
        let others = (0..<8).map { _ in call(of: memory) }
        for other in others where refused == nil {
            refused = refusal { _ = try engine.search(request, context: other) }
        }
        #expect(refused?.reason == .overloaded)
        #expect(refused?.retryAfter != nil)
        #expect(memory.usedByteCount <= memory.limit)
        first.replyBudget?.end()
        for other in others { other.replyBudget?.end() }
        #expect(memory.usedByteCount == 0)
        _ = try engine.search(request, context: call(of: memory))
        #expect(memory.usedByteCount == 0, "a call that ended gives back what it took")
    }

    @Test(
        "Many queries of one call return what each returns alone",
        arguments: TestLength.isLong ? [255, 256, 257, 700] : [256, 257]
    )
    func parts(_ count: Int) async throws {
        let engine = try await filled()
        var random = SeededGenerator(seed: UInt64(count))
        let words = ["pump", "valve seal", "motor belt", "hose"]
        let queries = (0..<count).map { number in
            let vector = (0..<4).map { _ in Float.random(in: -1...1, using: &random) }
            var query = Query([.near(vector), .matching(words[number % 4])], limit: 5)
            if number % 3 == 0 { query = Query([.near(vector)], limit: 5) }
            if number % 5 == 0 {
                query.filter = .range(
                    path: ["n"],
                    lower: nil,
                    upper: .init(.int(Int64(number % 7 * 5 + 3)))
                )
            }
            if number % 2 == 0 {
                query.facets = [FacetRequest(path: ["kind"], limit: number % 4 + 1)]
                if number % 4 == 0 { query.facets.append(FacetRequest(path: ["n"], limit: 3)) }
            }
            query.include = [.metadata, .explain]
            return query
        }
        func results(_ queries: [Query]) throws -> [QueryResult] {
            try engine.search(
                SearchRequest(collection: "c", queries: queries),
                context: call()
            ).results
        }
        let together = try results(queries)
        #expect(together.count == count)
        for (query, result) in zip(queries, together) {
            let alone = try results([query])[0]
            #expect(result.hits == alone.hits)
            #expect(result.facets == alone.facets)
        }
    }
}
