// SPDX-License-Identifier: Apache-2.0
public import LodestoneCore
import LodestoneWire

/// The edges of one document, in pages or one by one.
extension LodestoneClient.Collection {
    /// A page of the edges of one document.
    ///
    /// Edges that leave the document come in the byte order of label and target. Edges that enter
    /// it come in an order that the server chooses. A missing document has no outgoing edges, and
    /// may have incoming ones.
    ///
    /// - Parameters:
    ///   - id: The document.
    ///   - direction: `.outgoing` or `.incoming`.
    ///   - labels: The labels to include; empty: every label.
    ///   - limit: The most edges to return; a page of large edges ends earlier.
    ///   - cursor: The end of the previous page; `nil`: from the start.
    ///   - deadline: `nil`: the configuration's deadline.
    /// - Returns: The page, and the start of the next one.
    /// - Throws: `.notFound` when there is no such collection; `.invalidArgument` when the cursor
    ///   belongs to another document or direction; `.outOfRange` when the cursor's position is no
    ///   longer known.
    public func listEdges(
        of id: DocumentID,
        direction: Direction = .outgoing,
        labels: [String] = [],
        limit: Int = 1_000,
        cursor: EdgeCursor? = nil,
        deadline: Duration? = nil
    ) async throws(LodestoneError) -> ListEdgesResponse {
        let request = ListEdgesRequest(
            collection: name,
            id: id,
            direction: direction,
            labels: labels,
            limit: limit,
            cursor: cursor
        )
        return try await client.perform(.listEdges(request), deadline: deadline) { reply in
            if case .edges(let page) = reply { page } else { nil }
        }
    }

    /// All edges of one document, fetched in pages during the iteration.
    ///
    /// An edge that is not written meanwhile is returned exactly once.
    ///
    ///     for try await edge in papers.edges(of: "a", direction: .incoming) { … }
    ///
    /// - Parameters:
    ///   - id: The document.
    ///   - direction: `.outgoing` or `.incoming`.
    ///   - labels: The labels to include; empty: every label.
    ///   - pageSize: The most edges of one call.
    /// - Returns: The edges; the iteration fetches them.
    public func edges(
        of id: DocumentID,
        direction: Direction = .outgoing,
        labels: [String] = [],
        pageSize: Int = 1_000
    ) -> Edges {
        Edges(
            collection: self,
            id: id,
            direction: direction,
            labels: labels,
            pageSize: pageSize
        )
    }

    /// The edges of a document.
    public struct Edges: AsyncSequence, Sendable {
        fileprivate let collection: LodestoneClient.Collection
        fileprivate let id: DocumentID
        fileprivate let direction: Direction
        fileprivate let labels: [String]
        fileprivate let pageSize: Int

        /// Begins with the first edge.
        public func makeAsyncIterator() -> Iterator { Iterator(edges: self) }

        /// The position of an iteration.
        public struct Iterator: AsyncIteratorProtocol {
            private var pages: PageReader<ListedEdge, EdgeCursor>

            fileprivate init(edges: Edges) {
                pages = PageReader { (cursor) throws(LodestoneError) in
                    let page = try await edges.collection.listEdges(
                        of: edges.id,
                        direction: edges.direction,
                        labels: edges.labels,
                        limit: edges.pageSize,
                        cursor: cursor
                    )
                    return (page.edges, page.nextCursor)
                }
            }

            /// The next edge; `nil` after the last.
            ///
            /// - Throws: The error of a page's call; the same call may then be repeated.
            public mutating func next(isolation actor: isolated (any Actor)? = #isolation)
                async throws(LodestoneError) -> ListedEdge?
            {
                try await pages.next(isolation: actor)
            }
        }
    }
}
