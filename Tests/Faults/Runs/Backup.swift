// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Foundation
import LodestoneClient
import LodestoneEngine
import LodestoneStructures
import Synchronization
import TestSupport

/// Snapshots while the store is written to, with kills at every step.
struct Backup: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Takes snapshots under load, restores and compares them.",
        discussion: """
            A restored store must be exactly the store at the snapshot's sequence number. In \
            between, the server is ended at each step of a snapshot, and the restoring program at \
            each step of a restore: afterwards both must work again.
            """
    )

    @OptionGroup var options: RunOptions
    @Option(help: "How many snapshots to restore.") var cycles = 20

    func run() async throws {
        try await options.carryOut { setup in
            var run = BackupRun(setup: setup)
            try await run.prepare()
            for _ in 0..<cycles { try await run.cycle() }
            return run.summary
        }
    }
}

/// One store, one writer that knows the store's content at every sequence number, and its
/// snapshots.
struct BackupRun {
    private static let snapshotSteps = Failpoint.all(of: .snapshot)
    private static let restoreSteps = Failpoint.all(of: .restore)

    /// About two of so many batches go to quiet collections.
    private static let stepsPerQuiet = 12

    let setup: RunSetup
    private var random: SeededGenerator
    private var workload: Workload
    private var cycles = 0
    private var deaths = 0
    private var store: String { "\(setup.folder)/store" }
    private var restored: String { "\(setup.folder)/restored" }

    init(setup: RunSetup) {
        self.setup = setup
        workload = Workload(seed: setup.seed, writerCount: 1, quietCount: 2)
        random = SeededGenerator(seed: ~setup.seed)
    }

    var summary: String {
        "\(cycles) snapshots restored, \(deaths) deaths on the way, \(workload.summary)"
    }

    func prepare() async throws {
        try await setup.withServer(on: store) { _, endpoint in
            try await workload.createCollections(endpoint, setup.strategy())
        }
    }

    mutating func cycle() async throws {
        let name = "s\(cycles)"
        if cycles.isMultiple(of: 2) {
            let step = Self.snapshotSteps[cycles / 2 % Self.snapshotSteps.count]
            try await dieWhileWriting("d\(cycles)", at: step)
        }
        let (snapshot, models) = try await takeUnderLoad(name)
        let archive = "\(store)/snapshots/\(name).lodestone"
        if !cycles.isMultiple(of: 2) {
            let step = Self.restoreSteps[cycles / 2 % Self.restoreSteps.count]
            try await dieWhileRestoring(archive, at: step)
        }
        try? FileManager.default.removeItem(atPath: restored)
        let (status, text) = await restore(archive, [:])
        guard status == 0 else {
            throw Finding(.refusal, "The restore of \(name) ended with \(status): \(text)")
        }
        guard let then = models[snapshot.sequenceNumber] else {
            throw Finding(
                .lie,
                "\(name) says \(snapshot.sequenceNumber), which nobody was answered."
            )
        }
        try await compare(then, snapshot)
        cycles += 1
    }

    /// Writes while the server writes a snapshot.
    ///
    /// - Returns: The snapshot, and the content at each sequence number.
    private mutating func takeUnderLoad(_ name: String) async throws
        -> (SnapshotDescription, [UInt64: [WriterModel]])
    {
        let delay = Duration.milliseconds(Int.random(in: 0...150, using: &random))
        var workload = workload
        let result = try await setup.withServer(on: store) { _, endpoint in
            try await workload.compare(endpoint)
            let client = try await Faults.connect(endpoint)
            let isOver = Flag()
            let start = workload
            let load = Task {
                var workload = start
                let before = try await client.ping()
                var models = [before: workload.writers.map(\.model)]
                while !isOver.value.load(ordering: .acquiring) {
                    // The first writer has most steps, so that the collections of the others are
                    // quiet.
                    let number = Int.random(in: 0..<Self.stepsPerQuiet, using: &workload.random)
                    let index = number < workload.writers.count ? number : 0
                    let error = try await workload.writers[index].step(
                        client,
                        workload.content,
                        &workload.random
                    )
                    if let error { throw error }
                    models[workload.writers[index].lastSequenceNumber] =
                        workload.writers.map(\.model)
                }
                return (workload, models)
            }
            try await Task.sleep(for: delay)
            let other = try await Faults.connect(endpoint)
            let snapshot = try await other.snapshot(name)
            isOver.value.store(true, ordering: .releasing)
            let (after, models) = try await load.value
            workload = after
            let report = try await other.verify()
            guard report.damageCount == 0 else {
                throw Finding(.lie, "A sound store is called damaged: \(report)")
            }
            await client.close()
            await other.close()
            return (workload, snapshot, models)
        }
        self.workload = result.0
        return (result.1, result.2)
    }

    private mutating func dieWhileWriting(_ name: String, at step: Failpoint) async throws {
        let server = try setup.startServer(on: store, step.environment())
        let client = try await Faults.connect(try await server.waitUntilListening())
        let isThere = (try? await client.snapshot(name)) != nil
        await client.close()
        await server.end()
        guard await server.waitForExit() == 137, !isThere else {
            throw Finding(.refusal, "The server did not end at \(step.name).")
        }
        deaths += 1
        var workload = workload
        try await setup.withServer(on: store) { _, endpoint in
            try await workload.look(endpoint)
            let client = try await Faults.connect(endpoint)
            let names = try await client.snapshots().map(\.name)
            // A snapshot gets its name last, so a snapshot with a name must be complete.
            if names.contains(name) {
                let (status, text) = await Programs.run(
                    Programs.path("lodestone"),
                    ["snapshot", "verify", "\(store)/snapshots/\(name).lodestone"]
                )
                guard status == 0 else { throw Finding(.lie, "\(name) is listed: \(text)") }
            } else {
                try await client.snapshot(name)
            }
            await client.close()
        }
    }

    private mutating func dieWhileRestoring(_ archive: String, at step: Failpoint) async throws {
        try? FileManager.default.removeItem(atPath: restored)
        let (status, text) = await restore(archive, step.environment())
        guard status == 137 else {
            let name = step.name
            throw Finding(.refusal, "The restore ended with \(status), not at \(name): \(text)")
        }
        deaths += 1
    }

    private func restore(_ archive: String, _ variables: [String: String]) async
        -> (Int32, String)
    {
        let command = [
            Programs.path("lodestone"), "snapshot", "restore", archive, "--to", restored,
        ]
        let assignments = variables.map { "\($0.key)=\($0.value)" }
        return await Programs.run("env", assignments + command)
    }

    private func compare(_ models: [WriterModel], _ snapshot: SnapshotDescription) async throws {
        let engine = try Engine.open(directory: restored)
        defer { engine.close() }
        guard engine.sequenceNumber == snapshot.sequenceNumber else {
            throw Finding(
                .lie,
                "Restored is \(engine.sequenceNumber) instead of \(snapshot.sequenceNumber)."
            )
        }
        var workload = workload
        workload.forgetStore()
        for (index, model) in models.enumerated() { workload.writers[index].model = model }
        try await workload.look(engine, everything: true)
    }

    private final class Flag: Sendable {
        let value = Atomic<Bool>(false)
    }
}
