// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import TestSupport
import Testing

@testable import LodestoneEngine

@Suite("A store of many collections")
struct ManyCollectionsTests {
    private let store: TestStore

    init() throws {
        store = try TestStore()
    }

    /// Collections with a document each.
    private func fill(_ count: Int) async throws {
        let engine = try Engine.open(
            directory: store.path,
            options: Engine.Options(
                durability: .relaxed,
                compaction: CompactionPolicy(minimumChanges: .max)
            )
        )
        for number in 0..<count {
            try await engine.createCollection("c\(number)", CollectionOptions(dimension: 2))
        }
        let text = [TextField(name: "text", text: "common word")]
        let document = Document(id: "x", vector: [1, 0], text: text)
        try await withThrowingTaskGroup { group in
            for number in 0..<count {
                group.addTask { _ = try await engine.index("c\(number)", [document]) }
            }
            try await group.waitForAll()
        }
        engine.close()
    }

    @Test("opens in the time that its collections take, and not their square")
    func opens() async throws {
        let count = 1_000
        try await fill(count)
        let start = ContinuousClock.now
        let engine = try store.open()
        // In a debug build; each collection reading what all have took 15 s.
        #expect(start.duration(to: .now) < .seconds(8))
        #expect(try engine.collections().count == count)
        #expect(try await engine.search("c7", Query([.near([1, 0])])).map(\.id) == ["x"])
        engine.close()
    }

    @Test("takes little memory for each that was searched")
    func memory() async throws {
        let count = 300
        try await fill(count)
        let engine = try store.open()
        let before = residentByteCount()
        for number in 0..<count {
            let hits = try await engine.search("c\(number)", Query([.matching("common")]))
            #expect(hits.map(\.id) == ["x"])
        }
        // 320 KiB of room to count in made 94 MiB of it.
        #expect(residentByteCount() - before < 30 << 20)
        engine.close()
    }
}
