// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Foundation
import LodestoneClient
import LodestoneStructures
import TestSupport

/// Kills by `kill -9`, at random times and at every failpoint, under servers that share a store.
struct Kill: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Kills servers while they are written to.",
        discussion: """
            Every second cycle a server ends itself at a failpoint, at each in turn. Compactions \
            follow every 100 changes, or vectors are linked in memory instead; now and then a \
            snapshot or an erasure follows. Some collections are quiet while the log is \
            forgotten, and servers keep fewer of them open than there are.
            """
    )

    @OptionGroup var options: RunOptions
    @Option(help: "How often to kill.") var cycles = 50
    @Option(help: "Clients that write at the same time.") var writers = 4
    @Option(help: "More clients that have each a quiet collection.") var quiet = 3
    @Option(help: "Servers on the one store.") var servers = 2
    @Option(help: "One failpoint only, in every cycle.") var failpoint: Failpoint?

    func validate() throws {
        guard cycles > 0, (1...64).contains(writers), (1...8).contains(servers) else {
            throw ValidationError("At least one cycle, 1 to 64 writers, 1 to 8 servers.")
        }
        guard failpoint.map(Failpoint.ofServers.contains) ?? true else {
            throw ValidationError("Servers don't come there; 'backup' and 'ship' end restores.")
        }
    }

    func run() async throws {
        try await options.carryOut { setup in
            var run = KillRun(
                setup: setup,
                serverCount: servers,
                failpoint: failpoint,
                workload: Workload(seed: setup.seed, writerCount: writers, quietCount: quiet)
            )
            do {
                try await run.run(cycles: cycles)
            } catch {
                Output.say(run.summary)
                throw error
            }
            return run.summary
        }
    }
}

/// The cycles of one run: write, kill, start again, compare.
struct KillRun {
    /// The cycles until an empty store follows, because every search also scans replaced documents.
    private static let cyclesPerStore = 15
    /// The cycles after which a quiet collection is dropped, and created again.
    private static let cyclesPerRenewal = 6
    /// The note of an erasure.
    private static let erased = "erased"

    /// On every third store vectors are linked in memory, because changes seldom cause a new base.
    private static let (changesPerBase, manyChangesPerBase) = (100, 5_000)

    private var setup: RunSetup
    let serverCount: Int
    let failpoint: Failpoint?
    var workload: Workload

    private var cycles = 0
    private var kills = 0
    private var deaths: [Failpoint: Int] = [:]
    private var stores = 0
    private var snapshots = 0
    private var erasures = 0
    private var renewals = 0
    /// The names of the store's acknowledged snapshots.
    private var snapshotNames: Set<String> = []
    private var store: String { "\(setup.folder)/store-\(stores)" }

    init(setup: RunSetup, serverCount: Int, failpoint: Failpoint?, workload: Workload) {
        self.setup = setup
        self.serverCount = serverCount
        self.failpoint = failpoint
        self.workload = workload
    }

    var summary: String {
        let failpoints = Failpoint.ofServers.map { "\($0.name) \(deaths[$0] ?? 0)" }
            .joined(separator: ", ")
        return "\(cycles) cycles with \(serverCount) servers, \(kills) kills, deaths at "
            + "failpoints: \(failpoints); \(snapshots) snapshots, \(erasures) erasures, "
            + "\(renewals) collections dropped, \(workload.summary)"
    }

    mutating func run(cycles: Int) async throws {
        for _ in 0..<cycles {
            if self.cycles.isMultiple(of: Self.cyclesPerStore) { try await changeStore() }
            try await writeAndKill()
            try await killWhileOpening()
            try await compare()
            self.cycles += 1
        }
        try await lastLook()
    }

    private mutating func changeStore() async throws {
        if stores > 0 {
            try await lastLook()
            try FileManager.default.removeItem(atPath: store)
        }
        stores += 1
        snapshotNames = []
        setup.compactionChanges =
            stores.isMultiple(of: 3) ? Self.manyChangesPerBase : Self.changesPerBase
        workload.forgetStore()
        let text: TextIndexStrategy = stores.isMultiple(of: 4) ? .fts5 : .postings
        let strategy = setup.strategy(stores)
        try await setup.withServer(on: store) { _, endpoint in
            try await workload.createCollections(endpoint, strategy, text: text)
        }
    }

    /// The events of one cycle; the servers with the lowest numbers are killed.
    private struct Plan {
        /// The time until the kill, without a failpoint.
        var delay: Duration
        /// The failpoint at which the first server ends, and the turn at which it does.
        var failpoint: (place: Failpoint, turn: Int)?
        var victims: Int
        /// The servers that get a call for a snapshot, an erasure, a compaction, and a field index.
        var snapshotServer: Int?
        var eraseServer: Int?
        var compactionServer: Int?
        var indexServer: Int?

        /// The number of compactions that the failpoint's turn needs.
        var compactions: Int { failpoint?.turn ?? 1 }
    }

    private mutating func nextPlan() -> Plan {
        let all = failpoint.map { [$0] } ?? Failpoint.ofServers
        let isArmed = failpoint != nil || !cycles.isMultiple(of: 2)
        let place = isArmed ? all[cycles / 2 % all.count] : nil
        let work = place?.work
        // Servers reach commits all the time, and the other failpoints now and then.
        let isSeldom = work == .snapshot || work == .index || work == .erasure
        let turns = work == .commit ? 20 : isSeldom ? 1 : 3
        let turn = Int.random(in: 1...turns, using: &workload.random)
        // A random server in a quarter of the calls, else none.
        var someServer: Int? {
            let index = Int.random(in: 0..<4 * serverCount, using: &workload.random)
            return index < serverCount ? index : nil
        }
        let snapshotServer = work == .snapshot ? 0 : work == .erasure ? nil : someServer
        // A server performs one snapshot or erasure at a time.
        let eraseServer = work == .erasure ? 0 : snapshotServer == nil ? someServer : nil
        return Plan(
            delay: .milliseconds(Int.random(in: 5...600, using: &workload.random)),
            failpoint: place.map { ($0, turn) },
            victims: 1 + Int.random(in: 0..<serverCount, using: &workload.random),
            snapshotServer: snapshotServer,
            eraseServer: eraseServer,
            compactionServer: work == .compaction ? 0 : someServer,
            indexServer: work == .index ? 0 : someServer
        )
    }

    /// Lets all writers write, and kills some of the servers under them.
    ///
    /// A server ends at a random time, or at a failpoint.
    private mutating func writeAndKill() async throws {
        let plan = nextPlan()
        var fleet: [ServerProcess] = []
        for index in 0..<serverCount {
            let armed = index == 0 ? plan.failpoint : nil
            let variables = armed?.place.environment(turn: armed?.turn ?? 1) ?? [:]
            fleet.append(try setup.startServer(on: store, variables))
        }
        var addresses: [String] = []
        for server in fleet { addresses.append(try await server.waitUntilListening()) }
        let (servers, endpoints) = (fleet, addresses)
        let doomed = Array(endpoints.prefix(plan.victims))
        let before = workload.acknowledgedBatches
        let name = "s\(cycles)"
        // A quiet collection is compacted only by a call.
        let compacted =
            plan.failpoint == nil ? workload.someCollection() : Faults.collection
        do {
            let strike = try await workload.write(to: endpoints) { strike in
                if plan.failpoint != nil { strike.allowFailures(at: [endpoints[0]]) }
                async let snapshot: Void = Self.call(plan.snapshotServer, endpoints, strike) {
                    (client) throws(LodestoneError) in
                    try await client.snapshot(name)
                    strike.note(name)
                }
                async let erasure: Void = Self.call(plan.eraseServer, endpoints, strike) {
                    (client) throws(LodestoneError) in
                    _ = try await client.erase(deadline: Faults.timeout)
                    strike.note(Self.erased)
                }
                async let compaction: Void = Self.call(plan.compactionServer, endpoints, strike) {
                    (client) throws(LodestoneError) in
                    for _ in 0..<plan.compactions {
                        try await client.collection(compacted).compact()
                    }
                }
                async let index: Void = Self.call(plan.indexServer, endpoints, strike) {
                    (client) throws(LodestoneError) in
                    // The field index is built while the others write.
                    let words = [MetadataIndex("words")]
                    try await client.alterCollection(Faults.collection, dropIndexes: words)
                    try await client.alterCollection(Faults.collection, addIndexes: words)
                }
                if plan.failpoint == nil {
                    try await Task.sleep(for: plan.delay)
                } else {
                    await servers[0].waitForExit(atMost: .seconds(1))
                }
                strike.allowFailures(at: doomed)
                for server in servers.prefix(plan.victims) {
                    if plan.failpoint == nil { try await server.kill() } else { await server.end() }
                }
                // The other servers go on without the killed ones for a while.
                if plan.victims < servers.count { try await Task.sleep(for: plan.delay / 4) }
                try await snapshot
                try await erasure
                try await compaction
                try await index
            }
            let notes = strike.notes
            erasures += notes.count { $0 == Self.erased }
            snapshotNames.formUnion(notes.filter { $0 != Self.erased })
            snapshots += notes.count { $0 != Self.erased }
            for server in servers.dropFirst(plan.victims) {
                try await workload.compare(try await server.waitUntilListening())
                try await server.kill()
            }
        } catch {
            for server in servers { await server.end() }
            throw error
        }
        let died = await servers[0].waitForExit() == 137
        if died, let failpoint = plan.failpoint { deaths[failpoint.place, default: 0] += 1 }
        kills += serverCount - (died ? 1 : 0)
        let end = plan.failpoint.map { failpoint in
            "\(died ? "ended" : "killed before") \(failpoint.place.name):\(failpoint.turn)"
        }
        Output.say(
            "cycle \(cycles + 1): \(workload.acknowledgedBatches - before) batches acknowledged, "
                + "\(plan.victims) of \(serverCount) servers \(end ?? "killed after \(plan.delay)")"
        )
    }

    /// Makes a call to a server; only the call to a killed server may fail.
    private static func call(
        _ server: Int?,
        _ endpoints: [String],
        _ strike: Strike,
        _ body: @Sendable (LodestoneClient) async throws(LodestoneError) -> Void
    ) async throws {
        guard let server else { return }
        do throws(LodestoneError) {
            let client = try await Faults.connect(endpoints[server])
            try await body(client)
            await client.close()
        } catch {
            guard strike.allowsFailures(at: endpoints[server]) else {
                throw Finding(error, of: "A snapshot, an erasure, a compaction or an index")
            }
        }
    }

    /// Starts a server and kills it while it recovers, about every third time.
    private mutating func killWhileOpening() async throws {
        guard Int.random(in: 0..<3, using: &workload.random) == 0 else { return }
        let server = try setup.startServer(on: store)
        let delay = Int.random(in: 0...60, using: &workload.random)
        try await Task.sleep(for: .milliseconds(delay))
        try await server.kill()
        kills += 1
    }

    private mutating func compare() async throws {
        var workload = workload
        let names = snapshotNames
        let verifies = cycles.isMultiple(of: 8)
        let renews = cycles % Self.cyclesPerRenewal == Self.cyclesPerRenewal - 1
        let strategy = setup.strategy(stores)
        self.workload = try await setup.withServer(on: store) { server, endpoint in
            try await workload.compare(endpoint)
            try await Self.checkStore(endpoint, snapshots: names, verifies: verifies)
            if renews { try await workload.renewQuiet(endpoint, strategy) }
            try await server.kill()
            return workload
        }
        kills += 1
        renewals += renews ? 1 : 0
    }

    private static func checkStore(
        _ endpoint: String,
        snapshots names: Set<String>,
        verifies: Bool
    ) async throws {
        let client = try await Faults.connect(endpoint)
        let missing = names.subtracting(try await client.snapshots().map(\.name))
        guard missing.isEmpty else {
            throw Finding(.lost, "The snapshots \(missing.sorted()) were acknowledged.")
        }
        if verifies {
            let report = try await client.verify()
            guard report.damageCount == 0 else {
                throw Finding(.lie, "A sound store is called damaged: \(report)")
            }
        }
        await client.close()
    }

    /// After a clean stop and a start, looks for every document in every way.
    private mutating func lastLook() async throws {
        try await setup.withServer(on: store) { _, _ in }
        var workload = workload
        self.workload = try await setup.withServer(on: store) { _, endpoint in
            try await workload.compare(endpoint, everything: true)
            return workload
        }
    }
}
