// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import LodestoneClient
import LodestoneEngine
import Synchronization
import TestSupport

/// Several servers on one store, each with writers and readers.
struct Processes: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Lets several servers work on one store at the same time.",
        discussion: """
            Every server must return from then on the writes that one has acknowledged, and so \
            must a process that opens the store then and only reads it. All servers compact the \
            same collection at once. Nobody but SQLite may open the database's files.
            """
    )

    @OptionGroup var options: RunOptions
    @Option(help: "Servers on the one store.") var servers = 4
    @Option(help: "Clients that write at the same time.") var writers = 4
    @Option(help: "More clients that have each a quiet collection.") var quiet = 3
    @Option(help: "How long, in seconds.") var seconds = 180

    func run() async throws {
        try await options.carryOut { setup in
            var run = ProcessesRun(
                setup: setup,
                workload: Workload(seed: setup.seed, writerCount: writers, quietCount: quiet)
            )
            let end = ContinuousClock.now + .seconds(seconds)
            do {
                try await run.start(servers)
                // At least one round runs, however long the start took.
                repeat { try await run.round() } while ContinuousClock.now < end
                try await run.finish()
            } catch {
                Output.say(run.summary)
                await run.cleanUp()
                throw error
            }
            return run.summary
        }
    }
}

/// Rounds of writes through all servers; after each, every server is checked.
struct ProcessesRun {
    private var setup: RunSetup
    var workload: Workload
    private var servers: [ServerProcess] = []
    private var endpoints: [String] = []
    private var shims: [Shim] = []
    private var rounds = 0

    init(setup: RunSetup, workload: Workload) {
        self.setup = setup
        // Each use of a collection closes the one before, also during writes to that one.
        self.setup.openCollections = 1
        self.workload = workload
    }

    var summary: String { "\(servers.count) servers, \(rounds) rounds, \(workload.summary)" }

    private var store: String { "\(setup.folder)/store" }

    /// Starts all servers at once, so that they also race for the creation of the store.
    mutating func start(_ count: Int) async throws {
        for index in 0..<count {
            let shim = try Shim(folder: setup.folder, number: index)
            shims.append(shim)
            servers.append(try setup.startServer(on: store, try shim.variables(store: store)))
        }
        for server in servers { endpoints.append(try await server.waitUntilListening()) }
        try await workload.createCollections(endpoints[count - 1], setup.strategy())
    }

    func cleanUp() async {
        for server in servers { await server.end() }
    }

    mutating func round() async throws {
        // Writers go from server to server, round by round.
        endpoints.append(endpoints.removeFirst())
        let length = Duration.milliseconds(Int.random(in: 50...500, using: &workload.random))
        let (collection, servers) = (workload.someCollection(), endpoints)
        async let compactions: Void = Self.compact(collection, servers)
        try await workload.write(to: endpoints) { _ in try await Task.sleep(for: length) }
        try await compactions
        for endpoint in endpoints {
            var reader = workload
            try await reader.look(endpoint)
        }
        try await lookFromOutside()
        for index in workload.writers.indices { workload.writers[index].touched = [] }
        for shim in shims {
            let strangers = shim.state().strangers
            guard strangers == 0 else {
                throw Finding(
                    .trespass,
                    "Somebody else than SQLite opened the database's files \(strangers) times."
                )
            }
        }
        rounds += 1
    }

    /// Compacts through all servers at once.
    private static func compact(_ collection: String, _ endpoints: [String]) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for endpoint in endpoints {
                group.addTask {
                    do throws(LodestoneError) {
                        let client = try await Faults.connect(endpoint)
                        _ = try await client.collection(collection)
                            .compact(deadline: Faults.timeout)
                        await client.close()
                    } catch {
                        throw Finding(error, of: "A compaction of \(collection)")
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    /// Checks the store from a process that only reads it, while the servers have it open.
    private func lookFromOutside() async throws {
        let engine = try Engine.open(directory: store, options: Engine.Options(isReadOnly: true))
        defer { engine.close() }
        var reader = workload
        try await reader.look(engine)
    }

    mutating func finish() async throws {
        for endpoint in endpoints {
            var reader = workload
            try await reader.compare(endpoint, everything: true)
        }
        for server in servers {
            let status = await server.stop()
            guard status == 0 else {
                throw Finding(.crash, "After SIGTERM, a server ended with status \(status).")
            }
        }
        var workload = workload
        try await setup.withServer(on: store) { _, endpoint in
            try await workload.compare(endpoint, everything: true)
        }
    }
}
