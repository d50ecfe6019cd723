// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import TestSupport
import Testing

@testable import LodestoneEngine

@Suite("A store that two processes have open")
struct SharedStoreTests {
    private let store: TestStore

    init() throws {
        store = try TestStore()
    }

    @Test("shows a process that is far behind that a collection is another one of its name")
    func createdAgain() async throws {
        let engine = try store.open()
        let other = try store.open()
        try await engine.createCollection("a", CollectionOptions(dimension: 2))
        _ = try await engine.index("a", [Document(id: "x", vector: [1, 0])])
        let before = try other.collection(named: "a")
        try await engine.dropCollection("a")
        try await engine.createCollection("a", CollectionOptions(dimension: 2))
        _ = try await engine.index("a", [Document(id: "y", vector: [0, 1])])
        // The log that told of it is forgotten before the other process looks.
        try await engine.compact("a")
        let after = try other.collection(named: "a")
        // What is under way in the one before ends with an error that says so.
        #expect(before.isDropped)
        #expect(after.number != before.number && !after.isDropped)
        #expect(try await other.search("a", Query([.near([0, 1])])).map(\.id) == ["y"])
        _ = try await other.index("a", [Document(id: "z", vector: [1, 0])])
        #expect(try await engine.search("a", Query([.near([1, 0])])).map(\.id) == ["z", "y"])
        engine.close()
        other.close()
    }
}
