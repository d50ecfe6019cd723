// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import LodestoneClient
import LodestoneImport
import LodestoneJSON

struct EdgesCommand: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "edges",
        abstract: "Shows the edges of one document, however many it has.",
        discussion: """
            It shows the edges that leave the document, by label and target, and with --direction in \
            those that enter it. With --lines each edge is a JSON object on a line of its own.

            lodestone edges words n02084071 --label hyponym
            lodestone edges words n02084071 --direction in --all --lines > edges.jsonl
            """
    )

    @OptionGroup var connection: ConnectionOptions
    @Argument(help: "The collection.") var collection: String
    @Argument(help: "The id of the document.") var id: String
    @Option(help: "A label to show; may be repeated. (default: every label)")
    var label: [String] = []
    @Option(help: "The edges that leave the document (out), or that enter it (in).")
    var direction = DirectionName.out
    @Option(help: "The most edges.") var limit = 100
    @Flag(help: "Every edge, instead of --limit.") var all = false
    @Flag(help: "Print each edge as JSON, one per line.") var lines = false

    func validate() throws {
        guard limit > 0 else { throw ValidationError("--limit is \(limit); at least 1.") }
        guard direction != .both else {
            throw ValidationError("--direction is both; show out, then in.")
        }
    }

    func run(_ client: LodestoneClient) async throws(LodestoneError) -> CommandOutput {
        let edges = client.collection(collection).edges(
            of: try DocumentID(id),
            direction: direction.direction,
            labels: label,
            pageSize: all ? 1_000 : min(limit, 1_000)
        )
        var shown: [ListedEdge] = []
        var count = 0
        var iterator = edges.makeAsyncIterator()
        while all || count < limit, let edge = try await iterator.next() {
            count += 1
            if lines { print(json(edge).text) } else { shown.append(edge) }
        }
        if lines {
            return CommandOutput(text: "", json: .object([("count", .int(count))]), isQuiet: true)
        }
        let arrow = direction == .in ? "←" : "→"
        var table = Table("", "label", "id", "#weight", "metadata")
        for edge in shown {
            let metadata = edge.metadata.isEmpty ? "" : JSON(edge.metadata).text
            table.add(arrow, edge.label, edge.id.string, short(Double(edge.weight)), metadata)
        }
        return CommandOutput(
            text: shown.isEmpty ? "No such edges in '\(collection)'." : table.text,
            json: .object([("edges", .array(shown.map(json)))])
        )
    }

    private func json(_ edge: ListedEdge) -> JSON {
        var members: [(String, JSON)] = [
            ("label", .string(edge.label)), ("id", .string(edge.id.string)),
            ("weight", .float(edge.weight)),
        ]
        if !edge.metadata.isEmpty { members.append(("metadata", JSON(edge.metadata))) }
        return .object(members)
    }
}
