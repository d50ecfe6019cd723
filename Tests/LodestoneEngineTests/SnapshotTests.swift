// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneCore
import LodestoneEngine
import LodestoneStorage
import LodestoneText
import Synchronization
import TestSupport
import Testing

@Suite("Snapshot")
struct SnapshotTests {
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    private var store: String { directory.path + "/store" }

    private func archive(_ name: String) -> String { "\(store)/snapshots/\(name).lodestone" }

    private func restore(_ archive: String, to name: String = "restored") throws(LodestoneError)
        -> SnapshotDescription
    {
        try SnapshotArchive.restore(
            archive,
            to: "\(directory.path)/\(name)",
            analysis: FTS5Analysis(),
            context: CallContext()
        )
    }

    private func filled() async throws -> Engine {
        let engine = try Engine.open(directory: store)
        try await engine.createCollection("a", CollectionOptions(dimension: 2))
        try await engine.createCollection("b", CollectionOptions(dimension: 0))
        _ = try await engine.index(
            "a",
            [
                Document(id: "x", vector: [1, 0], text: "red fox", edges: [Edge("to", to: "y")]),
                Document(id: "y", vector: [0, 1], text: "blue bird"),
                Document(id: "z", text: "no vector"),
            ]
        )
        _ = try await engine.index("b", [Document(id: "only", text: "words")])
        return engine
    }

    @Test("A restored snapshot returns the results of the first store and accepts writes")
    func roundTrip() async throws {
        let engine = try await filled()
        let made = try await engine.createSnapshot("first")
        _ = try await engine.index("a", [Document(id: "later", vector: [1, 1])])
        #expect(try await engine.snapshots() == [made])
        #expect(made.sequenceNumber == 4)
        #expect(
            made.byteCount
                == (try FileManager.default.attributesOfItem(
                    atPath: archive("first")
                )[.size] as? UInt64)
        )
        var checked = try SnapshotArchive.verify(
            archive("first"),
            analysis: FTS5Analysis(),
            context: CallContext()
        )
        let restored = try restore(archive("first"))
        #expect(restored == checked)
        checked.name = "first"
        #expect(checked == made)

        let copy = try Engine.open(directory: directory.path + "/restored")
        #expect(try copy.stats().sequenceNumber == 4)
        #expect(try await contents(of: copy) == contents(of: engine, without: ["later"]))
        #expect(try await copy.search("a", Query([.near([1, 0])])).map(\.id) == ["x", "y"])
        #expect(try await copy.search("a", Query([.matching("fox")])).map(\.id) == ["x"])
        #expect(try await copy.walk("a", Walk(from: ["x"])).reached.map(\.id) == ["y"])
        #expect(try await copy.verify().isClean)
        let receipt = try await copy.index("a", [Document(id: "new", vector: [0, 2])])
        #expect(receipt.sequenceNumber == 5)
        copy.close()
        let again = try Engine.open(directory: directory.path + "/restored")
        #expect(try await again.verify().isClean)
        #expect(try await contents(of: again).keys.contains("a/new"))
    }

    @Test("A snapshot of an empty store restores to an empty store")
    func empty() async throws {
        let engine = try Engine.open(directory: store)
        try await engine.createSnapshot("nothing")
        #expect(try restore(archive("nothing")).sequenceNumber == 0)
        #expect(try Engine.open(directory: directory.path + "/restored").collections().isEmpty)
    }

    @Test(
        "A snapshot name that could be a path is refused",
        arguments: [
            "", "a/b", "..", "a.b", "Ä", "UPPER", "a b", "a\0", String(repeating: "a", count: 65),
        ]
    )
    func names(name: String) async throws {
        let engine = try Engine.open(directory: store)
        let error = await failure { try await engine.createSnapshot(name) }
        #expect(error?.code == .invalidArgument && error?.field == "name")
        let longest = String(repeating: "a", count: 60) + "-_09"
        try await engine.createSnapshot(longest)
        #expect(try await engine.snapshots().map(\.name) == [longest])
    }

    @Test("A snapshot is never overwritten")
    func exists() async throws {
        let engine = try await filled()
        let made = try await engine.createSnapshot("one")
        let error = await failure { try await engine.createSnapshot("one") }
        #expect(error?.code == .alreadyExists && error?.object == "one")
        #expect(try await engine.snapshots() == [made])
    }

    @Test("A cancelled snapshot leaves no file behind")
    func cancelled() async throws {
        let engine = try await filled()
        let context = CallContext()
        context.cancel()
        let error = #expect(throws: LodestoneError.self) {
            try engine.createSnapshot("one", context: context)
        }
        #expect(error?.code == .cancelled)
        let left = try FileManager.default.contentsOfDirectory(atPath: store + "/snapshots")
        #expect(left == ["lock"])
        try await engine.createSnapshot("one")
    }

    @Test("A snapshot is refused while another process writes one")
    func oneAtATime() async throws {
        let engine = try await filled()
        try await engine.createSnapshot("one")
        let other = open(store + "/snapshots/lock", O_RDWR)
        try #require(other >= 0 && flock(other, LOCK_EX | LOCK_NB) == 0)
        let error = await failure { try await engine.createSnapshot("two") }
        #expect(error?.code == .resourceExhausted && error?.reason == .maintenanceRuns)
        close(other)
        try await engine.createSnapshot("two")
        #expect(try await engine.snapshots().map(\.name) == ["one", "two"])
    }

    @Test("A snapshot removes leftovers of an interrupted one and doesn't list them")
    func leftovers() async throws {
        let engine = try await filled()
        let folder = store + "/snapshots"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        for name in [".writing.db", ".writing.lodestone", ".writing.db-journal", "torn.lodestone"] {
            try Data("half".utf8).write(to: URL(fileURLWithPath: "\(folder)/\(name)"))
        }
        #expect(try await engine.snapshots().isEmpty)
        try await engine.createSnapshot("one")
        let left = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
        #expect(left == ["lock", "one.lodestone", "torn.lodestone"])
    }

    @Test("A snapshot is restored only to an empty or missing directory")
    func freshTarget() async throws {
        let engine = try await filled()
        try await engine.createSnapshot("one")
        let manager = FileManager.default
        for name in ["full", "empty", "linked"] {
            try manager.createDirectory(
                atPath: "\(directory.path)/\(name)",
                withIntermediateDirectories: true
            )
        }
        _ = try directory.write("full/file", "mine")
        _ = try directory.write("file", "mine")
        try manager.createSymbolicLink(
            atPath: directory.path + "/link",
            withDestinationPath: directory.path + "/linked"
        )
        for name in ["full", "file", "link"] {
            let error = #expect(throws: LodestoneError.self) {
                try restore(archive("one"), to: name)
            }
            #expect(error?.reason == .notEmpty)
        }
        #expect(try manager.contentsOfDirectory(atPath: directory.path + "/full") == ["file"])
        _ = try restore(archive("one"), to: "empty")
        _ = try restore(archive("one"), to: "new/deep/er")
        let left = try manager.contentsOfDirectory(atPath: directory.path).sorted()
        #expect(left == ["empty", "file", "full", "link", "linked", "new", "store"])
    }

    // MARK: Under load

    /// The acknowledged batches of the writers, by sequence number.
    private final class History: Sendable {
        typealias Batch = @Sendable (inout [String: Document]) -> Void

        let batches = Mutex<[UInt64: Batch]>([:])
        let isDone = Atomic<Bool>(false)

        func contents(at sequenceNumber: UInt64) -> [String: Document] {
            var contents: [String: Document] = [:]
            batches.withLock { batches in
                for (number, apply) in batches.sorted(by: { $0.key < $1.key })
                where number <= sequenceNumber { apply(&contents) }
            }
            return contents
        }
    }

    /// The number of snapshots, which `LODESTONE_TEST_SNAPSHOTS` can raise.
    private static let count =
        Int(
            ProcessInfo.processInfo.environment["LODESTONE_TEST_SNAPSHOTS"] ?? ""
        ) ?? 20

    @Test("A snapshot under load restores to exactly its sequence number")
    func underLoad() async throws {
        // Bases and segments are made and removed during the snapshots.
        let policy = CompactionPolicy(
            minimumChanges: 20,
            busyChanges: 20,
            percentOfBase: 0,
            idleTime: .milliseconds(1),
            minimumGarbageBytes: 0
        )
        let engine = try Engine.open(
            directory: store,
            options: Engine.Options(compaction: policy)
        )
        for name in ["a", "b"] {
            try await engine.createCollection(name, CollectionOptions(dimension: 8))
        }
        let history = History()
        let made = try await withThrowingTaskGroup(of: Void.self) { group in
            for writer in 0..<3 {
                group.addTask { try await self.write(engine, history, writer) }
            }
            var made: [SnapshotDescription] = []
            while made.count < Self.count {
                made.append(try await engine.createSnapshot("s\(made.count)"))
            }
            history.isDone.store(true, ordering: .relaxed)
            try await group.waitForAll()
            return made
        }
        #expect(try await contents(of: engine) == history.contents(at: .max))
        engine.close()
        #expect(Set(made.map(\.sequenceNumber)).count > 5)
        for snapshot in made {
            _ = try restore(archive(snapshot.name), to: snapshot.name)
            let copy = try Engine.open(directory: "\(directory.path)/\(snapshot.name)")
            #expect(try copy.stats().sequenceNumber == snapshot.sequenceNumber)
            let found = try await contents(of: copy)
            #expect(found == history.contents(at: snapshot.sequenceNumber), "\(snapshot.name)")
            #expect(try await copy.verify().damages == [])
            copy.close()
        }
    }

    /// Inserts, replaces and drops documents of its own until it is told to stop.
    ///
    /// Now and then it creates and drops a collection.
    private func write(_ engine: Engine, _ history: History, _ writer: Int) async throws {
        var random = SeededGenerator(seed: UInt64(writer))
        var step = 0
        while !history.isDone.load(ordering: .relaxed) {
            step += 1
            let collection = writer % 2 == 0 ? "a" : "b"
            let ids = try (0..<5).map { _ in
                try DocumentID("\(writer)-\(Int.random(in: 0..<200, using: &random))")
            }
            if step % 4 == 0 {
                let receipt = try await engine.dropMany(
                    DropManyRequest(collection: collection, ids: ids)
                )
                history.batches.withLock {
                    $0[receipt.sequenceNumber] = { @Sendable contents in
                        for id in ids { contents["\(collection)/\(id.string)"] = nil }
                    }
                }
            } else if step % 10 == 5 {
                let name = "c\(writer)-\(step)"
                try await engine.createCollection(name, CollectionOptions(dimension: 2))
                _ = try await engine.index(name, [Document(id: "d", vector: [1, 2])])
                try await engine.dropCollection(name)
            } else {
                let documents = Set(ids).map { id in
                    Document(
                        id: id,
                        vector: (0..<8).map { _ in Float.random(in: -1...1, using: &random) },
                        text: "step \(step) of writer \(writer)",
                        metadata: ["step": .int(Int64(step))]
                    )
                }
                let receipt = try await engine.index(collection, documents)
                history.batches.withLock {
                    $0[receipt.sequenceNumber] = { @Sendable contents in
                        for document in documents {
                            contents["\(collection)/\(document.id.string)"] = document
                        }
                    }
                }
            }
        }
    }

    /// All documents by collection and id, without the collections that are created and dropped.
    private func contents(of engine: Engine, without: Set<DocumentID> = []) async throws
        -> [String: Document]
    {
        var contents: [String: Document] = [:]
        for collection in try engine.collections() where !collection.name.hasPrefix("c") {
            var cursor: ScanCursor?
            repeat {
                let page = try await engine.scan(
                    ScanRequest(
                        collection: collection.name,
                        cursor: cursor,
                        limit: 1_000,
                        include: .document
                    )
                )
                for document in page.documents where !without.contains(document.id) {
                    contents["\(collection.name)/\(document.id.string)"] = document
                }
                cursor = page.nextCursor
            } while cursor != nil
        }
        return contents
    }
}
