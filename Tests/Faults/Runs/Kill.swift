// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import LodestoneClient
import TestSupport

/// R1: `kill -9`, at random times and at every failpoint, under servers that share a store.
struct Kill: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Kills servers while they are written to (R1)."
    )

    @OptionGroup var options: RunOptions
    @Option(help: "How often to kill.") var cycles = 50
    @Option(help: "Clients that write at the same time.") var writers = 4
    @Option(help: "Servers on the one store.") var servers = 1

    func validate() throws {
        guard cycles > 0, (1...64).contains(writers), (1...8).contains(servers) else {
            throw ValidationError("At least one cycle, 1 to 64 writers, 1 to 8 servers.")
        }
    }

    func run() async throws {
        try await options.carryOut { place in
            var run = KillRun(
                place: place,
                serverCount: servers,
                workload: Workload(seed: place.seed, writerCount: writers)
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
    let place: RunPlace
    let serverCount: Int
    var workload: Workload

    private var cycles = 0
    private var kills = 0
    private var ownDeaths = 0
    private var store: String { "\(place.folder)/store" }

    init(place: RunPlace, serverCount: Int, workload: Workload) {
        self.place = place
        self.serverCount = serverCount
        self.workload = workload
    }

    var summary: String {
        "\(cycles) cycles, \(kills) kills and \(ownDeaths) deaths at a failpoint, "
            + workload.summary
    }

    mutating func run(cycles: Int) async throws {
        try await place.withServer(on: store) { _, endpoint in
            try await Workload.createCollection(endpoint)
        }
        for _ in 0..<cycles {
            try await writeAndKill()
            try await killWhileOpening()
            try await compare()
            self.cycles += 1
        }
        try await lastLook()
    }

    /// Lets all writers write, and kills some of the servers under them: at a random time, or
    /// where a failpoint ends them.
    private mutating func writeAndKill() async throws {
        let delay = Duration.milliseconds(Int.random(in: 5...600, using: &workload.random))
        let failpoint =
            workload.random.next().isMultiple(of: 2)
            ? FailpointName.all.randomElement(using: &workload.random) : nil
        let turn = Int.random(in: 1...20, using: &workload.random)
        var fleet: [ServerProcess] = []
        var endpoints: [String] = []
        for index in 0..<serverCount {
            let arms = index == 0 ? failpoint.map { ["LODESTONE_FAULT": "\($0):\(turn)"] } : nil
            let server = try place.startServer(on: store, arms ?? [:])
            fleet.append(server)
            endpoints.append(try await server.waitUntilListening())
        }
        let servers = fleet
        let victims = 1 + Int.random(in: 0..<serverCount, using: &workload.random)
        let before = workload.acknowledgedBatches
        try await workload.write(to: endpoints) { strike in
            if failpoint != nil { strike.allowFailures() }
            try await Task.sleep(for: delay)
            strike.allowFailures()
            for server in servers.prefix(victims) {
                if failpoint == nil { try await server.kill() } else { await server.end() }
            }
        }
        for server in servers.dropFirst(victims) {
            try await workload.compare(try await server.waitUntilListening())
            try await server.kill()
        }
        let died = await servers[0].waitForExit() == 137
        if died { ownDeaths += 1 }
        kills += serverCount - (died ? 1 : 0)
        let how = died ? "ended at \(failpoint ?? ""):\(turn)" : "killed after \(delay)"
        Output.say(
            "cycle \(cycles + 1): \(workload.acknowledgedBatches - before) batches acknowledged, "
                + "\(victims) of \(serverCount) servers \(how)"
        )
    }

    /// Every third time the server is also killed while it recovers.
    private mutating func killWhileOpening() async throws {
        guard Int.random(in: 0..<3, using: &workload.random) == 0 else { return }
        let server = try place.startServer(on: store)
        let delay = Int.random(in: 0...60, using: &workload.random)
        try await Task.sleep(for: .milliseconds(delay))
        try await server.kill()
        kills += 1
    }

    private mutating func compare() async throws {
        var workload = workload
        self.workload = try await place.withServer(on: store) { server, endpoint in
            try await workload.compare(endpoint)
            try await server.kill()
            return workload
        }
        kills += 1
    }

    /// After a clean stop and a start, looks for every document in every way.
    private mutating func lastLook() async throws {
        try await place.withServer(on: store) { _, _ in }
        var workload = workload
        self.workload = try await place.withServer(on: store) { _, endpoint in
            try await workload.compare(endpoint, everything: true)
            return workload
        }
    }
}

/// The failpoints of the server, as `FaultPoint.reach` names them.
enum FailpointName {
    static let all = [
        "commit.before-vectors", "commit.after-vectors", "commit.in-transaction",
        "commit.after-fdatasync", "commit.after-commit", "commit.before-reply",
        "checkpoint.before", "checkpoint.after", "compaction.before-rename",
        "compaction.before-pointer", "compaction.after-pointer",
    ]
}
