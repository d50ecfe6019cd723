// SPDX-License-Identifier: Apache-2.0
import CLodestoneSystem
import LodestoneCore
import LodestoneStorage
import LodestoneText

/// A write that has been checked and encoded, on its caller's thread; what is left for the writer
/// is what needs the state that the write meets.
enum PreparedWrite: Sendable {
    case createCollection(name: String, CollectionOptions)
    case alterCollection(Collection, VectorIndexStrategy)
    case dropCollection(name: String)
    case index(PreparedIndex)
    case drop(PreparedDrop)

    /// Whether the write must see everything before it applied, and so opens a commit of its own.
    var needsSettledState: Bool {
        switch self {
        case .createCollection, .alterCollection, .dropCollection, .drop: true
        case .index(let index): !index.edges.isEmpty
        }
    }

    /// The collection whose documents it changes.
    var collection: Collection? {
        switch self {
        case .createCollection, .alterCollection, .dropCollection: nil
        case .index(let index): index.collection
        case .drop(let drop): drop.collection
        }
    }

    /// Bytes that it adds to a commit, roughly.
    var byteCount: Int {
        switch self {
        case .createCollection, .alterCollection, .dropCollection: 1_024
        case .index(let index): index.byteCount
        case .drop(let drop): (drop.ids.count + drop.edges.count) * 64
        }
    }

    /// Tells a repeated request from another one under the same id.
    var fingerprint: UInt64 {
        switch self {
        case .createCollection(let name, let options):
            Fingerprint.of("create \(name) \(options)")
        case .alterCollection(let collection, let strategy):
            Fingerprint.of("alter \(collection.number) \(strategy)")
        case .dropCollection(let name):
            Fingerprint.of("drop \(name)")
        case .index(let index):
            index.fingerprint
        case .drop(let drop):
            drop.fingerprint
        }
    }
}

/// Documents ready to be given rows.
struct PreparedIndex: Sendable {
    let collection: Collection
    /// Those with vectors first, as segments want them.
    let rows: [EncodedRow]
    /// The words of each row; `nil` where the store takes them in.
    let texts: AnalyzedTexts?
    /// The edges of each row, as they were sent.
    let rowEdges: [[Edge]]
    let vectors: [Float]
    let vectorChecksum: UInt32
    let edges: [SourcedEdge]
    let fingerprint: UInt64
    let byteCount: Int

    init(_ request: IndexManyRequest, collection: Collection, limits: Limits)
        throws(LodestoneError)
    {
        let validation = RequestValidation(limits: limits)
        try validation.count(
            request.documents.count + request.edges.count,
            "documents",
            of: "document or edge"
        )
        let record = collection.record
        var ids = Set<DocumentID>(minimumCapacity: request.documents.count)
        for (index, document) in request.documents.enumerated() {
            try Self.check(
                document,
                "documents[\(index)]",
                of: record,
                by: validation
            )
            guard ids.insert(document.id).inserted else {
                throw .invalid(
                    "DUPLICATE_ID",
                    "'\(document.id)' occurs twice in the batch.",
                    recovery: "Send each id once, with its last version.",
                    field: "documents[\(index)].id",
                    object: document.id.string
                )
            }
        }
        for (index, edge) in request.edges.enumerated() {
            try validation.edge(edge.edge, "edges[\(index)]")
        }
        self.collection = collection
        let documents =
            request.documents.filter { $0.vector != nil }
            + request.documents.filter { $0.vector == nil }
        rows = documents.map { EncodedRow($0) }
        for row in rows where row.byteCount > limits.maxDocumentBytes {
            var error = LodestoneError.limit(
                "document",
                row.byteCount,
                limits.maxDocumentBytes,
                unit: "bytes"
            )
            error.object = row.id.string
            throw error
        }
        texts = collection.state.analyze(rows.map(\.indexedText))
        rowEdges = documents.map(\.edges)
        var vectors: [Float] = []
        vectors.reserveCapacity(documents.count * record.options.dimension)
        for document in documents {
            if let vector = document.vector { vectors.append(contentsOf: vector) }
        }
        self.vectors = vectors
        let checksum = vectors.withUnsafeBytes { lode_crc32c(0, $0.baseAddress, $0.count) }
        vectorChecksum = checksum
        edges = request.edges
        fingerprint = Fingerprint.of(
            rows,
            edges: edges,
            vectors: checksum,
            collection: collection.number
        )
        byteCount = vectors.count * 4 + rows.reduce(0) { $0 + $1.byteCount } + edges.count * 64
    }

    private static func check(
        _ document: Document,
        _ field: String,
        of collection: CollectionRecord,
        by validation: RequestValidation
    ) throws(LodestoneError) {
        if let vector = document.vector {
            try validation.vector(
                vector,
                of: collection.options,
                collection: collection.name,
                field: "\(field).vector"
            )
        }
        for text in document.text {
            try validation.text(text.name, bytes: 1...64, "\(field).text.name")
        }
        try validation.metadata(document.metadata, "\(field).metadata")
        for edge in document.edges { try validation.edge(edge, "\(field).edges") }
    }
}

/// Documents and edges to take out.
struct PreparedDrop: Sendable {
    let collection: Collection
    let ids: [DocumentID]
    let edges: [SourcedEdge]

    init(_ request: DropManyRequest, collection: Collection, limits: Limits)
        throws(LodestoneError)
    {
        try RequestValidation(limits: limits).count(
            request.ids.count + request.edges.count,
            "ids",
            of: "id or edge"
        )
        self.collection = collection
        ids = request.ids
        edges = request.edges
    }

    var fingerprint: UInt64 {
        let edges = edges.map { "\($0.source) \($0.edge.label) \($0.edge.target)" }
        return Fingerprint.of(
            "drop from \(collection.number): \(ids) \(edges)"
        )
    }
}

/// Two checksums side by side.
///
/// It tells honest mistakes apart, not forgeries.
enum Fingerprint {
    static func of(_ text: String) -> UInt64 {
        var text = text
        return text.withUTF8 { bytes in
            let low = lode_crc32c(0, bytes.baseAddress, bytes.count)
            return UInt64(lode_crc32c(1, bytes.baseAddress, bytes.count)) << 32 | UInt64(low)
        }
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
