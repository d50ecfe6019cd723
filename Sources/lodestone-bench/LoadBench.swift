// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Foundation
import LodestoneClient
import LodestoneCore

/// Measures the waits of a small client while others keep the server busy.
///
/// The neighbors run in another process, so the figures show the server and the kernel, not this
/// process's threads.
struct LoadBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "load",
        abstract: "Measures a small client next to busy ones of each kind, against a real server.",
        subcommands: [LoadVictim.self, LoadNeighbors.self],
        defaultSubcommand: LoadVictim.self
    )

    /// The load that keeps the server busy.
    enum Neighbor: String, CaseIterable, ExpressibleByArgument, Sendable {
        /// No load.
        case quiet
        /// 64 searches at once, with 500 exact queries each.
        case searches
        /// Batches of 16 MiB, two at once.
        case batches
        /// Drops by a filter of 3,000 values on a field without an index; no document matches.
        case drops
        /// Builds of a graph over all vectors, one after the other.
        case builds
        /// 1,000 changes and a compaction, in a loop.
        case compactions
        /// Snapshots of the store, one after the other.
        case snapshots
        /// 1,000 connections with a quick search each second.
        case connections
        /// The store's lock, held for two seconds at a time, like by a stopped process.
        case stopped
    }

    static let bulk = "bulk"
    static let small = "small"
    static let dimension = 128

    /// Documents whose vectors and words are made from their numbers.
    static func documents(_ range: Range<Int>, words: Int = 12) -> [Document] {
        range.map { number in
            var random = SystemRandomNumberGenerator()
            let vector = (0..<dimension).map { _ in Float.random(in: -1...1, using: &random) }
            let text = (0..<words).map { _ in "word\(Int.random(in: 0..<20_000))" }
            return Document(
                id: DocumentID(trusted: "d\(number)"),
                vector: vector,
                text: text.joined(separator: " "),
                metadata: ["number": .int(Int64(number))]
            )
        }
    }
}

/// The small client, and its report.
struct LoadVictim: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "victim",
        abstract: "Runs a small client next to each kind of neighbor."
    )

    @OptionGroup var common: CommonOptions

    @Option(parsing: .upToNextOption, help: "Neighbors, one after the other; all unless given.")
    var neighbors = LoadBench.Neighbor.allCases

    @Option(help: "Seconds with each.")
    var seconds = 8.0

    @Option(help: "Documents in the collection that the neighbors work on.")
    var documents = 50_000

    private static let calls = ["search", "write", "ping", "describe"]

    func run() async throws {
        let store = BenchStore(common)
        defer { store.remove() }
        let process = try store.startServer(common)
        let target = try await ServerTarget(process, connections: 1)
        for (name, count) in [(LoadBench.bulk, documents), (LoadBench.small, 1_000)] {
            try await target.create(
                name,
                CollectionOptions(dimension: LoadBench.dimension, metric: .cosine)
            )
            for start in stride(from: 0, to: count, by: 1_000) {
                try await target.index(name, LoadBench.documents(start..<start + 1_000))
            }
            try await target.compact(name)
        }
        let report = Report(isJSON: common.json)
        for neighbor in neighbors {
            let resting = process.memory.now
            process.forgetPeakMemory()
            let busy = try start(neighbor, against: process.address, directory: store.directory)
            // The neighbors get half a second to start.
            try await Task.sleep(for: .milliseconds(500))
            let waits = try await measure(target.clients[0])
            busy?.terminate()
            busy?.waitUntilExit()
            for (call, wait) in zip(Self.calls, waits) {
                report.add(
                    Measurement(
                        name: "load",
                        value: 1e3 * wait.seconds.quantile(0.99),
                        unit: "ms (p99)",
                        parameters: [
                            ("neighbor", .text(neighbor.rawValue)), ("call", .text(call)),
                            ("p50_ms", .number(1e3 * wait.seconds.quantile(0.5))),
                            ("max_ms", .number(1e3 * (wait.seconds.max() ?? 0))),
                            ("calls", .count(wait.seconds.count)),
                            ("failed", .count(wait.failed)),
                            ("peak_mib", .count((process.memory.peak - resting) >> 20)),
                        ]
                    )
                )
            }
        }
        await target.close()
    }

    /// The times of calls, and the number that failed.
    private struct Waits: Sendable {
        var seconds: [Double] = []
        var failed = 0
    }

    /// Makes one call of each kind every 10 ms, or later, when the previous one has ended.
    private func measure(_ client: LodestoneClient) async throws -> [Waits] {
        let collection = client.collection(LoadBench.small)
        let sample = LoadBench.documents(0..<1)[0]
        let write = LoadBench.documents(0..<1)
        let end = ContinuousClock.now.advanced(by: .seconds(seconds))
        return await withTaskGroup(of: (Int, Waits).self) { group in
            for (index, call) in Self.calls.enumerated() {
                group.addTask {
                    var waits = Waits()
                    while ContinuousClock.now < end {
                        let start = ContinuousClock.now
                        do throws(LodestoneError) {
                            switch call {
                            case "search":
                                let query = Query([.near(sample.vector ?? [])], limit: 10)
                                _ = try await collection.search(query)
                            case "write": try await collection.indexMany(write)
                            case "ping": try await client.ping()
                            default: _ = try await collection.describe()
                            }
                        } catch {
                            waits.failed += 1
                        }
                        waits.seconds.append((ContinuousClock.now - start).seconds)
                        try? await Task.sleep(until: start.advanced(by: .milliseconds(10)))
                    }
                    return (index, waits)
                }
            }
            var all = [Waits](repeating: Waits(), count: Self.calls.count)
            for await (index, waits) in group { all[index] = waits }
            return all
        }
    }

    private func start(
        _ neighbor: LoadBench.Neighbor,
        against address: String,
        directory: String
    ) throws -> Process? {
        guard neighbor != .quiet else { return nil }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        process.arguments = [
            "load", "neighbors", neighbor.rawValue, address, "--documents", "\(documents)",
            "--store", directory,
        ]
        try process.run()
        return process
    }
}
