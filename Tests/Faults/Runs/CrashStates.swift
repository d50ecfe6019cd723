// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Foundation
import LodestoneClient
import TestSupport

/// Every state that a crash may leave, made from a record of the writes.
struct CrashStates: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "crash-states",
        abstract: "Opens the states that a crash may leave a disk in.",
        discussion: """
            A server writes while every change to its files is recorded, with the replies in \
            between. From each point of the record states are made: what was not yet durable is \
            there, or not, or in part, in any order. Each is opened and compared.
            """
    )

    /// The work between the batches of a record.
    enum Subject: String, CaseIterable, ExpressibleByArgument {
        case commit, compaction, snapshot, erasure, restore
    }

    @OptionGroup var options: RunOptions
    @Option(help: "commit, compaction, snapshot, erasure or restore. Default: one after the other.")
    var of: Subject?
    @Option(help: "How many states of each, chosen by the seed.") var states = 2_000
    @Option(help: "Batches that are recorded.") var batches = 60
    @Option(help: "A record from an earlier run, instead of a new one.") var trace: String?
    @Option(help: "Of that record only the state with this number.") var only: Int?

    func validate() throws {
        guard trace == nil || of != nil else {
            throw ValidationError("What is the record --of?")
        }
    }

    func run() async throws {
        try await options.carryOut { setup in
            var summaries: [String] = []
            for subject in of.map({ [$0] }) ?? Subject.allCases {
                let run = CrashStateRun(
                    setup: setup,
                    subject: subject,
                    script: Script(seed: setup.seed, size: ScriptSize(batches: batches))
                )
                let file = "\(setup.folder)/trace-\(subject)"
                if let trace {
                    try FileManager.default.copyItem(atPath: trace, toPath: file)
                } else {
                    try await run.record(to: file)
                }
                let summary = try await run.inspect(file, states: states, only: only)
                Output.say("\(subject): \(summary)")
                summaries.append("\(subject): \(summary)")
            }
            return summaries.joined(separator: "; ")
        }
    }
}

/// One record, and its states.
struct CrashStateRun: Sendable {
    private static let workers = 2

    let setup: RunSetup
    let subject: CrashStates.Subject
    let script: Script

    /// - Returns: A summary of the states.
    func inspect(_ file: String, states: Int, only: Int?) async throws -> String {
        let records = try Trace.read(file)
        let numbers = only.map { [$0] } ?? Array(0..<states)
        let counts = try await withThrowingTaskGroup(of: Int.self) { group in
            for worker in 0..<Self.workers {
                group.addTask {
                    let share = numbers.filter { $0 % Self.workers == worker }
                    return try await self.inspect(records, share, worker: worker)
                }
            }
            return try await group.reduce(0, +)
        }
        return "\(counts) states of a record of \(records.count(where: \.isChange)) changes"
    }

    /// Reads the record once, and stops at the chosen states.
    private func inspect(_ records: [TraceRecord], _ numbers: [Int], worker: Int) async throws
        -> Int
    {
        var chosen: [Int: [Int]] = [:]
        for number in numbers {
            var random = generator(number)
            chosen[Int.random(in: 0...records.count, using: &random), default: []].append(number)
        }
        let inspector = Inspector(seed: setup.seed, size: script.size, plant: setup.plant)
        defer { inspector.end() }
        let directory = "\(setup.scratch)/state-\(worker)"
        defer { try? FileManager.default.removeItem(atPath: directory) }
        var disk = SimulatedDisk(root: root)
        var known = Known()
        if subject == .restore {
            known.acknowledged = script.lastSequenceNumber
            known.situation = .restoring
        }
        for point in 0...records.count {
            for number in chosen[point] ?? [] {
                var random = generator(number)
                _ = Int.random(in: 0...records.count, using: &random)
                let fates = SimulatedDisk.Fate.allCases
                let fate = fates[Int.random(in: 0..<fates.count, using: &random)]
                try? FileManager.default.removeItem(atPath: directory)
                try disk.crash(fate, into: directory, using: &random)
                let inspection = try inspector.inspect(
                    subject == .restore ? "\(directory)/restored" : directory,
                    acknowledged: known.acknowledged,
                    known.situation,
                    snapshots: subject == .snapshot ? known.snapshots : nil
                )
                if inspection != .right {
                    let text =
                        "State \(number), after \(point) of \(records.count) records, changes "
                        + "\(fate), \(known): \(inspection)"
                    Output.say(
                        "--of \(subject) --trace \(setup.folder)/trace-\(subject) "
                            + "--only \(number) shows it alone"
                    )
                    throw Finding(.lost, text)
                }
            }
            guard point < records.count else { break }
            known.take(records[point])
            disk.apply(records[point])
        }
        return numbers.count
    }

    /// The replies that the clients have received.
    private struct Known {
        var acknowledged = 0
        var snapshots = 0
        var situation = Inspector.Situation.quiet

        mutating func take(_ record: TraceRecord) {
            switch record {
            case .sent: situation = .underWay
            case .acknowledged:
                acknowledged += 1
                situation = .quiet
            case .snapshotAcknowledged: snapshots += 1
            case .restored: situation = .quiet
            default: break
            }
        }
    }

    private func generator(_ number: Int) -> SeededGenerator {
        var random = SeededGenerator(seed: setup.seed &* 1_000_003 &+ UInt64(number))
        return SeededGenerator(seed: random.next())
    }
}
