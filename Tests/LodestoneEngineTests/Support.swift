// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneCore
import LodestoneEngine

/// A fresh directory that is removed at the end.
final class TemporaryDirectory: Sendable {
    let path = FileManager.default.temporaryDirectory
        .appendingPathComponent("lodestone-\(UUID().uuidString)").path

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }
}

/// Numbers that a seed decides: SplitMix64.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}

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
