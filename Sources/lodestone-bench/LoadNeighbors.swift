// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Foundation
import LodestoneClient
import LodestoneCore

/// The load: keeps a server busy until the process ends.
struct LoadNeighbors: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "neighbors",
        abstract: "Keeps a server busy in one way until it is ended."
    )

    @Argument(help: "The way.")
    var neighbor: LoadBench.Neighbor

    @Argument(help: "Of the server, as HOST:PORT.")
    var address: String

    @Option(help: "Documents in the collection that it works on.")
    var documents = 50_000

    @Option(help: "The directory of the server's store.")
    var store: String

    func run() async throws {
        switch neighbor {
        case .quiet: break
        case .searches:
            let query = Query([.near(LoadBench.documents(0..<1)[0].vector ?? [], exact: true)])
            let queries = Array(repeating: query, count: 500)
            try await forever(64) { collection, _ in
                _ = try await collection.search(queries, deadline: .seconds(300))
            }
        case .batches:
            // About 16 MiB: half of it vectors, half of it words.
            let batch = LoadBench.documents(0..<10_000, words: 100)
            let half = [Array(batch[..<5_000]), Array(batch[5_000...])]
            try await forever(2) { collection, index in
                try await collection.indexMany(half[index], deadline: .seconds(300))
            }
        case .drops:
            let values = (0..<3_000).map { Value.string("no such value \($0)") }
            try await forever(4) { collection, _ in
                try await collection.drop(
                    where: .oneOf(path: ["number"], values),
                    deadline: .seconds(300)
                )
            }
        case .builds:
            let client = try await LodestoneClient.connect(to: address)
            for m in 16... {
                let options = HNSWOptions(m: 12 + m % 8)
                let strategy = VectorIndexStrategy.hnsw(inlineIndexing: false, options)
                try await client.alterCollection(LoadBench.bulk, strategy)
                _ = try await client.collection(LoadBench.bulk).buildIndex()
            }
        case .compactions:
            try await forever(1) { collection, _ in
                let start = Int.random(in: 0..<max(1, documents - 1_000))
                try await collection.indexMany(LoadBench.documents(start..<start + 1_000))
                _ = try await collection.compact()
            }
        case .snapshots:
            let client = try await LodestoneClient.connect(to: address)
            for number in 0... {
                try await client.snapshot("load-\(getpid())-\(number)")
            }
        case .connections:
            let query = Query([.near(LoadBench.documents(0..<1)[0].vector ?? [])], limit: 10)
            try await forever(1_000, collection: LoadBench.small) { collection, _ in
                _ = try await collection.search(query)
                try await Task.sleep(for: .seconds(1))
            }
        case .stopped: try holdLock()
        }
    }

    /// Makes calls one after the other, over each of several connections.
    private func forever(
        _ connections: Int,
        collection: String = LoadBench.bulk,
        _ call: @escaping @Sendable (LodestoneClient.Collection, Int) async throws -> Void
    ) async throws {
        let clientCount = connections
        var clients: [LodestoneClient] = []
        for _ in 0..<clientCount {
            clients.append(try await LodestoneClient.connect(to: address))
        }
        await withTaskGroup(of: Void.self) { group in
            for index in 0..<connections {
                let part = clients[index % clientCount].collection(collection)
                group.addTask {
                    while true { try? await call(part, index) }
                }
            }
        }
    }

    /// Holds the store's lock, like a process that was stopped during a commit.
    private func holdLock() throws {
        let descriptor = open(store + "/lock", O_RDWR)
        guard descriptor >= 0 else { throw ValidationFailure(text: "no lock in \(store)") }
        while true {
            flock(descriptor, LOCK_EX)
            sleep(2)
            flock(descriptor, LOCK_UN)
            usleep(200_000)
        }
    }
}
