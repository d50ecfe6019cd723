// SPDX-License-Identifier: Apache-2.0
import LodestoneClient
import LodestoneImport

/// WordNet's animals and foods with vectors.
///
/// Each query is a sentence, and the right result is the synset of the sentence.
struct AnimalsAndFoodsPart {
    let directory: String

    private static let dimension = 384
    private static let ways = ["text", "vector", "both"]
    private static let shown: Set<String> = [
        "iced tea is a cooling drink", "Tyrannosaurus Rex was a large carnivore",
        "may I take your beverage order?", "you can break a tooth on that hard candy",
        "a five-pound beef heart will serve six",
    ]

    func run(_ client: LodestoneClient) async throws {
        heading("2. Animals and foods: by meaning, by words, by both")
        _ = try await client.createCollection(
            "animals-and-foods",
            CollectionOptions(dimension: Self.dimension, metric: .cosine)
        )
        let collection = client.collection("animals-and-foods")
        let mapping = DocumentMapping(text: ["words", "definition"])
        try await fill(
            collection,
            "Animals and foods",
            "documents",
            try DocumentReader(
                path: "\(directory)/docs.jsonl.zst",
                mapping: mapping,
                vectors: try VectorFile(path: "\(directory)/docs.f16", dimension: Self.dimension)
            )
        )
        try await fill(
            collection,
            "Their edges",
            "edges",
            try EdgeReader(path: "\(directory)/edges.tsv.zst")
        )
        try await search(collection)
    }

    private func search(_ collection: LodestoneClient.Collection) async throws {
        var reader = try DocumentReader(
            path: "\(directory)/queries.jsonl",
            mapping: DocumentMapping(id: "query", text: []),
            vectors: try VectorFile(path: "\(directory)/queries.f16", dimension: Self.dimension)
        )
        let sentences = try reader.readAll()
        var queries: [Query] = []
        for sentence in sentences {
            let text = Source.matching(sentence.id.string)
            let vector = Source.near(sentence.vector ?? [])
            for sources in [[text], [vector], [text, vector]] {
                queries.append(Query(sources, limit: 10, include: .text))
            }
        }
        let start = ContinuousClock.now
        let results = try await collection.search(queries).results
        let elapsed = ContinuousClock.now - start
        say(
            "\n\(sentences.count) example sentences, searched in 3 ways: \(queries.count) queries in "
                + "one call, \(milliseconds(elapsed)).\nFor some of them, the best hit of each way; "
                + "* is the synset that the sentence was written for:"
        )
        var tallies = Self.ways.map { _ in Tally() }
        for (index, sentence) in sentences.enumerated() {
            // Several sentences may illustrate one synset, so the sentence itself is the id.
            let text = sentence.id.string
            let expected = sentence.metadata["id"]
            let isShown = Self.shown.contains(text)
            if isShown { say("\n  \(text)") }
            for (way, label) in Self.ways.enumerated() {
                let hits = results[index * Self.ways.count + way].hits
                tallies[way].add(hits.firstIndex { .string($0.id.string) == expected })
                guard isShown else { continue }
                let mark = hits.first.map { .string($0.id.string) == expected } == true ? "*" : " "
                let best = hits.first.map { gloss($0.document) } ?? "nothing"
                say("    \(pad(label, 7))\(mark) \(cut(best, 90))")
            }
        }
        say(
            "\n  \(pad("of \(sentences.count) sentences", 18))right first   among ten   mean 1/rank"
        )
        for (label, tally) in zip(Self.ways, tallies) {
            say(
                "  \(pad(label, 18))\(pad("\(tally.first)", 14))\(pad("\(tally.found)", 12))"
                    + decimal(tally.reciprocalRanks / Double(sentences.count), 3)
            )
        }
    }

    private struct Tally {
        var first = 0
        var found = 0
        var reciprocalRanks = 0.0

        mutating func add(_ index: Int?) {
            guard let index else { return }
            if index == 0 { first += 1 }
            found += 1
            reciprocalRanks += 1 / Double(index + 1)
        }
    }
}
