// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Foundation
import LodestoneClient
import LodestoneEngine
import LodestoneStructures
import Synchronization
import TestSupport

/// Log shipping under load, with kills of the server, of the shipping program and of the S3 server.
struct Ship: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Ships the log under load, kills all sides, and restores many states.",
        discussion: """
            Every cycle writes while 'lodestone backup ship' runs, and kills one of the programs at \
            a random time or at a failpoint. Then states at random sequence numbers are restored: \
            each must be exactly the store at its number.
            """
    )

    @OptionGroup var options: RunOptions
    @Option(help: "How often to kill.") var cycles = 20
    @Option(help: "How many states to restore per cycle.") var restores = 2
    @Option(help: "SeaweedFS, the S3 server. Default: backups go to a directory.") var weed: String?

    func run() async throws {
        try await options.carryOut { setup in
            if let weed, !FileManager.default.isExecutableFile(atPath: weed) {
                throw Skip(reason: "\(weed) is not there; make s3-tools installs it.")
            }
            var run = ShipRun(setup: setup, weed: weed)
            do {
                try await run.prepare()
                for _ in 0..<cycles { try await run.cycle(restores: restores) }
                await run.end()
            } catch {
                await run.end()
                throw error
            }
            return run.summary
        }
    }
}

/// One store, its backups, and its content at every sequence number.
struct ShipRun {
    /// The programs that are killed by turns.
    private enum Victim: CaseIterable {
        case shipper
        case server
        case place
        case shipperAtFailpoint
    }

    private static let steps = Failpoint.all(of: .backup)

    let setup: RunSetup
    private let weed: String?
    private var random: SeededGenerator
    private var workload: Workload
    private var models: [UInt64: [WriterModel]] = [:]
    private var cycles = 0
    private var kills = 0
    private var restored = 0
    private var s3: ServerProcess?
    private var store: String { "\(setup.folder)/store" }
    private var target: String { "\(setup.folder)/restored" }

    init(setup: RunSetup, weed: String?) {
        self.setup = setup
        self.weed = weed
        workload = Workload(seed: setup.seed, writerCount: 1, quietCount: 2)
        random = SeededGenerator(seed: ~setup.seed)
    }

    var summary: String {
        "\(cycles) cycles, \(kills) kills, \(restored) states restored, \(workload.summary)"
    }

    // MARK: The place

    /// A range of four ports that belongs to this process.
    private var port: Int {
        20_000 + 8 * (Int(ProcessInfo.processInfo.processIdentifier) % 3_000)
    }

    private var place: String {
        weed == nil ? "file://\(setup.folder)/backups" : "s3://backups/store"
    }

    private var variables: [String: String] {
        [
            "AWS_ENDPOINT_URL": "http://127.0.0.1:\(port)", "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
        ]
    }

    private mutating func startPlace() throws {
        guard let weed else { return }
        let data = "\(setup.folder)/weed"
        try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: true)
        let identities = """
            {"identities": [{"name": "test",
              "credentials": [{"accessKey": "key", "secretKey": "secret"}],
              "actions": ["Admin", "Read", "Write", "List"]}]}
            """
        try identities.write(toFile: "\(data).json", atomically: true, encoding: .utf8)
        s3 = try ServerProcess(
            executable: weed,
            arguments: [
                "server", "-dir=\(data)", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3",
                "-s3.port=\(port)", "-s3.config=\(data).json", "-master.port=\(port + 1)",
                "-volume.port=\(port + 2)", "-filer.port=\(port + 3)", "-volume.max=8",
                "-master.volumeSizeLimitMB=64", "-s3.port.iceberg=0", "-s3.port.lance=0",
                "-master.telemetry=false",
            ],
            log: "\(data).log",
            variables: [:]
        )
    }

    mutating func end() async {
        await s3?.end()
        s3 = nil
    }

    // MARK: Programs

    private func backup(_ arguments: [String]) async -> (status: Int32, text: String) {
        let assignments = variables.map { "\($0.key)=\($0.value)" }
        let command = [Programs.path("lodestone"), "backup"] + arguments
        return await Programs.run("env", assignments + command)
    }

    private func startShipper(_ more: [String: String]) throws -> ServerProcess {
        try ServerProcess(
            executable: Programs.path("lodestone"),
            arguments: ["backup", "ship", "--data", store, "--to", place, "--every", "0.05"],
            log: "\(setup.folder)/ship.log",
            variables: variables.merging(more) { $1 }
        )
    }

    mutating func prepare() async throws {
        try startPlace()
        try await setup.withServer(on: store) { _, endpoint in
            try await workload.createCollections(endpoint, setup.strategy())
            try await remember(endpoint)
        }
        try await create()
    }

    /// Backs up all batches; the S3 server may just have started.
    private func create() async throws {
        var last = ""
        for _ in 0..<5 {
            let (status, text) = await backup(["create", "--data", store, "--to", place])
            if status == 0 { return }
            last = text
        }
        throw Finding(.refusal, "The store can't be backed up: \(last)")
    }

    private mutating func remember(_ endpoint: String) async throws {
        let client = try await Faults.connect(endpoint)
        models[try await client.ping()] = workload.writers.map(\.model)
        await client.close()
    }

    // MARK: A cycle

    mutating func cycle(restores: Int) async throws {
        let all = Victim.allCases.filter { $0 != .place || weed != nil }
        let victim = all[cycles % all.count]
        try await writeAndKill(victim)
        try await setup.withServer(on: store) { _, endpoint in
            try await workload.compare(endpoint)
            try await remember(endpoint)
        }
        try await create()
        for _ in 0..<restores {
            guard let number = models.keys.sorted().randomElement(using: &random) else { return }
            try await restore(number)
        }
        cycles += 1
    }

    private mutating func writeAndKill(_ victim: Victim) async throws {
        let step = Self.steps[cycles / Victim.allCases.count % Self.steps.count]
        let turn = Int.random(in: 1...4, using: &random)
        let armed = victim == .shipperAtFailpoint ? step.environment(turn: turn) : [:]
        let delay = Duration.milliseconds(Int.random(in: 20...600, using: &random))
        let server = try setup.startServer(on: store)
        let endpoint = try await server.waitUntilListening()
        let shipper = try startShipper(armed)
        let client = try await Faults.connect(endpoint)
        let isOver = Flag()
        let start = workload
        let load = Task {
            var workload = start
            var models: [UInt64: [WriterModel]] = [:]
            while !isOver.value.load(ordering: .acquiring) {
                let number = Int.random(in: 0..<12, using: &workload.random)
                let index = number < workload.writers.count ? number : 0
                let error = try await workload.writers[index].step(
                    client,
                    workload.content,
                    &workload.random
                )
                if let error {
                    guard victim == .server else { throw error }
                    break
                }
                models[workload.writers[index].lastSequenceNumber] = workload.writers.map(\.model)
            }
            return (workload, models)
        }
        try await Task.sleep(for: delay)
        switch victim {
        case .shipper: await shipper.end()
        case .shipperAtFailpoint:
            // It may not come to the failpoint, when too few batches were written.
            await shipper.waitForExit(atMost: .seconds(5))
            await shipper.end()
        case .server: try await server.kill()
        case .place:
            await s3?.end()
            try await Task.sleep(for: delay)
            try startPlace()
        }
        kills += 1
        isOver.value.store(true, ordering: .releasing)
        let (after, found) = try await load.value
        workload = after
        models.merge(found) { $1 }
        await client.close()
        if await server.isRunning {
            let status = await server.stop()
            guard status == 0 else { throw Finding(.crash, "The server ended with \(status).") }
        }
        if await shipper.isRunning {
            let status = await shipper.stop()
            guard status == 0 else {
                throw Finding(.crash, "The shipping program ended with \(status).")
            }
        }
    }

    private mutating func restore(_ number: UInt64) async throws {
        try? FileManager.default.removeItem(atPath: target)
        let (status, text) = await backup(
            ["restore", "--from", place, "--sequence", "\(number)", "--to", target]
        )
        guard status == 0 else {
            throw Finding(.refusal, "The restore of \(number) ended with \(status): \(text)")
        }
        let engine = try Engine.open(directory: target)
        defer { engine.close() }
        guard engine.sequenceNumber == number, let models = models[number] else {
            throw Finding(.lie, "Restored is \(engine.sequenceNumber) instead of \(number).")
        }
        var workload = workload
        workload.forgetStore()
        for (index, model) in models.enumerated() { workload.writers[index].model = model }
        try await workload.look(engine, everything: true)
        restored += 1
    }

    private final class Flag: Sendable {
        let value = Atomic<Bool>(false)
    }
}
