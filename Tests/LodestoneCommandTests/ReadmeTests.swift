// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@Suite("README.md")
struct ReadmeTests {
    private func block(_ language: String, of page: String = "README.md") throws -> String {
        let text = try String(
            contentsOf: Programs.root.appendingPathComponent(page),
            encoding: .utf8
        )
        let start = try #require(text.range(of: "```\(language)\n"))
        let end = try #require(text.range(of: "```", range: start.upperBound..<text.endIndex))
        return String(text[start.upperBound..<end.lowerBound])
    }

    @Test("The Swift program of README.md and of the documentation is the one built with the tests")
    func sameSource() throws {
        let source = try String(
            contentsOf: Programs.root.appendingPathComponent("Tests/Examples/Swift/main.swift"),
            encoding: .utf8
        )
        #expect(try block("swift") == source)
        let catalog = "clients/swift/LodestoneClient.docc/LodestoneClient.md"
        #expect(try block("swift", of: catalog) == source)
    }

    @Test("The Swift program of README.md prints the output shown there")
    func runs() async throws {
        let server = try await TestServer.start()
        let outcome = try await Programs.run("readme-example", [server.address])
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.output == (try block("text")))
    }
}
