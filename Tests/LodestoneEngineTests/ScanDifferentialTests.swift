// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import TestSupport
import Testing

@testable import LodestoneEngine

@Suite("Scans and facets")
struct ScanDifferentialTests {
    private static let long = String(repeating: "long ", count: 60)
    private static let numbers: [Value] = [
        1, 2, 3, 1.0, 2.5, -4, [1, 2, 2], [3.0, "x"], ["x", ["y"]],
    ]
    private static let strings: [Value] = [
        "", "a", "ab", "b", ["a", "a", "c"], true, 7, .timestamp(microseconds: 7),
    ]

    /// The documents as they were written, oldest first.
    private struct Model {
        var documents: [(id: String, metadata: Metadata)] = []

        mutating func drop(_ id: String) { documents.removeAll { $0.id == id } }

        mutating func write(_ id: String, _ metadata: Metadata) {
            drop(id)
            documents.append((id, metadata))
        }

        func matching(_ filter: Filter?) -> [(id: String, metadata: Metadata)] {
            documents.filter { filter?.matches($0.metadata) ?? true }
        }
    }

    @Test("Scans and facets agree with a model for every filter and order")
    func differential() async throws {
        let directory = try TemporaryDirectory()
        let engine = try Engine.open(directory: directory.path + "/store")
        defer { engine.close() }
        let options = CollectionOptions(
            dimension: 0,
            metadataIndexes: [MetadataIndex("n"), MetadataIndex("s")]
        )
        try await engine.createCollection("a", options)
        var random = SeededGenerator(seed: 77)
        var model = Model()
        for round in 0..<8 {
            try await write(&model, &random, engine)
            if round == 3 { try await engine.compact("a") }
            for filter in filters(&random) {
                try await compareScans(model, filter, &random, engine)
                try await compareFacets(model, filter, engine)
            }
        }
    }

    private func write(_ model: inout Model, _ random: inout SeededGenerator, _ engine: Engine)
        async throws
    {
        var batch: [Document] = []
        for number in 0..<40 where Int.random(in: 0..<3, using: &random) == 0 {
            var metadata: Metadata = ["u": .int(Int64(number % 4)), "v": .string("v\(number % 3)")]
            metadata["n"] = Self.numbers.randomElement(using: &random)
            metadata["s"] = Self.strings.randomElement(using: &random)
            if number % 5 == 0 { metadata["n"] = nil }
            if number % 7 == 0 { metadata["s"] = .string(Self.long + "\(number % 2)") }
            model.write("d\(number)", metadata)
            batch.append(Document(id: try DocumentID("d\(number)"), metadata: metadata))
        }
        _ = try await engine.index("a", batch)
        let gone = "d\(Int.random(in: 0..<40, using: &random))"
        model.drop(gone)
        _ = try await engine.dropMany(
            DropManyRequest(collection: "a", ids: [try DocumentID(gone)])
        )
    }

    private func filters(_ random: inout SeededGenerator) -> [Filter?] {
        let number = Value.int(Int64.random(in: 0...3, using: &random))
        let above = Filter.range(path: ["n"], lower: .init(number, isExclusive: true), upper: nil)
        let unindexed = Filter.equal(path: ["u"], number)
        return [
            nil, above, unindexed, .and([.not(above), unindexed]),
            .or([.contains(path: ["s"], "a"), unindexed]),
        ]
    }

    private func compareScans(
        _ model: Model,
        _ filter: Filter?,
        _ random: inout SeededGenerator,
        _ engine: Engine
    ) async throws {
        var orders: [ScanOrder?] = [nil]
        for name in ["n", "s"] {
            orders += [false, true].map { ScanOrder(path: [name], isDescending: $0) }
        }
        for order in orders {
            let limit = Int.random(in: 1...15, using: &random)
            var found: [String] = []
            var cursor: ScanCursor?
            repeat {
                let page = try await engine.scan(
                    ScanRequest(
                        collection: "a",
                        cursor: cursor,
                        limit: limit,
                        filter: filter,
                        order: order
                    )
                )
                #expect(page.documents.count <= limit)
                found += page.documents.map(\.id.string)
                cursor = page.nextCursor
            } while cursor != nil && found.count <= model.documents.count
            let expected = ordered(model.matching(filter), order).map(\.id)
            #expect(found == expected, "\(String(describing: filter)) \(String(describing: order))")
        }
    }

    private func ordered(_ documents: [(id: String, metadata: Metadata)], _ order: ScanOrder?)
        -> [(id: String, metadata: Metadata)]
    {
        guard let order else { return documents }
        let ranked = documents.enumerated().map { (position: $0, rank: rank($1, order), entry: $1) }
        return ranked.sorted { left, right in
            switch (left.rank, right.rank) {
            case (let first?, let second?) where first != second:
                (first < second) != order.isDescending
            case (.some, nil): true
            case (nil, .some): false
            default: left.position < right.position
            }
        }.map(\.entry)
    }

    private struct Rank: Comparable {
        var type: Int
        var number = 0.0
        var bytes: [UInt8] = []

        static func < (left: Rank, right: Rank) -> Bool {
            if left.type != right.type { return left.type < right.type }
            if left.number != right.number { return left.number < right.number }
            return left.bytes.lexicographicallyPrecedes(right.bytes)
        }
    }

    /// The rank of a document's value; `nil` for a value without a place in the order.
    private func rank(_ document: (id: String, metadata: Metadata), _ order: ScanOrder) -> Rank? {
        guard let value = document.metadata[order.path[0]] else { return nil }
        return rank(value, prefix: 256)
    }

    private func rank(_ value: Value, prefix: Int) -> Rank? {
        switch value {
        case .bool(let flag): Rank(type: 1, number: flag ? 1 : 0)
        case .int(let number): Rank(type: 2, number: Double(number))
        case .double(let number): Rank(type: 2, number: number)
        case .timestamp(let time): Rank(type: 3, number: Double(time))
        case .string(let text): Rank(type: 4, bytes: Array(text.utf8.prefix(prefix)))
        default: nil
        }
    }

    private func compareFacets(_ model: Model, _ filter: Filter?, _ engine: Engine) async throws {
        let names = ["n", "u", "s", "v"]
        for limit in [2, 100] {
            let requests = names.map { FacetRequest(path: [$0], limit: limit) }
            let response = try await engine.count(
                CountRequest(
                    collection: "a",
                    filter: filter,
                    facets: requests
                )
            )
            let documents = model.matching(filter)
            #expect(response.count == documents.count)
            for (name, facet) in zip(names, response.facets) {
                let expected = counts(of: name, in: documents)
                let note = "\(name) of \(String(describing: filter))"
                #expect(facet.path == [name] && facet.distinctValues == expected.count, "\(note)")
                let shown = facet.values.map { "\($0.value) \($0.count)" }
                #expect(shown == expected.prefix(limit).map { "\($0.0) \($0.1)" }, "\(note)")
            }
            // A search has the same counts, whatever its hits are, and each of its queries has its
            // own.
            let found = try await engine.search(
                SearchRequest(
                    collection: "a",
                    queries: [
                        Query([.matching("nothing")], filter: filter, facets: requests),
                        Query([.matching("nothing")], filter: .exists(path: ["zz"], true)),
                        Query(
                            [.matching("nothing")],
                            filter: .exists(path: ["zz"], true),
                            facets: [requests[0]]
                        ),
                    ]
                )
            ).results
            #expect(found[0].facets == response.facets && found[1].facets.isEmpty)
            #expect(found[2].facets == [Facet(path: ["n"], values: [], distinctValues: 0)])
        }
    }

    /// The counts of a field's values, the most frequent first, ties in the order of the values.
    private func counts(of name: String, in documents: [(id: String, metadata: Metadata)])
        -> [(Value, Int)]
    {
        var counts: [Value: Int] = [:]
        for document in documents {
            guard let value = document.metadata[name] else { continue }
            var values = [value]
            if case .list(let elements) = value { values = elements }
            for value in Set(values.map(whole)) where rank(value, prefix: .max) != nil {
                counts[value, default: 0] += 1
            }
        }
        return counts.map { ($0, $1) }.sorted { left, right in
            if left.1 != right.1 { return left.1 > right.1 }
            guard let first = rank(left.0, prefix: .max), let second = rank(right.0, prefix: .max)
            else { return false }
            return first < second
        }
    }

    /// The value, with a double of an integer's value as that integer: equal numbers count as one
    /// value.
    private func whole(_ value: Value) -> Value {
        if case .double(let number) = value, let whole = Int64(exactly: number) {
            return .int(whole)
        }
        return value
    }

    @Test("Facets end when their call is cancelled, and too many facets are refused")
    func facetLimits() async throws {
        let directory = try TemporaryDirectory()
        let engine = try Engine.open(directory: directory.path + "/store")
        defer { engine.close() }
        try await engine.createCollection("a", CollectionOptions(dimension: 0))
        _ = try await engine.index("a", [Document(id: "d", metadata: ["n": 1])])
        let ask = { (facets: [FacetRequest], queries: Int) in
            let query = Query([.matching("x")], facets: facets)
            return SearchRequest(
                collection: "a",
                queries: Array(repeating: query, count: queries)
            )
        }
        let n = FacetRequest(path: ["n"])
        let cases: [(SearchRequest, String)] = [
            (ask(Array(repeating: n, count: 33), 1), "queries[0].facets"),
            (ask(Array(repeating: n, count: 32), 33), "facets of all queries"),
            (ask([n, FacetRequest(path: [])], 2), "queries[0].facets[1].path"),
            (ask([FacetRequest(path: ["n"], limit: 0)], 1), "queries[0].facets[0].limit"),
            (ask([FacetRequest(path: ["n"], limit: 1_001)], 1), "queries[0].facets[0].limit"),
        ]
        for (request, field) in cases {
            let error = await failure { _ = try await engine.search(request) }
            #expect(error?.reason == .limit && error?.field == field, "\(field)")
        }
        let many = try await engine.search(ask(Array(repeating: n, count: 32), 32))
        #expect(many.results.allSatisfy { $0.facets.count == 32 })
        let context = CallContext(timeout: .seconds(60))
        context.cancel()
        let cancelled = #expect(throws: LodestoneError.self) {
            try engine.search(ask([n], 1), context: context)
        }
        #expect(cancelled?.code == .cancelled)
    }
}
