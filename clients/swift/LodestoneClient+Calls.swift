// SPDX-License-Identifier: Apache-2.0
public import LodestoneCore
import LodestoneWire

extension LodestoneClient {
    /// Asks whether the server is there.
    ///
    /// - Returns: The sequence number of the last batch that searches can see.
    @discardableResult
    public func ping() async throws(LodestoneError) -> UInt64 {
        try await perform(.ping) { reply in
            if case .pong(let sequenceNumber) = reply { sequenceNumber } else { nil }
        }
    }

    /// Creates a collection.
    ///
    /// - Parameters:
    ///   - name: 1 to 64 letters, digits, dots, hyphens and underscores.
    ///   - options: What is decided now.
    ///   - requestID: Names this write: sent twice, it has one effect.
    ///   - deadline: `nil`: the configuration's.
    /// - Returns: Where the write stands among all others.
    /// - Throws: `.alreadyExists` when there is one of that name.
    @discardableResult
    public func createCollection(
        _ name: String,
        _ options: CollectionOptions,
        requestID: RequestID = .random(),
        deadline: Duration? = nil
    ) async throws(LodestoneError) -> WriteReceipt {
        try await write(
            .createCollection(name: name, options),
            requestID: requestID,
            deadline: deadline
        )
    }

    /// Drops a collection with everything in it.
    ///
    /// - Parameters:
    ///   - name: Of the collection.
    ///   - requestID: Names this write: sent twice, it has one effect.
    ///   - deadline: `nil`: the configuration's.
    /// - Returns: Where the write stands among all others.
    /// - Throws: `.notFound` when there is none of that name.
    @discardableResult
    public func dropCollection(
        _ name: String,
        requestID: RequestID = .random(),
        deadline: Duration? = nil
    ) async throws(LodestoneError) -> WriteReceipt {
        try await write(.dropCollection(name: name), requestID: requestID, deadline: deadline)
    }

    /// Every collection.
    public func collections() async throws(LodestoneError) -> [CollectionDescription] {
        try await perform(.listCollections) { reply in
            if case .collections(let collections) = reply { collections } else { nil }
        }
    }

    /// The state of the server and its store.
    public func stats() async throws(LodestoneError) -> Stats {
        try await perform(.stats) { reply in
            if case .stats(let stats) = reply { stats } else { nil }
        }
    }

    /// The collection of that name, which need not exist yet.
    ///
    /// Nothing is sent.
    public func collection(_ name: String) -> Collection {
        Collection(name: name, client: self)
    }

    func write(_ call: Call, requestID: RequestID, deadline: Duration?)
        async throws(LodestoneError) -> WriteReceipt
    {
        try await perform(call, requestID: requestID, deadline: deadline) { reply in
            if case .written(let receipt) = reply { receipt } else { nil }
        }
    }
}

extension Call {
    /// The call in an error's words: the name of its case.
    var name: String {
        Mirror(reflecting: self).children.first?.label ?? "\(self)"
    }
}
