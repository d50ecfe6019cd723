// SPDX-License-Identifier: Apache-2.0
import LodestoneClient
import LodestoneImport

/// All of WordNet: text and labeled edges, no vectors.
struct WordNetPart {
    let directory: String

    private static let dog: DocumentID = "n02084071"
    private static let car: DocumentID = "n02958343"

    func run(_ client: LodestoneClient) async throws {
        heading("1. WordNet: words and a graph")
        _ = try await client.createCollection("wordnet", CollectionOptions(dimension: 0))
        let collection = client.collection("wordnet")
        let pointers = try await fill(
            collection,
            "WordNet 3.0",
            "documents",
            try WordNetReader(directory: directory)
        )
        let state = try await collection.describe()
        say(
            "The files have \(grouped(pointers)) labeled pointers between "
                + "\(grouped(state.documents)) synsets. \(grouped(state.edges)) edges are distinct:\nseveral pointers between words of "
                + "the same two synsets are one edge."
        )
        try await searchText(collection)
        try await showWalks(collection)
    }

    private func searchText(_ collection: LodestoneClient.Collection) async throws {
        let texts: [(String, TextMode)] = [
            ("instrument for measuring temperature", .anyWord),
            ("a sweet frozen dessert", .anyWord),
            (#""capital of" AND (france OR italy)"#, .querySyntax),
            (#"volcan* AND NOT (mountain OR island)"#, .querySyntax),
        ]
        for (text, mode) in texts {
            let syntax = mode == .querySyntax ? "   (query syntax)" : ""
            say("\n  Text: \(text)\(syntax)")
            let start = ContinuousClock.now
            let result = try await collection.search(
                Query([.matching(text, mode: mode)], limit: 4, include: .text)
            )
            let elapsed = ContinuousClock.now - start
            for hit in result.hits {
                say("    \(hit.id)  \(cut(gloss(hit.document), 88))")
            }
            say("    in \(milliseconds(elapsed))")
        }
    }

    private func showWalks(_ collection: LodestoneClient.Collection) async throws {
        say("\n  Walk: what is a dog? Along hypernym, as far as it goes")
        var start = ContinuousClock.now
        let up = try await collection.walk(
            Walk(from: [Self.dog], labels: ["hypernym"], depth: 8)
        )
        var elapsed = ContinuousClock.now - start
        let texts = try await names(up.reached.map(\.id), collection)
        for depth in 1...8 {
            let level = up.reached.filter { $0.depth == depth }
            guard !level.isEmpty else { break }
            say("    \(depth)  \(level.map { texts[$0.id] ?? "?" }.joined(separator: ", "))")
        }
        say("    in \(milliseconds(elapsed))")

        say("\n  Walk: which kinds of dog are there? Along hyponym, up to 8 deep")
        start = .now
        let down = try await collection.walk(
            Walk(from: [Self.dog], labels: ["hyponym"], depth: 8)
        )
        elapsed = .now - start
        let some = try await names(down.reached.suffix(12).map(\.id), collection)
        say(
            "    \(down.reached.count) kinds over \(down.edgesFollowed) edges in "
                + "\(milliseconds(elapsed)), among the deepest:"
        )
        say("    \(some.values.sorted().joined(separator: ", "))")

        say("\n  Walk: what has a car as a part of it, and what are its parts? One hop, two labels")
        start = .now
        let parts = try await collection.walk(
            Walk(from: [Self.car], labels: ["part_meronym", "part_holonym"])
        )
        elapsed = .now - start
        let partNames = try await names(parts.reached.map(\.id), collection)
        let listed = parts.reached.prefix(14).map { partNames[$0.id] ?? "?" }
        say("    \(listed.joined(separator: ", "))")
        say("    \(parts.reached.count) in \(milliseconds(elapsed))")
    }

    private func names(_ ids: [DocumentID], _ collection: LodestoneClient.Collection)
        async throws -> [DocumentID: String]
    {
        var names: [DocumentID: String] = [:]
        for document in try await collection.get(ids, include: .text) {
            names[document.id] = name(document)
        }
        return names
    }
}
