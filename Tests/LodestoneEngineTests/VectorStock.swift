// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneEngine
import TestSupport
import Testing

/// The expected vectors of a collection, with checks of its results against brute force.
struct VectorStock {
    static let dimension = 24
    private static let limit = 10

    let metric: Metric
    /// The version of each document, which determines its vector.
    private(set) var live: [Int: Int] = [:]

    init(_ metric: Metric = .cosine) {
        self.metric = metric
    }

    func options(_ strategy: VectorIndexStrategy) -> CollectionOptions {
        CollectionOptions(dimension: Self.dimension, metric: metric, vectorStrategy: strategy)
    }

    // MARK: Content

    private static let centers: [[Float]] = {
        var random = SeededGenerator(seed: 5)
        return (0..<15).map { _ in
            (0..<dimension).map { _ in Float.random(in: -1...1, using: &random) }
        }
    }()

    /// The vector of a document, near one of a few centers.
    static func vector(_ number: Int, version: Int = 0) -> [Float] {
        var random = SeededGenerator(seed: UInt64(number) << 20 | UInt64(version))
        return centers[number % centers.count].map { element in
            element + Float.random(in: -0.5...0.5, using: &random)
        }
    }

    /// Query vectors that no document has.
    static func queryVectors(_ count: Int) -> [[Float]] {
        (0..<count).map { vector(100_000 + $0) }
    }

    // MARK: Changes

    mutating func write(
        _ numbers: some Sequence<Int>,
        version: Int = 0,
        batch: Int = 250,
        to engine: Engine
    ) async throws {
        let numbers = Array(numbers)
        for start in stride(from: 0, to: numbers.count, by: batch) {
            let some = numbers[start..<min(start + batch, numbers.count)]
            let documents = try some.map { number in
                Document(
                    id: try DocumentID("d\(number)"),
                    vector: Self.vector(number, version: version),
                    metadata: ["part": .int(Int64(number % 2)), "place": .int(Int64(number % 70))]
                )
            }
            _ = try await engine.index("a", documents)
            for number in some { live[number] = version }
        }
    }

    mutating func drop(_ numbers: some Sequence<Int>, from engine: Engine) async throws {
        let numbers = Array(numbers)
        let ids = try numbers.map { try DocumentID("d\($0)") }
        _ = try await engine.dropMany(DropManyRequest(collection: "a", ids: ids))
        for number in numbers { live[number] = nil }
    }

    // MARK: Results

    /// Searches the nearest to some vectors and compares the hits with brute force.
    ///
    /// Exact results must be right. All other results must have the same length, name existing
    /// documents with their true scores, and contain nearly the same documents.
    func check(
        _ engine: Engine,
        queries: Int = 15,
        atLeast floor: Double = 0.95,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        var share = Share()
        for query in Self.queryVectors(queries) {
            let truth = scores(query)
            let best = truth.values.sorted(by: >).prefix(Self.limit)
            let request = SearchRequest(
                collection: "a",
                queries: [Query([.near(query, exact: true)]), Query([.near(query)])]
            )
            let results = try await engine.search(request).results
            for (result, isExact) in zip(results, [true, false]) {
                let hits = result.hits
                #expect(hits.count == best.count, "never short", sourceLocation: sourceLocation)
                for (hit, expected) in zip(hits, best) {
                    let score = try #require(
                        truth[hit.id.string],
                        "\(hit.id) does not exist",
                        sourceLocation: sourceLocation
                    )
                    #expect(abs(hit.score - score) < 1e-4, sourceLocation: sourceLocation)
                    if isExact {
                        #expect(abs(hit.score - expected) < 1e-4, sourceLocation: sourceLocation)
                    }
                }
                guard !isExact, let last = best.last else { continue }
                share.wanted += best.count
                share.found += hits.count { $0.score >= last - 1e-4 }
            }
        }
        #expect(share.value >= floor, "recall", sourceLocation: sourceLocation)
    }

    /// Searches some documents by their own vectors.
    func checkFound(
        _ numbers: some Sequence<Int>,
        in engine: Engine,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        for number in numbers {
            let vector = Self.vector(number, version: live[number] ?? 0)
            let hits = try await engine.search("a", Query([.near(vector)], limit: 1))
            // The document with the largest dot product need not be the document itself.
            if metric == .dotProduct { continue }
            #expect(hits.map(\.id.string) == ["d\(number)"], sourceLocation: sourceLocation)
        }
    }

    private struct Share {
        var found = 0
        var wanted = 0
        var value: Double { wanted > 0 ? Double(found) / Double(wanted) : 1 }
    }

    /// The score of every document for a vector, by id.
    private func scores(_ query: [Float]) -> [String: Double] {
        var scores: [String: Double] = [:]
        for (number, version) in live {
            var (dot, own, other, difference) = (0.0, 0.0, 0.0, 0.0)
            for (left, right) in zip(query, Self.vector(number, version: version)) {
                let (left, right) = (Double(left), Double(right))
                dot += left * right
                own += left * left
                other += right * right
                difference += (left - right) * (left - right)
            }
            scores["d\(number)"] =
                switch metric {
                case .cosine: dot / (own * other).squareRoot()
                case .euclidean: -difference
                case .dotProduct: dot
                }
        }
        return scores
    }
}
