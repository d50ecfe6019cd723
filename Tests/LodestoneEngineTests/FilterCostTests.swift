// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneEngine
import TestSupport
import Testing

@Suite("Filters of many values", .timeLimit(.minutes(5)))
struct FilterCostTests {
    private static let count = 20_000

    private func filled(_ store: TestStore) async throws -> Engine {
        let engine = try store.open()
        try await engine.createCollection("c", CollectionOptions(dimension: 0))
        for start in stride(from: 0, to: Self.count, by: 5_000) {
            _ = try await engine.index(
                "c",
                try (start..<start + 5_000).map { number in
                    Document(
                        id: try DocumentID("d\(number)"),
                        metadata: ["n": .int(Int64(number)), "m": .int(Int64(number % 7))]
                    )
                }
            )
        }
        return engine
    }

    private func count(_ filter: Filter, _ engine: Engine, _ timeout: Duration = .seconds(60))
        async throws -> (count: Int, explanation: FilterExplanation?, time: Duration)
    {
        let start = ContinuousClock.now
        let response = try await engine.count(
            CountRequest(collection: "c", filter: filter),
            timeout: timeout
        )
        return (response.count, response.filter, ContinuousClock.now - start)
    }

    @Test("A filter of many values costs a hash lookup per document, in any notation")
    func manyValues() async throws {
        let store = try TestStore()
        let engine = try await filled(store)
        let numbers = (0..<5_000).map { Int64($0 * 8) }
        let matching = Self.count / 8
        let equal = { (number: Int64) in Filter.equal(path: ["n"], .int(number)) }
        let list = try await count(.oneOf(path: ["n"], numbers.map { .int($0) }), engine)
        #expect(list.count == matching)
        // A comparison of each document with each value would take a thousand times as long.
        let ceiling = max(list.time * 10, .seconds(2))
        let chains: [(String, Filter, Int)] = [
            ("OR", .or(numbers.map(equal)), matching),
            ("OR from the left", numbers.prefix(25).reduce(.or([])) { .or([$0, equal($1)]) }, 25),
            ("not OR", .not(.or(numbers.map(equal))), Self.count - matching),
            ("AND of !=", .and(numbers.map { .not(equal($0)) }), Self.count - matching),
            (
                "pairs",
                .or(numbers.map { .and([equal($0), .equal(path: ["m"], .int($0 % 7))]) }), matching
            ),
            (
                "100,000 values",
                .oneOf(path: ["n"], (0..<100_000).map { .double(Double($0) / 2) }), Self.count
            ),
            (
                "mixed",
                .or(numbers.map(equal) + [.range(path: ["m"], lower: .init(6), upper: nil)]),
                (0..<Self.count).filter { $0 % 8 == 0 || $0 % 7 == 6 }.count
            ),
        ]
        for (name, filter, expected) in chains {
            let found = try await count(filter, engine)
            #expect(found.count == expected, "\(name)")
            #expect(found.time < ceiling, "\(name) took \(found.time), IN \(list.time)")
        }
        engine.close()
    }

    @Test("A filter on ids reads no document")
    func ids() async throws {
        let store = try TestStore()
        let engine = try await filled(store)
        let ids = try (0..<10_000).map { try DocumentID("d\($0 * 3)") }
        let known = (Self.count + 2) / 3
        for filter in [Filter.ids(ids), .or(ids.map { .ids([$0]) })] {
            let found = try await count(filter, engine)
            #expect(found.count == known)
            #expect(found.explanation?.readDocuments == 0)
            #expect(found.explanation?.strategy == "indexed")
        }
        let rest = try await count(.not(.ids(ids)), engine)
        #expect(rest.count == Self.count - known && rest.explanation?.readDocuments == 0)
        let both = try await count(
            .and([.ids(Array(ids.prefix(10))), .equal(path: ["m"], 3)]),
            engine
        )
        #expect(both.count == (0..<10).filter { $0 * 3 % 7 == 3 }.count)
        #expect(both.explanation?.readDocuments == 10)
        // A replaced document has another row; a dropped one has none.
        _ = try await engine.index("c", [Document(id: "d3"), Document(id: "new")])
        let dropped = try await engine.dropMany(
            DropManyRequest(collection: "c", filter: .ids(["d0", "d3", "none"]))
        )
        #expect(dropped.dropped == 2)
        #expect(try await count(.ids(["d0", "d3", "new"]), engine).count == 1)
        try await engine.compact("c")
        #expect(try await count(.ids(["d0", "d3", "new", "d6"]), engine).count == 2)
        let page = try await engine.scan(
            ScanRequest(collection: "c", limit: 10, filter: .ids(["d9", "new", "d6"]))
        )
        #expect(page.documents.map(\.id) == ["d6", "d9", "new"])
        engine.close()
    }

    @Test("A filter of many ranges ends at its deadline")
    func deadline() async throws {
        let store = try TestStore()
        let engine = try await filled(store)
        let ranges = Filter.or(
            (0..<5_000).map {
                .range(path: ["n"], lower: .init(.double(Double($0) + 0.3)), upper: .init(0))
            }
        )
        let start = ContinuousClock.now
        let error = await failure {
            _ = try await count(ranges, engine, .milliseconds(200))
        }
        #expect(error?.code == .deadlineExceeded)
        #expect(ContinuousClock.now - start < .seconds(20))
        engine.close()
    }
}
