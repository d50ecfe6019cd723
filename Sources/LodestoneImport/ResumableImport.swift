// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore

/// An import with its progress in a file.
///
/// The next run continues after an interrupted run, even if its process ended.
package struct ResumableImport: Sendable {
    /// The start of a run.
    package enum Beginning: Sendable, Equatable {
        /// At the first line, because there is no interrupted run.
        case firstLine
        /// At the first line, for the reason of `ResumeCheck`.
        case firstLineAgain(String)
        /// After the finished lines of an earlier run.
        case after(ImportProgress)
    }

    private let options: ImportOptions
    private let subject: ImportState.Subject?
    private let statePath: String
    private let send: ImportRun.Send
    private let get: ResumeCheck.Get
    private let listEdges: ResumeCheck.ListEdges

    /// Creates an import.
    ///
    /// - Parameters:
    ///   - options: The settings; a continued import keeps its batch size.
    ///   - state: The subject of the import, and the path of its state file; `nil`: no state is
    ///     kept.
    ///   - send: Sends one batch.
    ///   - get: Fetches documents.
    ///   - listEdges: Fetches the edges of a document.
    package init(
        options: ImportOptions,
        state: (subject: ImportState.Subject, path: String)?,
        send: @escaping ImportRun.Send,
        get: @escaping ResumeCheck.Get,
        listEdges: @escaping ResumeCheck.ListEdges
    ) {
        self.options = options
        subject = state?.subject
        statePath = state?.path ?? ""
        self.send = send
        self.get = get
        self.listEdges = listEdges
    }

    /// Sends the remaining lines.
    ///
    /// - Parameters:
    ///   - collection: The current description of the collection.
    ///   - open: Opens the input; it is opened twice if the lines of an earlier run are checked.
    ///   - begins: Called once, before any line is written.
    ///   - report: Called after each batch whose predecessors are all acknowledged, in order.
    /// - Returns: The final count.
    /// - Throws: The error that ended the import early; the next run continues there.
    package func run<Reader: BatchReader>(
        into collection: CollectionDescription,
        _ open: () throws(LodestoneError) -> sending Reader,
        begins: (Beginning) -> Void = { _ in },
        report: (ImportProgress) -> Void = { _ in }
    ) async throws(LodestoneError) -> ImportProgress {
        let reader = try open()
        guard let subject else {
            begins(.firstLine)
            let run = ImportRun(options: options, runID: .random(in: .min ... .max), send: send)
            return try await run.run(reader) { (progress) throws(LodestoneError) in report(progress)
            }
        }
        var state = ImportState(
            subject: subject,
            collectionNumber: collection.number,
            batchSize: options.batchSize
        )
        var beginning = Beginning.firstLine
        if let earlier = ImportState.load(statePath, subject: subject) {
            let check = ResumeCheck(earlier, send: send, get: get, listEdges: listEdges)
            if let obstacle = try await check.obstacle(try open(), in: collection) {
                beginning = .firstLineAgain(obstacle)
            } else {
                state = earlier
                state.goOn()
                beginning = .after(state.progress)
            }
        }
        begins(beginning)
        var options = options
        options.batchSize = state.batchSize
        let run = ImportRun(options: options, runID: state.runID, send: send)
        let end = try await run.run(reader, from: state.progress) {
            (progress) throws(LodestoneError) in
            report(progress)
            state.take(progress)
            try state.save(statePath)
        }
        ImportState.remove(statePath)
        return end
    }
}
