// SPDX-License-Identifier: Apache-2.0
import CSQLite
import LodestoneCore
import LodestoneEngine
import LodestoneStorage
import LodestoneText
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

/// The error that `body` throws; `nil` when it throws none.
func failure(_ body: () async throws -> Void) async -> LodestoneError? {
    do {
        try await body()
        return nil
    } catch {
        return error as? LodestoneError
    }
}

/// A store in a test's own directory, whose engines compact only on request by default.
struct TestStore {
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    var path: String { directory.path + "/store" }

    /// The path of a copy of the store.
    func path(of copy: String) -> String { "\(directory.path)/\(copy)" }

    /// Opens the store, or one of its copies.
    func open(
        copy: String? = nil,
        compaction: CompactionPolicy = CompactionPolicy(minimumChanges: .max)
    ) throws -> Engine {
        try Engine.open(
            directory: copy.map(path(of:)) ?? path,
            options: Engine.Options(compaction: compaction)
        )
    }

    /// Restores a snapshot as a copy of the same name.
    func restore(_ snapshot: String) throws {
        _ = try SnapshotArchive.restore(
            "\(path)/snapshots/\(snapshot).lodestone",
            to: path(of: snapshot),
            analysis: FTS5Analysis(),
            context: CallContext()
        )
    }
}

/// Waits for a result of background work.
func waitUntil(_ isDone: () throws -> Bool) async throws {
    let end = ContinuousClock.now + .seconds(30)
    var isLate = false
    while try !isDone(), !isLate {
        isLate = ContinuousClock.now > end
        try await Task.sleep(for: .milliseconds(1))
    }
    #expect(!isLate)
}

/// A reader, like one of another program, that keeps a state of a store until it ends.
// Unchecked because of the connection, which the test's calls use one after the other.
final class OldState: @unchecked Sendable {
    private var database: OpaquePointer?

    init(of store: TestStore) throws {
        try #require(
            sqlite3_open_v2(store.path + "/lodestone.db", &database, SQLITE_OPEN_READONLY, nil)
                == SQLITE_OK
        )
        try #require(
            sqlite3_exec(database, "BEGIN; SELECT 1 FROM log", nil, nil, nil) == SQLITE_OK
        )
    }

    deinit {
        end()
    }

    func end() {
        sqlite3_close(database)
        database = nil
    }
}
