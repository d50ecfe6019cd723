// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneClient
import LodestoneStructures

/// Records the changes that a server, or a restore, makes to its files.
extension CrashStateRun {
    private static let batchesPerSnapshot = 6
    private static let batchesPerErasure = 12
    private static let changesPerCompaction = 10

    /// The folder of the store, equal in every run, because the record contains paths.
    var root: String { "/tmp/lodestone-faults-recorded-\(setup.seed)-\(subject)" }

    func record(to file: String) async throws {
        try? FileManager.default.removeItem(atPath: root)
        defer { try? FileManager.default.removeItem(atPath: root) }
        if subject == .restore {
            try await recordRestore(to: file)
        } else {
            try await write(to: root, recordedTo: file)
        }
    }

    /// Writes the script in three runs of a server: two end in order, one by force.
    private func write(to store: String, recordedTo file: String?) async throws {
        var setup = setup
        setup.openCollections = 1
        setup.compactionChanges = subject == .compaction ? Self.changesPerCompaction : 1_000_000
        let shim = try Shim(folder: setup.folder)
        let share = (script.steps.count + 2) / 3
        for life in 0..<3 {
            let variables = try file.map { try shim.variables(store: store, trace: $0) } ?? [:]
            try await setup.withServer(on: store, variables) { server, endpoint in
                if life == 0 {
                    for name in script.collections {
                        if let file { try Trace.note(sent: 0, in: file) }
                        try await Workload.createCollection(endpoint, setup.strategy(), name: name)
                        if let file { try Trace.note(acknowledged: 0, in: file) }
                    }
                }
                let client = try await Faults.connect(endpoint)
                for step in script.steps.dropFirst(life * share).prefix(share) {
                    try await send(step, client, recordedTo: file)
                }
                await client.close()
                if life == 1 { try await server.kill() }
            }
        }
    }

    private func send(_ step: Script.Step, _ client: LodestoneClient, recordedTo file: String?)
        async throws
    {
        if let file { try Trace.note(sent: step.number, in: file) }
        _ = try await client.collection(step.collection)
            .send(step.batch, script.content, .random())
        guard let file else { return }
        try Trace.note(acknowledged: step.number, in: file)
        if subject == .erasure, step.number.isMultiple(of: Self.batchesPerErasure) {
            _ = try await client.erase(deadline: Faults.timeout)
        }
        guard subject == .snapshot, step.number.isMultiple(of: Self.batchesPerSnapshot) else {
            return
        }
        let number = step.number / Self.batchesPerSnapshot - 1
        try await client.snapshot("s\(number)")
        try Trace.note(snapshotAcknowledged: number, in: file)
    }

    private func recordRestore(to file: String) async throws {
        let source = "\(setup.folder)/source"
        defer { try? FileManager.default.removeItem(atPath: source) }
        try await write(to: source, recordedTo: nil)
        try await setup.withServer(on: source) { _, endpoint in
            let client = try await Faults.connect(endpoint)
            try await client.snapshot("source")
            await client.close()
        }
        try FileManager.default.createDirectory(
            atPath: root,
            withIntermediateDirectories: true
        )
        var variables = try Shim(folder: setup.folder).variables(store: root, trace: file)
        variables["LODESTONE_PLANT"] = setup.plant?.name
        let command = [
            Programs.path("lodestone"), "snapshot", "restore",
            "\(source)/snapshots/source.lodestone", "--to", "\(root)/restored",
        ]
        let (status, text) = await Programs.run(
            "env",
            variables.map { "\($0.key)=\($0.value)" } + command
        )
        guard status == 0 else {
            throw Finding(.refusal, "The restore ended with \(status): \(text)")
        }
        try Trace.noteRestored(in: file)
    }
}
