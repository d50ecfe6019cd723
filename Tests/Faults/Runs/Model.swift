// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Foundation
import LodestoneClient
import LodestoneEngine
import LodestoneStorage
import LodestoneStructures
import TestSupport

/// An engine and plain lists perform the same operations, and must give the same results.
struct Model: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Compares an engine with brute force over plain lists, with restarts.",
        discussion: """
            Compactions follow every 100 changes, and the run makes some more, and erasures. Some \
            collections are quiet, and closed while others are used. The views after a restart, a \
            compaction or an erasure must rank texts as they did before.
            """
    )

    /// The number of operations between two lines of progress.
    private static let operationsPerLine = 10_000

    @OptionGroup var options: RunOptions
    @Option(help: "Writes and questions.") var operations = 20_000
    @Option(help: "The chance of a restart, after each operation.") var restarts = 0.001
    @Flag(help: "Keep texts with FTS5 instead of postings.") var fts5 = false

    func run() async throws {
        try await options.carryOut { setup in
            // A planted bug must be in this process, which has the engine.
            if let plant = setup.plant,
                ProcessInfo.processInfo.environment["LODESTONE_PLANT"] == nil
            {
                throw ValidationError("Set LODESTONE_PLANT=\(plant.name) as well.")
            }
            var run = try await ModelRun(setup: setup, text: fts5 ? .fts5 : .postings)
            for done in 1...max(1, operations) {
                try await run.step(restarts: restarts)
                if done.isMultiple(of: Self.operationsPerLine) { Output.say(run.summary) }
            }
            try await run.finish()
            return run.summary
        }
    }
}

/// The operations of one run.
struct ModelRun {
    private static let operationsPerLook = 1_000
    /// One of so many operations is on a quiet collection.
    private static let operationsPerQuiet = 12
    /// The share of the nearest documents that the index must find.
    private static let recallFloor = 0.95

    private let directory: String
    private let content: Content
    private var random: SeededGenerator
    private var writer = Writer(name: "m", idCount: 300, batchSize: 8)
    /// The clients of quiet collections, which are closed while others are used.
    private var quiet = (0..<3).map { Writer.quiet("q\($0)") }
    private var store: OwnStore
    private var operations = 0
    private var writes = 0
    private var restarts = 0
    private var compactions = 0
    private var erasures = 0
    private var changes = 0
    /// The number of nearest documents, and how many of them the index found.
    private var (wanted, found) = (0, 0)
    /// The settings of the run, which decide the index but not the content.
    private let setup: RunSetup

    init(setup: RunSetup, text: TextIndexStrategy) async throws {
        self.setup = setup
        directory = "\(setup.scratch)/model"
        content = Content(seed: setup.seed)
        random = SeededGenerator(seed: setup.seed)
        store = OwnStore(engine: try Self.open(directory))
        for name in [Faults.collection] + quiet.map(\.collection) {
            try await store.engine.createCollection(
                name,
                CollectionOptions(
                    dimension: content.dimension,
                    vectorStrategy: setup.strategy(),
                    textStrategy: text,
                    metadataIndexes: ["version", "even", "words"].map { MetadataIndex($0) }
                )
            )
        }
    }

    var summary: String {
        "\(operations) operations, \(writes) of them writes, \(restarts) restarts, \(compactions) "
            + "requested compactions, \(erasures) erasures, \(changes) other strategies; "
            + "\(found) of \(wanted) nearest found by an index"
    }

    private static func open(_ directory: String) throws -> Engine {
        var policy = CompactionPolicy(
            minimumChanges: 100,
            busyChanges: 1,
            percentOfBase: 0,
            minimumGarbageBytes: 2_000
        )
        // Writes never pause, and eight times as many vectors are linked all the same.
        policy.scannedBytes = Content.usualDimension * MemoryLayout<Float>.stride
        var options = Engine.Options(
            compaction: policy,
            openCollections: OpenCollections(count: 2)
        )
        options.edgesInRow = EdgesInRow(count: 2)
        return try Engine.open(directory: directory, options: options)
    }

    mutating func step(restarts chance: Double) async throws {
        operations += 1
        if operations.isMultiple(of: Self.operationsPerQuiet) { try await useQuiet() }
        switch Int.random(in: 0..<10, using: &random) {
        case 0..<4: writer = try await written(by: writer)
        case 4..<6: try await searchByVector()
        case 6..<8: try await searchByWords()
        default: try await compareSome()
        }
        if Double.random(in: 0..<1, using: &random) < chance {
            try await keepingRanks("a restart") { run in
                run.store.engine.close()
                run.store = OwnStore(engine: try Self.open(run.directory))
            }
            restarts += 1
            try await look(everything: false)
        }
        if Double.random(in: 0..<1, using: &random) < chance {
            try await keepingRanks("a compaction") { run in
                try await run.store.engine.compact(Faults.collection)
            }
            compactions += 1
            try await look(everything: false)
        }
        if Double.random(in: 0..<1, using: &random) < chance / 2 {
            try await keepingRanks("an erasure") { run in
                let one = run.quiet.randomElement(using: &run.random)?.collection
                try await run.store.engine.erase(Bool.random(using: &run.random) ? nil : one)
            }
            erasures += 1
            try await look(everything: false)
        }
        if Double.random(in: 0..<1, using: &random) < chance {
            changes += 1
            // The index is built while the next operations go on.
            let words = [MetadataIndex("words")]
            try await store.engine.alterCollection(
                Faults.collection,
                setup.strategy(changes),
                addIndexes: changes.isMultiple(of: 2) ? words : [],
                dropIndexes: changes.isMultiple(of: 2) ? [] : words
            )
        }
        if operations.isMultiple(of: Self.operationsPerLook) { try await look(everything: true) }
    }

    mutating func finish() async throws {
        guard Double(found) >= Self.recallFloor * Double(wanted) else {
            throw Finding(.wrong, "The index found \(found) of \(wanted) nearest documents.")
        }
        try await look(everything: true)
        store.engine.close()
        store = OwnStore(engine: try Self.open(directory))
        try await look(everything: true)
        store.engine.close()
    }

    /// Does work that must not change the results, nor their order.
    private mutating func keepingRanks(
        _ what: String,
        _ body: (inout ModelRun) async throws -> Void
    ) async throws {
        let one = content.word(using: &random)
        let queries = [one, "\(one) OR \(content.word(using: &random))"].map {
            Query([.matching($0, mode: .querySyntax)], limit: 1_000)
        }
        let before = try await store.results(of: queries).map(Self.ranks)
        try await body(&self)
        let after = try await store.results(of: queries).map(Self.ranks)
        guard before == after else {
            throw Finding(.wrong, "By \(one), before and after \(what): \(before), \(after).")
        }
    }

    private static func ranks(_ result: QueryResult) -> [String: Double] {
        Dictionary(uniqueKeysWithValues: result.hits.map { ($0.id.string, $0.score) })
    }

    private mutating func look(everything: Bool) async throws {
        writer = try await looked(at: writer, everything: everything)
        for index in quiet.indices {
            quiet[index] = try await looked(at: quiet[index], everything: everything)
        }
    }

    private func looked(at writer: Writer, everything: Bool) async throws -> Writer {
        var writers = [writer]
        _ = try await Verifier(store: collection(of: writer), content: content)
            .verify(&writers, everything: everything)
        return writers[0]
    }

    private func collection(of writer: Writer) -> OwnStore {
        OwnStore(engine: store.engine, name: writer.collection)
    }

    /// Writes to a quiet collection, or looks for some of its documents.
    private mutating func useQuiet() async throws {
        let index = Int.random(in: quiet.indices, using: &random)
        if Bool.random(using: &random) { quiet[index] = try await written(by: quiet[index]) }
        let ids = quiet[index].model.allIDs.shuffled(using: &random).prefix(3)
        try await Probe(
            store: collection(of: quiet[index]),
            content: content,
            model: quiet[index].model
        )
        .check(Set(ids), withOthers: false)
    }

    /// - Returns: The writer after its next batch.
    private mutating func written(by writer: Writer) async throws -> Writer {
        var writer = writer
        let batch = writer.model.nextBatch(using: &random)
        let old = writer.model.documents
        let receipt = try await collection(of: writer).send(batch, content)
        let replaced = batch.indexed.count { old[$0.id] != nil }
        guard receipt.replaced == replaced, receipt.inserted == batch.indexed.count - replaced,
            receipt.dropped == batch.dropped.count
        else { throw Finding(.lie, "\(batch.summary) was answered with \(receipt).") }
        writer.acknowledge(batch, receipt)
        writes += 1
        return writer
    }

    /// Compares a search for the ten nearest to some vector.
    private mutating func searchByVector() async throws {
        let vector = (0..<content.dimension).map { _ in Float.random(in: -1...1, using: &random) }
        let results = try await store.results(of: [
            Query([.near(vector, exact: true)], limit: 10), Query([.near(vector)], limit: 10),
        ])
        let hits = results[0].hits
        func cosine(_ other: [Float]) -> Double {
            var (dot, own, others) = (0.0, 0.0, 0.0)
            for (left, right) in zip(vector, other) {
                dot += Double(left) * Double(right)
                own += Double(left) * Double(left)
                others += Double(right) * Double(right)
            }
            return dot / (own * others).squareRoot()
        }
        let scores = writer.model.documents.map { id, model in
            (id: id, score: cosine(content.vector(id, model.version)))
        }
        let expected = scores.sorted { $0.score > $1.score }.prefix(10)
        // Two equally near documents may be in either order.
        let isRight =
            hits.count == expected.count
            && zip(hits, expected).allSatisfy { abs($0.score - $1.score) < 1e-5 }
        guard isRight else {
            throw Finding(
                .wrong,
                "Nearest are \(hits.map { ($0.id.string, $0.score) }) instead of \(expected)."
            )
        }
        try check(results[1].hits, scores, expected)
    }

    /// Checks the results of an index.
    ///
    /// It must return as many documents as there are, with their true scores, and nearly always the
    /// nearest.
    private mutating func check(
        _ hits: [Hit],
        _ scores: [(id: String, score: Double)],
        _ expected: ArraySlice<(id: String, score: Double)>
    ) throws {
        let scores = Dictionary(uniqueKeysWithValues: scores.map { ($0.id, $0.score) })
        let isRight =
            hits.count == expected.count && Set(hits.map(\.id)).count == hits.count
            && hits.allSatisfy { abs($0.score - (scores[$0.id.string] ?? .infinity)) < 1e-5 }
        guard isRight else {
            throw Finding(
                .wrong,
                "The index found \(hits.map { ($0.id.string, $0.score) }), where \(expected) are "
                    + "nearest."
            )
        }
        wanted += expected.count
        found += hits.count { $0.score > (expected.last?.score ?? 0) - 1e-5 }
    }

    /// Compares a search for documents with one word and without another.
    private mutating func searchByWords() async throws {
        let one = content.word(using: &random)
        let other = content.word(using: &random)
        guard one != other else { return }
        let source = Source.matching("\(one) NOT \(other)", mode: .querySyntax)
        let hits = try await store.results(of: [Query([source], limit: 1_000)])[0].hits
        var expected: Set<String> = []
        for (id, model) in writer.model.documents {
            let words = Set(
                try content.document(id, model).text.flatMap { $0.text.split(separator: " ") }
                    .map(String.init)
            )
            if words.contains(one) && !words.contains(other) { expected.insert(id) }
        }
        let found = Set(hits.map(\.id.string))
        guard found == expected else {
            throw Finding(
                .wrong,
                "\(one) NOT \(other): \(found.symmetricDifference(expected).sorted()) differ."
            )
        }
    }

    /// Looks for a few documents in every way of `Probe`.
    private mutating func compareSome() async throws {
        let ids = (0..<5).map { _ in "m-\(Int.random(in: 0..<300, using: &random))" }
        try await Probe(store: store, content: content, model: writer.model)
            .check(Set(ids), withOthers: false)
    }
}
