// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore
import LodestoneStructures

/// The check that a store still has everything that an earlier run wrote, so that the import may
/// continue.
///
/// Name and address are not enough: meanwhile the collection may have been recreated, documents
/// dropped, a snapshot restored, or another store started at the address. So three conditions are
/// checked before lines are skipped:
///
/// 1. The collection has the same number as before.
/// 2. The last committed write, a batch or a piece of it, is sent again under its request id. Only
///    a store with this write, and all earlier ones, in its history replies with the same sequence
///    number.
/// 3. Every document of the earlier lines exists, with its edges.
///
/// The later lines are always written, under new request ids: the store may know the old ids, and
/// yet have lost the data since. If a check fails, the import begins at the first line, which costs
/// time but leaves no gap.
package struct ResumeCheck: Sendable {
    /// Fetches documents by id, with their edges or with no other part.
    package typealias Get =
        @Sendable ([DocumentID], _ withEdges: Bool) async throws(LodestoneError) -> [Document]
    /// Fetches a page of the edges that leave a document, and the start of the next page.
    package typealias ListEdges =
        @Sendable (DocumentID, EdgeCursor?) async throws(LodestoneError) -> ListEdgesResponse

    /// The most refused lines that a check can distinguish from missing documents; with more, the
    /// import begins again.
    private static let maxRefusedLines = 10_000

    private let state: ImportState
    private let send: ImportRun.Send
    private let get: Get
    private let listEdges: ListEdges

    /// Creates a check of `state`.
    package init(
        _ state: ImportState,
        send: @escaping ImportRun.Send,
        get: @escaping Get,
        listEdges: @escaping ListEdges
    ) {
        self.state = state
        self.send = send
        self.get = get
        self.listEdges = listEdges
    }

    /// The reason why the import can't continue; `nil` when it can.
    ///
    /// - Parameters:
    ///   - reader: A new reader of the same input.
    ///   - collection: The current description of the collection.
    /// - Returns: The reason, as a part of a sentence: `the collection was made again`.
    /// - Throws: The error of a call, or an error that makes the file unusable.
    /// - Complexity: Reads the earlier lines, and fetches their documents batch by batch. The edges
    ///   of a document with lines of edges are fetched once, and take 8 bytes of memory per edge.
    package func obstacle<Reader: BatchReader>(
        _ reader: sending Reader,
        in collection: CollectionDescription
    ) async throws(LodestoneError) -> String? {
        guard state.collectionNumber == collection.number else {
            return "the collection was made again since"
        }
        guard let latest = state.latestBatch else { return "nothing was written before" }
        guard collection.sequenceNumber >= latest.sequenceNumber else {
            return "the store is older than the earlier run"
        }
        guard state.refusedLines.count <= Self.maxRefusedLines else {
            return "\(state.refusedLines.count) lines were refused"
        }
        let refused = Set(state.refusedLines.withoutDocument)
        let earlier = Set(state.refusedLines.withEarlierDocument)
        let run = ImportRun(runID: latest.runID, send: send)
        let source = BatchSource(reader)
        var isKnown = false
        var hub: Hub?
        while let batch = try await source.next(state.batchSize),
            batch.startsAfterLine < state.throughLine
        {
            if let missing = try await missing(batch, refused, earlier, &hub) {
                return "'\(missing.string)' is not there any more as it was written"
            }
            guard batch.startsAfterLine == latest.startsAfterLine else { continue }
            guard let piece = batch.piece(latest.piece) else { continue }
            let receipt: WriteReceipt
            do {
                receipt = try await send(piece, run.requestID(of: batch, piece: latest.piece))
            } catch {
                guard error.code == .invalidArgument || error.code == .notFound else { throw error }
                return "the store refuses a batch that it accepted before"
            }
            guard receipt.isRepeated, receipt.sequenceNumber == latest.sequenceNumber else {
                return "the store has no record of the earlier run"
            }
            isKnown = true
        }
        return isKnown ? nil : "the file has other lines"
    }

    /// The first document of a batch that is missing or lacks an edge.
    ///
    /// - Parameters:
    ///   - batch: A batch of the earlier lines.
    ///   - refused: Refused lines whose id has no document.
    ///   - earlier: Refused lines whose id has the document of another line, with its own edges.
    ///   - hub: The document of the last checked lines of edges.
    /// - Returns: The id of the document.
    /// - Throws: The error of a call.
    private func missing(
        _ batch: ImportBatch,
        _ refused: Set<Int>,
        _ earlier: Set<Int>,
        _ hub: inout Hub?
    ) async throws(LodestoneError) -> DocumentID? {
        var expected: [DocumentID: Set<EdgeName>] = [:]
        if let line = batch.documentLine {
            guard !refused.contains(line), !earlier.contains(line), let first = batch.edges.first
            else { return nil }
            let found: Hub
            if let hub, hub.line == line {
                found = hub
            } else {
                found = try await Hub(first.source, line, listEdges)
            }
            hub = found
            for (edge, line) in zip(batch.edges, batch.lines) where !refused.contains(line) {
                if !found.has(edge.edge.label, edge.edge.target) { return edge.source }
            }
            return nil
        }
        if batch.documents.isEmpty {
            for (edge, line) in zip(batch.edges, batch.lines) where !refused.contains(line) {
                expected[edge.source, default: []].insert(EdgeName(edge.edge))
            }
        } else {
            for (document, line) in zip(batch.documents, batch.lines)
            where !refused.contains(line) {
                expected[document.id] =
                    earlier.contains(line) ? [] : Set(document.edges.map { EdgeName($0) })
            }
        }
        // Documents whose edges follow in separate lines are fetched without edges.
        for withEdges in [false, true] {
            let ids = expected.keys.filter { expected[$0]?.isEmpty == !withEdges }
            if ids.isEmpty { continue }
            let found: [Document]
            do {
                found = try await get(ids, withEdges)
            } catch {
                // Lists of edges that exceed a reply can't be compared.
                guard error.code == .resourceExhausted else { throw error }
                return ids.first
            }
            for document in found {
                guard let edges = expected.removeValue(forKey: document.id) else { continue }
                if !edges.isSubset(of: document.edges.map { EdgeName($0) }) { return document.id }
            }
        }
        return expected.keys.first
    }

    /// A document with lines of edges, and its edges in the store.
    private struct Hub {
        let line: Int
        /// The hashes of labels and targets, ascending.
        private let names: [UInt64]
        private let seed: UInt64

        init(_ id: DocumentID, _ line: Int, _ listEdges: ListEdges) async throws(LodestoneError) {
            self.line = line
            let seed = UInt64.random(in: .min ... .max)
            var names: [UInt64] = []
            var cursor: EdgeCursor?
            repeat {
                let page = try await listEdges(id, cursor)
                names += page.edges.map { Self.name($0.label, $0.id, seed) }
                cursor = page.nextCursor
            } while cursor != nil
            names.sort()
            self.names = names
            self.seed = seed
        }

        func has(_ label: String, _ target: DocumentID) -> Bool {
            let name = Self.name(label, target, seed)
            var (low, high) = (0, names.count)
            while low < high {
                let middle = (low + high) / 2
                if names[middle] < name { low = middle + 1 } else { high = middle }
            }
            return low < names.count && names[low] == name
        }

        private static func name(_ label: String, _ target: DocumentID, _ seed: UInt64) -> UInt64 {
            let hashes = [label, target.string].map { text in
                var text = text
                return text.withUTF8 { UInt64(hashing: UnsafeRawBufferPointer($0), seed: seed) }
            }
            return hashes[0].mixed(with: hashes[1])
        }
    }

    /// The identity of an edge among the edges of its source.
    private struct EdgeName: Hashable {
        let label: [UInt8]
        let target: DocumentID

        init(_ edge: Edge) {
            label = Array(edge.label.utf8)
            target = edge.target
        }
    }
}
