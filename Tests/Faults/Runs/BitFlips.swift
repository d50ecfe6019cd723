// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Foundation
import LodestoneClient
import TestSupport

/// R13: one bit of a store after the other is turned.
struct BitFlips: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bit-flips",
        abstract: "Turns bits in the files of a store, and looks for wrong answers (R13).",
        discussion: """
            Every answer must be right, or DATA_LOSS. SQLite takes damage to its write-ahead log for \
            the log's end; then the store must be one that once was, and clients that have seen \
            more are told when they connect. A base that is damaged must be made anew, and every \
            answer be right. Also cuts files off, fills pages with zeros and swaps them.
            """
    )

    @OptionGroup var options: RunOptions
    @Option(help: "How many bytes of all to damage, chosen by the seed. Default: all.")
    var samples: Int?
    @Option(help: "Batches in the store, at least 10.") var batches = 30
    @Option(help: "One damage only, as a finding names it: FILE:POSITION:KIND.")
    var only: String?
    @Flag(help: "Go on after a finding, and count them.")
    var keepGoing = false

    func validate() throws {
        guard batches >= 10 else { throw ValidationError("At least 10 batches.") }
    }

    func run() async throws {
        try await options.carryOut { place in
            let script = Script(seed: place.seed, batchCount: batches)
            let run = BitFlipRun(place: place, script: script, keepsGoing: keepGoing)
            try await run.prepare()
            return try run.damage(samples: samples, only: only)
        }
    }
}

/// One store, and the ways in which it is damaged.
struct BitFlipRun {
    /// Something that happens to a file.
    private enum Damage: String, CaseIterable {
        case flip, cut, zeros, swap
    }

    private struct Blow: CustomStringConvertible {
        var file: String
        var position: Int
        var damage: Damage

        var description: String { "\(file):\(position):\(damage)" }

        /// Whether the rows have all that the file has.
        var isDerived: Bool { file.hasSuffix(".base") }
    }

    /// Of a page that is filled with zeros, or swapped with the next.
    private static let page = 4_096
    private static let reports = ["dataLoss"]

    let place: RunPlace
    let script: Script
    let keepsGoing: Bool

    private var original: String { "\(place.scratch)/original" }
    private var damaged: String { "\(place.scratch)/damaged" }

    /// Batches that stand in the log, after the base; and those of them that stand in the
    /// write-ahead log only.
    private static let (logged, ahead) = (6, 2)

    /// Writes the script; its first batches stand in a base.
    func prepare() async throws {
        var place = place
        // The base ends where it is asked to, so that a seed makes the same store again.
        place.compactionChanges = 1_000_000
        let count = script.batches.count
        try await place.withServer(on: original) { _, endpoint in
            try await Workload.createCollection(endpoint, place.strategy())
            try await send(script.batches.dropLast(Self.logged), to: endpoint, compacts: true)
            try await send(
                script.batches.dropLast(Self.ahead).dropFirst(count - Self.logged),
                to: endpoint
            )
        }
        try await place.withServer(on: original) { server, endpoint in
            try await send(script.batches.suffix(Self.ahead), to: endpoint)
            try await server.kill()
        }
        for name in try files() where name.hasSuffix("-shm") {
            try FileManager.default.removeItem(atPath: "\(original)/\(name)")
        }
    }

    private func send(_ batches: ArraySlice<Batch>, to endpoint: String, compacts: Bool = false)
        async throws
    {
        let client = try await Faults.connect(endpoint)
        let collection = client.collection(Faults.collection)
        for batch in batches { _ = try await collection.send(batch, script.content, .random()) }
        if compacts { try await collection.compact() }
        await client.close()
    }

    /// - Returns: What was done.
    func damage(samples: Int?, only: String?) throws -> String {
        var random = SeededGenerator(seed: place.seed)
        var blows: [Blow] = []
        var all = 0
        let kinds = try files().filter { try size($0) > 0 }
        for file in kinds {
            let count = try size(file)
            var some = (0..<count).map { Blow(file: file, position: $0, damage: .flip) }
            for position in stride(from: 0, to: count, by: Self.page) {
                some += [.cut, .zeros, .swap].map {
                    Blow(file: file, position: position, damage: $0)
                }
            }
            all += some.count
            // Every file gets its share, however small it is.
            let share = samples.map { max(1, $0 / kinds.count) } ?? some.count
            blows += some.shuffled(using: &random).prefix(share)
            if let only { blows = some.filter { $0.description == only } + blows }
        }
        blows.shuffle(using: &random)
        if let only { blows = Array(blows.filter { $0.description == only }.prefix(1)) }
        let inspector = Inspector(
            seed: place.seed,
            batchCount: script.batches.count,
            plant: place.plant
        )
        defer { inspector.end() }
        var right = 0
        var behind = 0
        var reported = 0
        var refused: [String: Int] = [:]
        var findings: [Finding] = []
        for blow in blows {
            try strike(blow)
            let inspection = try inspector.inspect(
                damaged,
                acknowledged: script.batches.count + 1,
                .damaged
            )
            switch inspection {
            case .right: right += 1
            case .behind where blow.isDerived, .refused where blow.isDerived:
                findings.append(Finding(.refusal, "--only \(blow): \(inspection)"))
                Output.say("\(findings[findings.count - 1])")
            case .behind: behind += 1
            case .refused(let code, _) where Self.reports.contains(code): reported += 1
            case .refused(let code, let text):
                refused[code, default: 0] += 1
                if refused[code] == 1 { Output.say("--only \(blow): not DATA_LOSS but \(text)") }
            case .wrong(let text):
                findings.append(Finding(.wrong, "--only \(blow): \(text)"))
                Output.say("\(findings[findings.count - 1])")
            case .crashed(let status):
                findings.append(Finding(.crash, "--only \(blow): ended with \(status)"))
                Output.say("\(findings[findings.count - 1])")
            }
            if let finding = findings.last, !keepsGoing { throw finding }
        }
        let sizes = try files().map { "\($0) \(try size($0))" }.joined(separator: ", ")
        let summary =
            "\(blows.count) of \(all) damages (\(sizes) bytes): \(right) times right, \(reported) "
            + "times DATA_LOSS, \(behind) times behind what a client knows, other errors "
            + "\(refused), \(findings.count) findings"
        if let finding = findings.first { throw Finding(finding.kind, summary) }
        return summary
    }

    private func files() throws -> [String] {
        let names = try FileManager.default.subpathsOfDirectory(atPath: original).sorted()
        return try names.filter { name in
            let path = "\(original)/\(name)"
            let kind = try FileManager.default.attributesOfItem(atPath: path)[.type]
            return kind as? FileAttributeType == .typeRegular
        }
    }

    private func size(_ name: String) throws -> Int {
        let attributes = try FileManager.default.attributesOfItem(atPath: "\(original)/\(name)")
        return (attributes[.size] as? NSNumber)?.intValue ?? 0
    }

    /// A fresh copy of the store, with the damage.
    private func strike(_ blow: Blow) throws {
        try? FileManager.default.removeItem(atPath: damaged)
        try FileManager.default.copyItem(atPath: original, toPath: damaged)
        let url = URL(fileURLWithPath: "\(damaged)/\(blow.file)")
        var bytes = [UInt8](try Data(contentsOf: url))
        let at = blow.position
        let page = at..<min(at + Self.page, bytes.count)
        switch blow.damage {
        case .flip:
            var random = SeededGenerator(seed: place.seed ^ UInt64(at))
            bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case .cut: bytes.removeSubrange(at...)
        case .zeros: for index in page { bytes[index] = 0 }
        case .swap:
            let other = (at + Self.page) % max(1, bytes.count / Self.page * Self.page)
            for index in page where other + index - at < bytes.count {
                bytes.swapAt(index, other + index - at)
            }
        }
        try Data(bytes).write(to: url)
    }
}
