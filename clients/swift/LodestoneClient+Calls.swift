// SPDX-License-Identifier: Apache-2.0
public import LodestoneCore
import LodestoneWire

extension LodestoneClient {
    /// Asks whether the server is there.
    ///
    /// It passes calls that wait for their turn.
    ///
    /// - Parameter deadline: `nil`: the configuration's.
    /// - Returns: The sequence number of the last batch that searches can see.
    /// - Throws: `.deadlineExceeded` when no answer has come by then.
    @discardableResult
    public func ping(deadline: Duration? = nil) async throws(LodestoneError) -> UInt64 {
        try await perform(.ping, deadline: deadline) { reply in
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

    /// Changes how a collection finds near vectors, and which fields of the metadata are indexed;
    /// nothing is sent again.
    ///
    /// The server then builds the indexes in the background; what it answers meanwhile is right, only
    /// slower, and `CollectionDescription.buildingIndexes` names those that aren't there yet. The same
    /// strategy again, a field that is indexed and one to drop that isn't change nothing.
    ///
    /// - Parameters:
    ///   - name: Of the collection.
    ///   - strategy: How near vectors are found from now on; `nil`: as before.
    ///   - addIndexes: Fields that are indexed from now on; a collection has at most 32.
    ///   - dropIndexes: Fields that are not indexed any more; filters on them read the documents.
    ///   - requestID: Names this write: sent twice, it has one effect.
    ///   - deadline: `nil`: the configuration's.
    /// - Returns: Where the write stands among all others.
    /// - Throws: `.notFound` when there is no such collection, `.invalidArgument` when an option is
    ///   out of range, the collection has no vectors for the strategy, a field is named twice, or there
    ///   would be too many.
    @discardableResult
    public func alterCollection(
        _ name: String,
        _ strategy: VectorIndexStrategy? = nil,
        addIndexes: [MetadataIndex] = [],
        dropIndexes: [MetadataIndex] = [],
        requestID: RequestID = .random(),
        deadline: Duration? = nil
    ) async throws(LodestoneError) -> WriteReceipt {
        let change = CollectionChange(
            vectorStrategy: strategy,
            addedIndexes: addIndexes,
            droppedIndexes: dropIndexes
        )
        return try await write(
            .alterCollection(name: name, change),
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
    ///
    /// It passes calls that wait for their turn.
    ///
    /// - Parameter deadline: `nil`: the configuration's.
    /// - Returns: Each as it stands.
    /// - Throws: `.deadlineExceeded` when no answer has come by then.
    public func collections(deadline: Duration? = nil) async throws(LodestoneError)
        -> [CollectionDescription]
    {
        try await perform(.listCollections, deadline: deadline) { reply in
            if case .collections(let collections) = reply { collections } else { nil }
        }
    }

    /// The state of the server and its store.
    ///
    /// It passes calls that wait for their turn.
    ///
    /// - Parameter deadline: `nil`: the configuration's.
    /// - Returns: All figures that the server keeps.
    /// - Throws: `.deadlineExceeded` when no answer has come by then.
    public func stats(deadline: Duration? = nil) async throws(LodestoneError) -> Stats {
        try await perform(.stats, deadline: deadline) { reply in
            if case .stats(let stats) = reply { stats } else { nil }
        }
    }

    /// Has the server write a snapshot of its whole store into the store's directory, while it goes
    /// on being written to.
    ///
    /// It is tried once.
    ///
    /// - Parameters:
    ///   - name: 1 to 64 of a-z, 0-9, `_` and `-`.
    ///   - deadline: At most a day.
    /// - Returns: What the snapshot holds.
    /// - Throws: `.alreadyExists` when there is one of that name, `.resourceExhausted` when another
    ///   snapshot or verification is under way.
    @discardableResult
    public func snapshot(_ name: String, deadline: Duration = Limits.maxBuildTime)
        async throws(LodestoneError) -> SnapshotDescription
    {
        // The request id is what makes the client tell when it can't know whether it was written.
        try await perform(
            .snapshot(name: name),
            requestID: .random(),
            deadline: deadline,
            retry: RetryPolicy.none
        ) { reply in
            if case .snapshot(let snapshot) = reply { snapshot } else { nil }
        }
    }

    /// The snapshots that the server has, by name.
    ///
    /// - Parameter deadline: `nil`: the configuration's.
    /// - Returns: A description of each.
    /// - Throws: `.deadlineExceeded` when no answer has come by then.
    public func snapshots(deadline: Duration? = nil) async throws(LodestoneError)
        -> [SnapshotDescription]
    {
        try await perform(.listSnapshots, deadline: deadline) { reply in
            if case .snapshots(let snapshots) = reply { snapshots } else { nil }
        }
    }

    /// Has the server compare its whole store with its checksums, and its parts with each other,
    /// while it goes on being written to.
    ///
    /// - Returns: What was looked at, and what is damaged.
    /// - Throws: `.resourceExhausted` when a snapshot or another verification is under way.
    public func verify(deadline: Duration = Limits.maxBuildTime)
        async throws(LodestoneError) -> VerifyReport
    {
        try await perform(.verify, deadline: deadline) { reply in
            if case .verified(let report) = reply { report } else { nil }
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
