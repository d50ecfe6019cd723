// SPDX-License-Identifier: Apache-2.0
import LodestoneClient
import TestSupport

/// One write of a writer: either documents and edges to index, or documents and edges to drop.
struct Batch: Sendable {
    var number: Int
    var indexed: [(id: String, model: DocumentModel)] = []
    var addedEdges: [SourcedName: Float] = [:]
    var dropped: [String] = []
    var droppedEdges: Set<SourcedName> = []

    var isDrop: Bool { indexed.isEmpty }

    var summary: String {
        isDrop
            ? "batch \(number) (\(dropped.count) drops)"
            : "batch \(number) (\(indexed.count) documents)"
    }
}

/// The identity of an edge: its source, label and target.
struct SourcedName: Hashable {
    var source: String
    var name: EdgeName
}

/// The expected documents of a writer after the batches that were acknowledged.
///
/// Writers don't touch each other's documents, and each waits for one reply before it sends the
/// next batch. So at a kill the outcome of one batch per writer is open, and nothing else.
struct WriterModel: Sendable {
    let name: String
    /// The number of ids of the writer, so small that most batches replace and drop.
    let idCount: Int
    /// The most documents of a batch.
    let batchSize: Int
    /// The number of edges of a hub, for any limit of edges per row.
    private static let hubEdges = 65...160
    /// One of so many documents is written as a hub.
    private static let documentsPerHub = 60
    private(set) var documents: [String: DocumentModel] = [:]
    /// The last versions of dropped and of replaced documents, by id.
    private(set) var deleted: [String: Int] = [:]
    private(set) var batchCount = 0
    private var versionCount = 0

    init(name: String, idCount: Int = 600, batchSize: Int = 100) {
        self.name = name
        self.idCount = idCount
        self.batchSize = batchSize
    }

    /// Applies a batch that was acknowledged.
    ///
    /// - Returns: The documents that it changed, in themselves or in their edges.
    @discardableResult
    mutating func apply(_ batch: Batch) -> Set<String> {
        var touched = Set(batch.indexed.map(\.id))
        for (id, model) in batch.indexed {
            if let old = documents[id] { deleted[id] = old.version }
            documents[id] = model
            versionCount = max(versionCount, model.version)
        }
        for (edge, weight) in batch.addedEdges {
            documents[edge.source]?.edges[edge.name] = weight
            touched.insert(edge.source)
        }
        for edge in batch.droppedEdges {
            documents[edge.source]?.edges[edge.name] = nil
            touched.insert(edge.source)
        }
        let dropped = Set(batch.dropped)
        for id in batch.dropped {
            deleted[id] = documents.removeValue(forKey: id)?.version
            touched.insert(id)
        }
        if !dropped.isEmpty {
            for (id, model) in documents {
                let kept = model.edges.filter { !dropped.contains($0.key.target) }
                if kept.count < model.edges.count {
                    documents[id]?.edges = kept
                    touched.insert(id)
                }
            }
        }
        batchCount = max(batchCount, batch.number)
        return touched
    }

    /// Drops all documents, after the collection was dropped.
    mutating func dropAll() {
        for (id, model) in documents { deleted[id] = model.version }
        documents = [:]
    }

    /// The batch after the last one, of at most `limit` documents.
    mutating func nextBatch(atMost limit: Int = .max, using random: inout SeededGenerator) -> Batch
    {
        batchCount += 1
        let size = min(batchSize, limit)
        let isDrop = documents.count > idCount / 12 && Int.random(in: 0..<5, using: &random) == 0
        return isDrop
            ? nextDrop(atMost: max(1, size / 3), using: &random)
            : nextIndex(atMost: size, using: &random)
    }

    private mutating func nextIndex(atMost size: Int, using random: inout SeededGenerator) -> Batch
    {
        var batch = Batch(number: batchCount)
        var ids: Set<String> = []
        let count = Int.random(in: 1...size, using: &random)
        for _ in 0..<count {
            let id = someID(using: &random)
            guard ids.insert(id).inserted else { continue }
            versionCount += 1
            var edges: [EdgeName: Float] = [:]
            let isHub = Int.random(in: 0..<Self.documentsPerHub, using: &random) == 0
            for _ in 0..<Int.random(in: isHub ? Self.hubEdges : 0...3, using: &random) {
                edges[someEdge(using: &random)] = Float.random(in: 0...1, using: &random)
            }
            let model = DocumentModel(version: versionCount, batch: batchCount, edges: edges)
            batch.indexed.append((id, model))
        }
        let sources = batch.indexed.map(\.id) + documents.keys.sorted().prefix(20)
        for _ in 0..<Int.random(in: 0...5, using: &random) {
            let source = sources[Int.random(in: 0..<sources.count, using: &random)]
            let edge = SourcedName(source: source, name: someEdge(using: &random))
            batch.addedEdges[edge] = Float.random(in: 0...1, using: &random)
        }
        if Int.random(in: 0..<4, using: &random) == 0, let hub = documents.keys.min() {
            // The smaller count makes some documents hubs that had few edges before.
            let count = Bool.random(using: &random) ? 10 : Self.hubEdges.lowerBound
            for _ in 0..<count {
                let edge = SourcedName(source: hub, name: someEdge(using: &random))
                batch.addedEdges[edge] = Float.random(in: 0...1, using: &random)
            }
        }
        return batch
    }

    private func nextDrop(atMost size: Int, using random: inout SeededGenerator) -> Batch {
        var batch = Batch(number: batchCount)
        var ids = documents.keys.sorted()
        ids.shuffle(using: &random)
        batch.dropped = Array(ids.prefix(Int.random(in: 1...size, using: &random)))
        for id in ids.suffix(5) {
            let names = (documents[id]?.edges.keys).map(Array.init) ?? []
            let name = names.min { ($0.label, $0.target) < ($1.label, $1.target) }
            if let name { batch.droppedEdges.insert(SourcedName(source: id, name: name)) }
        }
        // A hub loses up to all of its edges, and may no longer be a hub.
        let hub = ids.dropFirst(batch.dropped.count).first {
            documents[$0]?.edges.count ?? 0 >= Self.hubEdges.lowerBound
        }
        if let hub, let names = documents[hub]?.edges.keys {
            let sorted = names.sorted { ($0.label, $0.target) < ($1.label, $1.target) }
            for name in sorted.prefix(sorted.count * Int.random(in: 1...10, using: &random) / 10) {
                batch.droppedEdges.insert(SourcedName(source: hub, name: name))
            }
        }
        return batch
    }

    /// Every id that a document may have.
    var allIDs: [String] { (0..<idCount).map { "\(name)-\($0)" } }

    private func someID(using random: inout SeededGenerator) -> String {
        "\(name)-\(Int.random(in: 0..<idCount, using: &random))"
    }

    private func someEdge(using random: inout SeededGenerator) -> EdgeName {
        let label = Content.labels[Int.random(in: 0..<Content.labels.count, using: &random)]
        return EdgeName(label: label, target: someID(using: &random))
    }
}
