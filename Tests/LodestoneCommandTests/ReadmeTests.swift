// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@Suite("README.md")
struct ReadmeTests {
    private func block(_ language: String) throws -> String {
        let readme = try String(
            contentsOf: Programs.root.appendingPathComponent("README.md"),
            encoding: .utf8
        )
        let start = try #require(readme.range(of: "```\(language)\n"))
        let end = try #require(readme.range(of: "```", range: start.upperBound..<readme.endIndex))
        return String(readme[start.upperBound..<end.lowerBound])
    }

    @Test("The Swift program of README.md is the one built with the tests")
    func sameSource() throws {
        let source = try String(
            contentsOf: Programs.root.appendingPathComponent("Tests/Examples/Swift/main.swift"),
            encoding: .utf8
        )
        #expect(try block("swift") == source)
    }

    @Test("The Swift program of README.md prints the output shown there")
    func runs() async throws {
        let server = try await TestServer.start()
        let outcome = try await Programs.run("readme-example", [server.address])
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.output == (try block("text")))
    }
}
