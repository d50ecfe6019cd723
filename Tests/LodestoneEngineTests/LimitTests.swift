// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneCore
import LodestoneEngine
import TestSupport
import Testing

@Suite("Engine limits")
struct LimitTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func open(_ limits: Limits) throws -> Engine {
        try Engine.open(
            directory: directory.path + "/store",
            options: Engine.Options(limits: limits)
        )
    }

    /// Each limit of a request, and the least value that it may have.
    private static let numbers:
        [(name: String, path: any WritableKeyPath<Limits, Int> & Sendable, least: Int)] = [
            ("maxNesting", \.maxNesting, 1), ("maxBatch", \.maxBatch, 1),
            ("maxFilteredDrop", \.maxFilteredDrop, 1), ("maxDimension", \.maxDimension, 1),
            ("maxLimit", \.maxLimit, 1), ("maxCandidates", \.maxCandidates, 1),
            ("maxEF", \.maxEF, 1), ("maxDocumentBytes", \.maxDocumentBytes, 1_024),
            ("maxEdges", \.maxEdges, 1),
            ("maxQueryBytes", \.maxQueryBytes, 1), ("maxQueryTerms", \.maxQueryTerms, 1),
            ("maxFuzzyPrefix", \.maxFuzzyPrefix, 0), ("maxExpansions", \.maxExpansions, 1),
            ("maxDepth", \.maxDepth, 1), ("maxWalkNodes", \.maxWalkNodes, 1),
            ("maxWalkEdges", \.maxWalkEdges, 1),
        ]

    @Test("Engine limits out of range are refused by name before a store is created")
    func refusals() throws {
        for (name, path, least) in Self.numbers {
            for value in [least - 1, .min, .max] {
                var limits = Limits.standard
                limits[keyPath: path] = value
                let error = #expect(throws: LodestoneError.self) { try open(limits) }
                #expect(error?.reason == .limit && error?.field == "limits.\(name)")
                #expect(error?.message.contains("\(value)") == true)
            }
        }
        for deadline in [Duration.zero, .seconds(-1), .seconds(Int64.max)] {
            var limits = Limits.standard
            limits.maxDeadline = deadline
            let error = #expect(throws: LodestoneError.self) { try open(limits) }
            #expect(error?.reason == .limit && error?.field == "limits.maxDeadline")
        }
        #expect(!FileManager.default.fileExists(atPath: directory.path + "/store"))
    }

    @Test("An engine with the least limits refuses larger requests and serves the rest")
    func least() async throws {
        var limits = Limits.standard
        for (_, path, least) in Self.numbers { limits[keyPath: path] = least }
        let engine = try open(limits)
        defer { engine.close() }
        try await engine.createCollection("a", CollectionOptions(dimension: 1))
        let document = Document(id: "x", vector: [1], text: "b", metadata: ["n": 1])
        _ = try await engine.index("a", [document])
        let query = Query([.near([1]), .matching("b")], filter: .equal(path: ["n"], 1), limit: 1)
        #expect(try await engine.search("a", query).map(\.id) == ["x"])
        var large = query
        large.limit = 2
        let refused = await failure { _ = try await engine.search("a", large) }
        #expect(refused?.reason == .limit && refused?.message.contains("1 to 1") == true)
        let page = try await engine.scan(ScanRequest(collection: "a", limit: 1))
        #expect(page.documents.map(\.id) == ["x"])
        let walk = Walk(from: ["x"], budget: WalkBudget(nodes: 1, edges: 1))
        #expect(try await engine.walk("a", walk).reached.isEmpty)
        let deep = Document(id: "y", metadata: ["n": [1]])
        let nested = await failure { _ = try await engine.index("a", [deep]) }
        #expect(nested?.reason == .limit)
    }

    @Test("Documents nested to the limit are stored and read")
    func nesting() async throws {
        var value = Value.int(1)
        for _ in 1..<Limits.standard.maxNesting { value = .object(["o": value]) }
        let document = Document(id: "x", metadata: ["o": value])
        for turn in 0..<2 {
            let engine = try open(.standard)
            defer { engine.close() }
            if turn == 0 {
                try await engine.createCollection("a", CollectionOptions(dimension: 0))
                _ = try await engine.index("a", [document])
            }
            let found = try await engine.get(GetRequest(collection: "a", ids: ["x"]))
            #expect(found == [document])
        }
    }
}
