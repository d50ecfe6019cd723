// SPDX-License-Identifier: Apache-2.0
public import LodestoneCore
import LodestoneWire

/// Whole collections, or what of them passes a filter: counted, page by page, or one by one.
extension LodestoneClient.Collection {
    /// How many documents satisfy a filter, and how often values occur among them.
    ///
    /// - Parameters:
    ///   - filter: `nil`: every document counts.
    ///   - facets: Fields whose values are counted; cheap where they are indexed.
    ///   - deadline: `nil`: the configuration's.
    /// - Returns: Counts of one state of the collection.
    /// - Throws: `.notFound` when there is no such collection; `.resourceExhausted` when a facet has too
    ///   many values to count without an index.
    public func count(
        _ filter: Filter? = nil,
        facets: [FacetRequest] = [],
        deadline: Duration? = nil
    ) async throws(LodestoneError) -> CountResponse {
        let request = CountRequest(collection: name, filter: filter, facets: facets)
        return try await client.perform(.count(request), deadline: deadline) { reply in
            guard case .counted(let response) = reply, response.facets.count == facets.count
            else { return nil }
            return response
        }
    }

    /// A page of the collection, in the order in which documents were written, or in that of a field.
    ///
    /// - Parameters:
    ///   - limit: The most documents wanted; a page of large ones ends before.
    ///   - cursor: Where the last page ended; `nil`: from the start.
    ///   - filter: What every document must satisfy.
    ///   - order: By an indexed field; `nil`: as they were written.
    ///   - include: What each document brings along.
    ///   - maxEdges: A document with more edges comes without them, as the last one of its page, and `edgesCursor`
    ///     is there for `listEdges`; `nil`: all come with theirs.
    ///   - deadline: `nil`: the configuration's.
    /// - Returns: The page, and where the next one starts.
    /// - Throws: `.notFound` when there is no such collection; `.invalidArgument` when the field is not
    ///   indexed, or the cursor is of another order.
    public func scan(
        limit: Int = 100,
        cursor: ScanCursor? = nil,
        filter: Filter? = nil,
        order: ScanOrder? = nil,
        include: Include = .document,
        maxEdges: Int? = nil,
        deadline: Duration? = nil
    ) async throws(LodestoneError) -> ScanResponse {
        let request = ScanRequest(
            collection: name,
            cursor: cursor,
            limit: limit,
            filter: filter,
            order: order,
            include: include,
            maxEdges: maxEdges
        )
        return try await client.perform(.scan(request), deadline: deadline) { reply in
            if case .page(let page) = reply { page } else { nil }
        }
    }

    /// All documents, fetched page by page while they are read.
    ///
    /// A document that nobody writes meanwhile comes exactly once. One that is replaced may come
    /// again in its new version; in the order of a field it may also be passed over, when its value
    /// moves to where the scan has been.
    ///
    ///     for try await document in papers.documents(where: .exists(path: ["year"], true)) { … }
    ///
    /// - Parameters:
    ///   - filter: What every document must satisfy.
    ///   - order: By an indexed field; `nil`: as they were written.
    ///   - include: What each document brings along.
    ///   - pageSize: The most documents of one call.
    /// - Returns: The documents, none of which has been fetched yet.
    public func documents(
        where filter: Filter? = nil,
        order: ScanOrder? = nil,
        include: Include = .document,
        pageSize: Int = 500
    ) -> Documents {
        Documents(
            collection: self,
            filter: filter,
            order: order,
            include: include,
            pageSize: pageSize
        )
    }

    /// The documents of a scan.
    public struct Documents: AsyncSequence, Sendable {
        fileprivate let collection: LodestoneClient.Collection
        fileprivate let filter: Filter?
        fileprivate let order: ScanOrder?
        fileprivate let include: Include
        fileprivate let pageSize: Int

        /// Begins the scan.
        public func makeAsyncIterator() -> Iterator { Iterator(documents: self) }

        /// Where a scan is.
        public struct Iterator: AsyncIteratorProtocol {
            private var pages: PageReader<Document, ScanCursor>

            fileprivate init(documents: Documents) {
                pages = PageReader { (cursor) throws(LodestoneError) in
                    let page = try await documents.collection.scan(
                        limit: documents.pageSize,
                        cursor: cursor,
                        filter: documents.filter,
                        order: documents.order,
                        include: documents.include
                    )
                    return (page.documents, page.nextCursor)
                }
            }

            /// The next document; `nil` after the last.
            ///
            /// - Throws: What a page's call does; the same call may be tried again then.
            public mutating func next(isolation actor: isolated (any Actor)? = #isolation)
                async throws(LodestoneError) -> Document?
            {
                try await pages.next(isolation: actor)
            }
        }
    }
}
