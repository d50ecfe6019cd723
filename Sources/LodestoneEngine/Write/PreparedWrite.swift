// SPDX-License-Identifier: Apache-2.0
import CLodestoneSystem
import LodestoneCore
import LodestoneMetadata
import LodestoneStorage
import LodestoneStructures
import LodestoneText

/// A write that was checked and encoded on its caller's thread.
///
/// The writer does only the steps that need the current version.
enum PreparedWrite: Sendable {
    case createCollection(name: String, CollectionOptions)
    case alterCollection(Collection, CollectionChange)
    case dropCollection(name: String)
    case index(PreparedIndex)
    case drop(PreparedDrop)

    /// Whether all earlier writes must be applied before this one.
    ///
    /// Such a write has its own commit.
    var needsSettledState: Bool {
        switch self {
        case .createCollection, .alterCollection, .dropCollection, .drop: true
        case .index(let index): !index.edges.isEmpty
        }
    }

    /// The collection whose documents the write changes.
    var collection: Collection? {
        switch self {
        case .createCollection, .alterCollection, .dropCollection: nil
        case .index(let index): index.collection
        case .drop(let drop): drop.collection
        }
    }

    /// An estimate of the bytes that the write adds to a commit.
    var byteCount: Int {
        switch self {
        case .createCollection, .alterCollection, .dropCollection: 1_024
        case .index(let index): index.byteCount + index.wordByteCount
        case .drop(let drop): (drop.ids.count + drop.edges.count) * 64
        }
    }

    /// The bytes of the documents in the write.
    var documentByteCount: Int {
        if case .index(let index) = self { index.byteCount } else { 0 }
    }

    /// The checksum that distinguishes a repeated request from another one with the same id.
    var fingerprint: UInt64 {
        switch self {
        case .createCollection(let name, let options):
            Fingerprint.of("create \(name) \(options)")
        case .alterCollection(let collection, let change):
            Fingerprint.of("alter \(collection.number) \(change.summary)")
        case .dropCollection(let name):
            Fingerprint.of("drop \(name)")
        case .index(let index):
            index.fingerprint
        case .drop(let drop):
            drop.fingerprint
        }
    }
}

extension CollectionChange {
    /// A change of the strategy alone has the same text as in earlier releases, which had no other
    /// change.
    fileprivate var summary: String {
        let strategy = vectorStrategy.map { "\($0)" }
        if addedIndexes.isEmpty && droppedIndexes.isEmpty { return strategy ?? "" }
        return "\(strategy ?? "") add \(addedIndexes) drop \(droppedIndexes)"
    }
}

/// Checked and encoded documents that get their rows next.
struct PreparedIndex: Sendable {
    let collection: Collection
    /// The rows; those with vectors come first, as segments need them.
    let rows: [EncodedRow]
    /// The rows as the derived indexes have prepared them.
    let batches: IndexBatches
    /// The words of each row for the store; `nil` where the store keeps none.
    let words: [DocumentWords?]?
    /// The bytes of `words` in memory.
    var wordByteCount: Int {
        (words ?? []).reduce(0) { sum, words in
            sum + (words.map { $0.stems.utf8.count + $0.forms.utf8.count } ?? 0)
        }
    }
    /// The edges of each row, as they were in the request.
    let rowEdges: [[Edge]]
    let vectors: [Float]
    let vectorChecksum: UInt32
    let edges: [SourcedEdge]
    /// The most edges that one document may have.
    let maxEdges: Int
    /// The documents that the call sees: it may replace no other.
    let visibility: VisibilityTest
    let fingerprint: UInt64
    let byteCount: Int
    /// The estimated bytes of a separate edge, and of a dropped one.
    static let bytesOfEdge = 64

    init(
        _ request: IndexManyRequest,
        collection: Collection,
        limits: Limits,
        visibility: Filter? = nil
    ) throws(LodestoneError) {
        self.visibility = VisibilityTest(visibility)
        let validation = RequestValidation(limits: limits)
        try validation.count(
            request.documents.count + request.edges.count,
            "documents",
            of: "document or edge"
        )
        let record = collection.record
        let bare = request.bareDocuments
        var ids = ByteTable(minimumCapacity: bare.count)
        for index in bare.indices {
            try Self.naming(bare[index].id) { () throws(LodestoneError) in
                try Self.check(bare[index], "documents[\(index)]", by: validation)
            }
            guard self.visibility.shows(bare[index]) else { throw .hidden(bare[index].id) }
            var id = bare[index].id.string
            guard id.withUTF8({ ids.intern($0) }) == UInt32(index) else {
                throw .invalid(
                    .duplicateID,
                    "'\(bare[index].id)' occurs twice in the batch.",
                    recovery: "Send each id once, with its last version.",
                    field: "documents[\(index)].id",
                    object: bare[index].id.string
                )
            }
        }
        for (index, edge) in request.edges.enumerated() {
            try validation.edge(edge.edge, "edges[\(index)]")
            let byteCount = edge.edge.storedByteCount
            guard byteCount <= limits.maxDocumentBytes else {
                throw .limit("edges[\(index)]", byteCount, limits.maxDocumentBytes, unit: "bytes")
            }
        }
        self.collection = collection
        vectors = try Self.vectors(of: request, record, validation)
        let documents = Self.inOrder(bare, by: request)
        rows = EncodedRow.encode(documents)
        for position in rows.indices where rows[position].byteCount > limits.maxDocumentBytes {
            let id = rows[position].id
            let index = bare.firstIndex { $0.id == id } ?? position
            var error = LodestoneError.limit(
                "documents[\(index)]",
                rows[position].byteCount,
                limits.maxDocumentBytes,
                unit: "bytes"
            )
            error.object = id.string
            throw error
        }
        let version = collection.version
        batches = version.prepare(documents)
        words = version.text.index.wordsToStore(of: documents.map(\.text))
        rowEdges = documents.map(\.edges)
        let checksum = vectors.withUnsafeBytes { lode_crc32c(0, $0.baseAddress, $0.count) }
        vectorChecksum = checksum
        edges = request.edges
        maxEdges = limits.maxEdges
        fingerprint = Fingerprint.of(
            rows,
            edges: edges,
            vectors: checksum,
            collection: collection.number
        )
        byteCount =
            vectors.count * 4 + rows.reduce(0) { $0 + $1.byteCount }
            + edges.count * Self.bytesOfEdge
    }

    /// The vectors of all documents that have one, checked and contiguous.
    private static func vectors(
        of request: IndexManyRequest,
        _ collection: CollectionRecord,
        _ validation: RequestValidation
    ) throws(LodestoneError) -> [Float] {
        let elements =
            request.vectors?.elements ?? request.bareDocuments.flatMap { $0.vector ?? [] }
        var start = 0
        for index in request.bareDocuments.indices {
            guard let count = request.elementCount(at: index) else { continue }
            try naming(request.bareDocuments[index].id) { () throws(LodestoneError) in
                try validation.vector(
                    elements[start..<start + count],
                    of: collection.options,
                    collection: collection.name,
                    field: "documents[\(index)].vector"
                )
            }
            start += count
        }
        return elements
    }

    /// The documents with a vector, then the others.
    private static func inOrder(_ documents: [Document], by request: IndexManyRequest) -> [Document]
    {
        let hasVector = { request.elementCount(at: $0) != nil }
        if documents.indices.allSatisfy(hasVector) { return documents }
        return documents.indices.filter(hasVector).map { documents[$0] }
            + documents.indices.filter { !hasVector($0) }.map { documents[$0] }
    }

    /// Runs `check`; if it throws, adds the document's id to the error.
    private static func naming(_ id: DocumentID, _ check: () throws(LodestoneError) -> Void)
        throws(LodestoneError)
    {
        do {
            try check()
        } catch {
            var error = error
            error.object = error.object ?? id.string
            throw error
        }
    }

    private static func check(
        _ document: Document,
        _ field: @autoclosure () -> String,
        by validation: RequestValidation
    ) throws(LodestoneError) {
        for text in document.text {
            try validation.text(text.name, bytes: 1...64, "\(field()).text.name")
        }
        try validation.metadata(document.metadata, "\(field()).metadata")
        let limit = validation.limits.maxEdges
        guard document.edges.count <= limit else {
            throw .limit("\(field()).edges", document.edges.count, limit)
        }
        for edge in document.edges { try validation.edge(edge, "\(field()).edges") }
    }
}

extension IndexManyRequest {
    /// The number of elements in a document's vector; `nil` when it has none.
    fileprivate func elementCount(at index: Int) -> Int? {
        guard let vectors else { return bareDocuments[index].vector?.count }
        return vectors.isPresent[index] ? vectors.dimension : nil
    }
}

/// The documents and edges to drop.
struct PreparedDrop: Sendable {
    let collection: Collection
    let ids: [DocumentID]
    let edges: [SourcedEdge]
    /// The filter that selects the documents; with a filter, `ids` and `edges` are empty.
    let filter: Filter?
    /// The filter that selects the documents that the call sees.
    let visibleFilter: Filter?
    /// The documents that the call sees: it drops no other.
    let visibility: VisibilityTest
    /// The most documents that may satisfy the filter.
    let maxMatches: Int

    init(
        _ request: DropManyRequest,
        collection: Collection,
        limits: Limits,
        visibility: Filter? = nil
    ) throws(LodestoneError) {
        let validation = RequestValidation(limits: limits)
        let named = request.ids.count + request.edges.count
        if let filter = request.filter {
            guard named == 0 else {
                throw .invalid(
                    .filterAndIDs,
                    "The drop has a filter and names \(named) ids and edges.",
                    recovery: "Send either a filter or ids and edges.",
                    field: "filter"
                )
            }
            try validation.filter(filter, "filter", depth: 1)
        } else {
            try validation.count(named, "ids", of: "id, an edge, or a filter")
        }
        self.collection = collection
        ids = request.ids
        edges = request.edges
        filter = request.filter
        self.visibility = VisibilityTest(visibility)
        visibleFilter = request.filter.map { filter in
            visibility.map { .and([$0, filter]) } ?? filter
        }
        maxMatches = limits.maxFilteredDrop
    }

    var fingerprint: UInt64 {
        if let filter {
            return Fingerprint.of(FilterKey(filter).bytes, seed: collection.number)
        }
        let edges = edges.map { "\($0.source) \($0.edge.label) \($0.edge.target)" }
        return Fingerprint.of(
            "drop from \(collection.number): \(ids) \(edges)"
        )
    }
}

/// A fingerprint of two checksums side by side.
///
/// It detects mistakes, but not forgeries.
enum Fingerprint {
    static func of(_ text: String) -> UInt64 {
        var text = text
        return text.withUTF8 { bytes in
            let low = lode_crc32c(0, bytes.baseAddress, bytes.count)
            return UInt64(lode_crc32c(1, bytes.baseAddress, bytes.count)) << 32 | UInt64(low)
        }
    }

    static func of(_ bytes: [UInt8], seed: CollectionNumber) -> UInt64 {
        let low = lode_crc32c(seed, bytes, bytes.count)
        return UInt64(lode_crc32c(~seed, bytes, bytes.count)) << 32 | UInt64(low)
    }

    static func of(
        _ rows: [EncodedRow],
        edges: [SourcedEdge],
        vectors: UInt32,
        collection: CollectionNumber
    ) -> UInt64 {
        var low = rows.reduce(collection) { $1.checksum(seed: $0) }
        for edge in edges {
            let alone = EncodedRow(Document(id: edge.source, edges: [edge.edge]))
            low = alone.checksum(seed: low)
        }
        return UInt64(vectors) << 32 | UInt64(low)
    }
}

extension LodestoneError {
    /// The error for a write of a document that the call does not see, or would not see afterwards.
    ///
    /// Both cases have the same error. Still, the refusal of a document that passes the filter
    /// shows that its id is in use.
    static func hidden(_ id: DocumentID) -> LodestoneError {
        LodestoneError(
            .permissionDenied,
            reason: .rowSecurity,
            "The call may not write the document '\(id)'.",
            recovery: "Send a document that passes the filter of the credential, under another id "
                + "if it passes already.",
            field: "documents",
            object: id.string
        )
    }
}
