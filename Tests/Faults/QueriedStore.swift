// SPDX-License-Identifier: Apache-2.0
import LodestoneClient
import LodestoneEngine

/// A collection that all checks query, over the wire or in this process.
protocol QueriedStore: Sendable {
    func sequenceNumber() async throws -> UInt64
    func documents(_ ids: [DocumentID]) async throws -> [Document]
    func page(after cursor: ScanCursor?) async throws -> ScanResponse
    func results(of queries: [Query]) async throws -> [QueryResult]
    func results(of walks: [Walk]) async throws -> [WalkResult]
    func count(_ filter: Filter?, facets: [FacetRequest]) async throws -> CountResponse
    func description() async throws -> CollectionDescription
}

/// A collection of a store behind a server.
struct ServedStore: QueriedStore {
    let client: LodestoneClient
    var name = Faults.collection

    private var collection: LodestoneClient.Collection { client.collection(name) }

    func sequenceNumber() async throws -> UInt64 {
        try await client.ping()
    }

    func documents(_ ids: [DocumentID]) async throws -> [Document] {
        try await collection.get(ids)
    }

    func page(after cursor: ScanCursor?) async throws -> ScanResponse {
        try await collection.scan(limit: 1_000, cursor: cursor)
    }

    func results(of queries: [Query]) async throws -> [QueryResult] {
        try await collection.search(queries).results
    }

    func results(of walks: [Walk]) async throws -> [WalkResult] {
        try await collection.walk(walks).results
    }

    func count(_ filter: Filter?, facets: [FacetRequest] = []) async throws -> CountResponse {
        try await collection.count(filter, facets: facets)
    }

    func description() async throws -> CollectionDescription {
        try await collection.describe()
    }
}

/// A collection of a store that this process has open.
struct OwnStore: QueriedStore {
    let engine: Engine
    var name = Faults.collection

    func sequenceNumber() -> UInt64 {
        engine.sequenceNumber
    }

    func documents(_ ids: [DocumentID]) async throws -> [Document] {
        try await engine.get(
            GetRequest(collection: name, ids: ids),
            timeout: Faults.timeout
        )
    }

    func page(after cursor: ScanCursor?) async throws -> ScanResponse {
        try await engine.scan(
            ScanRequest(collection: name, cursor: cursor, limit: 1_000),
            timeout: Faults.timeout
        )
    }

    func results(of queries: [Query]) async throws -> [QueryResult] {
        try await engine.search(
            SearchRequest(collection: name, queries: queries),
            timeout: Faults.timeout
        ).results
    }

    func results(of walks: [Walk]) async throws -> [WalkResult] {
        try await engine.walk(
            WalkRequest(collection: name, walks: walks),
            timeout: Faults.timeout
        ).results
    }

    func count(_ filter: Filter?, facets: [FacetRequest] = []) async throws -> CountResponse {
        try await engine.count(
            CountRequest(collection: name, filter: filter, facets: facets),
            timeout: Faults.timeout
        )
    }

    /// The ids among `ids` whose documents exist.
    func existing(_ ids: [DocumentID]) async throws -> [DocumentID] {
        var found: [DocumentID] = []
        let stride = Limits.standard.maxBatch
        for start in Swift.stride(from: 0, to: ids.count, by: stride) {
            let some = Array(ids[start..<min(start + stride, ids.count)])
            found += try await engine.get(
                GetRequest(collection: name, ids: some, include: []),
                timeout: Faults.timeout
            ).map(\.id)
        }
        return found
    }

    /// The ids of all documents, in an order.
    func ids(in order: ScanOrder) async throws -> [DocumentID] {
        var found: [DocumentID] = []
        var cursor: ScanCursor?
        repeat {
            let page = try await engine.scan(
                ScanRequest(
                    collection: name,
                    cursor: cursor,
                    limit: 1_000,
                    order: order,
                    include: []
                ),
                timeout: Faults.timeout
            )
            found += page.documents.map(\.id)
            cursor = page.nextCursor
        } while cursor != nil
        return found
    }

    func description() throws -> CollectionDescription {
        try engine.describe(name)
    }
}
