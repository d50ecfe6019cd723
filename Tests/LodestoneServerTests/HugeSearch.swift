// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneWire

/// A collection in which one search takes seconds.
struct HugeSearch: Sendable {
    /// A search with many queries, each compared with every vector.
    let call: Call
    /// A search with one query.
    let small: Call

    init(_ client: RawClient, queries: Int = 10_000) throws {
        let dimension = 64
        _ = try client.call(
            .createCollection(
                name: "c",
                CollectionOptions(dimension: dimension, metric: .euclidean)
            )
        )
        var vector = [Float](repeating: 0, count: dimension)
        for batch in 0..<4 {
            let documents = (0..<1_000).map { index in
                vector[index % dimension] += 1
                return Document(id: DocumentID(trusted: "\(batch)-\(index)"), vector: vector)
            }
            let reply = try client.call(
                .indexMany(IndexManyRequest(collection: "c", documents: documents))
            )
            if let error = reply.error { throw error }
        }
        let query = Query([.near(vector, exact: true)], limit: 10)
        small = .search(SearchRequest(collection: "c", queries: [query]))
        call = .search(
            SearchRequest(collection: "c", queries: Array(repeating: query, count: queries))
        )
    }
}
