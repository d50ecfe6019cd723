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

    /// More lines than this that the server refused are not told apart from documents that are missing.
    private static let maxRefusedLines = 10_000

    private let state: ImportState
    private let send: ImportRun.Send
    private let get: Get

    /// Prepares a check of what `state` says.
    package init(
        _ state: ImportState,
        send: @escaping ImportRun.Send,
        get: @escaping Get
    ) {
        self.state = state
        self.send = send
        self.get = get
    }

    /// Why the import can't go on; `nil` when it can.
    ///
    /// - Parameters:
    ///   - reader: A new reader of the same input.
    ///   - collection: As it is now.
    /// - Returns: What happened, as a sentence's part: `the collection was made again`.
    /// - Throws: What a call throws, or what makes the file unusable.
    /// - Complexity: Reads the lines before, and asks for their documents, batch by batch.
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
        while let batch = try await source.next(state.batchSize),
            batch.startsAfterLine < state.throughLine
        {
            if let missing = try await missing(batch, refused, earlier) {
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
    /// - Returns: Its id.
    /// - Throws: What the call throws.
    private func missing(_ batch: ImportBatch, _ refused: Set<Int>, _ earlier: Set<Int>)
        async throws(LodestoneError) -> DocumentID?
    {
        var expected: [DocumentID: Set<EdgeName>] = [:]
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
        if expected.isEmpty { return nil }
        let withEdges = expected.values.contains { !$0.isEmpty }
        let found: [Document]
        do {
            found = try await get(Array(expected.keys), withEdges)
        } catch {
            // Lists of edges that fit no reply can't be compared.
            guard error.code == .resourceExhausted else { throw error }
            return expected.keys.first
        }
        for document in found {
            guard let edges = expected.removeValue(forKey: document.id) else { continue }
            if !edges.isSubset(of: document.edges.map { EdgeName($0) }) { return document.id }
        }
        return expected.keys.first
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
