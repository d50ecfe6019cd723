// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@Suite("Names in a program")
struct ProgramNamesTests {
    /// The arguments by which the compiler finds the modules of the build, those in C included.
    private func searchPaths() throws -> [String] {
        let built = try FileManager.default.contentsOfDirectory(atPath: Programs.folder.path)
            .filter { $0.hasSuffix(".build") }
            .map { Programs.folder.appendingPathComponent("\($0)/module.modulemap").path }
            .filter { FileManager.default.fileExists(atPath: $0) }
        let sources = [
            "CLodestoneProto/include", "CProtobufC", "CSQLite", "CZstd", "CStemmer", "COpenSSL",
            "COpenSSLTLS",
        ]
        .map { Programs.root.appendingPathComponent("Sources/\($0)").path }
        let modules = [Programs.folder.appendingPathComponent("Modules").path]
        return (modules + sources).flatMap { ["-I", $0] }
            + built.flatMap { ["-Xcc", "-fmodule-map-file=\($0)"] }
    }

    /// Compiles a program that imports the client, without code.
    private func compile(_ source: String) async throws -> Outcome {
        let scratch = try Scratch()
        let file = try scratch.file("program.swift", "import LodestoneClient\n" + source)
        let cache = Programs.folder.appendingPathComponent("ModuleCache").path
        return try await Programs.run(
            "/usr/bin/env",
            ["swiftc", "-typecheck", "-swift-version", "6", "-module-cache-path", cache]
                + searchPaths() + [file]
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
