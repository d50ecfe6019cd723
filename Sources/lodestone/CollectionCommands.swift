// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Foundation
import LodestoneClient
import LodestoneImport
import LodestoneJSON

struct PingCommand: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "ping",
        abstract: "Checks that the server replies."
    )

    @OptionGroup var connection: ConnectionOptions

    func run(_ client: LodestoneClient) async throws(LodestoneError) -> CommandOutput {
        let start = ContinuousClock.now
        let sequenceNumber = try await client.ping()
        let milliseconds = (ContinuousClock.now - start).seconds * 1_000
        return CommandOutput(
            text: "\(connection.resolvedAddress) replies in \(short(milliseconds)) ms; "
                + "sequence number \(sequenceNumber)",
            json: .object([
                ("sequenceNumber", .int(sequenceNumber)), ("milliseconds", .double(milliseconds)),
            ])
        )
    }
}

struct CollectionsCommand: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "collections",
        abstract: "Lists the collections."
    )

    @OptionGroup var connection: ConnectionOptions

    func run(_ client: LodestoneClient) async throws(LodestoneError) -> CommandOutput {
        let collections = try await client.collections()
        return CommandOutput(
            text: collections.isEmpty ? "There are no collections yet." : table(collections),
            json: .object([("collections", .array(collections.map { JSON($0) }))])
        )
    }
}

/// Collections as a table.
func table(_ collections: [CollectionDescription]) -> String {
    var table = Table(
        "collection",
        "#documents",
        "#vectors",
        "#edges",
        "#dimension",
        "metric",
        "index",
        "text",
        "indexed fields",
        "#base bytes",
        "#changes since"
    )
    for collection in collections {
        table.add(
            collection.name,
            grouped(collection.documents),
            grouped(collection.vectors),
            grouped(collection.edges),
            "\(collection.options.dimension)",
            collection.options.dimension == 0 ? "–" : "\(collection.options.metric)",
            collection.options.dimension == 0 ? "–" : index(collection.index),
            text(collection.options),
            fields(of: collection),
            grouped(Int(clamping: collection.baseByteCount)),
            grouped(collection.changesSinceBase)
        )
    }
    return table.text
}

/// A strategy, with its state unless that is the usual one.
private func index(_ status: IndexStatus) -> String {
    switch status.state {
    case .ready: status.strategy.typedName
    case .building: "\(status.strategy.typedName), \(Int(status.progress * 100)) %"
    case .scanning: "\(status.strategy.typedName), scanning"
    }
}

/// The language, and the text options that differ from the defaults: `english, title 5, with stop
/// words`.
private func text(_ options: CollectionOptions) -> String {
    guard options.textStrategy == .postings else { return "\(options.textStrategy)" }
    var parts = [options.text.language.name]
    parts += options.text.fields.map { field in
        let weight = "\(field.weight)"
        return "\(field.name) \(weight.hasSuffix(".0") ? String(weight.dropLast(2)) : weight)"
    }
    if options.text.keepsStopWords { parts.append("with stop words") }
    return parts.joined(separator: ", ")
}

/// The indexed fields of the metadata, in the form that users type: `year, author.name (building)`.
private func fields(of collection: CollectionDescription) -> String {
    let names = collection.options.metadataIndexes.map { index in
        let isBuilding = collection.buildingIndexes.contains(index)
        return index.text + (isBuilding ? " (building)" : "")
    }
    return names.isEmpty ? "–" : names.joined(separator: ", ")
}

/// A metric by the name that users type.
enum MetricName: String, ExpressibleByArgument, CaseIterable {
    case cosine, euclidean, dot

    var metric: Metric {
        switch self {
        case .cosine: .cosine
        case .euclidean: .euclidean
        case .dot: .dotProduct
        }
    }
}

struct CreateCommand: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Creates a collection."
    )

    @OptionGroup var connection: ConnectionOptions
    @Argument(help: "Its name.") var collection: String
    @Option(help: "Elements of every vector, fixed; 0 for a collection without vectors.")
    var dimension = 0
    @Option(help: "How near two vectors are, fixed.") var metric = MetricName.cosine
    @Option(help: "How near vectors are found; 'index set-strategy' can change it.")
    var strategy = StrategyName.flat
    @OptionGroup var strategyOptions: StrategyOptions
    @OptionGroup var textOptions: TextCommandOptions
    @Option(
        name: .customLong("index"),
        help: """
            A field of the metadata to index, nested names joined by dots, a name with a dot in double \
            quotes; may be repeated. 'index add' and 'index drop' can change it.
            """,
        transform: MetadataIndex.typed
    )
    var metadataIndexes: [MetadataIndex] = []

    func validate() throws {
        try strategyOptions.check(strategy)
        _ = try textOptions.options()
    }

    func run(_ client: LodestoneClient) async throws(LodestoneError) -> CommandOutput {
        let options = CollectionOptions(
            dimension: dimension,
            metric: metric.metric,
            vectorStrategy: strategyOptions.strategy(strategy),
            // `validate` has checked the options.
            text: (try? textOptions.options()) ?? TextOptions(),
            metadataIndexes: metadataIndexes
        )
        let receipt = try await client.createCollection(collection, options)
        let vectors =
            dimension == 0
            ? "without vectors"
            : "with \(dimension) dimensions, \(metric.rawValue), \(options.vectorStrategy.summary)"
        return CommandOutput(text: "Created '\(collection)' \(vectors).", json: JSON(receipt))
    }
}

struct DropCommand: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "drop",
        abstract: "Drops documents, or with --all a whole collection.",
        discussion: """
            lodestone drop papers p1 p2
            lodestone drop papers --filter "year < 1990" --dry-run
            """
    )

    @OptionGroup var connection: ConnectionOptions
    @Argument(help: "The collection.") var collection: String
    @Argument(help: "Ids of the documents to drop.") var ids: [String] = []
    @OptionGroup var condition: FilterOptions
    @Flag(help: "With --filter: count the documents, and drop none.") var dryRun = false
    @Flag(help: "Drop the collection with everything in it.") var all = false

    func validate() throws {
        let ways = [all, !ids.isEmpty, condition.filter != nil].count { $0 }
        guard ways == 1 else {
            throw ValidationError("Name the documents to drop, or give --filter, or --all.")
        }
        guard condition.filter != nil || !dryRun else {
            throw ValidationError("--dry-run needs --filter.")
        }
    }

    func run(_ client: LodestoneClient) async throws(LodestoneError) -> CommandOutput {
        if all {
            let receipt = try await client.dropCollection(collection)
            return CommandOutput(text: "Dropped '\(collection)'.", json: JSON(receipt))
        }
        if let filter = try condition.parsed {
            return try await drop(filter, of: client.collection(collection))
        }
        let receipt = try await client.collection(collection).drop(try documentIDs(ids))
        let remaining = ids.count - receipt.dropped
        let note = remaining > 0 ? " \(remaining) of the ids didn't exist." : ""
        return CommandOutput(
            text: "Dropped \(receipt.dropped) documents of '\(collection)'.\(note)",
            json: JSON(receipt)
        )
    }

    private func drop(_ filter: Filter, of target: LodestoneClient.Collection)
        async throws(LodestoneError) -> CommandOutput
    {
        if dryRun {
            let count = try await target.count(filter).count
            if count == 0 { await FilterHint.show(filter, target) }
            return CommandOutput(
                text: "\(grouped(count)) documents of '\(collection)' would be dropped.",
                json: .object([("count", .int(count))])
            )
        }
        let receipt = try await target.drop(where: filter)
        if receipt.dropped == 0 { await FilterHint.show(filter, target) }
        return CommandOutput(
            text: "Dropped \(grouped(receipt.dropped)) documents of '\(collection)'.",
            json: JSON(receipt)
        )
    }
}

struct CompactCommand: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "compact",
        abstract: "Compacts a collection: merges its latest changes into its base.",
        discussion: """
            The server compacts by itself once enough has been written. Compact to open faster next \
            time, or to free the space of dropped documents at once.
            """
    )

    @OptionGroup var connection: ConnectionOptions
    @Argument(help: "The collection.") var collection: String

    func run(_ client: LodestoneClient) async throws(LodestoneError) -> CommandOutput {
        let sequenceNumber = try await client.collection(collection)
            .compact(deadline: connection.longDeadline)
        return CommandOutput(
            text: "Compacted '\(collection)' up to sequence number \(sequenceNumber).",
            json: .object([("sequenceNumber", .int(sequenceNumber))])
        )
    }
}

/// Checks ids that the user typed.
func documentIDs(_ ids: [String]) throws(LodestoneError) -> [DocumentID] {
    var checked: [DocumentID] = []
    for id in ids { checked.append(try DocumentID(id)) }
    return checked
}

struct StatsCommand: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "stats",
        abstract: "Shows the state of the server and its store."
    )

    @OptionGroup var connection: ConnectionOptions

    func run(_ client: LodestoneClient) async throws(LodestoneError) -> CommandOutput {
        let stats = try await client.stats()
        var figures = Table("figure", "#value", "unit")
        for statistic in stats.statistics {
            let isWhole = statistic.value == statistic.value.rounded() && statistic.value < 1e15
            let value = isWhole ? grouped(Int(statistic.value)) : short(statistic.value)
            figures.add(statistic.name, value, statistic.unit)
        }
        var parts = [
            "Lodestone \(stats.serverVersion) on \(stats.storeVersion), "
                + "sequence number \(stats.sequenceNumber)"
        ]
        if !stats.collections.isEmpty { parts.append(table(stats.collections)) }
        if !stats.statistics.isEmpty { parts.append(figures.text) }
        if let failure = stats.compactionFailure {
            parts.append("The last compaction failed: \(failure)")
        }
        let statistics = stats.statistics.map { statistic in
            JSON.object([
                ("name", .string(statistic.name)), ("value", .double(statistic.value)),
                ("unit", .string(statistic.unit)),
            ])
        }
        var members: [(String, JSON)] = [
            ("serverVersion", .string(stats.serverVersion)),
            ("storeVersion", .string(stats.storeVersion)),
            ("sequenceNumber", .int(stats.sequenceNumber)),
            ("collections", .array(stats.collections.map { JSON($0) })),
            ("statistics", .array(statistics)),
        ]
        if let failure = stats.compactionFailure {
            members.append(("compactionFailure", .string(failure)))
        }
        return CommandOutput(text: parts.joined(separator: "\n\n"), json: .object(members))
    }
}
