// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Foundation
import LodestoneClient
import TestSupport

/// The bits of a store are flipped, one at a time.
struct BitFlips: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bit-flips",
        abstract: "Turns bits in the files of a store, and looks for wrong results.",
        discussion: """
            Every answer must be right, or DATA_LOSS. SQLite takes damage to its write-ahead log for \
            the log's end; then the store must be one that once was, and clients that have seen \
            more are told when they connect. A base that is damaged must be made again, and every \
            answer be right. Also cuts files off, fills pages with zeros and swaps them.
            """
    )

    @OptionGroup var options: RunOptions
    @Option(help: "How many damages to do of all, chosen by the seed. Default: all.")
    var samples: Int?
    @OptionGroup var size: ScriptOptions
    @Option(help: "One damage only, as a finding names it: FILE:POSITION:KIND.")
    var only: String?
    @Flag(help: "Go on after a finding, and count them.")
    var keepGoing = false

    func run() async throws {
        try await options.carryOut { setup in
            let script = Script(seed: setup.seed, size: size.size)
            let run = BitFlipRun(setup: setup, script: script, keepsGoing: keepGoing)
            try await run.prepare()
            return try run.damage(samples: samples, only: only)
        }
    }
}

/// One store, and the ways in which it is damaged.
struct BitFlipRun {
    private static let reports = ["dataLoss"]
    /// The share of whole-page damages among the damages chosen in a file.
    private static let pageShare = 0.05
    /// The number of damages between two lines of progress.
    private static let damagesPerLine = 1_000

    let setup: RunSetup
    let script: Script
    let keepsGoing: Bool

    /// The results of the damages.
    private struct Outcome {
        var done = 0
        var right = 0
        var behind = 0
        var reported = 0
        var refused: [String: Int] = [:]
        var findings: [Finding] = []

        var summary: String {
            "\(right) times right, \(reported) times DATA_LOSS, \(behind) times behind what a "
                + "client knows, other errors \(refused), \(findings.count) findings"
        }
    }

    /// The store after its last batch.
    private var original: String {
        "\(setup.scratch)/\(Inspector.reference(script.lastSequenceNumber))"
    }

    /// Writes the script; its first batches are in a base.
    ///
    /// Of a large store it also keeps the state before each batch that only the write-ahead log
    /// has: a store that loses the end of the log must have this state.
    func prepare() async throws {
        var setup = setup
        // The base ends at the requested compaction, so that a seed makes the same store again.
        setup.compactionChanges = 1_000_000
        let (logged, ahead) = (ScriptSize.logged, ScriptSize.ahead)
        let count = script.steps.count
        try await setup.withServer(on: original) { _, endpoint in
            for name in script.collections {
                try await Workload.createCollection(
                    endpoint,
                    setup.strategy(),
                    name: name,
                    dimension: script.size.dimension
                )
            }
            try await send(script.steps.dropLast(logged), to: endpoint, compacts: true)
            try await send(script.steps.dropLast(ahead).dropFirst(count - logged), to: endpoint)
        }
        try await setup.withServer(on: original) { server, endpoint in
            for step in script.steps.suffix(ahead) {
                if script.size.isLarge { try keep(before: step) }
                try await send([step], to: endpoint)
            }
            try await server.kill()
        }
        try Self.removeIndex(of: original)
    }

    private func keep(before step: Script.Step) throws {
        let sequenceNumber = Script.sequenceNumber(after: step.number - 1)
        let copy = "\(setup.scratch)/\(Inspector.reference(sequenceNumber))"
        try FileManager.default.copyItem(atPath: original, toPath: copy)
        try Self.removeIndex(of: copy)
    }

    /// Removes the index that SQLite rebuilds from the write-ahead log.
    private static func removeIndex(of store: String) throws {
        for name in try FileManager.default.contentsOfDirectory(atPath: store)
        where name.hasSuffix("-shm") {
            try FileManager.default.removeItem(atPath: "\(store)/\(name)")
        }
    }

    private func send(_ steps: ArraySlice<Script.Step>, to endpoint: String, compacts: Bool = false)
        async throws
    {
        let client = try await Faults.connect(endpoint)
        for step in steps {
            _ = try await client.collection(step.collection)
                .send(step.batch, script.content, .random())
        }
        // The log keeps the batches of the quiet collection, which has no base.
        if compacts {
            try await client.collection(Faults.collection).compact(deadline: Faults.timeout)
        }
        await client.close()
    }

    /// - Returns: A summary of the damages.
    func damage(samples: Int?, only: String?) throws -> String {
        let store = try DamagedStore(
            of: original,
            in: "\(setup.scratch)/damaged",
            seed: setup.seed
        )
        let sizes = store.sizes
        let all = sizes.map { Blow.count(of: $0.count).all }.reduce(0, +)
        let text = sizes.map { "\($0.name) \($0.count)" }.joined(separator: ", ")
        var blows = only.flatMap { Blow($0) }.map { [$0] } ?? []
        if only == nil { blows = choose(samples ?? all, of: sizes) }
        Output.say("\(blows.count) of \(all) damages to \(text) bytes")
        let inspector = Inspector(
            seed: setup.seed,
            size: script.size,
            plant: setup.plant,
            references: setup.scratch
        )
        defer { inspector.end() }
        var outcome = Outcome()
        for blow in blows {
            try store.strike(blow)
            let inspection = try inspector.inspect(
                store.directory,
                acknowledged: script.lastSequenceNumber,
                .damaged
            )
            note(inspection, of: blow, in: &outcome)
            if let finding = outcome.findings.last, !keepsGoing { throw finding }
            try store.restore()
            outcome.done += 1
            if outcome.done.isMultiple(of: Self.damagesPerLine) {
                Output.say("\(outcome.done) damages: \(outcome.summary)")
            }
        }
        let summary = "\(blows.count) of \(all) damages (\(text) bytes): \(outcome.summary)"
        if let finding = outcome.findings.first { throw Finding(finding.kind, summary) }
        return summary
    }

    private func note(_ inspection: Inspection, of blow: Blow, in outcome: inout Outcome) {
        func find(_ kind: Finding.Kind, _ text: String) {
            outcome.findings.append(Finding(kind, "--only \(blow): \(text)"))
            Output.say("\(outcome.findings[outcome.findings.count - 1])")
        }
        switch inspection {
        case .right: outcome.right += 1
        case .behind where blow.isDerived, .refused where blow.isDerived:
            find(.refusal, "\(inspection)")
        case .behind: outcome.behind += 1
        case .refused(let code, _) where Self.reports.contains(code): outcome.reported += 1
        case .refused(let code, let text):
            outcome.refused[code, default: 0] += 1
            if outcome.refused[code] == 1 {
                Output.say("--only \(blow): not DATA_LOSS but \(text)")
            }
        case .wrong(let text): find(.wrong, text)
        case .crashed(let status): find(.crash, "ended with \(status)")
        }
    }

    /// Chooses `count` damages: as many in every file, as far as the file has so many.
    private func choose(_ count: Int, of files: [(name: String, count: Int)]) -> [Blow] {
        var random = SeededGenerator(seed: setup.seed)
        var blows: [Blow] = []
        let files = files.sorted { $0.count < $1.count }
        for (index, file) in files.enumerated() {
            let (flips, all) = Blow.count(of: file.count)
            // The share that small files don't need goes to larger files.
            let share = max(1, (count - blows.count) / (files.count - index))
            var numbers = Set(0..<(share < all ? 0 : all))
            while numbers.count < min(share, all) {
                let isPage = Double.random(in: 0..<1, using: &random) < Self.pageShare
                numbers.insert(Int.random(in: isPage ? flips..<all : 0..<flips, using: &random))
            }
            blows += numbers.sorted().map { Blow(file: file.name, number: $0, of: file.count) }
        }
        return blows.shuffled(using: &random)
    }
}
