// SPDX-License-Identifier: Apache-2.0
public import LodestoneCore
import LodestoneWire

extension LodestoneClient {
    /// A collection on the server, by name.
    public struct Collection: Sendable {
        /// The name of the collection.
        public let name: String
        let client: LodestoneClient

        init(name: String, client: LodestoneClient) {
            self.name = name
            self.client = client
        }

        /// Writes documents and edges, all of them or none.
        ///
        /// On return, the batch is durable, and every search that starts afterwards sees it. If its
        /// task is cancelled, the call ends when the server has reported the outcome of the batch,
        /// or after ``Configuration/cancelGracePeriod``, 2 s by default.
        ///
        /// - Parameters:
        ///   - documents: Documents to insert or replace; an id may occur once.
        ///   - edges: Edges to add to documents of this batch or of earlier ones.
        ///   - requestID: The idempotency key of the write: sent again within a day, the write has
        ///     one effect.
        ///   - deadline: `nil`: the configuration's deadline.
        /// - Returns: The effects of the batch, and its sequence number.
        /// - Throws: `.notFound` when there is no such collection, `.invalidArgument` when a
        ///   document doesn't fit it; `outcome` says whether anything may have been written.
        @discardableResult
        public func indexMany(
            _ documents: [Document],
            edges: [SourcedEdge] = [],
            requestID: RequestID = .random(),
            deadline: Duration? = nil
        ) async throws(LodestoneError) -> WriteReceipt {
            let request = IndexManyRequest(collection: name, documents: documents, edges: edges)
            return try await client.write(
                .indexMany(request),
                requestID: requestID,
                deadline: deadline
            )
        }

        /// Drops documents, with every edge that leaves or enters them, and edges; all or none.
        ///
        /// Missing documents and edges are ignored.
        ///
        /// - Parameters:
        ///   - ids: Documents to drop.
        ///   - edges: Edges to drop, by source, label and target.
        ///   - requestID: The idempotency key of the write: sent again within a day, the write has
        ///     one effect.
        ///   - deadline: `nil`: the configuration's deadline.
        /// - Returns: The number of dropped documents, and the sequence number of the batch.
        /// - Throws: `.notFound` when there is no such collection; `outcome` says whether anything
        ///   may have been written.
        @discardableResult
        public func drop(
            _ ids: [DocumentID],
            edges: [SourcedEdge] = [],
            requestID: RequestID = .random(),
            deadline: Duration? = nil
        ) async throws(LodestoneError) -> WriteReceipt {
            let request = DropManyRequest(collection: name, ids: ids, edges: edges)
            return try await client.write(
                .dropMany(request),
                requestID: requestID,
                deadline: deadline
            )
        }

        /// Drops every document that satisfies a filter at the time of the write; all or none.
        ///
        /// The edges that leave or enter these documents are dropped with them.
        ///
        /// `count` counts these documents without dropping them.
        ///
        /// - Parameters:
        ///   - filter: The condition for documents to drop.
        ///   - requestID: The idempotency key of the write: sent again within a day, the write has
        ///     one effect.
        ///   - deadline: `nil`: the configuration's deadline.
        /// - Returns: The number of dropped documents, and the sequence number of the batch.
        /// - Throws: `.failedPrecondition` when more than 100,000 documents satisfy it, `.notFound`
        ///   when there is no such collection; `outcome` says whether anything may have been
        ///   written.
        @discardableResult
        public func drop(
            where filter: Filter,
            requestID: RequestID = .random(),
            deadline: Duration? = nil
        ) async throws(LodestoneError) -> WriteReceipt {
            try await client.write(
                .dropMany(DropManyRequest(collection: name, filter: filter)),
                requestID: requestID,
                deadline: deadline
            )
        }

        /// Runs many queries on one version of the collection, in one round trip.
        public func search(_ queries: [Query], deadline: Duration? = nil)
            async throws(LodestoneError) -> SearchResponse
        {
            let request = SearchRequest(collection: name, queries: queries)
            return try await client.perform(.search(request), deadline: deadline) { reply in
                guard case .search(let response) = reply, response.results.count == queries.count
                else { return nil }
                return response
            }
        }

        /// Runs one query.
        public func search(_ query: Query, deadline: Duration? = nil)
            async throws(LodestoneError) -> QueryResult
        {
            try await search([query], deadline: deadline).results[0]
        }

        /// Makes many walks over one version of the collection, in one round trip.
        public func walk(_ walks: [Walk], deadline: Duration? = nil)
            async throws(LodestoneError) -> WalkResponse
        {
            var request = WalkRequest(collection: name, walks: walks)
            request.readsColumns = true
            return try await client.perform(.walk(request), deadline: deadline) { reply in
                guard case .walk(let response) = reply, response.results.count == walks.count
                else { return nil }
                return response
            }
        }

        /// Makes one walk.
        public func walk(_ walk: Walk, deadline: Duration? = nil)
            async throws(LodestoneError) -> WalkResult
        {
            try await self.walk([walk], deadline: deadline).results[0]
        }

        /// The documents that exist, in the order of `ids`.
        public func get(
            _ ids: [DocumentID],
            include: Include = .document,
            deadline: Duration? = nil
        ) async throws(LodestoneError) -> [Document] {
            let request = GetRequest(collection: name, ids: ids, include: include)
            return try await client.perform(.get(request), deadline: deadline) { reply in
                if case .documents(let documents) = reply { documents } else { nil }
            }
        }

        /// One document; `nil` when it doesn't exist.
        public func get(
            _ id: DocumentID,
            include: Include = .document,
            deadline: Duration? = nil
        ) async throws(LodestoneError) -> Document? {
            try await get([id], include: include, deadline: deadline).first
        }

        /// Compacts the collection on the server.
        ///
        /// The server merges all changes since the collection's base into a new base, and frees the
        /// space of dropped data.
        ///
        /// The server also compacts by itself after enough writes. Searches and writes continue
        /// meanwhile. The server finishes the compaction even if the caller no longer waits.
        ///
        /// - Parameter deadline: At most a day.
        /// - Returns: The sequence number of the last batch in the base.
        /// - Throws: `.notFound` when there is no such collection.
        @discardableResult
        public func compact(deadline: Duration = Limits.maxBuildTime)
            async throws(LodestoneError) -> UInt64
        {
            try await client.perform(.compact(collection: name), deadline: deadline) { reply in
                if case .done(let sequenceNumber) = reply { sequenceNumber } else { nil }
            }
        }

        /// Rebuilds the collection's index from its rows on the server, and waits until the index
        /// is in use.
        ///
        /// The server also rebuilds the index by itself after a change of the strategy, and after
        /// enough writes. Searches and writes continue meanwhile. If the call ends early, by its
        /// deadline or a cancellation, the build ends, too. Searches then still use the earlier
        /// index.
        ///
        /// - Parameters:
        ///   - deadline: At most a day.
        ///   - progress: Called a few times per second with the progress of the index.
        /// - Returns: The sequence number up to which the index covers the collection.
        /// - Throws: `.notFound` when there is no such collection; `.resourceExhausted` when too
        ///   many builds are running.
        @discardableResult
        public func buildIndex(
            deadline: Duration = Limits.maxBuildTime,
            progress: (@Sendable (IndexStatus) -> Void)? = nil
        ) async throws(LodestoneError) -> UInt64 {
            let progressTask = progress.map { report in
                Task {
                    while !Task.isCancelled {
                        // Without a reply there is nothing to report; the build's own call has
                        // the error.
                        if let index = try? await describe().index { report(index) }
                        try? await Task.sleep(for: .milliseconds(200))
                    }
                }
            }
            defer { progressTask?.cancel() }
            return try await client.perform(.buildIndex(collection: name), deadline: deadline) {
                if case .done(let sequenceNumber) = $0 { sequenceNumber } else { nil }
            }
        }

        /// Describes the current state of the collection.
        ///
        /// The call passes calls that wait for their turn.
        ///
        /// - Parameter deadline: `nil`: the configuration's deadline.
        /// - Returns: The options, and the numbers of documents, vectors and edges.
        /// - Throws: `.notFound` when it doesn't exist.
        public func describe(deadline: Duration? = nil) async throws(LodestoneError)
            -> CollectionDescription
        {
            try await client.perform(.describeCollection(name: name), deadline: deadline) { reply in
                if case .collection(let description) = reply { description } else { nil }
            }
        }
    }
}
