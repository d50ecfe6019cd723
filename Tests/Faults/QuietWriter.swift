// SPDX-License-Identifier: Apache-2.0
import LodestoneClient
import TestSupport

/// A client with a collection of its own, which it asks often and seldom writes to.
///
/// Others compact theirs and forget the log meanwhile, and servers that may have few collections open
/// close it and open it again.
extension Writer {
    /// So few changes that the collection's base lacks some of them for long.
    private static let (quietIDCount, quietBatchSize) = (60, 6)
    /// Of so many looks and batches one is a batch.
    private static let looksPerBatch = 6
    private static let documentsPerLook = 3
    /// The longest pause between two, which leaves the servers to the others.
    private static let longestPause = 20

    static func quiet(_ name: String) -> Writer {
        Writer(
            name: name,
            idCount: quietIDCount,
            batchSize: quietBatchSize,
            collection: "\(Faults.collection)-\(name)"
        )
    }

    /// Whether it is one.
    var isQuiet: Bool { collection != Faults.collection }

    /// Writes and looks through one of `endpoints` after the other until the fault is over, or a
    /// write fails.
    mutating func runQuietly(
        endpoints: [String],
        content: Content,
        random: inout SeededGenerator,
        strike: Strike
    ) async throws {
        var clients: [String: LodestoneClient] = [:]
        var living = endpoints
        while !strike.isOver, open == nil, let endpoint = living.randomElement(using: &random) {
            do {
                let client: LodestoneClient
                if let connected = clients[endpoint] {
                    client = connected
                } else {
                    client = try await Faults.connect(endpoint)
                    clients[endpoint] = client
                }
                if Int.random(in: 0..<Self.looksPerBatch, using: &random) == 0 {
                    if let error = try await step(client, content, &random) { throw error }
                }
                try await lookAtSome(client, content, &random)
                let pause = Int.random(in: 0...Self.longestPause, using: &random)
                try await Task.sleep(for: .milliseconds(pause))
            } catch let error as LodestoneError {
                guard strike.allowsFailures(at: endpoint) else {
                    throw Finding(error, of: "\(model.name) at \(endpoint)")
                }
                living.removeAll { $0 == endpoint }
            }
        }
        for client in clients.values { await client.close() }
    }

    /// Looks for the documents that it has changed, and some others: whatever the server has closed,
    /// or another has written, they are there.
    private func lookAtSome(
        _ client: LodestoneClient,
        _ content: Content,
        _ random: inout SeededGenerator
    ) async throws {
        let ids = (touched.sorted() + model.allIDs).shuffled(using: &random)
        let store = ServedStore(client: client, name: collection)
        try await Probe(store: store, content: content, model: model)
            .check(Set(ids.prefix(Self.documentsPerLook)), withOthers: false)
    }
}
