// SPDX-License-Identifier: Apache-2.0
import Dispatch
package import LodestoneCore

/// The settings of an import.
package struct ImportOptions: Sendable, Equatable {
    /// The number of documents or edges per batch; each batch is one transaction.
    package var batchSize = 1_000
    /// The number of batches in flight.
    ///
    /// For any number, the later one of two lines with the same id wins.
    package var inFlight = 4
    /// Whether to stop at the first bad line.
    package var isStrict = false

    package init(batchSize: Int = 1_000, inFlight: Int = 4, isStrict: Bool = false) {
        self.batchSize = batchSize
        self.inFlight = inFlight
        self.isStrict = isStrict
    }
}

/// A batch, or a piece of it, that a store has committed, and its identity.
package struct WrittenBatch: Codable, Sendable, Equatable {
    /// The first half of the write's request id.
    package var runID: UInt64
    /// The line before the batch's first.
    package var startsAfterLine: Int
    /// The piece of the batch; empty for the whole.
    package var piece: Range<Int>
    /// The sequence number in the write's receipt.
    package var sequenceNumber: UInt64
}

/// Lines that a server refused.
package struct RefusedLines: Codable, Sendable, Equatable {
    /// The refused lines whose id has no document.
    package var withoutDocument: [Int] = []
    /// The refused lines whose id has the document of an earlier line of the batch.
    package var withEarlierDocument: [Int] = []

    /// Whether the server refused a line.
    func contains(_ line: Int) -> Bool {
        withoutDocument.contains(line) || withEarlierDocument.contains(line)
    }

    /// The number of refused lines.
    package var count: Int { withoutDocument.count + withEarlierDocument.count }

    static func += (all: inout RefusedLines, more: RefusedLines) {
        all.withoutDocument += more.withoutDocument
        all.withEarlierDocument += more.withEarlierDocument
    }
}

/// The progress of an import; only acknowledged writes are counted.
package struct ImportProgress: Sendable, Equatable {
    /// The documents or edges that are written.
    package var accepted = 0
    /// The written edges from a dump's lines of edges.
    package var addedEdges = 0
    /// The accepted documents that replaced an earlier version.
    package var replaced = 0
    /// The number of lines left out.
    package var badLineCount = 0
    /// The first lines that were left out.
    package var badLines: [BadLine] = []
    /// The lines that the server refused; they count as bad lines, too.
    package var refusedLines = RefusedLines()
    /// The counts of the lines' fields.
    package var fields = FieldCounts()
    /// The write that the store committed last.
    package var latestBatch: WrittenBatch?
    /// The line up to which every line is finished.
    package var throughLine = 0
    /// The finished share of the input, 0 to 1.
    package var fractionDone = 0.0

    /// The most bad lines that are kept for display.
    package static let maxBadLines = 20

    package init() {}

    mutating func add(_ bad: [BadLine]) {
        badLineCount += bad.count
        badLines += bad.prefix(max(0, Self.maxBadLines - badLines.count))
    }
}

/// A run of an import: sends the batches of a reader, several at a time, and counts the results.
///
/// The reader works on its own queue, because it waits for files. If the server refuses a batch for
/// its content, the run halves the batch until it finds the faulty lines, so that one of them does
/// not discard 999 others.
///
/// If the server refused a document, its lines of edges are left out, because an earlier document
/// of the id would get them.
///
/// The result is that of the file's order, for any number of batches in flight. A batch that shares
/// an id with an earlier batch waits until that batch, and all before it, are acknowledged and
/// reported. So batches in flight never share an id, and after an interruption a later run may
/// write all of them again.
package struct ImportRun: Sendable {
    /// Sends one batch under a request id.
    package typealias Send =
        @Sendable (ImportBatch, RequestID) async throws(LodestoneError) -> WriteReceipt

    private let options: ImportOptions
    private let runID: UInt64
    private let send: Send

    /// Creates a run.
    ///
    /// - Parameters:
    ///   - options: The settings of the import.
    ///   - runID: The first half of every request id; the second is the batch's position. A later
    ///     run has another run id, because documents may have been dropped since they were written.
    ///   - send: Sends one batch.
    package init(options: ImportOptions = ImportOptions(), runID: UInt64, send: @escaping Send) {
        self.options = options
        self.runID = runID
        self.send = send
    }

    /// Imports everything after `progress.throughLine`.
    ///
    /// - Parameters:
    ///   - reader: The input.
    ///   - progress: The state at the end of an earlier run.
    ///   - report: Called after each batch whose predecessors are all acknowledged, in order.
    /// - Returns: The final count.
    /// - Throws: The error that ended the import early; `report` has the state from which to
    ///   continue.
    package func run<Reader: BatchReader>(
        _ reader: sending Reader,
        from progress: ImportProgress = ImportProgress(),
        report: (ImportProgress) throws(LodestoneError) -> Void
    ) async throws(LodestoneError) -> ImportProgress {
        let source = BatchSource(reader)
        try await source.skip(throughLine: progress.throughLine)
        var ledger = Ledger(progress: progress)
        var failure: LodestoneError?
        await withTaskGroup(of: Outcome.self) { group in
            var held: ImportBatch?
            var isExhausted = false
            var runningCount = 0
            while true {
                while failure == nil, runningCount < options.inFlight {
                    do throws(LodestoneError) {
                        if held == nil, !isExhausted {
                            held = try await source.next(options.batchSize)
                            isExhausted = held == nil
                        }
                    } catch {
                        failure = error
                    }
                    guard let batch = held, ledger.admits(batch, inFlight: options.inFlight)
                    else { break }
                    held = nil
                    let lacksDocument = ledger.lacksDocument(batch)
                    let number = ledger.open(batch)
                    group.addTask {
                        lacksDocument
                            ? self.leaveOut(batch, number: number)
                            : await self.apply(batch, number: number)
                    }
                    runningCount += 1
                }
                guard let outcome = await group.next() else { break }
                runningCount -= 1
                failure = failure ?? outcome.failure
                do throws(LodestoneError) {
                    if ledger.close(outcome) { try report(ledger.progress) }
                } catch {
                    failure = failure ?? error
                }
            }
        }
        if let failure { throw failure }
        return ledger.progress
    }

    /// The outcome of one batch.
    private struct Outcome: Sendable {
        /// The number of the batch in this run.
        var number: Int
        var accepted = 0
        var addedEdges = 0
        var replaced = 0
        var badLines: [BadLine]
        /// The bad lines that the server refused.
        var refusedLines = RefusedLines()
        /// The write of the batch that the store committed last.
        var latest: WrittenBatch?
        var failure: LodestoneError?

        /// Counts the effects of one write.
        mutating func add(_ receipt: WriteReceipt, _ sent: ImportBatch, as write: WrittenBatch) {
            if sent.documentLine == nil { accepted += sent.count } else { addedEdges += sent.count }
            replaced += receipt.replaced
            if write.sequenceNumber > latest?.sequenceNumber ?? 0 { latest = write }
        }
    }

    private func apply(_ batch: ImportBatch, number: Int) async -> Outcome {
        var outcome = Outcome(number: number, badLines: batch.badLines)
        if options.isStrict, let bad = batch.badLines.first {
            outcome.failure = Self.strictFailure(bad)
            return outcome
        }
        guard batch.count > 0 else { return outcome }
        do {
            try await write(batch, piece: 0..<0, &outcome)
        } catch {
            guard Self.isAboutContent(error) else {
                outcome.failure = error
                return outcome
            }
            await narrow(batch, part: 0..<batch.count, refusedWith: error, &outcome)
            if outcome.accepted + outcome.addedEdges == 0, batch.count >= 10 {
                // If all of so many lines are refused, single lines are not the cause.
                outcome.failure = error
            }
        }
        return outcome
    }

    /// Counts the lines of edges whose document was refused.
    private func leaveOut(_ batch: ImportBatch, number: Int) -> Outcome {
        var outcome = Outcome(number: number, badLines: batch.badLines)
        var last = 0
        for line in batch.lines where line != last {
            last = line
            let reason = "the edges of line \(batch.documentLine ?? 0), which was left out"
            outcome.badLines.append(BadLine(file: batch.path, line: line, reason: reason))
        }
        return outcome
    }

    /// Sends a piece of a batch, or the whole batch, and counts the result.
    private func write(_ batch: ImportBatch, piece: Range<Int>, _ outcome: inout Outcome)
        async throws(LodestoneError)
    {
        guard let sent = batch.piece(piece) else { return }
        let receipt = try await send(sent, requestID(of: batch, piece: piece))
        outcome.add(
            receipt,
            sent,
            as: WrittenBatch(
                runID: runID,
                startsAfterLine: batch.startsAfterLine,
                piece: piece,
                sequenceNumber: receipt.sequenceNumber
            )
        )
    }

    /// Sends the halves of a refused part, the first half first.
    private func narrow(
        _ batch: ImportBatch,
        part: Range<Int>,
        refusedWith error: LodestoneError,
        _ outcome: inout Outcome
    ) async {
        guard part.count > 1 else {
            let line = batch.lines[part.lowerBound]
            let bad = BadLine(file: batch.path, line: line, reason: Self.reason(error))
            outcome.badLines.append(bad)
            if options.isStrict {
                outcome.failure = Self.strictFailure(bad)
            } else if await sendEarlier(batch, index: part.lowerBound, &outcome) {
                outcome.refusedLines.withEarlierDocument.append(line)
            } else {
                outcome.refusedLines.withoutDocument.append(line)
            }
            return
        }
        let middle = part.lowerBound + part.count / 2
        for half in [part.lowerBound..<middle, middle..<part.upperBound]
        where outcome.failure == nil {
            do {
                try await write(batch, piece: half, &outcome)
            } catch {
                if Self.isAboutContent(error) {
                    await narrow(batch, part: half, refusedWith: error, &outcome)
                } else {
                    outcome.failure = error
                }
            }
        }
    }

    /// Sends the last valid one of the documents that a refused document replaced.
    ///
    /// - Returns: Whether there was such a document.
    private func sendEarlier(_ batch: ImportBatch, index: Int, _ outcome: inout Outcome) async
        -> Bool
    {
        for age in (batch.superseded[batch.lines[index]] ?? []).indices {
            do {
                try await write(batch, piece: batch.earlier(index, age: age), &outcome)
                return true
            } catch {
                guard Self.isAboutContent(error) else {
                    outcome.failure = error
                    return false
                }
            }
        }
        return false
    }

    /// The request id of a piece of a batch: equal for an equal run id and piece, else different.
    ///
    /// Bits 0 to 33 of the second half are the line before the batch. The next 14 are the start of
    /// the piece, and the last 16 are its count: 0 for the whole.
    package func requestID(of batch: ImportBatch, piece: Range<Int> = 0..<0) -> RequestID {
        let pieceBits = UInt64(piece.lowerBound) << 34 | UInt64(piece.count) << 48
        return RequestID(high: runID, low: UInt64(batch.startsAfterLine) | pieceBits)
    }

    private static func isAboutContent(_ error: LodestoneError) -> Bool {
        switch error.code {
        case .invalidArgument: true
        // A missing source of an edge is a fault of its line; a missing collection is not.
        case .notFound: error.reason == .noSource
        // A document may be too large for a message. The error of a busy server has a time to wait.
        case .resourceExhausted:
            [.frameTooLarge, .decodeBudget].contains(error.reason) && error.retryAfter == nil
        default: false
        }
    }

    /// The error's message, without the name of the document or edge if the request has only one.
    private static func reason(_ error: LodestoneError) -> String {
        for (name, subject) in [("documents[0]", "the document"), ("edges[0]", "the edge")]
        where error.message.hasPrefix(name) {
            let detail = error.message.dropFirst(name.count)
            return detail.first == "." ? String(detail.dropFirst()) : subject + detail
        }
        return error.message
    }

    private static func strictFailure(_ bad: BadLine) -> LodestoneError {
        .invalid(
            .badLine,
            "\(bad)",
            recovery: "Correct the line and run the import again to go on.",
            object: bad.file
        )
    }
}

extension ImportRun {
    /// The finished batches, and the line up to which all are finished.
    private struct Ledger {
        var progress: ImportProgress
        private var opened = 0
        private var closed = 0
        private var batches: [Int: Opened] = [:]
        private var waiting: [Int: Outcome] = [:]
        // The ids of the open batches; no id is in two of them.
        private var openIDs: Set<DocumentID> = []

        /// The data of an open batch: it, or an earlier one, is not acknowledged.
        private struct Opened {
            let end: Int
            let fraction: Double
            let ids: [DocumentID]
            let fields: FieldCounts
        }

        init(progress: ImportProgress) { self.progress = progress }

        /// Whether a batch may be sent now.
        ///
        /// It may if it shares no id with an open batch, and not too many batches are open.
        func admits(_ batch: ImportBatch, inFlight: Int) -> Bool {
            opened - closed < 8 * inFlight && !batch.ids.contains(where: openIDs.contains)
        }

        /// Whether these are edges of a document that the server refused.
        ///
        /// When edges are admitted, the refusal of their document is known.
        func lacksDocument(_ batch: ImportBatch) -> Bool {
            batch.documentLine.map { progress.refusedLines.contains($0) } ?? false
        }

        mutating func open(_ batch: ImportBatch) -> Int {
            let ids = batch.ids
            openIDs.formUnion(ids)
            batches[opened] = Opened(
                end: batch.endsAtLine,
                fraction: batch.fractionRead,
                ids: ids,
                fields: batch.fields
            )
            opened += 1
            return opened - 1
        }

        /// - Returns: Whether the state from which to continue has advanced.
        mutating func close(_ outcome: Outcome) -> Bool {
            guard outcome.failure == nil else { return false }
            waiting[outcome.number] = outcome
            let before = closed
            while let next = waiting.removeValue(forKey: closed),
                let batch = batches.removeValue(forKey: closed)
            {
                openIDs.subtract(batch.ids)
                progress.accepted += next.accepted
                progress.addedEdges += next.addedEdges
                progress.replaced += next.replaced
                progress.add(next.badLines)
                progress.refusedLines += next.refusedLines
                progress.fields.add(batch.fields)
                if let latest = next.latest,
                    latest.sequenceNumber > progress.latestBatch?.sequenceNumber ?? 0
                {
                    progress.latestBatch = latest
                }
                progress.throughLine = batch.end
                progress.fractionDone = batch.fraction
                closed += 1
            }
            return closed > before
        }
    }
}

/// A reader on its own queue, off the cooperative pool.
actor BatchSource<Reader: BatchReader> {
    private nonisolated let executor = QueueExecutor(label: "lodestone.import")
    private var reader: Reader

    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    init(_ reader: sending Reader) { self.reader = reader }

    func next(_ count: Int) throws(LodestoneError) -> ImportBatch? { try reader.next(count) }

    func skip(throughLine line: Int) throws(LodestoneError) {
        try reader.skip(throughLine: line)
    }
}

/// An executor that runs an actor's jobs on a serial queue, because Linux has no
/// `DispatchSerialQueue`.
private final class QueueExecutor: SerialExecutor {
    private let queue: DispatchQueue

    init(label: String) { queue = DispatchQueue(label: label) }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { job.runSynchronously(on: self.asUnownedSerialExecutor()) }
    }
}
