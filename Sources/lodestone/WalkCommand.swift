// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import LodestoneClient
import LodestoneImport
import LodestoneJSON

/// A direction by the name that users type.
enum DirectionName: String, ExpressibleByArgument, CaseIterable {
    case out, `in`, both

    var direction: Direction {
        switch self {
        case .out: .outgoing
        case .in: .incoming
        case .both: .both
        }
    }
}

struct WalkCommand: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "walk",
        abstract: "Follows edges from documents.",
        discussion: "lodestone walk words n02084071 --label hyponym --depth 2"
    )

    @OptionGroup var connection: ConnectionOptions
    @Argument(help: "The collection.") var collection: String
    @Argument(help: "Ids of the documents to start from.") var from: [String]
    @Option(help: "A label to follow; give it again for more. (default: every label)")
    var label: [String] = []
    @Option(help: "Follow edges from source to target, against that, or both ways.")
    var direction = DirectionName.out
    @Option(help: "The most edges to follow in a row, 1 to 8.") var depth = 1
    @Option(help: "The most documents to report.") var limit = 100

    func run(_ client: LodestoneClient) async throws(LodestoneError) -> CommandOutput {
        let target = client.collection(collection)
        let start = ContinuousClock.now
        let result = try await target.walk(
            Walk(
                from: try documentIDs(from),
                labels: label,
                direction: direction.direction,
                depth: depth,
                budget: WalkBudget(nodes: limit)
            )
        )
        let milliseconds = (ContinuousClock.now - start).seconds * 1_000
        return CommandOutput(
            text: try await rendered(result, target, milliseconds),
            json: json(result, milliseconds)
        )
    }

    private func rendered(
        _ result: WalkResult,
        _ target: LodestoneClient.Collection,
        _ milliseconds: Double
    ) async throws(LodestoneError) -> String {
        guard !result.reached.isEmpty else { return "No edge leads on from there." }
        let ids = result.reached.prefix(1_000).map(\.id)
        var texts: [DocumentID: String] = [:]
        for document in try await target.get(ids, include: .text) {
            texts[document.id] = summary(document)
        }
        var table = Table("#depth", "id", "edge", "text")
        for reached in result.reached {
            let arrow = reached.isIncoming ? "←" : "→"
            table.add(
                "\(reached.depth)",
                reached.id.string,
                "\(reached.from) \(arrow) \(reached.label)",
                texts[reached.id] ?? ""
            )
        }
        let ended =
            switch result.endedBy {
            case nil: ""
            case .nodes: "; there are more, --limit ended the walk"
            case .edges, .time: "; there may be more, a budget ended the walk"
            }
        return "\(table.text)\n\(grouped(result.reached.count)) documents over "
            + "\(grouped(result.edgesFollowed)) edges in \(short(milliseconds)) ms\(ended)"
    }

    private func json(_ result: WalkResult, _ milliseconds: Double) -> JSON {
        let reached = result.reached.map { reached in
            JSON.object([
                ("id", .string(reached.id.string)), ("depth", .int(reached.depth)),
                ("from", .string(reached.from.string)), ("label", .string(reached.label)),
                ("weight", .float(reached.weight)), ("isIncoming", .bool(reached.isIncoming)),
            ])
        }
        return .object([
            ("reached", .array(reached)), ("isPartial", .bool(result.isPartial)),
            ("edgesFollowed", .int(result.edgesFollowed)),
            ("milliseconds", .double(milliseconds)),
        ])
    }
}

struct GetCommand: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "get",
        abstract: "Shows documents by their ids."
    )

    @OptionGroup var connection: ConnectionOptions
    @Argument(help: "The collection.") var collection: String
    @Argument(help: "Ids of the documents.") var ids: [String]

    func run(_ client: LodestoneClient) async throws(LodestoneError) -> CommandOutput {
        let documents = try await client.collection(collection).get(try documentIDs(ids))
        let found = Set(documents.map(\.id.string))
        let missing = ids.filter { !found.contains($0) }
        var parts = documents.map(rendered)
        if !missing.isEmpty {
            parts.append("Not in '\(collection)': \(missing.joined(separator: ", "))")
        }
        return CommandOutput(
            text: parts.joined(separator: "\n\n"),
            json: .object([
                ("documents", .array(documents.map { JSON($0) })),
                ("missing", .array(missing.map(JSON.string))),
            ])
        )
    }

    private func rendered(_ document: Document) -> String {
        var lines = [document.id.string]
        for field in document.text {
            lines.append("  \(field.name): \(Table.printable(field.text))")
        }
        for (name, value) in document.metadata.sorted(by: { $0.key < $1.key }) {
            lines.append("  \(Table.printable(name)) = \(JSON(value).text)")
        }
        if let vector = document.vector {
            let start = vector.prefix(4).map { short(Double($0)) }.joined(separator: ", ")
            lines.append("  vector of \(vector.count): \(start)\(vector.count > 4 ? ", …" : "")")
        }
        for edge in document.edges.prefix(20) {
            lines.append("  → \(Table.printable(edge.label)) \(edge.target)")
        }
        if document.edges.count > 20 { lines.append("  → \(document.edges.count - 20) more edges") }
        return lines.joined(separator: "\n")
    }
}
