// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Foundation
import LodestoneClient
import TestSupport

/// R3: every state that a crash may leave, made from a record of what was written.
struct CrashStates: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "crash-states",
        abstract: "Opens the states that a crash may leave a disk in (R3).",
        discussion: """
            A server writes while every change to its files is recorded, with the replies in \
            between. From each point of the record states are made: what was not yet durable is \
            there, or not, or in part, in any order. Each is opened and compared.
            """
    )

    @OptionGroup var options: RunOptions
    @Option(help: "How many states, chosen by the seed.") var states = 2_000
    @Option(help: "Batches that are recorded.") var batches = 60
    @Option(help: "A record from an earlier run, instead of a new one.") var trace: String?
    @Option(help: "Of that record only the state with this number.") var only: Int?

    func run() async throws {
        try await options.carryOut { place in
            let run = CrashStateRun(
                place: place,
                script: Script(seed: place.seed, batchCount: batches)
            )
            let file = "\(place.folder)/trace"
            if let trace {
                try FileManager.default.copyItem(atPath: trace, toPath: file)
            } else {
                try await run.record(to: file)
            }
            return try await run.inspect(Trace.read(file), states: states, only: only)
        }
    }
}

/// One record, and its states.
struct CrashStateRun: Sendable {
    private static let workers = 2

    let place: RunPlace
    let script: Script

    /// The same for every run: paths stand in the record.
    private var store: String { "/tmp/lodestone-faults-recorded-\(place.seed)" }

    /// Writes the script in three lives of a server: two end in order, one by force.
    func record(to file: String) async throws {
        try? FileManager.default.removeItem(atPath: store)
        defer { try? FileManager.default.removeItem(atPath: store) }
        let shim = try Shim(folder: place.folder)
        let share = (script.batches.count + 2) / 3
        for life in 0..<3 {
            let variables = try shim.variables(store: store, trace: file)
            try await place.withServer(on: store, variables) { server, endpoint in
                if life == 0 {
                    try Trace.note(sent: 0, in: file)
                    try await Workload.createCollection(endpoint)
                    try Trace.note(acknowledged: 0, in: file)
                }
                let client = try await Faults.connect(endpoint)
                let collection = client.collection(Faults.collection)
                for batch in script.batches.dropFirst(life * share).prefix(share) {
                    try Trace.note(sent: batch.number, in: file)
                    _ = try await collection.send(batch, script.content, .random())
                    try Trace.note(acknowledged: batch.number, in: file)
                }
                await client.close()
                if life == 1 { try await server.kill() }
            }
        }
    }

    /// - Returns: What was done.
    func inspect(_ records: [TraceRecord], states: Int, only: Int?) async throws -> String {
        let numbers = only.map { [$0] } ?? Array(0..<states)
        let changes = records.count { record in
            switch record {
            case .sent, .acknowledged: false
            default: true
            }
        }
        let counts = try await withThrowingTaskGroup(of: Int.self) { group in
            for worker in 0..<Self.workers {
                group.addTask {
                    let share = numbers.filter { $0 % Self.workers == worker }
                    return try await self.inspect(records, share, worker: worker)
                }
            }
            return try await group.reduce(0, +)
        }
        return "\(counts) states of a record of \(changes) changes, all as they should be"
    }

    /// Goes through the record once, and stops wherever a state was chosen.
    private func inspect(_ records: [TraceRecord], _ numbers: [Int], worker: Int) async throws
        -> Int
    {
        var chosen: [Int: [Int]] = [:]
        for number in numbers {
            var random = generator(number)
            chosen[Int.random(in: 0...records.count, using: &random), default: []].append(number)
        }
        let inspector = Inspector(
            seed: place.seed,
            batchCount: script.batches.count,
            plant: place.plant
        )
        defer { inspector.end() }
        var disk = SimulatedDisk(root: store)
        var acknowledged = 0
        var isUnderWay = false
        for point in 0...records.count {
            for number in chosen[point] ?? [] {
                var random = generator(number)
                _ = Int.random(in: 0...records.count, using: &random)
                let fates = SimulatedDisk.Fate.allCases
                let fate = fates[Int.random(in: 0..<fates.count, using: &random)]
                let directory = "\(place.scratch)/state-\(worker)"
                try? FileManager.default.removeItem(atPath: directory)
                try disk.crash(fate, into: directory, using: &random)
                let inspection = try inspector.inspect(
                    directory,
                    acknowledged: acknowledged,
                    isUnderWay ? .underWay : .quiet
                )
                if inspection != .right {
                    let text =
                        "State \(number), after \(point) of \(records.count) records, changes "
                        + "\(fate), \(acknowledged) replies: \(inspection)"
                    Output.say("--trace \(place.folder)/trace --only \(number) shows it alone")
                    throw Finding(.lost, text)
                }
            }
            guard point < records.count else { break }
            switch records[point] {
            case .sent: isUnderWay = true
            case .acknowledged:
                acknowledged += 1
                isUnderWay = false
            default: disk.apply(records[point])
            }
        }
        return numbers.count
    }

    private func generator(_ number: Int) -> SeededGenerator {
        var random = SeededGenerator(seed: place.seed &* 1_000_003 &+ UInt64(number))
        return SeededGenerator(seed: random.next())
    }
}
