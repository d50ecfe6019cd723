// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore
import LodestoneJSON

/// The export of a collection into a dump, page by page.
///
/// Large edges follow their document in separate lines. If a document has more than `maxEdges`
/// edges, the scan leaves them out, and they are read in pages of one version of the document. If
/// the document is replaced or dropped meanwhile, its lines are removed; a later page of the scan
/// has the new version, if there is one.
package struct DumpExport: Sendable {
    /// Fetches a page of the scan from a cursor on, with the edges of documents that have at most a
    /// number of edges.
    package typealias Scan =
        @Sendable (ScanCursor?, _ maxEdges: Int) async throws(LodestoneError) -> ScanResponse
    /// Fetches a page of the edges that leave a document.
    package typealias ListEdges =
        @Sendable (DocumentID, EdgeCursor) async throws(LodestoneError) -> ListEdgesResponse

    /// The numbers of written documents, edges and lines.
    package struct Written: Sendable, Equatable {
        package var documents = 0
        /// The number of all edges, in lines of documents and in lines of edges.
        package var edges = 0
        /// The number of lines of edges.
        package var edgeLines = 0
    }

    /// The most edges that come with their document in a scan; they stay in the order of writing.
    package static let maxEdges = 10_000
    /// The most edges of one line.
    package static let maxEdgesInLine = 1_000
    /// The most bytes of edges in one line: far below the limit of a server for a document.
    package static let maxBytesInLine = 64 << 10
    package static let maxBytesWithDocument = 512 << 10

    private let maxEdges: Int
    private let maxEdgesInLine: Int
    private let scan: Scan
    private let listEdges: ListEdges

    /// Creates an export.
    ///
    /// - Parameters:
    ///   - maxEdges: The most edges that come with their document.
    ///   - maxEdgesInLine: The most edges of one line.
    ///   - scan: Fetches a page of the scan.
    ///   - listEdges: Fetches a page of edges.
    package init(
        maxEdges: Int = Self.maxEdges,
        maxEdgesInLine: Int = Self.maxEdgesInLine,
        scan: @escaping Scan,
        listEdges: @escaping ListEdges
    ) {
        self.maxEdges = maxEdges
        self.maxEdgesInLine = maxEdgesInLine
        self.scan = scan
        self.listEdges = listEdges
    }

    /// Writes the first line, and all documents with their edges.
    ///
    /// - Parameters:
    ///   - description: The description of the collection before the export.
    ///   - output: The file to write; the caller writes the last line.
    ///   - report: Called periodically.
    /// - Returns: The numbers for the last line.
    /// - Throws: The error of a call or of the output.
    package func run(
        _ description: CollectionDescription,
        into output: DumpFile,
        report: (Written) -> Void = { _ in }
    ) async throws(LodestoneError) -> Written {
        try output.write(DumpHeader(description).json)
        var written = Written()
        var cursor: ScanCursor?
        repeat {
            let page = try await scan(cursor, maxEdges)
            var documents = page.documents
            let hub = page.edgesCursor == nil ? nil : documents.popLast()
            for document in documents { try write(document, to: output, &written) }
            report(written)
            if let hub, let first = page.edgesCursor {
                try await write(hub, edgesFrom: first, to: output, &written, report)
            }
            cursor = page.nextCursor
        } while cursor != nil
        return written
    }

    private func write(_ document: Document, to output: DumpFile, _ written: inout Written)
        throws(LodestoneError)
    {
        written.documents += 1
        let byteCount = Self.byteCount(of: document.edges)
        guard
            document.edges.count > maxEdgesInLine || byteCount > Self.maxBytesInLine
                || document.maxWireByteCount > Self.maxBytesWithDocument
        else {
            written.edges += document.edges.count
            return try output.write(JSON(dumped: document))
        }
        var bare = document
        bare.edges = []
        try output.write(JSON(dumped: bare))
        try write(document.edges, of: document.id, to: output, &written)
    }

    /// Writes a document whose edges come in pages.
    private func write(
        _ document: Document,
        edgesFrom first: EdgeCursor,
        to output: DumpFile,
        _ written: inout Written,
        _ report: (Written) -> Void
    ) async throws(LodestoneError) {
        let before = written
        try output.beginPart()
        do throws(LodestoneError) {
            try output.write(JSON(dumped: document))
            written.documents += 1
            var next: EdgeCursor? = first
            while let cursor = next {
                let page = try await listEdges(document.id, cursor)
                let edges = page.edges.map { edge in
                    Edge(edge.label, to: edge.id, weight: edge.weight, metadata: edge.metadata)
                }
                try write(edges, of: document.id, to: output, &written)
                report(written)
                next = page.nextCursor
            }
        } catch {
            guard error.reason == .cursorExpired else { throw error }
            try output.takeBackPart()
            written = before
            return
        }
        try output.endPart()
    }

    private func write(
        _ edges: [Edge],
        of source: DocumentID,
        to output: DumpFile,
        _ written: inout Written
    ) throws(LodestoneError) {
        written.edges += edges.count
        var remaining = edges[...]
        while !remaining.isEmpty {
            var byteCount = 0
            let line = remaining.prefix(maxEdgesInLine).prefix { edge in
                defer { byteCount += Self.byteCount(of: [edge]) }
                return byteCount < Self.maxBytesInLine
            }
            try output.write(JSON(dumped: line, of: source))
            written.edgeLines += 1
            remaining = remaining.dropFirst(line.count)
        }
    }

    private static func byteCount(of edges: [Edge]) -> Int {
        edges.reduce(0) { $0 + $1.maxWireByteCount }
    }
}
