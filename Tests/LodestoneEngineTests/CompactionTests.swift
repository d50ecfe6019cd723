// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneCore
import LodestoneEngine
import TestSupport
import Testing

@Suite("A compaction")
struct CompactionTests {
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    private var store: String { directory.path + "/store" }

    @Test("shows in the description, and why it failed in the stats")
    func state() async throws {
        let engine = try Engine.open(directory: store)
        try await engine.createCollection("a", CollectionOptions(dimension: 2))
        _ = try await engine.index("a", [Document(id: "x", vector: [1, 0])])
        #expect(try engine.describe("a").changesSinceBase == 1)
        #expect(try engine.describe("a").baseByteCount == 0)
        try await engine.compact("a")
        #expect(try engine.describe("a").changesSinceBase == 0)
        #expect(try engine.describe("a").baseByteCount > 0)
        _ = try await engine.index("a", [Document(id: "y", vector: [0, 1])])
        #expect(try engine.stats().compactionFailure == nil)

        let path = store + "/vectors-1-0.seg"
        let good = try Data(contentsOf: URL(fileURLWithPath: path))
        var bad = good
        bad[bad.count - 1] ^= 1
        try overwrite(path, with: bad)
        #expect(await failure { try await engine.compact("a") }?.reason == "CORRUPT_SEGMENT")
        #expect(try engine.stats().compactionFailure?.contains("vectors-1-0.seg") == true)
        try overwrite(path, with: good)
        try await engine.compact("a")
        #expect(try engine.stats().compactionFailure == nil)
        engine.close()
    }

    /// Writes in place: the file is mapped.
    private func overwrite(_ path: String, with bytes: Data) throws {
        let file = try #require(FileHandle(forUpdatingAtPath: path))
        try file.write(contentsOf: bytes)
        try file.close()
    }
}
