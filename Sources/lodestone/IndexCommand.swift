// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import LodestoneClient
import LodestoneImport

struct IndexCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "index",
        abstract: "Shows, changes and builds the index of a collection's vectors.",
        discussion: """
            A collection compares every vector (flat) until it is given an index. The strategy can \
            be changed at any time, and the vectors need not be sent again: the server builds the \
            index in the background and answers by comparing every vector until it is there.

            lodestone index set-strategy foods hnsw --m 32
            lodestone index build foods
            lodestone index status
            """,
        subcommands: [Build.self, Status.self, SetStrategy.self]
    )

    struct Build: ClientCommand {
        static let configuration = CommandConfiguration(
            abstract: "Builds the index now, and waits until it serves.",
            discussion: """
                The server does it by itself after set-strategy and once enough has been written. \
                Ctrl-C ends the build on the server, too; what answered before goes on.
                """
        )

        @OptionGroup var connection: ConnectionOptions
        @Argument(help: "The collection.") var collection: String

        func run(_ client: LodestoneClient) async throws(LodestoneError) -> Answer {
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
            return Answer(
                people: "Built the index of '\(collection)', \(status.strategy.summary), in "
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

        func run(_ client: LodestoneClient) async throws(LodestoneError) -> Answer {
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
            return Answer(
                people: collections.isEmpty
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

        func run(_ client: LodestoneClient) async throws(LodestoneError) -> Answer {
            let strategy = options.strategy(strategy)
            let receipt = try await client.alterCollection(collection, strategy)
            let rest =
                strategy == .flatScan
                ? "" : " The index is built in the background; 'index status' shows how far it is."
            return Answer(
                people: "'\(collection)' finds near vectors by \(strategy.summary) now.\(rest)",
                json: .object([
                    ("sequenceNumber", .int(receipt.sequenceNumber)),
                    ("strategy", JSON(strategy)),
                ])
            )
        }
    }
}

/// How collections find their vectors, as a table, and what there is to say of it.
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
