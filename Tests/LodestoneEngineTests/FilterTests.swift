// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneMetadata
import TestSupport
import Testing

@testable import LodestoneEngine

extension Filter {
    /// Whether a document with this metadata satisfies the filter.
    func matches(_ metadata: Metadata) -> Bool { FilterTest(self).matches(metadata, id: "a") }
}

@Suite("Filter")
struct FilterTests {
    private let metadata: Metadata = [
        "year": 2_020, "score": 0.5, "title": "vector search", "draft": false,
        "tags": ["x", "y", 3], "seen": .timestamp(microseconds: 1_000),
        "author": .object(["name": "Ada", "born": .int(1_815)]),
    ]

    @Test(
        "A filter matches metadata that fits",
        arguments: [
            .equal(path: ["year"], 2_020), .equal(path: ["year"], 2_020.0),
            .equal(path: ["tags"], "x"), .equal(path: ["tags"], ["x", "y", 3]),
            .equal(path: ["author", "name"], "Ada"), .equal(path: ["draft"], false),
            .oneOf(path: ["year"], [1, 2_020]),
            .range(path: ["year"], lower: .init(2_020), upper: nil),
            .range(path: ["year"], lower: .init(2_019.5), upper: .init(2_020.5)),
            .range(path: ["score"], lower: .init(0), upper: .init(1, isExclusive: true)),
            .range(path: ["title"], lower: .init("vector"), upper: .init("vectos")),
            .range(path: ["seen"], lower: .init(.timestamp(microseconds: 1_000)), upper: nil),
            .exists(path: ["author", "born"], true), .exists(path: ["missing"], false),
            .contains(path: ["title"], "tor s"), .contains(path: ["tags"], 3.0),
            .and([]), .and([.exists(path: ["year"], true), .not(.equal(path: ["year"], 1))]),
            .or([.equal(path: ["year"], 1), .equal(path: ["draft"], false)]),
            .not(.equal(path: ["missing"], 1)), .not(.equal(path: ["title"], 1)),
        ] as [Filter]
    )
    func holds(filter: Filter) {
        #expect(filter.matches(metadata))
        #expect(!Filter.not(filter).matches(metadata))
    }

    @Test(
        "A filter doesn't match metadata that doesn't fit",
        arguments: [
            .equal(path: ["year"], 2_021), .equal(path: ["year"], "2020"),
            .equal(path: ["missing"], 1), .equal(path: ["draft"], 0),
            .equal(path: ["author", "name", "first"], "Ada"),
            .range(path: ["year"], lower: .init(2_020, isExclusive: true), upper: nil),
            .range(path: ["title"], lower: .init(0), upper: nil),
            .range(path: ["seen"], lower: .init(0), upper: nil),
            .range(path: ["year"], lower: .init(.double(.infinity)), upper: nil),
            .exists(path: ["missing"], true), .exists(path: ["year"], false),
            .contains(path: ["title"], "tors"), .contains(path: ["year"], 2), .or([]),
        ] as [Filter]
    )
    func doesNotHold(filter: Filter) {
        #expect(!filter.matches(metadata))
    }

    @Test("Filters compare integers and doubles without rounding")
    func exactNumbers() {
        let large: Metadata = ["n": .int(.max)]
        #expect(!Filter.equal(path: ["n"], .double(0x1p63)).matches(large))
        #expect(
            Filter.range(path: ["n"], lower: nil, upper: .init(.double(0x1p63))).matches(large)
        )
        let odd: Metadata = ["n": .int((1 << 53) + 1)]
        #expect(!Filter.equal(path: ["n"], .double(0x1p53)).matches(odd))
    }
}

@Suite("Cached filter rows")
struct FilterCacheTests {
    @Test("A repeated filter finds new rows and no dropped ones")
    func follows() async throws {
        let directory = try TemporaryDirectory()
        let engine = try Engine.open(directory: directory.path + "/store")
        defer { engine.close() }
        try await engine.createCollection("a", CollectionOptions(dimension: 1, metric: .euclidean))
        let query = Query(
            [.near([0])],
            filter: .equal(path: ["even"], .bool(true)),
            limit: 100
        )
        var live: Set<Int> = []
        var random = SeededGenerator(seed: 5)
        for round in 0..<30 {
            let number = Int(random.next() % 40)
            if random.next() % 3 == 0 {
                _ = try await engine.dropMany(
                    DropManyRequest(collection: "a", ids: [try DocumentID("d\(number)")])
                )
                live.remove(number)
            } else {
                // The document is replaced or new; the filter matches it in every second round.
                let isEven = round % 2 == 0
                _ = try await engine.index(
                    "a",
                    [
                        Document(
                            id: try DocumentID("d\(number)"),
                            vector: [Float(number)],
                            metadata: ["even": .bool(isEven)]
                        )
                    ]
                )
                if isEven { live.insert(number) } else { live.remove(number) }
            }
            let found = try await engine.search("a", query).map { $0.id.string }
            #expect(found == live.sorted().map { "d\($0)" }, "round \(round)")
        }
    }

    @Test("A repeated filter distinguishes canonically equivalent texts by their bytes")
    func canonicalEquivalents() async throws {
        let directory = try TemporaryDirectory()
        let engine = try Engine.open(directory: directory.path + "/store")
        defer { engine.close() }
        try await engine.createCollection("a", CollectionOptions(dimension: 0))
        let (composed, decomposed) = ("\u{E4}", "a\u{308}")
        #expect(composed == decomposed)
        _ = try await engine.index(
            "a",
            [
                Document(id: "x", metadata: ["t": .string(composed)]),
                Document(id: "y", metadata: ["t": .string(decomposed)]),
            ]
        )
        for (text, id) in [(composed, "x"), (decomposed, "y"), (composed, "x")] {
            let filter = Filter.equal(path: ["t"], .string(text))
            let page = try await engine.scan(ScanRequest(collection: "a", filter: filter))
            #expect(page.documents.map(\.id.string) == [id])
            let counted = try await engine.count(
                CountRequest(collection: "a", filter: filter, facets: [FacetRequest(path: ["t"])])
            )
            #expect(counted.count == 1)
            #expect(
                counted.facets[0].values.map { Array("\($0.value)".utf8) }
                    == [Array("\(Value.string(text))".utf8)]
            )
        }
    }
}
