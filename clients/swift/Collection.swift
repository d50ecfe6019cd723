// SPDX-License-Identifier: Apache-2.0
public import LodestoneCore
import LodestoneWire

extension LodestoneClient {
    /// A collection on the server, by name.
    public struct Collection: Sendable {
        /// Its name.
        public let name: String
        let client: LodestoneClient

        init(name: String, client: LodestoneClient) {
            self.name = name
            self.client = client
        }

        /// Writes documents and edges, all of them or none.
        ///
        /// When it returns, the batch is durable and every search that starts afterwards sees it. When
        /// its task is cancelled, the call ends once the server has said what became of the batch, or
        /// after ``Configuration/cancelPatience``, 2 s unless it is set otherwise.
        ///
        /// - Parameters:
        ///   - documents: To insert or replace; an id may occur once.
        ///   - edges: To add to documents of this batch or written before.
        ///   - requestID: Names this write: sent twice, it has one effect.
        ///   - deadline: `nil`: the configuration's.
        /// - Returns: What the batch did, and where it stands among all others.
        /// - Throws: `.notFound` when there is no such collection, `.invalidArgument` when a document
        ///   doesn't fit it; `outcome` says whether anything may have been written.
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
        /// What doesn't exist is passed over.
        ///
        /// - Parameters:
        ///   - ids: Documents to drop.
        ///   - edges: Edges to drop, by source, label and target.
        ///   - requestID: Names this write: sent twice, it has one effect.
        ///   - deadline: `nil`: the configuration's.
        /// - Returns: How much was dropped, and where the batch stands among all others.
        /// - Throws: `.notFound` when there is no such collection; `outcome` says whether anything may
        ///   have been written.
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

        /// Drops every document that satisfies a filter when the server gets to it, with the edges that
        /// leave or enter it; all or none.
        ///
        /// `count` says how many there are without dropping them.
        ///
        /// - Parameters:
        ///   - filter: What goes must satisfy it.
        ///   - requestID: Names this write: sent twice, it has one effect.
        ///   - deadline: `nil`: the configuration's.
        /// - Returns: How much was dropped, and where the batch stands among all others.
        /// - Throws: `.failedPrecondition` when more than 100,000 documents satisfy it, `.notFound` when
        ///   there is no such collection; `outcome` says whether anything may have been written.
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

        /// Answers many questions from one state of the collection, in one round trip.
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

        /// Answers one question.
        public func search(_ query: Query, deadline: Duration? = nil)
            async throws(LodestoneError) -> QueryResult
        {
            try await search([query], deadline: deadline).results[0]
        }

        /// Makes many walks over one state of the collection, in one round trip.
        public func walk(_ walks: [Walk], deadline: Duration? = nil)
            async throws(LodestoneError) -> WalkResponse
        {
            let request = WalkRequest(collection: name, walks: walks)
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

        /// Has the server fold what was written since the collection's base into a new base, and
        /// give back the space of what was dropped.
        ///
        /// It happens by itself once enough has been written; searches and writes go on meanwhile.
        /// The server finishes it also when nobody waits any more.
        ///
        /// - Parameter deadline: At most what the server allows, which is 5 minutes unless it is set
        ///   otherwise.
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

        /// Has the server make the collection's index from its rows again, and waits until it serves.
        ///
        /// It happens by itself when the strategy changes and once enough has been written;
        /// searches and writes go on meanwhile. When the call ends early, by its deadline or because
        /// its task is cancelled, the build ends, too, and what answered before goes on.
        ///
        /// - Parameters:
        ///   - deadline: At most a day.
        ///   - progress: Is told a few times a second how far the index is.
        /// - Returns: The sequence number up to which the index goes.
        /// - Throws: `.notFound` when there is no such collection; `.resourceExhausted` when too many
        ///   builds are under way.
        @discardableResult
        public func buildIndex(
            deadline: Duration = Limits.maxBuildTime,
            progress: (@Sendable (IndexStatus) -> Void)? = nil
        ) async throws(LodestoneError) -> UInt64 {
            let watch = progress.map { report in
                Task {
                    while !Task.isCancelled {
                        // Without an answer there is nothing to tell; the build's own call knows more.
                        if let index = try? await describe().index { report(index) }
                        try? await Task.sleep(for: .milliseconds(200))
                    }
                }
            }
            defer { watch?.cancel() }
            return try await client.perform(.buildIndex(collection: name), deadline: deadline) {
                if case .done(let sequenceNumber) = $0 { sequenceNumber } else { nil }
            }
        }

        /// The collection as it stands.
        ///
        /// It passes calls that wait for their turn.
        ///
        /// - Parameter deadline: `nil`: the configuration's.
        /// - Returns: Its options and its contents in numbers.
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
