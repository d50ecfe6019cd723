// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneWire

/// A collection with a built graph, words, metadata and edges, and searches of it.
struct ShortCollection: Sendable {
    private static let name = "short"
    private static let moduli = [7, 11, 13, 17]
    private static let vector: [Float] = [1, 0.5, 0.25, 0]

    /// Searches that a loop may run.
    static let short = [
        Query([.near(vector)]), Query([.matching("word3")]),
        Query([.near(vector), .matching("word3")], limit: 5),
    ]

    /// Searches that only a worker runs.
    static let long: [Query] = {
        let walk = Walk(from: ["d1"], depth: 1)
        return [
            Query([.near(vector, exact: true)]), Query([.near(vector, efSearch: 2_000)]),
            Query([.near(vector)], limit: 500), Query([.near(vector)], include: .metadata),
            Query([.near(vector)], filter: .equal(path: ["n"], 3)),
            Query([.matching("wrod3", fuzzy: Fuzziness())]),
            Query([.matching("word*", mode: .querySyntax)]), Query([Source(.walk(walk))]),
            Query([.near(vector), Source(.walkFromHits(walk))]),
        ]
    }()

    /// The limit that allows `deceptive`.
    static let maxQueryBytes = 1 << 20

    /// A search that looks short; after a millisecond the server has hardly split its text into
    /// words.
    static let deceptive = Query([
        .near(vector), .matching((0..<10_000).map { "w\($0)" }.joined(separator: " ") + " word3"),
    ])

    /// The short search of most tests.
    let call = Self.call(short[0])
    /// The reply to `call`.
    let reply: Reply

    /// Creates the collection and searches once, which makes its graph known to the server.
    init(_ server: RunningServer, _ client: RawClient) throws {
        let create = Call.createCollection(
            name: Self.name,
            CollectionOptions(dimension: Self.vector.count, vectorStrategy: .hnswBatch)
        )
        let documents = (0..<600).map { number in
            Document(
                id: DocumentID(trusted: "d\(number)"),
                vector: Self.moduli.map { Float(number % $0 + 1) },
                text: "word\(number % 7) other",
                metadata: ["n": .int(Int64(number % 7))],
                edges: [Edge("next", to: DocumentID(trusted: "d\(number + 1)"))]
            )
        }
        let write = IndexManyRequest(collection: Self.name, documents: documents)
        let calls = [create, .indexMany(write), .buildIndex(collection: Self.name)]
        for call in calls {
            if let error = try client.call(call).error { throw error }
        }
        reply = try client.call(call)
        if let error = reply.error { throw error }
        try server.waitUntilReadsRun(0, over: client)
    }

    /// A request with some queries.
    static func call(_ queries: Query...) -> Call {
        .search(SearchRequest(collection: name, queries: queries))
    }
}
