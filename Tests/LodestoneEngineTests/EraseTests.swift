// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneCore
import LodestoneEngine
import TestSupport
import Testing

@Suite("Erasure")
struct EraseTests {
    private let store: TestStore

    init() throws {
        store = try TestStore()
    }

    /// A word, an id, a value and a label that only the secret documents have.
    private static let word = "xylophonezebra"
    private static let label = "secretrelation"
    private static let secrets = [word, "victim-identity", "secretmetadata", label]
    private static let vector: [Float] = [0.8125, -0.40625, 0.203125, 0.1015625]
    private static let options = CollectionOptions(
        dimension: 4,
        metric: .euclidean,
        metadataIndexes: [MetadataIndex("m")]
    )

    /// The files of the store that contain a part of a secret document, except for snapshots.
    private func filesWithSecrets() throws -> [String] {
        let patterns =
            Self.secrets.map { Data($0.utf8) }
            + [Self.vector.withUnsafeBytes { Data($0) }]
        return try FileManager.default.contentsOfDirectory(atPath: store.path).sorted().filter {
            guard $0 != "snapshots" else { return false }
            let bytes = try Data(contentsOf: URL(fileURLWithPath: store.path + "/" + $0))
            return patterns.contains { bytes.range(of: $0) != nil }
        }
    }

    private func expectNoSecrets() throws {
        let files = try filesWithSecrets()
        #expect(files == [])
    }

    private func secret(_ id: DocumentID) -> Document {
        Document(
            id: id,
            vector: Self.vector,
            text: "\(Self.word) of a person",
            metadata: ["m": "secretmetadata"],
            edges: [Edge(Self.label, to: "d1")]
        )
    }

    private func others(_ range: Range<Int>) -> [Document] {
        range.map { number in
            Document(
                id: DocumentID(trusted: "d\(number)"),
                vector: [Float(number), 1, 2, 3],
                text: "ordinary text \(number)",
                metadata: ["m": .int(Int64(number))],
                // The labels are named like label numbers; some of these become free.
                edges: [Edge(String(number), to: "d0")]
            )
        }
    }

    /// Makes a store whose secrets were in rows, base, segment, log and free pages, and were
    /// dropped.
    private func makeStore(_ text: TextIndexStrategy, _ engine: Engine) async throws {
        var options = Self.options
        options.textStrategy = text
        for name in ["a", "quiet", "dropped"] { try await engine.createCollection(name, options) }
        _ = try await engine.index("quiet", others(0..<3))
        _ = try await engine.index("dropped", others(0..<50) + [secret("victim-identity")])
        _ = try await engine.index("a", others(0..<300) + [secret("victim-identity"), secret("r")])
        try await engine.compact("a")
        try await engine.createSnapshot("before")
        _ = try await engine.index("a", others(300..<400) + [secret("late-victim-identity")])
        // One secret is replaced, one is in a dropped collection, and the last ones are dropped by
        // id.
        _ = try await engine.index("a", [Document(id: "r", text: "harmless")])
        try await engine.dropCollection("dropped")
        _ = try await engine.dropMany(
            DropManyRequest(collection: "a", ids: ["victim-identity", "late-victim-identity"])
        )
    }

    @Test(
        "An erasure leaves nothing of dropped and replaced documents in any file",
        arguments: [TextIndexStrategy.postings, .fts5]
    )
    func raw(text: TextIndexStrategy) async throws {
        let engine = try store.open()
        try await makeStore(text, engine)
        let before = try filesWithSecrets()
        #expect(before.contains("lodestone.db-wal") || before.contains("lodestone.db"))
        #expect(before.contains { $0.hasPrefix("vectors-1-") })
        // The file is left by a crash during a snapshot; the lock is that of another process's
        // snapshot.
        let staging = store.path + "/snapshots/.writing.db"
        try Data(Self.word.utf8).write(to: URL(fileURLWithPath: staging))
        let lock = try HeldLock(store.path + "/snapshots/lock")
        #expect(await failure { try await engine.erase() }?.reason == .maintenanceRuns)
        lock.release()
        let sequenceNumber = try engine.stats().sequenceNumber
        let receipt = try await engine.erase("a")
        try expectNoSecrets()
        #expect(!FileManager.default.fileExists(atPath: staging))
        #expect(receipt == EraseReceipt(sequenceNumber: sequenceNumber, snapshots: ["before"]))
        #expect(try await engine.verify().damages == [])
        _ = try await engine.index("a", [Document(id: "new", text: "later")])
        #expect(try await engine.verify().damages == [])
        engine.close()

        let next = try store.open()
        #expect(try await next.search("a", Query([.matching("later")])).map(\.id) == ["new"])
        #expect(try await next.search("a", Query([.matching("ordinary")], limit: 500)).count == 400)
        #expect(try await next.search("quiet", Query([.matching("ordinary")])).count == 3)
        #expect(try await next.search("a", Query([.matching(Self.word)])).isEmpty)
        #expect(try await next.verify().damages == [])
        try expectNoSecrets()
        // The second erasure has nothing to erase.
        #expect(try await next.erase().sequenceNumber == sequenceNumber + 1)
        try await next.compact("a")
        _ = try await next.index("quiet", others(3..<4))
        try await next.compact("quiet")
        #expect(try await next.verify().damages == [])
        next.close()
        let last = try store.open()
        #expect(try await last.search("quiet", Query([.matching("ordinary")])).count == 4)
        last.close()
    }

    @Test("An erasure fails while a reader has an old state, and succeeds after it ended")
    func reader() async throws {
        let engine = try store.open()
        try await makeStore(.postings, engine)
        let reader = try OldState(of: store)
        let error = await failure { try await engine.erase(timeout: .milliseconds(300)) }
        #expect(error?.code == .deadlineExceeded)
        reader.end()
        try await engine.erase()
        try expectNoSecrets()
        #expect(try await engine.verify().damages == [])
        engine.close()
    }

    @Test("An erasure is followed by another process that has the store open")
    func processes() async throws {
        let first = try store.open()
        try await makeStore(.postings, first)
        let second = try store.open()
        _ = try await second.index("quiet", [Document(id: "q", text: "second")])
        try await first.erase()
        #expect(try await second.search("a", Query([.matching("harmless")])).map(\.id) == ["r"])
        _ = try await second.index("a", [Document(id: "s", text: "second")])
        #expect(try await first.search("a", Query([.matching("second")])).map(\.id) == ["s"])
        #expect(try await first.verify().damages == [])
        #expect(try await second.verify().damages == [])
        try expectNoSecrets()
        first.close()
        second.close()
    }

    @Test("An erasure is refused for an unknown collection and done in an empty store")
    func refused() async throws {
        let engine = try store.open()
        #expect(await failure { try await engine.erase("none") }?.code == .notFound)
        try await engine.erase()
        engine.close()
        #expect(await failure { try await engine.erase() }?.reason == .closed)
    }
}
