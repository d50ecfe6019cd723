// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneClient
import LodestoneImport

/// What a path names.
enum InputKind {
    case lines, wordNet

    init(_ path: String) {
        var isDirectory: ObjCBool = false
        _ = FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory)
        self = isDirectory.boolValue ? .wordNet : .lines
    }
}

/// The import of one file: it remembers where it stands, and shows it.
struct ImportJob {
    private let command: ImportCommand
    private let input: String
    private let unit: String
    private let description: CollectionDescription

    init(
        _ command: ImportCommand,
        input: String,
        unit: String,
        description: CollectionDescription
    ) {
        self.command = command
        self.input = input
        self.unit = unit
        self.description = description
    }

    /// Sends what the reader yields.
    func run<Reader: BatchReader>(_ reader: sending Reader, _ client: LodestoneClient)
        async throws(LodestoneError) -> ImportTally
    {
        let (path, earlier) = try openState()
        var state = earlier
        let before = state.progress
        let target = client.collection(command.collection)
        let run = ImportRun(
            options: ImportOptions(
                batchSize: state.batchSize,
                inFlight: command.inFlight,
                isStrict: command.strict
            ),
            runID: state.runID
        ) { (batch, id) async throws(LodestoneError) in
            try await target.indexMany(batch.documents, edges: batch.edges, requestID: id)
        }
        let name = URL(fileURLWithPath: input).lastPathComponent
        let meter = ProgressMeter(name, unit: unit, count: before.accepted)
        let end: ImportProgress
        do {
            end = try await run.run(reader, from: before) { progress throws(LodestoneError) in
                meter.update(count: progress.accepted, fraction: progress.fractionDone)
                state.take(progress)
                if let path { try state.save(path) }
            }
        } catch {
            meter.finish()
            throw annotated(error, state)
        }
        let elapsed = meter.finish()
        if let path { ImportState.remove(path) }
        return ImportTally(
            input: input,
            unit: unit,
            progress: end,
            before: before.accepted,
            elapsed: elapsed
        )
    }

    /// The state to start from, and the file to keep it in.
    private func openState() throws(LodestoneError) -> (String?, ImportState) {
        let subject = try ImportState.Subject(
            address: command.connection.resolvedAddress,
            collection: command.collection,
            input: input,
            settings: "\(command.idField) \(command.text ?? "") \(command.vectors ?? "") \(unit)"
        )
        let new = ImportState(subject: subject, batchSize: command.batchSize)
        guard command.resume else { return (nil, new) }
        guard let path = statePath() else {
            note(
                "\(input) stands where nothing can be written; give --state FILE to be able to "
                    + "go on after an interruption."
            )
            return (nil, new)
        }
        guard let state = ImportState.load(path, subject: subject), isStillThere(state) else {
            return (path, new)
        }
        note("Going on after line \(grouped(state.throughLine)) of \(input).")
        return (path, state)
    }

    private func statePath() -> String? {
        if let state = command.state { return "\(state).\(unit)" }
        let directory = URL(fileURLWithPath: input).deletingLastPathComponent().path
        guard InputKind(input) == .lines, FileManager.default.isWritableFile(atPath: directory)
        else { return nil }
        return ImportState.path(besides: input)
    }

    /// Whether the collection still holds what the earlier run wrote.
    private func isStillThere(_ state: ImportState) -> Bool {
        // Documents may replace one another and edges may repeat, so only their absence is telling.
        (unit == "documents" ? description.documents : description.edges) > 0
            || state.accepted == 0
    }

    private func annotated(_ error: LodestoneError, _ state: ImportState) -> LodestoneError {
        guard state.accepted > 0 || state.throughLine > 0 else { return error }
        var error = error
        error.message +=
            " \(grouped(state.accepted)) \(unit) of \(input) are written, up to line "
            + "\(grouped(state.throughLine))."
        if command.resume { error.recovery += " Then run the same command to go on from there." }
        return error
    }

    private func note(_ text: String) {
        FileHandle.standardError.write(Data("lodestone: \(text)\n".utf8))
    }
}

/// What became of one file.
struct ImportTally {
    private let input: String
    private let unit: String
    private let progress: ImportProgress
    private let seconds: Double
    private let rate: Double

    init(input: String, unit: String, progress: ImportProgress, before: Int, elapsed: Duration) {
        self.input = input
        self.unit = unit
        self.progress = progress
        seconds = elapsed.seconds
        rate = Double(progress.accepted - before) / max(elapsed.seconds, 0.000_1)
    }

    var people: String {
        var lines = [
            "\(grouped(progress.accepted)) \(unit) of \(input) written in \(short(seconds)) s "
                + "(\(grouped(Int(rate)))/s)"
                + (progress.replaced > 0 ? ", \(grouped(progress.replaced)) replaced" : "")
        ]
        if progress.badLineCount > 0 {
            lines.append("\(grouped(progress.badLineCount)) lines left out:")
            lines += progress.badLines.map { "  \(Table.printable($0.description))" }
            let rest = progress.badLineCount - progress.badLines.count
            if rest > 0 { lines.append("  and \(grouped(rest)) more") }
        }
        return lines.joined(separator: "\n")
    }

    var json: JSON {
        let bad = progress.badLines.map { bad in
            JSON.object([
                ("file", .string(bad.file)), ("line", .int(bad.line)),
                ("reason", .string(bad.reason)),
            ])
        }
        return .object([
            ("file", .string(input)), ("accepted", .int(progress.accepted)),
            ("replaced", .int(progress.replaced)),
            ("badLineCount", .int(progress.badLineCount)), ("badLines", .array(bad)),
            ("seconds", .double(seconds)), ("perSecond", .double(rate)),
        ])
    }
}
