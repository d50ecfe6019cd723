// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@Suite("Names in a program")
struct ProgramNamesTests {
    /// Compiles a program that imports the client, without code.
    private func compile(_ source: String) async throws -> Outcome {
        let scratch = try Scratch()
        let file = try scratch.file("program.swift", "import LodestoneClient\n" + source)
        return try await Programs.run(
            "/usr/bin/env",
            [
                "swiftc", "-typecheck", "-swift-version", "6",
                "-I", Programs.folder.appendingPathComponent("Modules").path,
                "-module-cache-path", Programs.folder.appendingPathComponent("ModuleCache").path,
                file,
            ]
        )
    }

    /// The types that `LodestoneStructures` declares for other modules.
    private func structures() throws -> [String] {
        let folder = Programs.root.appendingPathComponent("Sources/LodestoneStructures")
        let files = try #require(FileManager.default.enumerator(atPath: folder.path))
        let declaration =
            /(?m)^(?:public|package) (?:final )?(?:struct|class|enum|protocol|typealias) (\w+)/
        return try files.compactMap { $0 as? String }.filter { $0.hasSuffix(".swift") }
            .flatMap { file in
                let url = folder.appendingPathComponent(file)
                let text = try String(contentsOf: url, encoding: .utf8)
                return text.matches(of: declaration).map { String($0.1) }
            }
    }

    @Test("A program that imports the client can name no type of LodestoneStructures")
    func structuresAreHidden() async throws {
        let names = try structures()
        #expect(names.count >= 15 && names.contains("VerifiedBytes"), "\(names)")
        let outcome = try await compile(
            names.map { "func use(_: \($0)) {}\n" }.joined()
        )
        #expect(outcome.status != 0)
        for name in names {
            #expect(
                outcome.errors.contains("cannot find type '\(name)' in scope"),
                "\(name): \(outcome.errors)"
            )
        }
    }

    @Test("A program that imports the client can name the types of its requests and results")
    func wordsAreVisible() async throws {
        let names = [
            "Document", "DocumentID", "Value", "Query", "Filter", "Walk", "Hit", "SearchResponse",
            "WriteReceipt", "CollectionOptions", "LodestoneError", "Endpoint",
        ]
        let outcome = try await compile(
            names.map { "func use(_: \($0)) {}\n" }.joined()
        )
        #expect(outcome.status == 0, "\(outcome.errors)")
    }
}
