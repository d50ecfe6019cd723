// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import LodestoneClient
import LodestoneImport
import LodestoneJSON

struct IndexCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "index",
        abstract: "Shows, changes and builds the indexes of a collection.",
        discussion: """
            A collection compares every vector (flat) until it is given an index. The strategy can \
            be changed at any time, and the vectors need not be sent again: the server builds the \
            index in the background and answers by comparing every vector until it is there.

            lodestone index set-strategy foods hnsw --m 32
            lodestone index build foods
            lodestone index status

            Filters, facets and scans in order read no document for fields of the metadata that are \
            indexed. Fields can be added and dropped at any time, too:

            lodestone index add foods price maker.name
            lodestone index drop foods price
            """,
        subcommands: [Build.self, Status.self, SetStrategy.self, Add.self, Drop.self]
    )

    struct Build: ClientCommand {
        static let configuration = CommandConfiguration(
            abstract: "Builds the indexes now, and waits until they serve.",
            discussion: """
                The server does it by itself after set-strategy and add, and once enough has been \
                written. \
                Ctrl-C ends the build on the server, too; searches then still use the earlier index.
                """
        )

        @OptionGroup var connection: ConnectionOptions
        @Argument(help: "The collection.") var collection: String

        func run(_ client: LodestoneClient) async throws(LodestoneError) -> CommandOutput {
            let target = client.collection(collection)
            let vectors = try await target.describe().vectors
            let meter = ProgressMeter(collection, unit: "vectors")
            let time = connection.deadline.map { Duration.milliseconds(Int64($0 * 1_000)) }
            let sequenceNumber: UInt64
            do {
                sequenceNumber = try await target.buildIndex(
                    deadline: time ?? Limits.maxBuildTime
                ) { status in
                    guard status.state == .building else { return }
                    meter.update(
                        count: Int(status.progress * Double(vectors)),
                        fraction: status.progress
                    )
                }
            } catch {
                meter.finish()
                throw error
            }
            let seconds = meter.finish().seconds
            let status = try await target.describe().index
            return CommandOutput(
                text: "Built the index of '\(collection)', \(status.strategy.summary), in "
                    + "\(short(seconds)) s.",
                json: .object([
                    ("sequenceNumber", .int(sequenceNumber)), ("seconds", .double(seconds)),
                    ("index", JSON(status)),
                ])
            )
        }
    }

    struct Status: ClientCommand {
        static let configuration = CommandConfiguration(
            abstract: "Shows how a collection's vectors are found, or those of all collections."
        )

        @OptionGroup var connection: ConnectionOptions
        @Argument(help: "The collection. (default: all)") var collection: String?

        func run(_ client: LodestoneClient) async throws(LodestoneError) -> CommandOutput {
            let collections =
                if let collection {
                    [try await client.collection(collection).describe()]
                } else {
                    try await client.collections()
                }
            let indexes = collections.map { collection in
                JSON.object([
                    ("collection", .string(collection.name)), ("index", JSON(collection.index)),
                ])
            }
            return CommandOutput(
                text: collections.isEmpty
                    ? "There are no collections yet." : indexTable(collections),
                json: .object([("indexes", .array(indexes))])
            )
        }
    }

    struct SetStrategy: ClientCommand {
        static let configuration = CommandConfiguration(
            abstract: "Changes how a collection finds near vectors."
        )

        @OptionGroup var connection: ConnectionOptions
        @Argument(help: "The collection.") var collection: String
        @Argument(help: "flat, lsh, hnsw, or hnsw-inline, which links in every write.")
        var strategy: StrategyName
        @OptionGroup var options: StrategyOptions

        func validate() throws { try options.check(strategy) }

        func run(_ client: LodestoneClient) async throws(LodestoneError) -> CommandOutput {
            let strategy = options.strategy(strategy)
            let receipt = try await client.alterCollection(collection, strategy)
            let note =
                strategy == .flatScan
                ? "" : " The index is built in the background; 'index status' shows its progress."
            return CommandOutput(
                text: "'\(collection)' finds near vectors by \(strategy.summary) now.\(note)",
                json: .object([
                    ("sequenceNumber", .int(receipt.sequenceNumber)),
                    ("strategy", JSON(strategy)),
                ])
            )
        }
    }
}

extension IndexCommand {
    struct Add: ClientCommand {
        static let configuration = CommandConfiguration(
            abstract: "Indexes fields of the metadata, so that filters read no document.",
            discussion: """
                The server reads the values in the background. Until the index is complete, filters read \
                the documents, and 'lodestone collections' shows 'building'; 'index build' waits for it. \
                A field that is indexed already stays as it is.
                """
        )

        @OptionGroup var connection: ConnectionOptions
        @Argument(help: "The collection.") var collection: String
        @Argument(
            help: "Fields: year, or author.name for one in an object.",
            transform: MetadataIndex.typed
        )
        var fields: [MetadataIndex]

        func run(_ client: LodestoneClient) async throws(LodestoneError) -> CommandOutput {
            let receipt = try await client.alterCollection(
                collection,
                addIndexes: fields
            )
            let description = try await client.collection(collection).describe()
            let note =
                description.buildingIndexes.isEmpty
                ? "" : " The index is built in the background; 'index build' waits for it."
            return IndexCommand.output("indexed now.\(note)", fields, receipt, description)
        }
    }

    struct Drop: ClientCommand {
        static let configuration = CommandConfiguration(
            abstract: "Drops indexes of fields of the metadata; no document changes.",
            discussion: """
                Filters on them read the documents from then on. A field that isn't indexed is ignored.
                """
        )

        @OptionGroup var connection: ConnectionOptions
        @Argument(help: "The collection.") var collection: String
        @Argument(
            help: "Fields, as 'lodestone collections' shows them.",
            transform: MetadataIndex.typed
        )
        var fields: [MetadataIndex]

        func run(_ client: LodestoneClient) async throws(LodestoneError) -> CommandOutput {
            let receipt = try await client.alterCollection(
                collection,
                dropIndexes: fields
            )
            let description = try await client.collection(collection).describe()
            return IndexCommand.output("not indexed any more.", fields, receipt, description)
        }
    }

    fileprivate static func output(
        _ change: String,
        _ fields: [MetadataIndex],
        _ receipt: WriteReceipt,
        _ collection: CollectionDescription
    ) -> CommandOutput {
        CommandOutput(
            text: fields.map(\.text).joined(separator: ", ")
                + " of '\(collection.name)': \(change)",
            json: .object([
                ("sequenceNumber", .int(receipt.sequenceNumber)),
                ("metadataIndexes", JSON(collection.options.metadataIndexes)),
                ("buildingIndexes", JSON(collection.buildingIndexes)),
            ])
        )
    }
}

/// The vector indexes of collections as a table, with remarks.
func indexTable(_ collections: [CollectionDescription]) -> String {
    var table = Table(
        "collection",
        "strategy",
        "state",
        "#indexed",
        "#scanned",
        "#progress",
        "#bytes",
        "#unreachable",
        "#recall"
    )
    for collection in collections {
        let index = collection.index
        table.add(
            collection.name,
            index.strategy.summary,
            index.state.name,
            grouped(index.indexedVectors),
            grouped(index.scannedVectors),
            "\(Int(index.progress * 100)) %",
            grouped(Int(clamping: index.byteCount)),
            grouped(index.unreachableNodes),
            index.selfRecall.map(short) ?? "–"
        )
    }
    let notes = collections.compactMap { collection in
        collection.index.message.isEmpty
            ? nil : "\(collection.name): \(Table.printable(collection.index.message))"
    }
    return ([table.text] + notes).joined(separator: "\n")
}
