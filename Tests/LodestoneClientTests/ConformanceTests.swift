// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneEngine
import LodestoneServer
import LodestoneWire
import Logging
import Testing

@testable import LodestoneClient

/// Runs Tests/Conformance/cases.json against a server in this process, or against the one that
/// `LODESTONE_ADDRESS` names; the README there has the format.
@Suite("Conformance", .timeLimit(.minutes(2)))
struct ConformanceTests {
    @Test("The Swift client passes every conformance case", arguments: ConformanceCase.all)
    func conformance(testCase: ConformanceCase) async throws {
        let server = try ConformanceServer()
        let client = try await LodestoneClient.connect(to: server.address)
        var runner = ConformanceRunner(client: client)
        for (position, step) in (testCase.json["steps"]?.array ?? []).enumerated() {
            try await runner.run(step, position: position)
        }
        try await runner.cleanUp()
        await client.close()
        await server.stop()
    }
}

/// Where the cases run.
private struct ConformanceServer {
    let address: String
    private let running: (server: Server, engine: Engine, directory: URL)?

    init() throws {
        if let address = ProcessInfo.processInfo.environment["LODESTONE_ADDRESS"] {
            self.address = address
            running = nil
            return
        }
        let directory = FileManager.default.temporaryDirectory
            .appending(path: "lode-\(UInt64.random(in: .min ... .max))")
        let engine = try Engine.open(
            directory: directory.path,
            options: Engine.Options(durability: .relaxed)
        )
        let server = Server(
            engine: engine,
            configuration: ServerConfiguration(endpoint: .tcp(host: "127.0.0.1", port: 0)),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
        address = try server.start().description
        running = (server, engine, directory)
    }

    func stop() async {
        guard let running else { return }
        await running.server.shutdown()
        running.engine.close()
        try? FileManager.default.removeItem(at: running.directory)
    }
}

/// Sends the steps of one case, under names that no other case uses.
private struct ConformanceRunner {
    /// The result of a call.
    enum Outcome {
        case pong
        case stats(Stats)
        case receipt(WriteReceipt)
        case collections([CollectionDescription])
        case collection(CollectionDescription)
        case documents([Document])
        case page(ScanResponse)
        case edges(ListEdgesResponse)
        case count(CountResponse)
        case results(SearchResponse)
        case walks(WalkResponse)
        case done
    }

    let client: LodestoneClient
    private let prefix = "conformance-\(UInt64.random(in: .min ... .max))-"
    private var requestIDs: [String: RequestID] = [:]
    private var cursors: [String: ScanCursor] = [:]
    private var edgeCursors: [String: EdgeCursor] = [:]

    init(client: LodestoneClient) {
        self.client = client
    }

    mutating func run(_ step: JSON, position: Int) async throws {
        let call = try #require(step["call"]?.string)
        let expected = try #require(step["expect"])
        let check = ConformanceCheck(step: "step \(position), \(call)", prefix: prefix)
        let outcome: Outcome
        do {
            outcome = try await send(call, step["args"] ?? .object([:]))
        } catch let error as LodestoneError {
            check.error(error, expected["error"])
            return
        }
        if let label = step["save_cursor"]?.string, case .page(let page) = outcome {
            cursors[label] = page.nextCursor
        }
        if let label = step["save_edges_cursor"]?.string, case .page(let page) = outcome {
            edgeCursors[label] = page.edgesCursor
        }
        if let label = step["save_cursor"]?.string, case .edges(let page) = outcome {
            edgeCursors[label] = page.nextCursor
        }
        switch outcome {
        case .pong: check.isTrue(expected["pong"] != nil, "pong")
        case .stats(let stats):
            check.isTrue(expected["stats"] != nil, "stats")
            check.isTrue(!stats.serverVersion.isEmpty && !stats.statistics.isEmpty, "stats")
        case .receipt(let receipt): check.receipt(receipt, expected["receipt"])
        case .collections(let collections):
            check.collections(collections, expected["collections"])
        case .collection(let collection): check.collection(collection, expected["collection"])
        case .documents(let documents): check.documents(documents, expected["documents"])
        case .page(let page): check.page(page, expected["page"])
        case .edges(let page): check.edges(page, expected["edges"])
        case .count(let response): check.count(response, expected["count"])
        case .results(let response): check.results(response.results, expected["results"])
        case .walks(let response): check.walks(response.results, expected["walks"])
        case .done: check.isTrue(expected["done"] != nil, "done")
        }
    }

    func cleanUp() async throws {
        for collection in try await client.collections()
        where collection.name.hasPrefix(prefix) {
            try await client.dropCollection(collection.name)
        }
    }

    private mutating func send(_ call: String, _ args: JSON) async throws -> Outcome {
        let name = prefix + (args["collection"]?.string ?? "")
        let collection = client.collection(name)
        let requestID = requestID(args["request_id"]?.string)
        switch call {
        case "ping":
            try await client.ping()
            return .pong
        case "stats":
            return .stats(try await client.stats())
        case "collections":
            return .collections(try await client.collections())
        case "describe":
            return .collection(try await collection.describe())
        case "compact":
            try await collection.compact()
            return .done
        case "build_index":
            try await collection.buildIndex()
            return .done
        case "alter_collection":
            return .receipt(
                try await client.alterCollection(
                    name,
                    try args.vectorStrategy,
                    addIndexes: try args.indexes("add_indexes"),
                    dropIndexes: try args.indexes("drop_indexes"),
                    requestID: requestID
                )
            )
        case "create_collection":
            return .receipt(
                try await client.createCollection(
                    name,
                    try args.collectionOptions,
                    requestID: requestID
                )
            )
        case "drop_collection":
            return .receipt(try await client.dropCollection(name, requestID: requestID))
        case "index_many":
            return .receipt(
                try await collection.indexMany(
                    try args.list("documents") { try $0.document },
                    edges: try args.list("edges") { try $0.sourcedEdge },
                    requestID: requestID
                )
            )
        case "drop" where args["filter"] != nil:
            let filter = try (args["filter"] ?? .null).filter
            return .receipt(try await collection.drop(where: filter, requestID: requestID))
        case "drop":
            return .receipt(
                try await collection.drop(
                    try args.list("ids") { try $0.documentID },
                    edges: try args.list("edges") { try $0.sourcedEdge },
                    requestID: requestID
                )
            )
        case "get":
            let ids = try args.list("ids") { try $0.documentID }
            return .documents(
                try await collection.get(ids, include: try args.include ?? .document)
            )
        case "scan":
            return .page(
                try await collection.scan(
                    limit: args["limit"]?.int ?? 100,
                    cursor: args["cursor"]?.string.flatMap { cursors[$0] },
                    filter: try args["filter"]?.filter,
                    order: args["order"].map { order in
                        ScanOrder(
                            path: order["path"]?.path ?? [],
                            isDescending: order["descending"]?.bool ?? false
                        )
                    },
                    include: try args.include ?? .document,
                    maxEdges: args["max_edges"]?.int
                )
            )
        case "list_edges":
            let directions: [String: Direction] = ["incoming": .incoming, "both": .both]
            return .edges(
                try await collection.listEdges(
                    of: try (args["id"] ?? .null).documentID,
                    direction: args["direction"]?.string.flatMap { directions[$0] } ?? .outgoing,
                    labels: args["labels"]?.array?.compactMap(\.string) ?? [],
                    limit: args["limit"]?.int ?? 1_000,
                    cursor: args["cursor"]?.string.flatMap { edgeCursors[$0] }
                )
            )
        case "count":
            return .count(
                try await collection.count(
                    try args["filter"]?.filter,
                    facets: try args.facets
                )
            )
        case "search":
            return .results(
                try await collection.search(try args.list("queries") { try $0.query })
            )
        case "walk":
            return .walks(try await collection.walk(try args.list("walks") { try $0.walk }))
        default:
            throw JSON.Malformed("there is no call '\(call)'")
        }
    }

    private mutating func requestID(_ label: String?) -> RequestID {
        guard let label else { return .random() }
        let id = requestIDs[label] ?? .random()
        requestIDs[label] = id
        return id
    }
}
