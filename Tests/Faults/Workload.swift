// SPDX-License-Identifier: Apache-2.0
import LodestoneClient
import Synchronization
import TestSupport

/// Clients that write at the same time, and what each was told.
struct Workload: Sendable {
    let content: Content
    var random: SeededGenerator
    var writers: [Writer]

    private(set) var openBatches = 0
    private(set) var openApplied = 0
    private(set) var resent = 0

    init(seed: UInt64, writerCount: Int, idCount: Int = 600, batchSize: Int = 100) {
        content = Content(seed: seed)
        random = SeededGenerator(seed: seed)
        writers = (0..<writerCount).map {
            Writer(name: "w\($0)", idCount: idCount, batchSize: batchSize)
        }
    }

    /// The same clients before an empty store.
    mutating func forgetStore() {
        for index in writers.indices {
            let old = writers[index]
            writers[index] = Writer(name: old.model.name)
            writers[index].acknowledgedBatches = old.acknowledgedBatches
            writers[index].acknowledgedDocuments = old.acknowledgedDocuments
        }
    }

    var acknowledgedBatches: Int { writers.map(\.acknowledgedBatches).reduce(0, +) }

    /// What was done so far.
    var summary: String {
        let documents = writers.map(\.acknowledgedDocuments).reduce(0, +)
        return "\(acknowledgedBatches) batches acknowledged with \(documents) documents; "
            + "\(openBatches) open at a fault, \(openApplied) of them applied, \(resent) sent again"
    }

    static func createCollection(
        _ endpoint: String,
        _ strategy: VectorIndexStrategy,
        text: TextIndexStrategy = .postings,
        dimension: Int = Content.usualDimension
    ) async throws {
        let client = try await Faults.connect(endpoint)
        _ = try await client.createCollection(
            Faults.collection,
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
    /// `strike` does something to the servers. Before it calls `allowFailures`, a call that fails
    /// is a finding.
    ///
    /// - Returns: The strike, with what was noted on it.
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
                    try await writer.run(
                        endpoint: endpoints[index % endpoints.count],
                        content: content,
                        random: &random,
                        strike: state
                    )
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

    /// Compares the store with what the writers were told.
    mutating func look(_ endpoint: String) async throws {
        let client = try await Faults.connect(endpoint)
        let verifier = Verifier(store: ServedStore(client: client), content: content)
        _ = try await verifier.verify(&writers, everything: false)
        await client.close()
    }

    /// Compares the store with what the writers were told, twice, and sends half of the batches
    /// whose fate was open again.
    mutating func compare(_ endpoint: String, everything: Bool = false) async throws {
        let client = try await Faults.connect(endpoint)
        let verifier = Verifier(store: ServedStore(client: client), content: content)
        let fates = try await verifier.verify(&writers, everything: false)
        for (index, fate) in fates.enumerated() {
            guard let fate, let open = writers[index].open else { continue }
            openBatches += 1
            if fate { openApplied += 1 }
            writers[index].open = nil
            // A client that gives up is as good as one that asks again.
            guard Bool.random(using: &random) else { continue }
            try await writers[index].resend(
                open,
                wasApplied: fate,
                to: client.collection(Faults.collection),
                content: content
            )
            resent += 1
        }
        _ = try await verifier.verify(&writers, everything: everything)
        await client.close()
    }
}

/// How far a fault has come, for the writers it is about.
final class Strike: Sendable {
    private struct State {
        var allowsAll = false
        var allowed: Set<String> = []
        var isOver = false
        var notes: [String] = []
    }

    private let state = Mutex(State())

    /// From now on a call may fail: of servers at `endpoints`, or of any.
    func allowFailures(at endpoints: [String]? = nil) {
        state.withLock { state in
            if let endpoints { state.allowed.formUnion(endpoints) } else { state.allowsAll = true }
        }
    }

    /// Writers whose server is still there stop after the batch under way.
    func end() {
        state.withLock { $0.isOver = true }
    }

    /// Keeps something for whoever struck.
    func note(_ text: String) {
        state.withLock { $0.notes.append(text) }
    }

    func allowsFailures(at endpoint: String) -> Bool {
        state.withLock { $0.allowsAll || $0.allowed.contains(endpoint) }
    }

    var isOver: Bool { state.withLock { $0.isOver } }
    var notes: [String] { state.withLock { $0.notes } }
}
