// SPDX-License-Identifier: Apache-2.0
import LodestoneClient
import LodestoneEngine
import TestSupport

/// A batch whose reply never arrived.
struct OpenBatch: Sendable {
    var batch: Batch
    var requestID: RequestID
    /// The error that the client returned for it.
    var error: LodestoneError
}

/// A client that writes one batch after the other until its server is killed.
struct Writer: Sendable {
    var model: WriterModel
    /// The collection of its documents: shared with other writers, or its own quiet one.
    let collection: String
    /// The batch under way when the server was killed.
    var open: OpenBatch?
    /// The documents changed since the last check.
    var touched: Set<String> = []
    /// The number of acknowledged batches in the whole run.
    var acknowledgedBatches = 0
    var acknowledgedDocuments = 0
    var lastSequenceNumber: UInt64 = 0

    init(
        name: String,
        idCount: Int = 600,
        batchSize: Int = 100,
        collection: String = Faults.collection
    ) {
        self.collection = collection
        model = WriterModel(name: name, idCount: idCount, batchSize: batchSize)
    }

    /// Resets the writer for an empty store.
    mutating func forgetStore() {
        model = WriterModel(name: model.name, idCount: model.idCount, batchSize: model.batchSize)
        open = nil
        touched = []
        lastSequenceNumber = 0
    }

    /// Writes until a call fails, or the fault has ended.
    mutating func run(
        endpoint: String,
        content: Content,
        random: inout SeededGenerator,
        strike: Strike
    ) async throws {
        let client: LodestoneClient
        do {
            client = try await Faults.connect(endpoint)
        } catch {
            guard strike.allowsFailures(at: endpoint) else { throw error }
            return
        }
        let collection = client.collection(collection)
        while !strike.isOver {
            let batch = model.nextBatch(using: &random)
            let requestID = RequestID(high: random.next(), low: random.next())
            do throws(LodestoneError) {
                let receipt = try await collection.send(batch, content, requestID)
                acknowledge(batch, receipt)
            } catch {
                await client.close()
                guard strike.allowsFailures(at: endpoint) else {
                    throw Finding(error, of: "\(model.name), \(batch.summary)")
                }
                open = OpenBatch(batch: batch, requestID: requestID, error: error)
                return
            }
        }
        await client.close()
    }

    /// Writes one batch.
    ///
    /// A batch with an unknown outcome stays open.
    ///
    /// - Returns: The error, if it failed.
    mutating func step(
        _ client: LodestoneClient,
        _ content: Content,
        _ random: inout SeededGenerator
    ) async throws -> LodestoneError? {
        let batch = model.nextBatch(using: &random)
        let requestID = RequestID(high: random.next(), low: random.next())
        do throws(LodestoneError) {
            let collection = client.collection(collection)
            acknowledge(batch, try await collection.send(batch, content, requestID))
            return nil
        } catch {
            if error.outcome != .notApplied && open == nil {
                open = OpenBatch(batch: batch, requestID: requestID, error: error)
            }
            return error
        }
    }

    /// Sends the batch whose outcome was open once more, after the outcome is known.
    mutating func resend(
        _ open: OpenBatch,
        wasApplied: Bool,
        to collection: LodestoneClient.Collection,
        content: Content
    ) async throws {
        let receipt = try await collection.send(open.batch, content, open.requestID)
        guard receipt.isRepeated == wasApplied else {
            let fate = wasApplied ? "applied" : "not applied"
            throw Finding(
                .lie,
                "\(model.name), \(open.batch.summary) was \(fate) before the kill, and isRepeated "
                    + "is \(receipt.isRepeated) when it is sent again."
            )
        }
        if !wasApplied { acknowledge(open.batch, receipt) }
    }

    mutating func acknowledge(_ batch: Batch, _ receipt: WriteReceipt) {
        touched.formUnion(model.apply(batch))
        acknowledgedBatches += 1
        acknowledgedDocuments += batch.indexed.count
        lastSequenceNumber = max(lastSequenceNumber, receipt.sequenceNumber)
    }
}

extension LodestoneClient.Collection {
    func send(_ batch: Batch, _ content: Content, _ requestID: RequestID)
        async throws(LodestoneError) -> WriteReceipt
    {
        if batch.isDrop {
            return try await drop(
                try batch.droppedIDs(),
                edges: try batch.sourcedEdges(),
                requestID: requestID
            )
        }
        return try await indexMany(
            try batch.documents(content),
            edges: try batch.sourcedEdges(),
            requestID: requestID
        )
    }
}

extension OwnStore {
    /// Writes a batch with the client's calls.
    func send(_ batch: Batch, _ content: Content) async throws(LodestoneError) -> WriteReceipt {
        if batch.isDrop {
            return try await engine.dropMany(
                DropManyRequest(
                    collection: name,
                    ids: try batch.droppedIDs(),
                    edges: try batch.sourcedEdges()
                )
            )
        }
        return try await engine.indexMany(
            IndexManyRequest(
                collection: name,
                documents: try batch.documents(content),
                edges: try batch.sourcedEdges()
            )
        )
    }
}

extension Batch {
    fileprivate func documents(_ content: Content) throws(LodestoneError) -> [Document] {
        var documents: [Document] = []
        for (id, model) in indexed { documents.append(try content.document(id, model)) }
        return documents
    }

    fileprivate func droppedIDs() throws(LodestoneError) -> [DocumentID] {
        var ids: [DocumentID] = []
        for id in dropped { ids.append(try DocumentID(id)) }
        return ids
    }

    /// The edges to add, or the edges to drop.
    fileprivate func sourcedEdges() throws(LodestoneError) -> [SourcedEdge] {
        var edges: [SourcedEdge] = []
        for (edge, weight) in addedEdges { edges.append(try edge.sourcedEdge(weight: weight)) }
        for edge in droppedEdges { edges.append(try edge.sourcedEdge(weight: 1)) }
        return edges
    }
}

extension SourcedName {
    fileprivate func sourcedEdge(weight: Float) throws(LodestoneError) -> SourcedEdge {
        SourcedEdge(
            from: try DocumentID(source),
            Edge(name.label, to: try DocumentID(name.target), weight: weight)
        )
    }
}
