// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneMetadata
import TestSupport
import Testing

@testable import LodestoneEngine

@Suite("Indexed fields")
struct MetadataIndexTests {
    private let options = CollectionOptions(
        dimension: 0,
        metadataIndexes: [MetadataIndex("n"), MetadataIndex("tag")]
    )

    private func document(_ number: Int) throws -> Document {
        Document(
            id: try DocumentID("d\(number)"),
            metadata: ["n": .int(Int64(number)), "tag": .string("t\(number % 3)")]
        )
    }

    private func fill(_ engine: Engine, _ numbers: Range<Int>) async throws {
        _ = try await engine.index("a", try numbers.map { try document($0) })
    }

    private func count(_ engine: Engine, _ filter: Filter) async throws -> CountResponse {
        try await engine.count(CountRequest(collection: "a", filter: filter))
    }

    @Test("An indexed filter reads no documents, over a base, the log and both")
    func reopening() async throws {
        let directory = try TemporaryDirectory()
        let filter = Filter.and([
            .range(path: ["n"], lower: .init(10), upper: nil), .not(.equal(path: ["tag"], "t1")),
        ])
        var expected = Set<Int>()
        for round in 0..<4 {
            let engine = try Engine.open(directory: directory.path + "/store")
            defer { engine.close() }
            if round == 0 { try await engine.createCollection("a", options) }
            #expect(try engine.describe("a").options == options)
            let found = try await count(engine, filter)
            #expect(found.count == expected.count, "after round \(round)")
            #expect(found.filter?.strategy == "indexed" && found.filter?.readDocuments == 0)
            let numbers = round * 100..<round * 100 + 100
            try await fill(engine, numbers)
            expected.formUnion(numbers.filter { $0 >= 10 && $0 % 3 != 1 })
            _ = try await engine.dropMany(
                DropManyRequest(collection: "a", ids: [try DocumentID("d\(round * 100 + 12)")])
            )
            expected.remove(round * 100 + 12)
            if round == 1 { try await engine.compact("a") }
            #expect(try await count(engine, filter).count == expected.count)
            #expect(try await engine.verify().damages.isEmpty)
        }
    }

    @Test("Verification compares field indexes with the rows and repairs them")
    func verification() async throws {
        let directory = try TemporaryDirectory()
        let engine = try Engine.open(directory: directory.path + "/store")
        defer { engine.close() }
        try await engine.createCollection("a", options)
        try await fill(engine, 0..<10)
        let collection = try engine.collection(named: "a")
        var version = collection.version
        version.update(FieldIndex.self) { $0.append($0.entries(of: [["n": 1]]), of: [3]) }
        collection.replace(version)
        let report = try await engine.verify()
        #expect(
            report.damages.contains { $0.kind == "values" && $0.object == "d3" && $0.isRepaired }
        )
        #expect(try await engine.verify().damages.isEmpty)
    }

    @Test(
        "A scan under writes returns every unchanged document once",
        arguments: [
            nil, ScanOrder(path: ["n"]), ScanOrder(path: ["tag"], isDescending: true),
        ]
    )
    func scanUnderWrites(order: ScanOrder?) async throws {
        let directory = try TemporaryDirectory()
        let engine = try Engine.open(directory: directory.path + "/store")
        defer { engine.close() }
        try await engine.createCollection("a", options)
        try await fill(engine, 0..<300)
        var seen: [String: Int] = [:]
        var cursor: ScanCursor?
        var round = 0
        repeat {
            let page = try await engine.scan(
                ScanRequest(collection: "a", cursor: cursor, limit: 17, order: order)
            )
            for document in page.documents { seen[document.id.string, default: 0] += 1 }
            cursor = page.nextCursor
            // Odd documents are added, dropped and changed; even ones below 300 stay as they are.
            _ = try await engine.index(
                "a",
                [try document(301 + 2 * round), try document(2 * round + 1)]
            )
            _ = try await engine.dropMany(
                DropManyRequest(collection: "a", ids: [try DocumentID("d\(299 - 2 * round)")])
            )
            if round % 5 == 2 { try await engine.compact("a") }
            round += 1
        } while cursor != nil && round < 100
        for number in stride(from: 0, to: 300, by: 2) { #expect(seen["d\(number)"] == 1) }
        #expect(cursor == nil)
    }

    @Test("Scan cursors that no page issued are refused")
    func hostileCursors() async throws {
        let directory = try TemporaryDirectory()
        let engine = try Engine.open(directory: directory.path + "/store")
        defer { engine.close() }
        try await engine.createCollection("a", options)
        try await fill(engine, 0..<30)
        var random = SeededGenerator(seed: 8)
        let order = ScanOrder(path: ["n"])
        let first = try await engine.scan(ScanRequest(collection: "a", limit: 3, order: order))
        let good = try #require(first.nextCursor)
        for _ in 0..<2_000 {
            var cursor = good
            switch random.next() % 4 {
            case 0:
                cursor.order = (0..<random.next() % 300).map { _ in
                    UInt8(truncatingIfNeeded: random.next())
                }
            case 1: cursor.order.removeLast(Int(random.next() % UInt64(cursor.order.count)) + 1)
            case 2: cursor.row = random.next() >> (random.next() % 40)
            default:
                let position = Int(random.next() % UInt64(cursor.order.count))
                cursor.order[position] ^= UInt8(1 << (random.next() % 8))
            }
            let request = ScanRequest(
                collection: "a",
                cursor: cursor,
                order: random.next() % 4 == 0 ? nil : order
            )
            do {
                let page = try await engine.scan(request)
                #expect(page.documents.count <= 30)
            } catch {
                #expect(error.code == .invalidArgument && error.reason == .badCursor)
            }
        }
    }

    @Test("A scan with the cursor of another order, or in an unindexed order, is refused")
    func otherOrders() async throws {
        let directory = try TemporaryDirectory()
        let engine = try Engine.open(directory: directory.path + "/store")
        defer { engine.close() }
        try await engine.createCollection("a", options)
        try await fill(engine, 0..<9)
        let order = ScanOrder(path: ["n"])
        let page = try await engine.scan(ScanRequest(collection: "a", limit: 3, order: order))
        let cursor = try #require(page.nextCursor)
        let others = [
            nil, ScanOrder(path: ["n"], isDescending: true), ScanOrder(path: ["tag"]),
        ]
        for other in others {
            let refused = await failure {
                _ = try await engine.scan(
                    ScanRequest(collection: "a", cursor: cursor, order: other)
                )
            }
            #expect(refused?.reason == .badCursor, "\(String(describing: other))")
        }
        let unindexed = await failure {
            _ = try await engine.scan(
                ScanRequest(collection: "a", order: ScanOrder(path: ["m"]))
            )
        }
        #expect(unindexed?.reason == .notIndexed && unindexed?.code == .invalidArgument)
    }

    @Test("A filter also restricts what a walk reaches")
    func walk() async throws {
        let directory = try TemporaryDirectory()
        let engine = try Engine.open(directory: directory.path + "/store")
        defer { engine.close() }
        try await engine.createCollection("a", options)
        try await fill(engine, 0..<6)
        let edges = try (1..<6).map { number in
            SourcedEdge(from: "d0", Edge("to", to: try DocumentID("d\(number)")))
        }
        _ = try await engine.index("a", [], edges: edges)
        let query = Query(
            [Source(.walk(Walk(from: ["d0"])))],
            filter: .equal(path: ["tag"], "t1")
        )
        #expect(Set(try await engine.search("a", query).map(\.id)) == ["d1", "d4"])
    }

    @Test("A drop by filter is applied once per request id, also after a restart")
    func dropByFilter() async throws {
        let directory = try TemporaryDirectory()
        let id = RequestID.random()
        // The names of an object have no order; the filter must have the same key in another
        // process.
        let object = Value.object(
            Metadata(uniqueKeysWithValues: (0..<20).map { ("k\($0)", true) })
        )
        let filter = Filter.or([
            .equal(path: ["tag"], "t1"), .equal(path: ["n"], object),
        ])
        for round in 0..<2 {
            let engine = try Engine.open(directory: directory.path + "/store")
            defer { engine.close() }
            if round == 0 {
                try await engine.createCollection("a", options)
                try await fill(engine, 0..<30)
                let edge = SourcedEdge(from: "d0", Edge("to", to: "d1"))
                _ = try await engine.index("a", [], edges: [edge])
            }
            let receipt = try await engine.dropMany(
                DropManyRequest(collection: "a", filter: filter),
                requestID: id
            )
            #expect(receipt.dropped == 10 && receipt.isRepeated == (round == 1))
            let other = await failure {
                try await engine.dropMany(
                    DropManyRequest(collection: "a", filter: .equal(path: ["tag"], "t2")),
                    requestID: id
                )
            }
            #expect(other?.reason == .requestIDReused)
            #expect(try engine.describe("a").documents == 20)
            #expect(try engine.describe("a").edges == 0)
        }
    }

    @Test("A drop by filter with too many matches, or with ids as well, drops nothing")
    func refusedDrops() async throws {
        let directory = try TemporaryDirectory()
        var limits = Limits.standard
        limits.maxFilteredDrop = 29
        let engine = try Engine.open(
            directory: directory.path + "/store",
            options: Engine.Options(limits: limits)
        )
        defer { engine.close() }
        try await engine.createCollection("a", options)
        try await fill(engine, 0..<30)
        let tooMany = await failure {
            try await engine.dropMany(DropManyRequest(collection: "a", filter: .and([])))
        }
        #expect(tooMany?.reason == .tooManyMatches && tooMany?.code == .failedPrecondition)
        #expect(tooMany?.message.contains("29") == true)
        var both = DropManyRequest(collection: "a", ids: ["d1"])
        both.filter = .equal(path: ["n"], 2)
        let mixed = await failure { [both] in try await engine.dropMany(both) }
        #expect(mixed?.reason == .filterAndIDs)
        #expect(try engine.describe("a").documents == 30)
    }
}
