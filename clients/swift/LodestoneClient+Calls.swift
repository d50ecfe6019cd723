// SPDX-License-Identifier: Apache-2.0
public import LodestoneCore
import LodestoneWire

extension LodestoneClient {
    /// Checks that the server replies.
    ///
    /// The call is sent before calls that wait for their turn.
    ///
    /// - Parameter deadline: `nil`: the configuration's deadline.
    /// - Returns: The sequence number of the last batch that searches can see.
    /// - Throws: `.deadlineExceeded` when no reply has come in time.
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
    ///   - options: The options of the collection.
    ///   - requestID: The idempotency key: sent again within a day, the write has one effect.
    ///   - deadline: `nil`: the configuration's deadline.
    /// - Returns: The sequence number of the write.
    /// - Throws: `.alreadyExists` when there is a collection of that name.
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

    /// Changes a collection's vector strategy and its indexed fields.
    ///
    /// The documents are not sent again: the server builds the indexes in the background. Meanwhile
    /// results are right but slower, and `CollectionDescription.buildingIndexes` names the
    /// incomplete indexes. The same strategy, an added field that is indexed, and a dropped field
    /// that isn't indexed change nothing.
    ///
    /// - Parameters:
    ///   - name: The name of the collection.
    ///   - strategy: The new vector strategy; `nil`: no change.
    ///   - addIndexes: Fields to index; a collection has at most 32.
    ///   - dropIndexes: Fields whose indexes are dropped; filters on them then read the documents.
    ///   - requestID: The idempotency key: sent again within a day, the write has one effect.
    ///   - deadline: `nil`: the configuration's deadline.
    /// - Returns: The sequence number of the write.
    /// - Throws: `.notFound` when there is no such collection, `.invalidArgument` when an option is
    ///   out of range, the collection has no vectors for the strategy, a field is named twice, or
    ///   there would be too many.
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
    ///   - name: The name of the collection.
    ///   - requestID: The idempotency key: sent again within a day, the write has one effect.
    ///   - deadline: `nil`: the configuration's deadline.
    /// - Returns: The sequence number of the write.
    /// - Throws: `.notFound` when there is no collection of that name.
    @discardableResult
    public func dropCollection(
        _ name: String,
        requestID: RequestID = .random(),
        deadline: Duration? = nil
    ) async throws(LodestoneError) -> WriteReceipt {
        try await write(.dropCollection(name: name), requestID: requestID, deadline: deadline)
    }

    /// Describes every collection.
    ///
    /// The call is sent before calls that wait for their turn.
    ///
    /// - Parameter deadline: `nil`: the configuration's deadline.
    /// - Returns: The current description of each collection.
    /// - Throws: `.deadlineExceeded` when no reply has come in time.
    public func collections(deadline: Duration? = nil) async throws(LodestoneError)
        -> [CollectionDescription]
    {
        try await perform(.listCollections, deadline: deadline) { reply in
            if case .collections(let collections) = reply { collections } else { nil }
        }
    }

    /// The state of the server and its store.
    ///
    /// The call is sent before calls that wait for their turn.
    ///
    /// - Parameter deadline: `nil`: the configuration's deadline.
    /// - Returns: All figures of the server.
    /// - Throws: `.deadlineExceeded` when no reply has come in time.
    public func stats(deadline: Duration? = nil) async throws(LodestoneError) -> Stats {
        try await perform(.stats, deadline: deadline) { reply in
            if case .stats(let stats) = reply { stats } else { nil }
        }
    }

    /// The slow requests of the server, and its reads by their shape, since its start.
    ///
    /// The requests have the constants of other clients' queries, so the call needs the role admin.
    ///
    /// - Parameters:
    ///   - limit: The most requests of each kind, and the most shapes; at most 128.
    ///   - deadline: `nil`: the configuration's deadline.
    /// - Returns: The requests and shapes.
    /// - Throws: `.deadlineExceeded` when no reply has come in time.
    public func slowRequests(limit: Int = 128, deadline: Duration? = nil)
        async throws(LodestoneError) -> SlowRequests
    {
        try await perform(.slowRequests(limit: limit), deadline: deadline) { reply in
            if case .slowRequests(let report) = reply { report } else { nil }
        }
    }

    /// Writes a snapshot of the whole store into the store's directory on the server.
    ///
    /// The server accepts writes meanwhile. The client does not repeat the call.
    ///
    /// - Parameters:
    ///   - name: 1 to 64 of a-z, 0-9, `_` and `-`.
    ///   - deadline: At most a day.
    /// - Returns: A description of the snapshot.
    /// - Throws: `.alreadyExists` when there is a snapshot of that name, `.resourceExhausted` when
    ///   another snapshot, a verification or an erasure runs.
    @discardableResult
    public func snapshot(_ name: String, deadline: Duration = Limits.maxBuildTime)
        async throws(LodestoneError) -> SnapshotDescription
    {
        // With the request id, the client reports an unknown outcome as such.
        try await perform(
            .snapshot(name: name),
            requestID: .random(),
            deadline: deadline,
            retry: RetryPolicy.none
        ) { reply in
            if case .snapshot(let snapshot) = reply { snapshot } else { nil }
        }
    }

    /// The snapshots on the server, by name.
    ///
    /// - Parameter deadline: `nil`: the configuration's deadline.
    /// - Returns: A description of each snapshot.
    /// - Throws: `.deadlineExceeded` when no reply has come in time.
    public func snapshots(deadline: Duration? = nil) async throws(LodestoneError)
        -> [SnapshotDescription]
    {
        try await perform(.listSnapshots, deadline: deadline) { reply in
            if case .snapshots(let snapshots) = reply { snapshots } else { nil }
        }
    }

    /// Compares the server's whole store with its checksums, and its parts with each other.
    ///
    /// The server accepts writes meanwhile.
    ///
    /// - Returns: The numbers of checked parts, and the damage.
    /// - Throws: `.resourceExhausted` when a snapshot, an erasure or another verification runs.
    public func verify(deadline: Duration = Limits.maxBuildTime)
        async throws(LodestoneError) -> VerifyReport
    {
        try await perform(.verify, deadline: deadline) { reply in
            if case .verified(let report) = reply { report } else { nil }
        }
    }

    /// The collection of a name, which need not exist yet.
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
    /// The name of the call's case, for errors.
    var name: String {
        Mirror(reflecting: self).children.first?.label ?? "\(self)"
    }
}
