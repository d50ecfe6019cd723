// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import LodestoneClient
import LodestoneImport
import LodestoneJSON

struct SearchCommand: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "search",
        abstract: "Finds documents by words, by a vector, or by both at once.",
        discussion: """
            lodestone search foods 'hot soup'
            lodestone search foods --near n07582609
            lodestone search foods 'hot soup' --vector-file queries.f16 --row 3
            lodestone search foods 'hot soup' --filter "year >= 2020 AND NOT tags = 'draft'"
            lodestone search foods --syntax '"hot soup" AND NOT fish*'
            lodestone search foods 'pytohn' --fuzzy auto --highlight
            lodestone search foods 'hot soup' --filter "year >= 2020" --facet tags
            """
    )

    @OptionGroup var connection: ConnectionOptions
    @Argument(help: "The collection.") var collection: String
    @Argument(help: "Words to search for.") var text: String?
    @Flag(
        help: """
            Read the words as a query: "phrases", prefix*, *part*, typo~, field:word, AND OR NOT, \
            parentheses.
            """
    )
    var syntax = false
    @Option(
        help: "Edits by which words may differ from those of the documents: auto, 0, 1 or 2.",
        transform: SearchCommand.fuzziness
    )
    var fuzzy: Fuzziness?
    @Flag(help: "Show the matching parts of the texts, in bold on a terminal.") var highlight =
        false
    @Option(
        help: "Find documents near this document's vector; the document itself is left out.",
        completion: .file()
    )
    var near: String?
    @Option(help: "Find documents near a vector of this .npy, .f16 or .f32 file.")
    var vectorFile: String?
    @Option(help: "Which row of --vector-file; 0 is the first.") var row = 0
    @Flag(help: "Compare with every vector, whatever the index.") var exact = false
    @Option(help: "Beam width in the graph of an hnsw collection. (default: the collection's)")
    var ef: Int?
    @OptionGroup var condition: FilterOptions
    @Flag(
        help: """
            Show how the vector was searched, which words were searched for, and how the filter was \
            evaluated.
            """
    )
    var explain = false
    @Option(help: "The most hits.") var limit = 10
    @Option(
        help: """
            A field whose values are counted among all documents that pass the filter, nested names \
            joined by dots, a name with a dot in double quotes; may be repeated.
            """,
        transform: MetadataIndex.typed
    )
    var facet: [MetadataIndex] = []
    @Option(help: "The most values of each facet.") var facetLimit = 10

    func validate() throws {
        guard text != nil || near != nil || vectorFile != nil else {
            throw ValidationError("Give words, --near or --vector-file.")
        }
        guard near == nil || vectorFile == nil else {
            throw ValidationError("--near and --vector-file are two vectors; give one of them.")
        }
        guard text != nil || (!syntax && fuzzy == nil && !highlight) else {
            throw ValidationError("--syntax, --fuzzy and --highlight need words.")
        }
        guard ef == nil || ef ?? 0 > 0 else { throw ValidationError("--ef is at least 1.") }
        guard near != nil || vectorFile != nil || (!exact && ef == nil) else {
            throw ValidationError("--exact and --ef need --near or --vector-file.")
        }
        guard limit > 0 else { throw ValidationError("--limit is \(limit); at least 1.") }
        guard facetLimit > 0 else {
            throw ValidationError("--facet-limit is \(facetLimit); at least 1.")
        }
        guard row >= 0 else { throw ValidationError("--row is \(row); 0 is the first.") }
    }

    func run(_ client: LodestoneClient) async throws(LodestoneError) -> CommandOutput {
        let target = client.collection(collection)
        var sources: [Source] = []
        if let vector = try await vector(target) {
            sources.append(.near(vector, exact: exact, efSearch: ef))
        }
        if let text {
            let mode = syntax ? TextMode.querySyntax : .anyWord
            sources.append(.matching(text, mode: mode, fuzzy: fuzzy))
        }
        var include: Include = [.text, .metadata, .sourceScores]
        if explain { include.insert(.explain) }
        let start = ContinuousClock.now
        var result = try await target.search(
            Query(
                sources,
                filter: try filter(),
                limit: limit,
                include: include,
                highlight: highlight ? Highlight() : nil,
                facets: facet.map { FacetRequest(path: $0.path, limit: facetLimit) }
            )
        )
        let milliseconds = (ContinuousClock.now - start).seconds * 1_000
        // The exclusion of --near's document is not part of the user's filter, so it is not
        // reported.
        if condition.filter == nil { result.filter = nil }
        if result.hits.isEmpty { await FilterHint.show(try condition.parsed, target) }
        let names = sources.map { source in
            if case .vector = source.kind { "vector" } else { "text" }
        }
        return CommandOutput(
            text: rendered(result, names, milliseconds),
            json: json(result, names, milliseconds)
        )
    }

    /// The filter for hits: the user's filter, and the exclusion of --near's document.
    private func filter() throws(LodestoneError) -> Filter? {
        let given = try condition.parsed
        guard let near else { return given }
        let others = Filter.not(.ids([try DocumentID(near)]))
        return given.map { .and([$0, others]) } ?? others
    }

    private static func fuzziness(_ text: String) throws -> Fuzziness {
        if text == "auto" { return .auto }
        guard let edits = Int(text), 0...2 ~= edits else {
            throw ValidationError("--fuzzy is \(text); give auto, 0, 1 or 2.")
        }
        return .edits(edits)
    }

    private func vector(_ target: LodestoneClient.Collection) async throws(LodestoneError)
        -> [Float]?
    {
        if let near {
            guard let document = try await target.get(try DocumentID(near)) else {
                throw LodestoneError(
                    .notFound,
                    reason: .noDocument,
                    "There is no document '\(near)' in '\(collection)'.",
                    recovery: "Check the id; a search by words shows ids.",
                    object: near
                )
            }
            guard let vector = document.vector else {
                throw .invalid(
                    .noVector,
                    "The document '\(near)' has no vector.",
                    recovery: "Name a document with a vector, or give --vector-file.",
                    object: near
                )
            }
            return vector
        }
        guard let vectorFile else { return nil }
        let dimension = try await target.describe().options.dimension
        let file = try VectorFile(path: vectorFile, dimension: dimension)
        guard row < file.count else {
            throw .invalid(
                .row,
                "\(vectorFile) has \(file.count) rows; row \(row) is not among them.",
                recovery: "Give a --row from 0 to \(file.count - 1)."
            )
        }
        return try file.read(row..<row + 1)[0]
    }

    private func rendered(_ result: QueryResult, _ names: [String], _ milliseconds: Double)
        -> String
    {
        let explanations =
            result.explanations.map { explanation in
                "\nThe vector was searched by \(Table.printable(explanation.strategy)): "
                    + "\(grouped(explanation.visitedNodes)) nodes visited, "
                    + "\(grouped(explanation.computedDistances)) distances computed, "
                    + "\(grouped(explanation.scannedRows)) rows scanned."
            }.joined() + result.textExplanations.map(\.summary).joined()
            + (result.filter.map { "\n\($0.sentence)" } ?? "")
            + result.facets.map { "\n\n\($0.table)" }.joined()
        guard !result.hits.isEmpty else {
            return "Nothing found in '\(collection)'.\(explanations)"
        }
        var table = Table("#", "#score", names.count > 1 ? "found by" : "", "id", "text")
        for (index, hit) in result.hits.enumerated() {
            let origin = hit.sourceScores.compactMap { score in
                score.rank.map { "\(names[score.source]) #\($0)" }
            }
            table.add(
                "\(index + 1)",
                short(hit.score),
                names.count > 1 ? origin.joined(separator: ", ") : "",
                hit.id.string,
                summary(hit.document)
            )
        }
        let shown = highlight ? HighlightedHits.text(result.hits) : table.text
        let partial = result.isPartial ? "; a budget ended the search early" : ""
        let count = result.hits.count == 1 ? "1 hit" : "\(result.hits.count) hits"
        let line = "\(count) in \(short(milliseconds)) ms\(partial)"
        return "\(shown)\n\(line)\(explanations)"
    }

    private func json(_ result: QueryResult, _ names: [String], _ milliseconds: Double) -> JSON {
        let hits = result.hits.map { hit in
            let sources = hit.sourceScores.map { source in
                var members: [(String, JSON)] = [("source", .string(names[source.source]))]
                if let rank = source.rank { members.append(("rank", .int(rank))) }
                members.append(("score", .double(source.score)))
                return JSON.object(members)
            }
            return JSON.object(
                [
                    ("id", .string(hit.id.string)), ("score", .double(hit.score)),
                    ("sources", .array(sources)),
                    (
                        "text",
                        .object((hit.document?.text ?? []).map { ($0.name, .string($0.text)) })
                    ),
                    ("metadata", JSON(hit.document?.metadata ?? [:])),
                ] + (highlight ? [("highlights", HighlightedHits.json(hit))] : [])
            )
        }
        var members: [(String, JSON)] = [
            ("hits", .array(hits)), ("isPartial", .bool(result.isPartial)),
            ("milliseconds", .double(milliseconds)),
        ]
        if !facet.isEmpty { members.append(("facets", .array(result.facets.map { JSON($0) }))) }
        if explain {
            let explanations = result.explanations.map { explanation in
                JSON.object([
                    ("source", .int(explanation.source)),
                    ("strategy", .string(explanation.strategy)),
                    ("visitedNodes", .int(explanation.visitedNodes)),
                    ("computedDistances", .int(explanation.computedDistances)),
                    ("scannedRows", .int(explanation.scannedRows)),
                ])
            }
            members.append(("explanations", .array(explanations)))
            if let filter = result.filter { members.append(("filter", JSON(filter))) }
            let words = result.textExplanations.map(\.json)
            members.append(("textExplanations", .array(words)))
        }
        return .object(members)
    }
}
