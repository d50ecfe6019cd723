// SPDX-License-Identifier: Apache-2.0
import LodestoneClient
import LodestoneEngine
import TestSupport
import Testing

@Suite("Random filters", .timeLimit(.minutes(10)))
struct FilterDifferentialTests {
    private static let rounds = TestLength.cases(10, long: 20)
    private static let filtersPerRound = TestLength.cases(100, long: 300)
    private static let collections = ["indexed", "plain", "altered"]

    @Test("Random filters match the same embedded, remote and in a scan, while indexes change")
    func differential() async throws {
        let store = try ServedStore()
        let (server, endpoint) = try store.serve()
        let client = try await LodestoneClient.connect(to: endpoint.description)
        for name in Self.collections {
            let indexes = name == "indexed" ? RandomFilters.indexes : []
            let options = CollectionOptions(
                dimension: 1,
                metric: .euclidean,
                metadataIndexes: indexes
            )
            try await client.createCollection(name, options)
        }
        var random = RandomFilters(seed: 20_260_101)
        var model: [String: Metadata] = [:]
        var earlierFilters: [Filter] = []
        for round in 0..<Self.rounds {
            try await change(&model, &random, client)
            try await alter(&random, client)
            if round % 6 == 3 {
                for name in Self.collections { try await client.collection(name).compact() }
            }
            var filters: [Filter] = []
            for _ in 0..<Self.filtersPerRound {
                let isNew = earlierFilters.isEmpty || random.below(10) > 0
                // An earlier filter uses the cached rows of its first run, and rows written since.
                filters.append(
                    isNew
                        ? random.filter()
                        : earlierFilters[
                            earlierFilters.count - 1 - random.below(min(20, earlierFilters.count))
                        ]
                )
            }
            earlierFilters = filters
            let expected = filters.map { filter in
                model.filter { PlainFilter(id: $0.key, metadata: $0.value).passes(filter) }.keys
                    .sorted()
            }
            for name in Self.collections {
                for start in stride(from: 0, to: filters.count, by: 100) {
                    let part = start..<min(start + 100, filters.count)
                    let queries = filters[part].map {
                        Query([.near([0])], filter: $0, limit: 1_000)
                    }
                    let request = SearchRequest(collection: name, queries: queries)
                    let embedded = try await store.engine.search(request).results
                    let wired = try await client.collection(name).search(queries).results
                    for (position, index) in part.enumerated() {
                        let found = embedded[position].hits.map(\.id.string).sorted()
                        #expect(
                            found == expected[index],
                            "\(name), round \(round): \(filters[index])"
                        )
                        #expect(
                            embedded[position] == wired[position],
                            "\(name), round \(round): \(filters[index])"
                        )
                    }
                }
            }
        }
        await client.close()
        await server.shutdown()
    }

    /// Adds and drops indexes of one of the collections, whose queries come while they are built,
    /// or once they are.
    private func alter(_ random: inout RandomFilters, _ client: LodestoneClient) async throws {
        let added = RandomFilters.indexes.filter { _ in random.below(3) == 0 }
        let dropped = RandomFilters.indexes.filter { !added.contains($0) && random.below(4) == 0 }
        if added.isEmpty && dropped.isEmpty { return }
        try await client.alterCollection("altered", addIndexes: added, dropIndexes: dropped)
        let collection = client.collection("altered")
        if random.below(2) == 0 { try await collection.buildIndex() }
        let indexes = try await collection.describe().options.metadataIndexes
        #expect(added.allSatisfy(indexes.contains))
        #expect(!dropped.contains(where: indexes.contains))
    }

    /// Writes, replaces and drops documents, some of them by a filter.
    private func change(
        _ model: inout [String: Metadata],
        _ random: inout RandomFilters,
        _ client: LodestoneClient
    ) async throws {
        var batch: [Document] = []
        var ids: Set<String> = []
        for _ in 0..<15 {
            let id = "d\(random.below(60))"
            guard ids.insert(id).inserted else { continue }
            let metadata = random.metadata()
            model[id] = metadata
            batch.append(Document(id: try DocumentID(id), vector: [1], metadata: metadata))
        }
        let gone = (0..<2).map { _ in "d\(random.below(60))" }
        for id in gone { model[id] = nil }
        let filter = random.filter()
        let matching =
            model
            .filter { PlainFilter(id: $0.key, metadata: $0.value).passes(filter) }
            .map(\.key)
        let isNarrow = matching.count < 10
        if isNarrow { for id in matching { model[id] = nil } }
        for name in Self.collections {
            let collection = client.collection(name)
            try await collection.indexMany(batch)
            try await collection.drop(try gone.map { try DocumentID($0) })
            let count = try await collection.count(filter).count
            #expect(count == matching.count, "\(name): \(filter)")
            if isNarrow {
                let dropped = try await collection.drop(where: filter).dropped
                #expect(dropped == matching.count, "\(name): \(filter)")
            }
        }
    }
}
