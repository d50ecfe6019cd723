// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneEngine
import LodestoneStorage
import TestSupport
import Testing

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

/// A store of a test's own, whose engines compact only when they are asked to.
struct TestStore {
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    var path: String { directory.path + "/store" }

    /// Opens the store, or one of its copies.
    func open(
        copy: String? = nil,
        compaction: CompactionPolicy = CompactionPolicy(minimumChanges: .max)
    ) throws -> Engine {
        try Engine.open(
            directory: copy.map { "\(directory.path)/\($0)" } ?? path,
            options: Engine.Options(compaction: compaction)
        )
    }

    /// Restores a snapshot as a copy of the same name.
    func restore(_ snapshot: String) throws {
        _ = try SnapshotArchive.restore(
            "\(path)/snapshots/\(snapshot).lodestone",
            to: "\(directory.path)/\(snapshot)",
            context: CallContext()
        )
    }
}

/// Waits for what comes in the background.
func waitUntil(_ isDone: () throws -> Bool) async throws {
    let end = ContinuousClock.now + .seconds(30)
    var isLate = false
    while try !isDone(), !isLate {
        isLate = ContinuousClock.now > end
        try await Task.sleep(for: .milliseconds(1))
    }
    #expect(!isLate)
}
