// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneCore
import TestSupport
import Testing

@testable import LodestoneEngine

@Suite("Compaction policy")
struct CompactionPolicyTests {
    private let store: TestStore

    init() throws {
        store = try TestStore()
    }

    private func documents(_ numbers: Range<Int>) -> [Document] {
        numbers.map { Document(id: DocumentID(trusted: "d\($0)"), text: "text \($0)") }
    }

    @Test("Changes that are a small part of a collection's base start no compaction")
    func share() async throws {
        let engine = try store.open(
            compaction: CompactionPolicy(minimumChanges: 10, idleTime: .milliseconds(1))
        )
        for name in ["large", "small"] {
            try await engine.createCollection(name, CollectionOptions(dimension: 0))
        }
        _ = try await engine.index("large", documents(0..<2_000))
        try await engine.compact("large")
        let base = try engine.describe("large").baseByteCount
        _ = try await engine.index("large", documents(2_000..<2_150))
        // The small collection's turn comes after that of the large one.
        _ = try await engine.index("small", documents(0..<10))
        try await waitUntil { try engine.describe("small").changesSinceBase == 0 }
        #expect(try engine.describe("large").changesSinceBase == 150)
        #expect(try engine.describe("large").baseByteCount == base)
        _ = try await engine.index("large", documents(2_150..<2_201))
        try await waitUntil { try engine.describe("large").changesSinceBase == 0 }
        engine.close()
    }

    @Test("A single old change starts a compaction, also after a restart")
    func age() async throws {
        let patient = try store.open()
        try await patient.createCollection("a", CollectionOptions(dimension: 0))
        _ = try await patient.index("a", documents(0..<1))
        patient.close()
        let engine = try store.open(
            compaction: CompactionPolicy(minimumChanges: .max, maximumAge: .milliseconds(20))
        )
        try await waitUntil { try engine.describe("a").changesSinceBase == 0 }
        _ = try await engine.index("a", documents(1..<2))
        try await waitUntil { try engine.describe("a").changesSinceBase == 0 }
        #expect(try await engine.search("a", Query([.matching("text")])).count == 2)
        engine.close()
    }

    @Test("Old changes of a closed collection start a compaction")
    func ageOfClosed() async throws {
        let engine = try Engine.open(
            directory: store.path,
            options: Engine.Options(
                compaction: CompactionPolicy(
                    minimumChanges: .max,
                    maximumAge: .milliseconds(300)
                ),
                openCollections: OpenCollections(count: 1)
            )
        )
        for name in ["a", "b"] {
            try await engine.createCollection(name, CollectionOptions(dimension: 0))
            _ = try await engine.index(name, documents(0..<1))
        }
        try await waitUntil {
            try engine.catalog.reading { (reader) throws(LodestoneError) in
                try reader.uncompactedCollections().isEmpty
            }
        }
        engine.close()
    }

    @Test("Unindexed vectors start a build when they are the first or cost a search a millisecond")
    func uncovered() async throws {
        let dimension = 16
        func vectors(_ numbers: Range<Int>) -> [Document] {
            numbers.map { number in
                var vector = [Float](repeating: 0, count: dimension)
                (vector[number % dimension], vector[number / dimension % dimension]) = (1, 2)
                return Document(id: DocumentID(trusted: "v\(number)"), vector: vector)
            }
        }
        var policy = CompactionPolicy(minimumChanges: 500, idleTime: .milliseconds(1))
        policy.scannedBytes = 600 * dimension * MemoryLayout<Float>.stride
        let engine = try store.open(compaction: policy)
        let options = CollectionOptions(
            dimension: dimension,
            vectorStrategy: .hnsw(inlineIndexing: false, HNSWOptions(m: 4, efConstruction: 8))
        )
        try await engine.createCollection("a", options)
        // A limit by a share of the documents would be higher than the number of all vectors.
        for start in [0, 9_000] {
            _ = try await engine.index("a", documents(start..<start + 9_000))
        }
        try await engine.compact("a")
        _ = try await engine.index("a", vectors(0..<500))
        try await waitUntil { try engine.describe("a").index.indexedVectors == 500 }
        _ = try await engine.index("a", vectors(500..<700))
        try await engine.compact("a")
        _ = try await engine.index("a", vectors(700..<1_300))
        try await waitUntil { try engine.describe("a").index.indexedVectors == 1_300 }
        engine.close()
    }

    @Test("A compaction blocks only its own collection, in any process")
    func onePerCollection() async throws {
        let engine = try store.open()
        for name in ["built", "other"] {
            try await engine.createCollection(name, CollectionOptions(dimension: 0))
            _ = try await engine.index(name, documents(0..<10))
        }
        let number = try engine.describe("built").number
        let held = try HeldCompaction(store.path + "/compaction.lock", of: number)
        let blocked = Task { try await engine.compact("built") }
        try await engine.compact("other")
        #expect(try engine.describe("other").changesSinceBase == 0)
        #expect(try engine.describe("built").changesSinceBase == 10)
        held.release()
        _ = try await blocked.value
        #expect(try engine.describe("built").changesSinceBase == 0)
        engine.close()
    }

    // MARK: Bytes of bases

    /// A collection with bursts of changes and pauses between, reduced to the sizes that the policy
    /// sees.
    private struct Bursts {
        let policy = CompactionPolicy()
        /// The bytes of a document, and of its part of the base.
        let document: Int
        let base: Int
        var delta = DeltaSize()
        var written = 0
        var bases = 0
        var documents = 0

        init(documents: Int, document: Int, base: Int) {
            (self.document, self.base) = (document, base)
            self.documents = documents
            delta.vectorBytes = document / 2
            compact()
        }

        mutating func compact() {
            delta.baseDocuments = documents
            delta.baseBytes = documents * base
            delta.vectors = documents
            (delta.changes, delta.removed, delta.documentBytes) = (0, 0, 0)
            (delta.memory, delta.unindexed) = (0, 0)
        }

        mutating func write(new: Int, replaced: Int = 0, dropped: Int = 0) {
            documents += new - dropped
            delta.vectors = documents
            delta.changes += new + 2 * replaced + dropped
            delta.removed += replaced + dropped
            delta.documentBytes += (new + replaced) * document
            delta.memory += (new + replaced) * base
            delta.unindexed += new + replaced
            // A dropped document counts with the bytes with which it was written.
            written += (new + replaced + dropped) * document
            if policy.isUrgent(delta) || policy.isWorthwhile(delta) {
                compact()
                bases += delta.baseBytes
            } else if policy.wantsLinks(delta) {
                delta.unindexed = 0
            }
        }
    }

    @Test(
        "Compactions write at most six times the bytes of the changes, at any collection size",
        arguments: [100_000, 1_000_000, 10_000_000],
        [(1_700, 1_000), (300, 300), (40_000, 900)]
    )
    func amplification(documents: Int, bytes: (document: Int, base: Int)) {
        for (new, replaced, dropped) in [(1_000, 0, 0), (0, 1_000, 0), (0, 0, 100), (400, 300, 50)]
        {
            var bursts = Bursts(documents: documents, document: bytes.document, base: bytes.base)
            for _ in 0..<500 { bursts.write(new: new, replaced: replaced, dropped: dropped) }
            #expect(bursts.bases <= 6 * bursts.written, "\(new) \(replaced) \(dropped)")
            #expect(bursts.delta.unindexedBytes < bursts.policy.scannedBytes)
        }
    }

    @Test("Repeated changes to a large collection lead to a compaction")
    func payment() {
        var bursts = Bursts(documents: 1_000_000, document: 1_700, base: 1_000)
        for _ in 0..<300 { bursts.write(new: 1_000) }
        #expect(bursts.bases > 0)
    }

    @Test("The age limit of changes is an hour for a small base and up to a day for a large one")
    func ages() {
        let policy = CompactionPolicy()
        var delta = DeltaSize()
        (delta.changes, delta.removed, delta.documentBytes) = (1, 1, 1_000)
        (delta.baseDocuments, delta.baseBytes) = (1_000, 1_000_000)
        #expect(policy.ageLimit(delta) == .seconds(3_600))
        (delta.baseDocuments, delta.baseBytes) = (10_000_000, 10_000_000_000)
        #expect(policy.ageLimit(delta) == .seconds(86_400))
        delta.documentBytes = 500_000_000
        #expect(policy.ageLimit(delta) == .seconds(5 * 3_600))
        delta.documentBytes = 2_500_000_000
        #expect(policy.ageLimit(delta) == .seconds(3_600))
        // Additions have no text that the log should forget.
        (delta.removed, delta.documentBytes) = (0, 1_000)
        #expect(policy.ageLimit(delta) == nil)
    }

    @Test("A graph with low recall makes a compaction worthwhile, unless no graph is good enough")
    func badIndex() {
        let policy = CompactionPolicy()
        var delta = DeltaSize()
        (delta.baseDocuments, delta.baseBytes) = (100_000, 100_000_000)
        (delta.vectors, delta.vectorBytes) = (100_000, 1_536)
        #expect(!policy.isWorthwhile(delta))
        delta.hasGoodIndex = false
        #expect(policy.isWorthwhile(delta))
        #expect(!policy.wantsLinks(delta))
        delta.wantsIndex = false
        delta.unindexed = 100_000
        #expect(!policy.isWorthwhile(delta))
        #expect(!policy.wantsLinks(delta))
    }

    @Test("Statistics count the written bytes of documents and bases")
    func statistics() async throws {
        let engine = try store.open()
        try await engine.createCollection("a", CollectionOptions(dimension: 0))
        func written(_ part: String) throws -> Double? {
            try engine.stats().statistics.first { $0.name == "store.written.\(part)" }?.value
        }
        _ = try await engine.index("a", documents(0..<100))
        let bytes = documents(0..<100).reduce(0) { $0 + $1.id.string.utf8.count }
        #expect(try written("documents") ?? 0 > Double(bytes))
        #expect(try written("bases") == 0)
        try await engine.compact("a")
        let base = try FileManager.default.contentsOfDirectory(atPath: store.path)
            .first { $0.hasPrefix("base-") }
        let path = "\(store.path)/\(try #require(base))"
        let size = try FileManager.default.attributesOfItem(atPath: path)[.size] as? Double
        #expect(try written("bases") == size)
        engine.close()
    }

    // MARK: The write-ahead log

    /// Writes megabytes of text into a collection, while a reader keeps an old state of the store.
    private func write(megabytes: Int, to engine: Engine, then body: () async throws -> Void)
        async throws
    {
        let reader = try OldState(of: store)
        let text = String(repeating: "lorem ipsum ", count: 80_000)
        for number in 0..<megabytes {
            let id = DocumentID(trusted: "d\(number)")
            _ = try await engine.index("a", [Document(id: id, metadata: ["t": .string(text)])])
        }
        try await body()
        reader.end()
    }

    private func walBytes() throws -> UInt64 {
        let path = store.path + "/lodestone.db-wal"
        return try FileManager.default.attributesOfItem(atPath: path)[.size] as? UInt64 ?? 0
    }

    @Test("Scattered replacements write a small page per document")
    func pages() async throws {
        let engine = try store.open(
            compaction: CompactionPolicy(minimumChanges: .max, idleTime: .seconds(600))
        )
        try await engine.createCollection("a", CollectionOptions(dimension: 0))
        let text = String(repeating: "lorem ipsum ", count: 25)
        let documents = (0..<5_000).map {
            Document(id: DocumentID(trusted: "d\($0)"), metadata: ["t": .string(text)])
        }
        _ = try await engine.index("a", documents)
        let before = try walBytes()
        _ = try await engine.index("a", stride(from: 0, to: 5_000, by: 100).map { documents[$0] })
        // Each replaced document writes the page that it leaves, and a part of the page that it
        // enters.
        let byteCount = try walBytes() - before
        #expect(byteCount > 50 * 1_024)
        #expect(byteCount < 50 * 12_288)
        engine.close()
    }

    @Test("An idle engine truncates its write-ahead log after a reader ends")
    func idleLog() async throws {
        let engine = try store.open(
            compaction: CompactionPolicy(minimumChanges: .max, idleTime: .milliseconds(1))
        )
        try await engine.createCollection("a", CollectionOptions(dimension: 0))
        try await write(megabytes: 6, to: engine) {
            let byteCount = try walBytes()
            #expect(byteCount > 5_000_000)
        }
        try await waitUntil { try walBytes() == 0 }
        engine.close()
    }

    @Test("A busy engine truncates a large write-ahead log at a write")
    func busyLog() async throws {
        let engine = try store.open()
        try await engine.createCollection("a", CollectionOptions(dimension: 0))
        try await write(megabytes: 70, to: engine) {
            let byteCount = try walBytes()
            #expect(byteCount > 64_000_000)
        }
        _ = try await engine.index("a", [Document(id: "last", text: "one")])
        #expect(try walBytes() < 17_000_000)
        engine.close()
    }
}
