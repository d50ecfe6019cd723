// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Foundation
import LodestoneClient
import LodestoneStructures
import TestSupport

/// Erasures that end in a kill, at random times and at each of their steps.
struct Erasure: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "erase",
        abstract: "Kills servers while they erase dropped documents.",
        discussion: """
            Once a receipt was given, no file may have what was dropped before, also after the kill \
            and the next start. Without one nothing is promised, but the store is whole, and the \
            next erasure succeeds.
            """
    )

    @OptionGroup var options: RunOptions
    @Option(help: "How often to kill.") var cycles = 20

    func run() async throws {
        try await options.carryOut { setup in
            var run = ErasureRun(setup: setup)
            try await run.prepare()
            for _ in 0..<cycles { try await run.cycle() }
            return run.summary
        }
    }
}

/// One store, in which some documents stay and others must be erased.
struct ErasureRun {
    private static let steps: [Failpoint] = [
        .compactionBeforeRename, .compactionBeforePointer, .compactionAfterVectors,
        .compactionBeforeRemoval, .eraseBeforeCheckpoint, .eraseAfter,
    ]
    private static let dimension = 8
    private static let keptDocuments = 200

    let setup: RunSetup
    private var random: SeededGenerator
    private var cycles = 0
    private var receipts = 0
    private var deaths = 0
    private var store: String { "\(setup.folder)/store" }

    init(setup: RunSetup) {
        self.setup = setup
        random = SeededGenerator(seed: setup.seed)
    }

    var summary: String {
        "\(cycles) erasures, \(receipts) with a receipt, \(deaths) deaths on the way"
    }

    /// A word that only the documents of this cycle have.
    private var secret: String { "secret\(setup.seed)cycle\(cycles)x" }

    private func vector(_ number: Int) -> [Float] {
        (0..<Self.dimension).map { Float(number * 31 + $0) + 0.1 }
    }

    func prepare() async throws {
        try await setup.withServer(on: store) { _, endpoint in
            for text in [TextIndexStrategy.postings, .fts5] {
                try await Faults.connect(endpoint).createCollection(
                    Self.name(text),
                    CollectionOptions(
                        dimension: Self.dimension,
                        vectorStrategy: setup.strategy(),
                        textStrategy: text
                    )
                )
            }
        }
    }

    private static func name(_ text: TextIndexStrategy) -> String { "a-\(text)" }

    private func documents(_ prefix: String, _ count: Int, _ word: String) throws -> [Document] {
        try (0..<count).map { number in
            Document(
                id: try DocumentID("\(prefix)-\(number)"),
                vector: vector(prefix == "kept" ? number : 1_000 * (cycles + 1) + number),
                text: "\(word) number \(number)",
                metadata: ["m": .string("\(word)-\(number)")]
            )
        }
    }

    mutating func cycle() async throws {
        // Every second cycle is killed at a random time.
        let step = cycles.isMultiple(of: 2) ? nil : Self.steps[cycles / 2 % Self.steps.count]
        let delay = Duration.milliseconds(Int.random(in: 0...3_000, using: &random))
        let server = try setup.startServer(on: store, step?.environment() ?? [:])
        let endpoint = try await server.waitUntilListening()
        var hasReceipt = false
        do {
            try await writeAndDrop(endpoint)
            let killer = Task {
                guard step == nil else { return }
                try await Task.sleep(for: delay)
                await server.end()
            }
            defer { killer.cancel() }
            _ = try await Faults.connect(endpoint).erase()
            hasReceipt = true
        } catch let error as LodestoneError {
            await server.waitForExit(atMost: .seconds(10))
            guard await !server.isRunning else { throw Finding(.refusal, "\(error)") }
        }
        if await !server.isRunning { deaths += 1 }
        await server.end()
        receipts += hasReceipt ? 1 : 0
        if hasReceipt { try expectNoSecret("after a receipt and a kill") }
        try await setup.withServer(on: store) { _, endpoint in
            if hasReceipt { try expectNoSecret("after a receipt and a start") }
            try await compare(endpoint)
            let client = try await Faults.connect(endpoint)
            // A cycle that was killed early has left documents.
            for text in [TextIndexStrategy.postings, .fts5] {
                try await drop(client.collection(Self.name(text)))
            }
            _ = try await client.erase()
            try expectNoSecret("after an erasure")
            try await compare(endpoint)
        }
        try expectNoSecret("after an erasure and a stop")
        cycles += 1
    }

    private func writeAndDrop(_ endpoint: String) async throws {
        let client = try await Faults.connect(endpoint)
        for text in [TextIndexStrategy.postings, .fts5] {
            let collection = client.collection(Self.name(text))
            _ = try await collection.indexMany(documents("kept", Self.keptDocuments, "ordinary"))
            _ = try await collection.indexMany(documents("gone", 40, secret))
            try await drop(collection)
        }
    }

    private func drop(_ collection: LodestoneClient.Collection) async throws {
        let ids = try (0..<40).map { try DocumentID("gone-\($0)") }
        // Some documents are replaced before they are dropped.
        let ten = try documents("gone", 10, "harmless")
        _ = try await collection.indexMany(ten)
        _ = try await collection.drop(ids)
    }

    /// Checks that the documents that stay are there, and no others.
    private func compare(_ endpoint: String) async throws {
        let client = try await Faults.connect(endpoint)
        for text in [TextIndexStrategy.postings, .fts5] {
            let collection = client.collection(Self.name(text))
            let kept = try await collection.describe().documents
            guard kept >= Self.keptDocuments || cycles == 0 else {
                throw Finding(.lost, "\(kept) of \(Self.keptDocuments) documents are there.")
            }
        }
        let report = try await client.verify()
        guard report.isClean else { throw Finding(.wrong, "\(report.damages)") }
    }

    private func expectNoSecret(_ when: String) throws {
        let pattern = Data(secret.utf8)
        let vectors = vector(1_000 * (cycles + 1) + 20).withUnsafeBytes { Data($0) }
        for name in try FileManager.default.contentsOfDirectory(atPath: store).sorted() {
            let path = store + "/" + name
            guard let bytes = FileManager.default.contents(atPath: path) else { continue }
            for secret in [pattern, vectors] where bytes.range(of: secret) != nil {
                throw Finding(.lie, "\(name) has dropped documents \(when).")
            }
        }
    }
}
