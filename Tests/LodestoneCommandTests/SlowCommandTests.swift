// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@Suite("Commands of load", .timeLimit(.minutes(2)))
struct SlowCommandTests {
    @Test("The commands slow and top show the requests of a server and the shapes of its reads")
    func slowAndTop() async throws {
        let server = try await TestServer.start(environment: ["LODESTONE_SLOW_REQUEST_MS": "1"])
        #expect(try await server.lodestone("create", "papers").status == 0)
        for word in ["one", "two"] {
            #expect(try await server.lodestone("search", "papers", word).status == 0)
        }
        let text = try await server.lodestone("slow")
        #expect(text.status == 0, "\(text.errors)")
        #expect(text.output.contains("Slowest:") && text.output.contains("Shapes:"))
        #expect(text.output.contains("createCollection"))
        let json = try await server.lodestone("slow", "--json", "--limit", "5").json
        let slowest = try #require(json["slowest"] as? [[String: Any]])
        #expect((1...5).contains(slowest.count))
        let shapes = try #require(json["shapes"] as? [[String: Any]])
        let search = try #require(
            shapes.first { ($0["shape"] as? String)?.hasPrefix("search words(?)") == true }
        )
        #expect(search["count"] as? Int == 2)
        #expect(search["collection"] as? String == "papers")

        let top = try await server.lodestone("top", "--once")
        #expect(top.status == 0, "\(top.errors)")
        #expect(top.output.hasPrefix("connections 1  calls "))
        let figures = try await server.lodestone("top", "--once", "--json").json
        #expect(figures["connections"] as? Double == 1)
        #expect(try await server.lodestone("slow", "--limit", "0").status == 64)
    }
}
