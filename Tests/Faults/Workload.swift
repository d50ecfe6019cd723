// SPDX-License-Identifier: Apache-2.0
import LodestoneClient
import LodestoneEngine
import Synchronization
import TestSupport

/// Clients that write at the same time, with the replies that each received.
struct Workload: Sendable {
    let content: Content
    var random: SeededGenerator
    var writers: [Writer]

    private(set) var openBatches = 0
    private(set) var openApplied = 0
    private(set) var resent = 0

    /// Creates clients of one collection, and more clients with a quiet one each.
    init(
        seed: UInt64,
        writerCount: Int,
        quietCount: Int = 0,
        idCount: Int = 600,
        batchSize: Int = 100
    ) {
        content = Content(seed: seed)
        random = SeededGenerator(seed: seed)
        writers = (0..<writerCount).map {
            Writer(name: "w\($0)", idCount: idCount, batchSize: batchSize)
        }
        writers += (0..<quietCount).map { Writer.quiet("q\($0)") }
    }

    /// Resets the clients for an empty store.
    mutating func forgetStore() {
        for index in writers.indices { writers[index].forgetStore() }
    }

    /// The collections; the one of most writers comes first.
    var collections: [String] {
        writers.reduce(into: []) { names, writer in
            if !names.contains(writer.collection) { names.append(writer.collection) }
        }
    }

    var acknowledgedBatches: Int { writers.map(\.acknowledgedBatches).reduce(0, +) }

    /// A summary of the work so far.
    var summary: String {
        let documents = writers.map(\.acknowledgedDocuments).reduce(0, +)
        return "\(acknowledgedBatches) batches acknowledged with \(documents) documents; "
            + "\(openBatches) open at a fault, \(openApplied) of them applied, \(resent) sent again"
    }

    /// Creates all collections.
    func createCollections(
        _ endpoint: String,
        _ strategy: VectorIndexStrategy,
        text: TextIndexStrategy = .postings
    ) async throws {
        for name in collections {
            try await Self.createCollection(endpoint, strategy, name: name, text: text)
        }
    }

    /// The collection of most writers, or now and then a quiet one.
    mutating func someCollection() -> String {
        let all = [Faults.collection] + collections
        return all.randomElement(using: &random) ?? Faults.collection
    }

    /// Drops a quiet collection, and creates it again.
    mutating func renewQuiet(_ endpoint: String, _ strategy: VectorIndexStrategy) async throws {
        let quiet = writers.indices.filter { writers[$0].isQuiet && writers[$0].open == nil }
        guard let index = quiet.randomElement(using: &random) else { return }
        let client = try await Faults.connect(endpoint)
        try await client.dropCollection(writers[index].collection)
        await client.close()
        writers[index].model.dropAll()
        try await Self.createCollection(endpoint, strategy, name: writers[index].collection)
    }

    static func createCollection(
        _ endpoint: String,
        _ strategy: VectorIndexStrategy,
        name: String = Faults.collection,
        text: TextIndexStrategy = .postings,
        dimension: Int = Content.usualDimension
    ) async throws {
        let client = try await Faults.connect(endpoint)
        _ = try await client.createCollection(
            name,
            CollectionOptions(
                dimension: dimension,
                vectorStrategy: strategy,
                textStrategy: text,
                metadataIndexes: ["version", "even", "words"].map { MetadataIndex($0) }
            )
        )
        await client.close()
    }

    /// Lets all writers write, each to one of `endpoints`, until `strike` has run.
    ///
    /// `strike` causes a fault in the servers. Before it calls `allowFailures`, a call that fails
    /// is a finding.
    ///
    /// - Returns: The strike, with its notes.
    @discardableResult
    mutating func write(
        to endpoints: [String],
        strike: @Sendable @escaping (Strike) async throws -> Void
    ) async throws -> Strike {
        let content = content
        let seeds = writers.map { _ in random.next() }
        let before = writers
        let state = Strike()
        writers = try await withThrowingTaskGroup(of: (Int, Writer).self) { group in
            for (index, writer) in before.enumerated() {
                group.addTask {
                    var writer = writer
                    var random = SeededGenerator(seed: seeds[index])
                    if writer.isQuiet {
                        try await writer.runQuietly(
                            endpoints: endpoints,
                            content: content,
                            random: &random,
                            strike: state
                        )
                    } else {
                        try await writer.run(
                            endpoint: endpoints[index % endpoints.count],
                            content: content,
                            random: &random,
                            strike: state
                        )
                    }
                    return (index, writer)
                }
            }
            try await strike(state)
            state.end()
            var after = before
            for try await (index, writer) in group { after[index] = writer }
            return after
        }
        return state
    }

    /// Compares the store with the replies that the writers received.
    mutating func look(_ endpoint: String) async throws {
        let client = try await Faults.connect(endpoint)
        _ = try await verify(everything: false) { ServedStore(client: client, name: $0) }
        await client.close()
    }

    /// Compares the store in this process with the replies that the writers received.
    mutating func look(_ engine: Engine, everything: Bool = false) async throws {
        _ = try await verify(everything: everything) { OwnStore(engine: engine, name: $0) }
    }

    /// Compares the store twice with the replies of the writers, and resends half of the open
    /// batches.
    mutating func compare(_ endpoint: String, everything: Bool = false) async throws {
        let client = try await Faults.connect(endpoint)
        func store(_ name: String) -> ServedStore { ServedStore(client: client, name: name) }
        let fates = try await verify(everything: false, in: store)
        for (index, fate) in fates.enumerated() {
            guard let fate, let open = writers[index].open else { continue }
            openBatches += 1
            if fate { openApplied += 1 }
            writers[index].open = nil
            // Only half of the clients send again, as if the others had given up.
            guard Bool.random(using: &random) else { continue }
            try await writers[index].resend(
                open,
                wasApplied: fate,
                to: client.collection(writers[index].collection),
                content: content
            )
            resent += 1
        }
        _ = try await verify(everything: everything, in: store)
        await client.close()
    }

    /// Compares all collections, one after the other.
    ///
    /// - Returns: The result of `Verifier` for each writer.
    private mutating func verify(
        everything: Bool,
        in store: (_ collection: String) -> any QueriedStore
    ) async throws -> [Bool?] {
        var fates = [Bool?](repeating: nil, count: writers.count)
        for name in collections {
            let indexes = writers.indices.filter { writers[$0].collection == name }
            var some = indexes.map { writers[$0] }
            let found = try await Verifier(store: store(name), content: content)
                .verify(&some, everything: everything)
            for (position, (writer, fate)) in zip(indexes, zip(some, found)) {
                writers[position] = writer
                fates[position] = fate
            }
        }
        return fates
    }
}

/// The state of a fault, for the writers under it.
final class Strike: Sendable {
    private struct State {
        var allowsAll = false
        var allowed: Set<String> = []
        var isOver = false
        var notes: [String] = []
    }

    private let state = Mutex(State())

    /// Allows calls to fail from now on: calls to servers at `endpoints`, or to any.
    func allowFailures(at endpoints: [String]? = nil) {
        state.withLock { state in
            if let endpoints { state.allowed.formUnion(endpoints) } else { state.allowsAll = true }
        }
    }

    /// Ends the fault: writers whose server still runs stop after the batch under way.
    func end() {
        state.withLock { $0.isOver = true }
    }

    /// Keeps a note of the strike.
    func note(_ text: String) {
        state.withLock { $0.notes.append(text) }
    }

    func allowsFailures(at endpoint: String) -> Bool {
        state.withLock { $0.allowsAll || $0.allowed.contains(endpoint) }
    }

    var isOver: Bool { state.withLock { $0.isOver } }
    var notes: [String] { state.withLock { $0.notes } }
}
