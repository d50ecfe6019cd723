// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import LodestoneClient
import LodestoneImport
import LodestoneJSON

struct ScanCommand: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "scan",
        abstract: "Shows the documents of a collection, one after the other.",
        discussion: """
            They come in the order of writing, or with --order in that of an indexed field. With \
            --lines each document is a JSON object on a line of its own; 'import' reads such lines. \
            'export' writes the collection's options, too.

            lodestone scan papers --filter "year >= 2020" --order year --descending --limit 5
            lodestone scan papers --all --lines > papers.jsonl
            """
    )

    @OptionGroup var connection: ConnectionOptions
    @Argument(help: "The collection.") var collection: String
    @OptionGroup var condition: FilterOptions
    @Option(
        help: """
            An indexed field to order by, nested names joined by dots, a name with a dot in double \
            quotes.
            """,
        transform: MetadataIndex.typed
    )
    var order: MetadataIndex?
    @Flag(help: "With --order: the largest value first.") var descending = false
    @Option(help: "The most documents.") var limit = 20
    @Flag(help: "Every document, instead of --limit.") var all = false
    @Flag(help: "Print each document as JSON, one per line, with vectors and edges.") var lines =
        false

    func validate() throws {
        guard limit > 0 else { throw ValidationError("--limit is \(limit); at least 1.") }
        guard order != nil || !descending else {
            throw ValidationError("--descending needs --order.")
        }
    }

    func run(_ client: LodestoneClient) async throws(LodestoneError) -> CommandOutput {
        let order = order.map { ScanOrder(path: $0.path, isDescending: descending) }
        let include: Include = lines ? .document : [.text, .metadata]
        let documents = client.collection(collection).documents(
            where: try condition.parsed,
            order: order,
            include: include,
            pageSize: all ? 500 : min(limit, 500)
        )
        var shown: [Document] = []
        var count = 0
        var iterator = documents.makeAsyncIterator()
        while all || count < limit, let document = try await iterator.next() {
            count += 1
            if lines { print(JSON(document).text) } else { shown.append(document) }
        }
        if count == 0 {
            await FilterHint.show(try condition.parsed, client.collection(collection))
        }
        if lines {
            return CommandOutput(text: "", json: .object([("count", .int(count))]), isQuiet: true)
        }
        var table = Table("id", "metadata", "text")
        for document in shown {
            let metadata = JSON(document.metadata).text
            table.add(document.id.string, short(metadata), summary(document))
        }
        return CommandOutput(
            text: shown.isEmpty ? "No documents in '\(collection)'." : table.text,
            json: .object([("documents", .array(shown.map { JSON($0) }))])
        )
    }

    private func short(_ text: String) -> String {
        text.count <= 60 ? text : text.prefix(59) + "…"
    }
}

struct CountCommand: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "count",
        abstract: "Counts documents, and how often values occur among them.",
        discussion: """
            lodestone count papers
            lodestone count papers --filter "year >= 2020" --facet tags --facet author.name --limit 5
            """
    )

    @OptionGroup var connection: ConnectionOptions
    @Argument(help: "The collection.") var collection: String
    @OptionGroup var condition: FilterOptions
    @Option(
        help: """
            A field whose values are counted, nested names joined by dots, a name with a dot in double \
            quotes; may be repeated.
            """,
        transform: MetadataIndex.typed
    )
    var facet: [MetadataIndex] = []
    @Option(help: "The most values of each facet.") var limit = 10
    @Flag(help: "Show how the filter was evaluated.") var explain = false

    func validate() throws {
        guard limit > 0 else { throw ValidationError("--limit is \(limit); at least 1.") }
    }

    func run(_ client: LodestoneClient) async throws(LodestoneError) -> CommandOutput {
        let facets = facet.map { FacetRequest(path: $0.path, limit: limit) }
        let response = try await client.collection(collection)
            .count(try condition.parsed, facets: facets)
        if response.count == 0 {
            await FilterHint.show(try condition.parsed, client.collection(collection))
        }
        var parts = ["\(grouped(response.count)) documents"]
        parts += response.facets.map(\.table)
        if explain, let filter = response.filter { parts.append(filter.sentence) }
        var members: [(String, JSON)] = [
            ("count", .int(response.count)), ("facets", .array(response.facets.map { JSON($0) })),
            ("sequenceNumber", .int(response.sequenceNumber)),
        ]
        if let filter = response.filter { members.append(("filter", JSON(filter))) }
        return CommandOutput(text: parts.joined(separator: "\n\n"), json: .object(members))
    }
}
