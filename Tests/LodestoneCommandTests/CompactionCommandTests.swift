// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneStructures
import TestSupport
import Testing

@Suite("Compaction command")
struct CompactionCommandTests {
    private static let dimension = 256
    private static let count = 2_000
    /// The server compacts only on request.
    private static let calm = ["LODESTONE_COMPACTION_MINIMUM_CHANGES": "1000000000"]

    private func vector(_ number: Int) -> [Float] {
        (0..<Self.dimension).map { Float((number * 31 + $0 * 7) % 1_009) - 500 }
    }

    /// A store without a server, with two megabytes of vectors, more than half of them dropped.
    private func filled() async throws -> Scratch {
        let server = try await TestServer.start(environment: Self.calm)
        let lines = (0..<Self.count).map { "{\"id\":\"d\($0)\"}" }
        let documents = try server.scratch.file("docs.jsonl", lines.joined(separator: "\n"))
        var bytes = Data()
        for number in 0..<Self.count {
            vector(number).withUnsafeBytes { bytes.append(contentsOf: $0) }
        }
        let vectors = try server.scratch.file("docs.f32", bytes)
        let outcome = try await server.lodestone(
            "import",
            "docs",
            documents,
            "--vectors",
            vectors,
            "--create",
            "--dimension",
            "\(Self.dimension)"
        )
        #expect(outcome.status == 0, "\(outcome.errors)")
        let gone = (0..<Self.count).filter { !isKept($0) }.map { "d\($0)" }
        let dropped = try await Programs.run(
            "lodestone",
            ["drop", "docs"] + gone,
            environment: ["LODESTONE_ADDRESS": server.address]
        )
        #expect(dropped.status == 0, "\(dropped.errors)")
        return server.scratch
    }

    private func isKept(_ number: Int) -> Bool { number % 5 < 2 }

    private func check(_ server: TestServer) async throws {
        let verified = try await server.lodestone("verify", "--json")
        #expect(verified.status == 0, "\(verified.output)")
        for number in [0, 1, 996, 1_995] {
            let outcome = try await server.lodestone("get", "docs", "d\(number)", "--json")
            let document = try #require((outcome.json["documents"] as? [[String: Any]])?.first)
            let found = try #require(document["vector"] as? [Double])
            #expect(found.map { Float($0) } == vector(number))
        }
        let stats = try await server.lodestone("collections", "--json")
        let collection = try #require((stats.json["collections"] as? [[String: Any]])?.first)
        #expect(collection["vectors"] as? Int == Self.count * 2 / 5)
    }

    @Test(
        "A compaction killed at any step loses no document and leaves no files behind",
        arguments: [
            Failpoint.compactionBeforePointer, .compactionAfterPointer, .compactionAfterVectors,
            .compactionBeforeRemoval,
        ].prefix(TestLength.isLong ? 4 : 2)
    )
    func killed(failpoint: Failpoint) async throws {
        let scratch = try await filled()
        let store = "\(scratch.path)/store"
        do {
            let doomed = try await TestServer.start(
                data: store,
                fault: failpoint,
                environment: Self.calm
            )
            #expect(try await doomed.lodestone("compact", "docs", "--deadline", "8").status != 0)
        }
        let server = try await TestServer.start(data: store, environment: Self.calm)
        try await check(server)
        #expect(try await server.lodestone("compact", "docs").status == 0)
        try await check(server)
        let segments = try FileManager.default.contentsOfDirectory(atPath: store)
            .filter { $0.hasSuffix(".seg") }
        #expect(segments.count == 1, "\(segments)")
        let size =
            try FileManager.default.attributesOfItem(
                atPath: "\(store)/\(segments[0])"
            )[.size] as? Int
        #expect((size ?? .max) < Self.count * Self.dimension * 4 / 2)
    }
}
