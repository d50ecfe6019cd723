// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import LodestoneClient
import Synchronization
import TestSupport

/// Requests are repeated until they are answered, and each has one effect.
struct ExactlyOnce: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "exactly-once",
        abstract: "Sends requests again under resets and kills, and counts effects."
    )

    @OptionGroup var options: RunOptions
    @Option(help: "How many requests.") var requests = 5_000
    @Option(help: "Clients that write at the same time.") var writers = 4
    @Option(help: "Requests between two kills, on average.") var requestsPerKill = 100

    func run() async throws {
        try await options.carryOut { setup in
            let run = ExactlyOnceRun(
                setup: setup,
                proxy: try ResetProxy(seed: setup.seed),
                share: max(1, requests / writers),
                writerCount: writers
            )
            return try await run.run(requestsPerKill: requestsPerKill)
        }
    }
}

/// Clients that know only their request ids, a proxy that resets their connections, and a server
/// that is killed under them.
final class ExactlyOnceRun: Sendable {
    private let setup: RunSetup
    private let proxy: ResetProxy
    private let share: Int
    private let writerCount: Int
    private let answered = Atomic<Int>(0)
    private let attempts = Atomic<Int>(0)
    private let repeats = Atomic<Int>(0)
    private let isOver = Atomic<Bool>(false)

    init(setup: RunSetup, proxy: ResetProxy, share: Int, writerCount: Int) {
        self.setup = setup
        self.proxy = proxy
        self.share = share
        self.writerCount = writerCount
    }

    /// - Returns: A summary of the requests.
    func run(requestsPerKill: Int) async throws -> String {
        defer { proxy.end() }
        let store = "\(setup.folder)/store"
        try await setup.withServer(on: store) { _, endpoint in
            try await Workload.createCollection(endpoint, setup.strategy())
        }
        let kills = try await withThrowingTaskGroup(of: Int.self) { group in
            group.addTask { try await self.keepKilling(store, requestsPerKill) }
            for writer in 0..<writerCount {
                group.addTask {
                    try await self.write(writer)
                    return 0
                }
            }
            // These are the writers; the killer ends after them.
            for _ in 0..<writerCount { _ = try await group.next() }
            isOver.store(true, ordering: .releasing)
            return try await group.reduce(0, +)
        }
        try await count(store)
        return "\(share * writerCount) requests in \(attempts.load(ordering: .relaxed)) attempts, "
            + "\(proxy.resetCount) resets, \(kills) kills; \(repeats.load(ordering: .relaxed)) "
            + "replies were repeated ones"
    }

    private func keepKilling(_ store: String, _ requestsPerKill: Int) async throws -> Int {
        var random = SeededGenerator(seed: ~setup.seed)
        var kills = 0
        while true {
            let server = try setup.startServer(on: store)
            proxy.lead(to: try await server.waitUntilListening())
            let start = answered.load(ordering: .relaxed)
            let end = start + Int.random(in: 1...(2 * requestsPerKill), using: &random)
            while answered.load(ordering: .relaxed) < end, !isOver.load(ordering: .acquiring) {
                do {
                    try await Task.sleep(for: .milliseconds(1))
                } catch {
                    await server.end()
                    throw error
                }
            }
            // A kill right after a reply would never meet the work that a commit does a little
            // later.
            let delay = Int.random(in: 0...20_000, using: &random)
            try? await Task.sleep(for: .microseconds(delay))
            try await server.kill()
            kills += 1
            if isOver.load(ordering: .acquiring) { return kills }
        }
    }

    private func write(_ writer: Int) async throws {
        var random = SeededGenerator(seed: setup.seed &+ UInt64(writer))
        let content = Content(seed: setup.seed)
        var line = Line(endpoint: proxy.endpoint)
        for number in 0..<share {
            var documents: [Document] = []
            for part in 0..<Int.random(in: 1...3, using: &random) {
                let model = DocumentModel(version: 1, batch: number, edges: [:])
                documents.append(try content.document("e\(writer)-\(number)-\(part)", model))
            }
            let id = RequestID(high: random.next(), low: random.next())
            let receipt = try await send(documents, id, over: &line)
            guard receipt.inserted == documents.count, receipt.replaced == 0 else {
                throw Finding(
                    .lie,
                    "Request \(number) of writer \(writer) had two effects: its \(documents.count) "
                        + "new documents were answered with \(receipt)."
                )
            }
            if Int.random(in: 0..<10, using: &random) == 0 {
                let second = try await send(documents, id, over: &line)
                guard second.isRepeated, second.sequenceNumber == receipt.sequenceNumber else {
                    throw Finding(.lie, "Answered as \(receipt), and sent again as \(second).")
                }
            }
            answered.add(1, ordering: .relaxed)
        }
        await line.hangUp()
    }

    /// Sends a write until there is a reply.
    private func send(_ documents: [Document], _ id: RequestID, over line: inout Line)
        async throws -> WriteReceipt
    {
        for _ in 0..<10_000 {
            try Task.checkCancellation()
            attempts.add(1, ordering: .relaxed)
            do {
                let collection = try await line.client().collection(Faults.collection)
                let receipt = try await collection.indexMany(documents, requestID: id)
                if receipt.isRepeated { repeats.add(1, ordering: .relaxed) }
                return receipt
            } catch let error as LodestoneError {
                switch error.code {
                case .unavailable, .unknown, .deadlineExceeded, .cancelled:
                    await line.hangUp()
                    try await Task.sleep(for: .milliseconds(5))
                default: throw Finding(.refusal, "\(error)")
                }
            }
        }
        throw Finding(.refusal, "10,000 attempts had no answer.")
    }

    /// A connection that is made when it is needed.
    private struct Line {
        let endpoint: String
        private var connected: LodestoneClient?

        init(endpoint: String) {
            self.endpoint = endpoint
        }

        mutating func client() async throws -> LodestoneClient {
            if let connected { return connected }
            let client = try await Faults.connect(endpoint)
            connected = client
            return client
        }

        mutating func hangUp() async {
            await connected?.close()
            connected = nil
        }
    }

    private func count(_ store: String) async throws {
        let expected = UInt64(share * writerCount + 1)
        try await setup.withServer(on: store) { _, endpoint in
            let client = try await Faults.connect(endpoint)
            let sequenceNumber = try await client.ping()
            await client.close()
            guard sequenceNumber == expected else {
                throw Finding(
                    .lie,
                    "\(expected) requests were answered, and there are \(sequenceNumber) batches."
                )
            }
        }
    }
}
