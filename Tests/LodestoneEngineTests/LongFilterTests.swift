// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneEngine
import TestSupport
import Testing

@Suite("Filters of thousands of terms", .timeLimit(.minutes(5)))
struct LongFilterTests {
    /// A document's fields in the test's model.
    private struct Known {
        var n: Int
        var half: Double?
        var tag: String
    }

    private static func document(_ number: Int, _ known: Known) throws -> Document {
        var metadata: Metadata = ["n": .int(Int64(known.n)), "tag": .string(known.tag)]
        if let half = known.half { metadata["half"] = .double(half) }
        return Document(
            id: try DocumentID("d\(number)"),
            text: number % 2 == 0 ? "even" : "odd",
            metadata: metadata
        )
    }

    /// Whether a document satisfies a filter, evaluated term by term.
    private static func holds(_ filter: Filter, _ id: DocumentID, _ known: Known) -> Bool {
        let number = { (path: [String]) -> Double? in
            path == ["n"] ? Double(known.n) : path == ["half"] ? known.half : nil
        }
        switch filter {
        case .equal(let path, .string(let text)): return path == ["tag"] && known.tag == text
        case .equal(let path, .int(let value)): return number(path) == Double(value)
        case .equal(let path, .double(let value)): return number(path) == value
        case .oneOf(let path, let values):
            return values.contains { holds(.equal(path: path, $0), id, known) }
        case .range(let path, let lower, let upper):
            guard let value = number(path) else { return false }
            let isIn = { (bound: Filter.Bound?, isLess: (Double, Double) -> Bool) -> Bool in
                guard let bound else { return true }
                guard case .double(let end) = bound.value else { return false }
                return isLess(end, value) || (!bound.isExclusive && end == value)
            }
            return isIn(lower, <) && isIn(upper, >)
        case .ids(let ids): return ids.contains(id)
        case .and(let parts): return parts.allSatisfy { holds($0, id, known) }
        case .or(let parts): return parts.contains { holds($0, id, known) }
        case .not(let inner): return !holds(inner, id, known)
        default: return false
        }
    }

    private static func filters(_ random: inout SeededGenerator) throws -> [Filter] {
        // The ids of existing, dropped and unknown documents.
        let ids = try (0..<2_000).map { number in
            number < 150
                ? try DocumentID("d\(Int.random(in: 0..<300, using: &random))")
                : try DocumentID("none\(number)")
        }
        let numbers = (0..<2_000).map { _ in Int.random(in: -50..<2_500, using: &random) }
        let equalities = numbers.prefix(1_000).map { Filter.equal(path: ["n"], .int(Int64($0))) }
        let halves = numbers.prefix(500).map {
            Filter.equal(path: ["half"], .double(Double($0) / 2))
        }
        let ranges = numbers.prefix(1_000).map { number in
            Filter.range(
                path: [number % 3 == 0 ? "half" : "n"],
                lower: .init(.double(Double(number)), isExclusive: number % 2 == 0),
                upper: .init(.double(Double(number) + 0.5), isExclusive: number % 5 == 0)
            )
        }
        let tags = (0..<1_000).map { Filter.equal(path: ["tag"], .string("t\($0 * 3)")) }
        let few = Array(ids.prefix(100))
        return [
            .ids(ids), .not(.ids(ids)), .or(ids.map { .ids([$0]) }),
            .not(.or(ids.map { .ids([$0]) })),
            .and(ids.map { .not(.ids([$0])) }),
            .and([.ids(few), .not(.ids(Array(few.prefix(50))))]),
            .or(equalities), .not(.or(equalities)), .and(equalities.map { .not($0) }),
            .or(equalities + halves + tags), .or(halves + [.ids(few)]),
            .or(equalities + [.not(.ids(ids))]),
            .or(equalities.map { .and([$0, .equal(path: ["tag"], .string("t7"))]) }),
            .or(ranges), .not(.or(ranges)), .or(ranges + equalities + [.ids(few)]),
            .and([.or(ranges), .or(tags)]), .or(ranges.map { .and([$0, .not(.ids(few))]) }),
            .oneOf(path: ["n"], numbers.map { .int(Int64($0)) }), .ids([]), .not(.ids([])),
        ]
    }

    @Test(
        "Filters of thousands of terms agree with a model in counts, scans and searches",
        arguments: [[], ["n", "tag"]]
    )
    func differential(indexed: [String]) async throws {
        let store = try TestStore()
        let engine = try store.open()
        try await engine.createCollection(
            "c",
            CollectionOptions(dimension: 0, metadataIndexes: indexed.map { MetadataIndex($0) })
        )
        var random = SeededGenerator(seed: 21)
        var documents: [DocumentID: Known] = [:]
        for round in 0..<2 {
            let numbers = Set((0..<200).map { _ in Int.random(in: 0..<300, using: &random) })
                .sorted()
            let known = numbers.map { _ in
                Known(
                    n: Int.random(in: 0..<2_400, using: &random),
                    half: Bool.random(using: &random)
                        ? Double(Int.random(in: 0..<2_400, using: &random)) / 2 : nil,
                    tag: "t\(Int.random(in: 0..<40, using: &random))"
                )
            }
            _ = try await engine.index(
                "c",
                try zip(numbers, known).map { try Self.document($0, $1) }
            )
            for (number, known) in zip(numbers, known) {
                documents[try DocumentID("d\(number)")] = known
            }
            let dropped = try (0..<50).map { _ in
                try DocumentID("d\(Int.random(in: 0..<300, using: &random))")
            }
            _ = try await engine.dropMany(DropManyRequest(collection: "c", ids: dropped))
            for id in dropped { documents[id] = nil }
            if round == 1 { try await engine.compact("c") }
            for (position, filter) in try Self.filters(&random).enumerated() {
                let expected = Set(
                    documents.filter { Self.holds(filter, $0.key, $0.value) }.map(\.key)
                )
                let counted = try await engine.count(CountRequest(collection: "c", filter: filter))
                #expect(counted.count == expected.count, "filter \(position), round \(round)")
                let page = try await engine.scan(
                    ScanRequest(collection: "c", limit: 1_000, filter: filter)
                )
                #expect(
                    Set(page.documents.map(\.id)).isSubset(of: expected)
                        && page.documents.count == min(1_000, expected.count),
                    "filter \(position), round \(round)"
                )
                let query = Query([.matching("even odd")], filter: filter, limit: 1_000)
                let found = try await engine.search("c", query).map(\.id)
                #expect(
                    Set(found).isSubset(of: expected) && found.count == min(1_000, expected.count),
                    "filter \(position), round \(round)"
                )
            }
        }
        engine.close()
    }
}
