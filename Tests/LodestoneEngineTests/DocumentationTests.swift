// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneCore
import LodestoneEngine
import TestSupport
import Testing

@Suite("The documentation of the engine")
struct DocumentationTests {
    @Test("The code in the engine's documentation finds the document that it stores")
    func example() async throws {
        let temporary = try TemporaryDirectory()
        let directory = temporary.path
        // begin
        let engine = try Engine.open(directory: directory)
        try await engine.createCollection("notes", CollectionOptions(dimension: 3))
        let moon = Document(id: "moon", vector: [0.9, 0.1, 0], text: "Dust on the moon")
        try await engine.indexMany(IndexManyRequest(collection: "notes", documents: [moon]))
        let query = Query([.near([1, 0, 0]), .matching("moon dust")], limit: 2)
        let response = try await engine.search(SearchRequest(collection: "notes", queries: [query]))
        let ids = response.results[0].hits.map(\.id)
        engine.close()
        // end
        #expect(ids == ["moon"])
    }

    @Test("The code in the engine's documentation is the code of this test")
    func sameSource() throws {
        let source = try String(contentsOfFile: #filePath, encoding: .utf8)
        let lines = source.split(separator: "\n", omittingEmptySubsequences: false)
        let begin = try #require(lines.firstIndex(of: "        // begin"))
        let end = try #require(lines.firstIndex(of: "        // end"))
        let code = lines[(begin + 1)..<end].map { $0.dropFirst(8) + "\n" }.joined()
        let catalog = URL(fileURLWithPath: #filePath)
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Sources/LodestoneEngine/LodestoneEngine.docc")
            .appendingPathComponent("LodestoneEngine.md")
        let page = try String(contentsOf: catalog, encoding: .utf8)
        #expect(page.contains("```swift\n\(code)```"))
    }
}
