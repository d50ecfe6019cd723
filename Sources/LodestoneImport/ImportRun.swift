// SPDX-License-Identifier: Apache-2.0
import Dispatch
package import LodestoneCore

/// How an import goes about its work.
package struct ImportOptions: Sendable, Equatable {
    /// Documents or edges sent at once; each batch is one transaction.
    package var batchSize = 1_000
    /// Batches under way at once.
    ///
    /// With 1, lines are applied in the order of the file, which matters when an id occurs twice.
    package var inFlight = 4
    /// Stop at the first bad line.
    package var isStrict = false

    package init(batchSize: Int = 1_000, inFlight: Int = 4, isStrict: Bool = false) {
        self.batchSize = batchSize
        self.inFlight = inFlight
        self.isStrict = isStrict
    }
}

/// How far an import has come; every number counts only what the server acknowledged.
package struct ImportProgress: Sendable, Equatable {
    /// Documents or edges that are written.
    package var accepted = 0
    /// Of these, documents that took the place of an earlier version.
    package var replaced = 0
    /// Lines left out.
    package var badLineCount = 0
    /// The first of them.
    package var badLines: [BadLine] = []
    /// Every line up to this one is done with.
    package var throughLine = 0
    /// Of the input, 0 to 1.
    package var fractionDone = 0.0

    /// Bad lines that are kept to be shown.
    package static let maxBadLines = 20

    package init() {}

    mutating func add(_ bad: [BadLine]) {
        badLineCount += bad.count
        badLines += bad.prefix(max(0, Self.maxBadLines - badLines.count))
    }
}

/// Sends what a reader yields, several batches at a time, and keeps count.
///
/// The reader works on a queue of its own, because it waits for files. A batch that the server
/// refuses for its content is halved until the lines at fault are found, so that one of them does
/// not take its 999 neighbors along.
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
    ///   - options: How to go about it.
    ///   - runID: The first half of every request id; the second is the batch's place. A batch that
    ///     is sent again by a later run of the same id and the same batch size is known.
    ///   - send: Sends one batch.
    package init(options: ImportOptions = ImportOptions(), runID: UInt64, send: @escaping Send) {
        self.options = options
        self.runID = runID
        self.send = send
    }

    /// Imports everything after `progress.throughLine`.
    ///
    /// - Parameters:
    ///   - reader: What to import.
    ///   - progress: Where an earlier run ended.
    ///   - report: Called after each batch whose predecessors are all acknowledged, in order.
    /// - Returns: The final count.
    /// - Throws: What ended the import early; `report` has been given the state to go on from.
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
            var isExhausted = false
            var underWay = 0
            while true {
                while !isExhausted, failure == nil, underWay < options.inFlight {
                    do throws(LodestoneError) {
                        guard let batch = try await source.next(options.batchSize) else {
                            isExhausted = true
                            break
                        }
                        let place = ledger.open(batch)
                        group.addTask { await self.apply(batch, place: place) }
                        underWay += 1
                    } catch {
                        failure = error
                    }
                }
                guard let outcome = await group.next() else { break }
                underWay -= 1
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

    /// What became of one batch.
    private struct Outcome: Sendable {
        var place: Int
        var accepted = 0
        var replaced = 0
        var badLines: [BadLine]
        var failure: LodestoneError?
    }

    private func apply(_ batch: ImportBatch, place: Int) async -> Outcome {
        var outcome = Outcome(place: place, badLines: batch.badLines)
        if options.isStrict, let bad = batch.badLines.first {
            outcome.failure = Self.strictFailure(bad)
            return outcome
        }
        guard batch.count > 0 else { return outcome }
        let id = RequestID(high: runID, low: UInt64(batch.startsAfterLine))
        do {
            outcome.replaced = try await send(batch, id).replaced
            outcome.accepted = batch.count
        } catch {
            guard Self.isAboutContent(error) else {
                outcome.failure = error
                return outcome
            }
            await narrow(batch, refusedWith: error, &outcome)
            if outcome.accepted == 0, batch.count >= 10 {
                // Nothing of so many is good: that is no matter of single lines.
                outcome.failure = error
            }
        }
        return outcome
    }

    private func narrow(
        _ batch: ImportBatch,
        refusedWith error: LodestoneError,
        _ outcome: inout Outcome
    ) async {
        guard batch.count > 1 else {
            let bad = BadLine(file: batch.path, line: batch.lines[0], reason: error.message)
            outcome.badLines.append(bad)
            if options.isStrict { outcome.failure = Self.strictFailure(bad) }
            return
        }
        let (first, second) = batch.halves
        for half in [first, second] where outcome.failure == nil {
            do {
                outcome.replaced += try await send(half, .random()).replaced
                outcome.accepted += half.count
            } catch {
                if Self.isAboutContent(error) {
                    await narrow(half, refusedWith: error, &outcome)
                } else {
                    outcome.failure = error
                }
            }
        }
    }

    private static func isAboutContent(_ error: LodestoneError) -> Bool {
        switch error.code {
        case .invalidArgument: true
        // An edge whose source doesn't exist; a missing collection is no matter of lines.
        case .notFound: error.reason == "NO_SOURCE"
        default: false
        }
    }

    private static func strictFailure(_ bad: BadLine) -> LodestoneError {
        .invalid(
            "BAD_LINE",
            "\(bad)",
            recovery: "Mend the line and run the import again to go on.",
            object: bad.file
        )
    }
}

extension ImportRun {
    /// Which batches are done, and up to which line all of them are.
    private struct Ledger {
        var progress: ImportProgress
        private var opened = 0
        private var closed = 0
        private var ends: [Int: (line: Int, fraction: Double)] = [:]
        private var waiting: [Int: Outcome] = [:]

        init(progress: ImportProgress) { self.progress = progress }

        mutating func open(_ batch: ImportBatch) -> Int {
            ends[opened] = (batch.endsAtLine, batch.fractionRead)
            opened += 1
            return opened - 1
        }

        /// - Returns: Whether the state to go on from has moved.
        mutating func close(_ outcome: Outcome) -> Bool {
            guard outcome.failure == nil else { return false }
            waiting[outcome.place] = outcome
            let before = closed
            while let next = waiting.removeValue(forKey: closed),
                let end = ends.removeValue(forKey: closed)
            {
                progress.accepted += next.accepted
                progress.replaced += next.replaced
                progress.add(next.badLines)
                progress.throughLine = end.line
                progress.fractionDone = end.fraction
                closed += 1
            }
            return closed > before
        }
    }
}

/// A reader on a queue of its own, off the cooperative pool.
private actor BatchSource<Reader: BatchReader> {
    private nonisolated let executor = QueueExecutor(label: "lodestone.import")
    private var reader: Reader

    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    init(_ reader: sending Reader) { self.reader = reader }

    func next(_ count: Int) throws(LodestoneError) -> ImportBatch? { try reader.next(count) }

    func skip(throughLine line: Int) throws(LodestoneError) {
        try reader.skip(throughLine: line)
    }
}

/// Runs an actor's jobs on a serial queue; Linux has no `DispatchSerialQueue` that does.
private final class QueueExecutor: SerialExecutor {
    private let queue: DispatchQueue

    init(label: String) { queue = DispatchQueue(label: label) }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { job.runSynchronously(on: self.asUnownedSerialExecutor()) }
    }
}
