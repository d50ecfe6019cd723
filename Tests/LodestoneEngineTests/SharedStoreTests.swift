// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneCore
import LodestoneStorage
import LodestoneText
import TestSupport
import Testing

@testable import LodestoneEngine

@Suite("Store shared by processes")
struct SharedStoreTests {
    private let store: TestStore

    init() throws {
        store = try TestStore()
    }

    @Test("A process far behind sees that a collection was dropped and created again")
    func createdAgain() async throws {
        let engine = try store.open()
        let other = try store.open()
        try await engine.createCollection("a", CollectionOptions(dimension: 2))
        _ = try await engine.index("a", [Document(id: "x", vector: [1, 0])])
        let before = try other.collection(named: "a")
        try await engine.dropCollection("a")
        try await engine.createCollection("a", CollectionOptions(dimension: 2))
        _ = try await engine.index("a", [Document(id: "y", vector: [0, 1])])
        // The log row of the drop is forgotten before the other process reads it.
        try await engine.compact("a")
        let after = try other.collection(named: "a")
        // Work under way in the earlier collection ends with an error that says so.
        #expect(before.isDropped)
        #expect(after.number != before.number && !after.isDropped)
        #expect(try await other.search("a", Query([.near([0, 1])])).map(\.id) == ["y"])
        _ = try await other.index("a", [Document(id: "z", vector: [1, 0])])
        #expect(try await engine.search("a", Query([.near([1, 0])])).map(\.id) == ["z", "y"])
        engine.close()
        other.close()
    }

    @Test("Edge changes are counted alike by the writer and by a replay of the log")
    func countsEdges() async throws {
        let engine = try store.open()
        try await engine.createCollection("a", CollectionOptions(dimension: 0))
        let edges = (0..<200).map { Edge("to", to: DocumentID(trusted: "t\($0)")) }
        _ = try await engine.index("a", [Document(id: "hub", edges: edges)])
        try await engine.compact("a")
        let more = (200..<300).map {
            SourcedEdge(from: "hub", Edge("to", to: DocumentID(trusted: "t\($0)")))
        }
        _ = try await engine.index("a", [], edges: more)
        _ = try await engine.dropMany(DropManyRequest(collection: "a", edges: more))
        let written = try engine.collection(named: "a").version.documentBytesSinceBase
        #expect(written == 64 * 200)
        let other = try store.open()
        #expect(try other.collection(named: "a").version.documentBytesSinceBase == written)
        engine.close()
        other.close()
    }

    @Test("A replay has changed collection options although the log row of the change is forgotten")
    func forgottenAlter() async throws {
        let engine = try store.open()
        try await engine.createCollection("a", CollectionOptions(dimension: 0))
        _ = try await engine.index("a", [Document(id: "x")])
        let collection = try engine.collection(named: "a")
        var version = collection.version
        _ = try await engine.alterCollection("a", addIndexes: [MetadataIndex("n")])
        let reader = try engine.catalog.store.beginRead(context: nil)
        defer { reader.end() }
        // The log has no row of the change for this version: it replays only later rows.
        version.advance(to: reader.sequenceNumber)
        try version.replay(collection.record, from: reader)
        #expect(version.options.metadataIndexes == [MetadataIndex("n")])
        engine.close()
    }

    #if os(Linux)
    /// The number of segments that this process has open, over all engines.
    private var openSegments: Int {
        let directory = "/proc/self/fd"
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        let targets = names.compactMap {
            try? FileManager.default.destinationOfSymbolicLink(atPath: "\(directory)/\($0)")
        }
        return targets.count { $0.hasPrefix(store.path + "/vectors-") }
    }

    @Test("Segments of a dropped collection are closed by all processes")
    func closesDropped() async throws {
        let engine = try store.open()
        let other = try store.open()
        try await engine.createCollection("a", CollectionOptions(dimension: 2))
        _ = try await engine.index("a", [Document(id: "x", vector: [1, 0])])
        #expect(try await other.search("a", Query([.near([1, 0])])).map(\.id) == ["x"])
        #expect(openSegments >= 2)
        try await engine.dropCollection("a")
        #expect(try other.collections().isEmpty)
        try await waitUntil { openSegments == 0 }
        engine.close()
        other.close()
    }

    @Test("Writes of other processes to closed collections open no segments")
    func leavesClosed() async throws {
        let engine = try store.open()
        for name in ["a", "b"] {
            try await engine.createCollection(name, CollectionOptions(dimension: 2))
            _ = try await engine.index(name, [Document(id: "x", vector: [1, 0])])
        }
        // An engine would open some collections in the background, so the test uses a catalog.
        let other = try Catalog(
            SQLiteStore(directory: store.path, durability: .full, analysis: FTS5Analysis()),
            budget: OpenCollections(count: 1)
        )
        #expect(other.opened.isEmpty)
        let before = openSegments
        for name in ["a", "b"] {
            _ = try await engine.index(name, [Document(id: "y", vector: [0, 1])])
        }
        try other.catchUp()
        #expect(other.sequenceNumber == 6)
        #expect(openSegments == before)
        #expect(try other.get("a").version.ids.documentCount == 2)
        engine.close()
        other.store.close()
    }
    #endif
}

@Suite("Store locked by a stopped process")
struct HeldStoreTests {
    private let store: TestStore

    init() throws {
        store = try TestStore()
    }

    /// Opens an engine with a limit on its wait for other processes.
    private func open(lockTimeout: Duration) throws -> Engine {
        try Engine(
            store: SQLiteStore(
                directory: store.path,
                durability: .full,
                analysis: FTS5Analysis(),
                lockTimeout: lockTimeout
            ),
            options: Engine.Options(compaction: CompactionPolicy(minimumChanges: .max))
        )
    }

    @Test("A locked store serves reads in other processes", .timeLimit(.minutes(1)))
    func locked() async throws {
        let engine = try store.open()
        let other = try open(lockTimeout: .seconds(20))
        try await engine.createCollection("a", CollectionOptions(dimension: 2))
        _ = try await engine.index("a", [Document(id: "x", vector: [1, 0])])
        let lock = try HeldLock(store.path + "/lock")
        async let write = other.createCollection("b", CollectionOptions(dimension: 2))
        let start = ContinuousClock.now
        #expect(try await other.search("a", Query([.near([1, 0])])).map(\.id) == ["x"])
        #expect(try other.describe("a").documents == 1)
        #expect(try other.collections().map(\.name) == ["a"])
        #expect(try other.stats().sequenceNumber == 2)
        #expect(start.duration(to: .now) < .seconds(10))
        lock.release()
        _ = try await write
        engine.close()
        other.close()
    }

    @Test(
        "A write to a locked store ends at its deadline or when it is cancelled",
        .timeLimit(.minutes(1))
    )
    func deadlines() async throws {
        let engine = try open(lockTimeout: .seconds(20))
        let lock = try HeldLock(store.path + "/lock")
        let start = ContinuousClock.now
        let calls = [CallContext(timeout: .milliseconds(50)), CallContext(timeout: .seconds(20))]
        async let ends = withTaskGroup(of: LodestoneError.Reason?.self) { group in
            for (number, context) in calls.enumerated() {
                group.addTask {
                    await failure { try await engine.create("c\(number)", context) }?.reason
                }
            }
            return await group.reduce(into: Set()) { $0.insert($1) }
        }
        calls[1].cancel()
        #expect(await ends == [.deadline, .cancelled])
        #expect(start.duration(to: .now) < .seconds(10))
        lock.release()
        // Neither write was applied.
        #expect(try engine.collections().isEmpty)
        engine.close()
    }

    @Test(
        "Waiting writes to a locked store fail together, not one after another",
        .timeLimit(.minutes(1))
    )
    func together() async throws {
        let engine = try open(lockTimeout: .seconds(1))
        try await engine.createCollection("a", CollectionOptions(dimension: 2))
        let lock = try HeldLock(store.path + "/lock")
        let start = ContinuousClock.now
        await withTaskGroup(of: LodestoneError.Reason?.self) { group in
            for number in 0..<30 {
                group.addTask {
                    await failure {
                        _ = try await engine.index("a", [Document(id: DocumentID("\(number)"))])
                    }?.reason
                }
            }
            for await reason in group { #expect(reason == .storeBusy) }
        }
        #expect(start.duration(to: .now) < .seconds(10))
        lock.release()
        _ = try await engine.index("a", [Document(id: "x")])
        #expect(try engine.describe("a").documents == 1)
        engine.close()
    }

    @Test("An engine on a locked store closes without delay", .timeLimit(.minutes(1)))
    func closing() async throws {
        let engine = try open(lockTimeout: .seconds(30))
        let lock = try HeldLock(store.path + "/lock")
        let start = ContinuousClock.now
        let result = await withCheckedContinuation { continuation in
            engine.write(
                .createCollection(name: "a", CollectionOptions(dimension: 2)),
                requestID: nil,
                context: CallContext()
            ) { continuation.resume(returning: $0) }
            // By now the write waits for the lock.
            engine.close()
        }
        #expect(throws: LodestoneError.closing) { try result.get() }
        #expect(start.duration(to: .now) < .seconds(20))
        lock.release()
    }

    @Test("A locked store does not delay the check of the write-ahead log", .timeLimit(.minutes(1)))
    func writeAheadLog() async throws {
        let engine = try Engine(
            store: SQLiteStore(
                directory: store.path,
                durability: .full,
                analysis: FTS5Analysis(),
                lockTimeout: .seconds(30)
            ),
            options: Engine.Options(
                compaction: CompactionPolicy(minimumChanges: .max, idleTime: .seconds(600))
            )
        )
        try await engine.createCollection("a", CollectionOptions(dimension: 0))
        let text = [TextField(name: "text", text: String(repeating: "word ", count: 4_000))]
        let documents = (0..<400).map { Document(id: DocumentID(trusted: "\($0)"), text: text) }
        _ = try await engine.index("a", documents)
        let lock = try HeldLock(store.path + "/lock")
        let start = ContinuousClock.now
        #expect(try !engine.catalog.store.shortenWriteAheadLog())
        #expect(start.duration(to: .now) < .seconds(10))
        lock.release()
        #expect(try engine.catalog.store.shortenWriteAheadLog())
        engine.close()
    }

    @Test(
        "A write succeeds although a stopped process holds the turn lock",
        .timeLimit(.minutes(1))
    )
    func stoppedInLine() async throws {
        let engine = try open(lockTimeout: .seconds(5))
        let turn = try HeldLock(store.path + "/turn.lock")
        try await engine.createCollection("a", CollectionOptions(dimension: 2))
        turn.release()
        engine.close()
    }
}

extension Engine {
    fileprivate func create(_ name: String, _ context: CallContext) async throws {
        let result = await withCheckedContinuation { continuation in
            write(
                .createCollection(name: name, CollectionOptions(dimension: 2)),
                requestID: nil,
                context: context
            ) { continuation.resume(returning: $0) }
        }
        _ = try result.get()
    }
}
