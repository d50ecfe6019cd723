// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneEngine

extension Engine {
    func search(_ collection: String, _ query: Query) async throws -> [Hit] {
        let request = SearchRequest(collection: collection, queries: [query])
        return try await search(request).results[0].hits
    }

    func index(_ collection: String, _ documents: [Document], edges: [SourcedEdge] = [])
        async throws -> WriteReceipt
    {
        try await indexMany(
            IndexManyRequest(collection: collection, documents: documents, edges: edges)
        )
    }

    func walk(_ collection: String, _ walk: Walk) async throws -> WalkResult {
        try await self.walk(WalkRequest(collection: collection, walks: [walk])).results[0]
    }
}

/// The error that `body` ends with.
func failure(_ body: () async throws -> Void) async -> LodestoneError? {
    do {
        try await body()
        return nil
    } catch {
        return error as? LodestoneError
    }
}
