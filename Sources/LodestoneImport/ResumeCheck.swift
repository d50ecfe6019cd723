// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore

/// Finds out whether an import may go on where an earlier run was cut: whether everything that the
/// earlier run wrote is still there.
///
/// The name of a collection and an address say little: the collection may have been dropped and made
/// again, documents dropped, a snapshot restored, another store started there. So, before a line is
/// passed over,
///
/// 1. the collection has the number that it had,
/// 2. what the store took last of all, a batch or a piece of one, is sent again under its request id.
///    Only a store whose history holds it, and with it all before it, answers with the sequence number of
///    then;
/// 3. every document of the lines before is there, with its edges.
///
/// Lines after those are written again in any case, under new request ids: the store may know them, and
/// yet have lost them since. Where any of it fails, the import begins with the first line: too much work at
/// worst, and no gap.
package struct ResumeCheck: Sendable {
    /// Documents by id, with their edges or with nothing.
    package typealias Get =
        @Sendable ([DocumentID], _ withEdges: Bool) async throws(LodestoneError) -> [Document]
    /// A page of the edges that leave a document, and where the next one starts.
    package typealias ListEdges =
        @Sendable (DocumentID, EdgeCursor?) async throws(LodestoneError) -> ListEdgesResponse

    /// More lines than this that the server refused are not told apart from documents that are missing.
    private static let maxRefusedLines = 10_000

    private let state: ImportState
    private let send: ImportRun.Send
    private let get: Get
    private let listEdges: ListEdges

    /// Prepares a check of what `state` says.
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

    /// Why the import can't go on; `nil` when it can.
    ///
    /// - Parameters:
    ///   - reader: A new reader of the same input.
    ///   - collection: As it is now.
    /// - Returns: What happened, as a sentence's part: `the collection was made again`.
    /// - Throws: What a call throws, or what makes the file unusable.
    /// - Complexity: Reads the lines before, and asks for their documents, batch by batch; for the edges of a
    ///   document that has lines of edges once, which takes 8 bytes of memory for each.
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
                return "the store doesn't take what it took"
            }
            guard receipt.isRepeated, receipt.sequenceNumber == latest.sequenceNumber else {
                return "the store doesn't know the earlier run"
            }
            isKnown = true
        }
        return isKnown ? nil : "the file has other lines"
    }

    /// The first document of a batch that is not there, or lacks an edge.
    ///
    /// - Parameters:
    ///   - batch: Of the lines before.
    ///   - refused: Lines that left nothing.
    ///   - earlier: Lines that left a document of another line, with edges of its own.
    ///   - hub: The document whose lines of edges were last looked at.
    /// - Returns: Its id.
    /// - Throws: What the call throws.
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
        // Documents whose edges follow in lines of their own are asked for without them.
        for withEdges in [false, true] {
            let ids = expected.keys.filter { expected[$0]?.isEmpty == !withEdges }
            if ids.isEmpty { continue }
            let found: [Document]
            do {
                found = try await get(ids, withEdges)
            } catch {
                // Lists of edges that fit no reply can't be compared.
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

    /// A document with lines of edges, and which of them the store has.
    private struct Hub {
        let line: Int
        /// Hashes of labels and targets, rising.
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

    /// What an edge is known by, next to its source.
    private struct EdgeName: Hashable {
        let label: [UInt8]
        let target: DocumentID

        init(_ edge: Edge) {
            label = Array(edge.label.utf8)
            target = edge.target
        }
    }
}
