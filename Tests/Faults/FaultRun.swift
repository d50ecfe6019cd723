// SPDX-License-Identifier: Apache-2.0
import LodestoneClient
import Synchronization
import TestSupport

/// The cycles of one run: write, kill, start again, compare.
struct FaultRun {
    private let executable: String
    private let place: String
    private let seed: UInt64
    private let plant: String?
    private let content: Content
    private var random: SeededGenerator
    private var writers: [Writer]

    private var cycles = 0
    private var kills = 0
    private var openBatches = 0
    private var openApplied = 0
    private var resent = 0

    init(executable: String, place: String, seed: UInt64, plant: String?, writerCount: Int) {
        self.executable = executable
        self.place = place
        self.seed = seed
        self.plant = plant
        content = Content(seed: seed)
        random = SeededGenerator(seed: seed)
        writers = (0..<writerCount).map { Writer(name: "w\($0)") }
    }

    /// What was done so far.
    var summary: String {
        let batches = writers.map(\.acknowledgedBatches).reduce(0, +)
        let documents = writers.map(\.acknowledgedDocuments).reduce(0, +)
        return "\(cycles) cycles, \(kills) kills, \(batches) batches acknowledged with "
            + "\(documents) documents; \(openBatches) open at a kill, \(openApplied) of them "
            + "applied, \(resent) sent again"
    }

    mutating func run(cycles: Int) async throws {
        try await createCollection()
        for _ in 0..<cycles {
            try await writeAndKill()
            try await killWhileOpening()
            try await compare()
            self.cycles += 1
        }
        try await lastLook()
    }

    private func start() throws -> ServerProcess {
        try ServerProcess(
            executable: executable,
            store: "\(place)/store",
            log: "\(place)/log",
            plant: plant
        )
    }

    /// Starts a server for `body`, which may kill it; afterwards it is asked to stop.
    private func withServer<Result>(
        _ body: (_ server: ServerProcess, _ endpoint: String) async throws -> Result
    ) async throws -> Result {
        let server = try start()
        let result: Result
        do {
            result = try await body(server, try await server.waitUntilListening())
        } catch {
            try? await server.kill()
            throw error
        }
        if await server.isRunning {
            let status = await server.stop()
            guard status == 0 else {
                throw Finding(.crash, "Asked to stop, the server ended with status \(status).")
            }
        }
        return result
    }

    private func createCollection() async throws {
        try await withServer { _, endpoint in
            let client = try await Faults.connect(endpoint)
            _ = try await client.createCollection(
                Faults.collection,
                CollectionOptions(dimension: Content.dimension)
            )
            await client.close()
        }
    }

    /// Lets all writers write, and kills the server under them.
    private mutating func writeAndKill() async throws {
        let delay = Duration.milliseconds(Int.random(in: 5...600, using: &random))
        let isKilled = Flag()
        let content = content
        let seeds = writers.map { _ in random.next() }
        let before = writers
        writers = try await withServer { server, endpoint in
            try await withThrowingTaskGroup(of: (Int, Writer).self) { group in
                for (index, writer) in before.enumerated() {
                    group.addTask {
                        var writer = writer
                        var random = SeededGenerator(seed: seeds[index])
                        try await writer.run(
                            endpoint: endpoint,
                            content: content,
                            random: &random,
                            isKilled: isKilled.value
                        )
                        return (index, writer)
                    }
                }
                try await Task.sleep(for: delay)
                isKilled.value.store(true, ordering: .releasing)
                try await server.kill()
                var after = before
                for try await (index, writer) in group { after[index] = writer }
                return after
            }
        }
        kills += 1
        let written = zip(writers, before).map { $0.acknowledgedBatches - $1.acknowledgedBatches }
            .reduce(0, +)
        Faults.say("cycle \(cycles + 1): \(written) batches acknowledged, killed after \(delay)")
    }

    /// Every third time the server is also killed while it recovers.
    private mutating func killWhileOpening() async throws {
        guard Int.random(in: 0..<3, using: &random) == 0 else { return }
        let server = try start()
        try await Task.sleep(for: .milliseconds(Int.random(in: 0...60, using: &random)))
        try await server.kill()
        kills += 1
    }

    private mutating func compare() async throws {
        var writers = writers
        var random = random
        var resent = 0
        let fates = try await withServer { server, endpoint in
            let client = try await Faults.connect(endpoint)
            let verifier = Verifier(client: client, content: content)
            let fates = try await verifier.verify(&writers, everything: false)
            for (index, fate) in fates.enumerated() {
                guard let fate, let open = writers[index].open else { continue }
                writers[index].open = nil
                // A client that gives up is as good as one that asks again.
                guard Bool.random(using: &random) else { continue }
                try await writers[index].resend(
                    open,
                    wasApplied: fate,
                    to: client.collection(Faults.collection),
                    content: content
                )
                resent += 1
            }
            _ = try await verifier.verify(&writers, everything: false)
            await client.close()
            try await server.kill()
            return fates
        }
        self.writers = writers
        self.random = random
        self.resent += resent
        openBatches += fates.count { $0 != nil }
        openApplied += fates.count { $0 == true }
        kills += 1
    }

    /// After a clean stop and a start, looks for every document in every way.
    private mutating func lastLook() async throws {
        try await withServer { _, _ in }
        var writers = writers
        try await withServer { _, endpoint in
            let client = try await Faults.connect(endpoint)
            let verifier = Verifier(client: client, content: content)
            _ = try await verifier.verify(&writers, everything: true)
            await client.close()
        }
    }
}

/// A flag that tasks share.
private final class Flag: Sendable {
    let value = Atomic<Bool>(false)
}
