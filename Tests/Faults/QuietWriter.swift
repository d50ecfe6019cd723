// SPDX-License-Identifier: Apache-2.0
import LodestoneClient
import TestSupport

/// A client with its own collection, from which it reads often and to which it seldom writes.
///
/// Other clients compact their collections and forget the log meanwhile. Servers with a limit of
/// open collections close this one and open it again.
extension Writer {
    /// So few changes that the collection's base lacks some of them for a long time.
    private static let (quietIDCount, quietBatchSize) = (60, 6)
    /// One of so many looks and batches is a batch.
    private static let looksPerBatch = 6
    private static let documentsPerLook = 3
    /// The longest pause between two steps, which leaves the servers to the other clients.
    private static let longestPause = 20

    static func quiet(_ name: String) -> Writer {
        Writer(
            name: name,
            idCount: quietIDCount,
            batchSize: quietBatchSize,
            collection: "\(Faults.collection)-\(name)"
        )
    }

    /// Whether the writer has a quiet collection.
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

    /// Looks for the documents that it has changed, and some others.
    ///
    /// They must be there, even if the server has closed the collection or another process has
    /// written.
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
