// SPDX-License-Identifier: Apache-2.0
public import LodestoneCore
import LodestoneWire

/// Counts, pages and sequences of all documents, or of those that pass a filter.
extension LodestoneClient.Collection {
    /// Counts the documents that satisfy a filter, and the values of fields among them.
    ///
    /// - Parameters:
    ///   - filter: `nil`: every document counts.
    ///   - facets: Fields whose values are counted; cheap if they are indexed.
    ///   - deadline: `nil`: the configuration's deadline.
    /// - Returns: The counts, from one version of the collection.
    /// - Throws: `.notFound` when there is no such collection; `.resourceExhausted` when a facet
    ///   has too many values to count without an index.
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

    /// A page of the collection, in the order of writing or of a field.
    ///
    /// - Parameters:
    ///   - limit: The most documents to return; a page of large documents ends earlier.
    ///   - cursor: The end of the previous page; `nil`: from the start.
    ///   - filter: The condition for every document.
    ///   - order: An indexed field to sort by; `nil`: the order of writing.
    ///   - include: The parts of each document to return.
    ///   - maxEdges: The most edges that come with a document. A document with more edges comes
    ///     without them, as the last one of its page, and `edgesCursor` is set for `listEdges`.
    ///     `nil`: all documents come with their edges.
    ///   - deadline: `nil`: the configuration's deadline.
    /// - Returns: The page, and the start of the next one.
    /// - Throws: `.notFound` when there is no such collection; `.invalidArgument` when the field is
    ///   not indexed, or the cursor belongs to another order.
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

    /// All documents, fetched in pages during the iteration.
    ///
    /// A document that is not written meanwhile comes exactly once. A replaced document may come
    /// again in its new version. In the order of a field the scan may also miss it, if its new
    /// value has a position that the scan has passed.
    ///
    ///     for try await document in papers.documents(where: .exists(path: ["year"], true)) { … }
    ///
    /// - Parameters:
    ///   - filter: The condition for every document.
    ///   - order: An indexed field to sort by; `nil`: the order of writing.
    ///   - include: The parts of each document to return.
    ///   - pageSize: The most documents of one call.
    /// - Returns: The documents; the iteration fetches them.
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

        /// The position of a scan.
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
            /// - Throws: The error of a page's call; the same call may be tried again then.
            public mutating func next(isolation actor: isolated (any Actor)? = #isolation)
                async throws(LodestoneError) -> Document?
            {
                try await pages.next(isolation: actor)
            }
        }
    }
}
