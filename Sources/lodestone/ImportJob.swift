// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneClient
import LodestoneImport
import LodestoneJSON

/// The kind of input at a path.
enum InputKind {
    case lines, wordNet

    init(_ path: String) {
        var isDirectory: ObjCBool = false
        _ = FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory)
        self = isDirectory.boolValue ? .wordNet : .lines
    }
}

/// Whether a path names a file that can be read more than once.
func isRegularFile(_ path: String) -> Bool {
    let file = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
    let attributes = try? FileManager.default.attributesOfItem(atPath: file)
    return attributes?[.type] as? FileAttributeType == .typeRegular
}

/// The import of one file, with its progress.
struct ImportJob {
    private let command: ImportCommand
    private let input: String
    private let unit: String
    /// The unit that the progress shows.
    private let shownUnit: String
    private let description: CollectionDescription

    init(
        _ command: ImportCommand,
        input: String,
        unit: String,
        isDump: Bool = false,
        description: CollectionDescription
    ) {
        self.command = command
        self.input = input
        self.unit = unit
        shownUnit = isDump ? "documents and edges" : unit
        self.description = description
    }

    /// Sends the documents or edges of a reader.
    ///
    /// - Parameters:
    ///   - client: The client of the target server.
    ///   - textFields: The fields that --text names.
    ///   - open: Opens the input; a second time to check the lines of an earlier run.
    /// - Returns: The outcome of the lines.
    /// - Throws: The error that ended the import early.
    func run<Reader: BatchReader>(
        _ client: LodestoneClient,
        textFields: [String]? = nil,
        _ open: () throws(LodestoneError) -> sending Reader
    ) async throws(LodestoneError) -> ImportTally {
        let target = client.collection(command.collection)
        let job = ResumableImport(
            options: ImportOptions(
                batchSize: command.batchSize,
                inFlight: command.inFlight,
                isStrict: command.strict
            ),
            state: try state()
        ) { (batch, id) async throws(LodestoneError) in
            try await target.indexMany(batch.documents, edges: batch.edges, requestID: id)
        } get: { (ids, withEdges) async throws(LodestoneError) in
            try await target.get(ids, include: withEdges ? .edges : [])
        } listEdges: { (id, cursor) async throws(LodestoneError) in
            try await target.listEdges(of: id, cursor: cursor)
        }
        let name = URL(fileURLWithPath: input).lastPathComponent
        var before = ImportProgress()
        var last = ImportProgress()
        var meter = ProgressMeter(name, unit: shownUnit)
        let end: ImportProgress
        do {
            end = try await job.run(into: description, open) { beginning in
                switch beginning {
                case .firstLine: break
                case .firstLineAgain(let obstacle):
                    note("Starting \(input) from its first line: \(obstacle).")
                case .after(let progress):
                    note("Going on after line \(grouped(progress.throughLine)) of \(input).")
                    (before, last) = (progress, progress)
                }
                let count = before.accepted + before.addedEdges
                meter = ProgressMeter(name, unit: shownUnit, count: count)
            } report: { progress in
                last = progress
                meter.update(
                    count: progress.accepted + progress.addedEdges,
                    fraction: progress.fractionDone
                )
            }
        } catch {
            meter.finish()
            throw annotated(error, last)
        }
        let elapsed = meter.finish()
        return ImportTally(
            input: input,
            unit: unit,
            progress: end,
            before: before.accepted,
            elapsed: elapsed,
            warnings: warnings(end, textFields)
        )
    }

    /// Warnings about probable mistakes, by the fields of the lines.
    private func warnings(_ progress: ImportProgress, _ textFields: [String]?) -> [String] {
        guard progress.accepted > 0 else { return [] }
        let names = progress.fields.lines.keys.sorted().map(\.string)
        let absent = (textFields ?? []).filter { progress.fields.lines[ByteString($0)] == nil }
        if !absent.isEmpty, !names.isEmpty {
            let shown = names.prefix(20).joined(separator: ", ") + (names.count > 20 ? ", …" : "")
            return absent.map { "No line has the field '\($0)' of --text; lines have: \(shown)." }
        }
        let implied = progress.fields.impliedText.sorted().map(\.string)
        guard textFields == nil, !implied.isEmpty else { return [] }
        let shown = implied.prefix(20).joined(separator: ", ") + (implied.count > 20 ? ", …" : "")
        return [
            "Imported as text, which filters can't use: \(shown). With --text only the fields that it "
                + "names are."
        ]
    }

    /// The subject of the import, and the path of its state file; `nil` without a state file.
    private func state() throws(LodestoneError) -> (subject: ImportState.Subject, path: String)? {
        let subject = try ImportState.Subject(
            address: command.connection.resolvedAddress,
            collection: command.collection,
            input: input,
            otherInputs: command.vectors.map { [$0] } ?? [],
            settings: [unit, command.idField, command.text ?? ""]
        )
        guard command.resume else { return nil }
        // A pipe can't be read a second time.
        guard InputKind(input) == .wordNet || isRegularFile(input) else { return nil }
        guard let path = statePath() else {
            note(
                "\(input) stands where nothing can be written; give --state FILE to be able to "
                    + "go on after an interruption."
            )
            return nil
        }
        return (subject, path)
    }

    private func statePath() -> String? {
        if let state = command.state { return "\(state).\(unit)" }
        let directory = URL(fileURLWithPath: input).deletingLastPathComponent().path
        guard InputKind(input) == .lines, FileManager.default.isWritableFile(atPath: directory)
        else { return nil }
        return ImportState.path(besides: input)
    }

    private func annotated(_ error: LodestoneError, _ progress: ImportProgress)
        -> LodestoneError
    {
        guard progress.accepted > 0 || progress.throughLine > 0 else { return error }
        var error = error
        error.message +=
            " \(grouped(progress.accepted)) \(unit) of \(input)"
            + (progress.addedEdges > 0 ? " and \(grouped(progress.addedEdges)) edges" : "")
            + " are written, up to line "
            + "\(grouped(progress.throughLine))."
        if command.resume { error.recovery += " Then run the same command to go on from there." }
        return error
    }

    private func note(_ text: String) {
        FileHandle.standardError.write(Data("lodestone: \(text)\n".utf8))
    }
}

/// The outcome of one file.
struct ImportTally {
    private let input: String
    private let unit: String
    private let progress: ImportProgress
    private let seconds: Double
    private let rate: Double
    private let warnings: [String]

    init(
        input: String,
        unit: String,
        progress: ImportProgress,
        before: Int,
        elapsed: Duration,
        warnings: [String]
    ) {
        self.warnings = warnings
        self.input = input
        self.unit = unit
        self.progress = progress
        seconds = elapsed.seconds
        rate = Double(progress.accepted - before) / max(elapsed.seconds, 0.000_1)
    }

    /// Whether the import wrote nothing, which is a failure.
    var wroteNothing: Bool { progress.accepted == 0 }

    var text: String {
        var lines = [
            "\(grouped(progress.accepted)) \(unit) of \(input) written in \(short(seconds)) s "
                + "(\(grouped(Int(rate)))/s)"
                + (progress.replaced > 0 ? ", \(grouped(progress.replaced)) replaced" : "")
        ]
        if progress.addedEdges > 0 {
            lines.append("\(grouped(progress.addedEdges)) edges added from lines of their own")
        }
        if progress.badLineCount > 0 {
            lines.append("\(grouped(progress.badLineCount)) lines left out:")
            lines += progress.badLines.map { "  \(Table.printable($0.description))" }
            let remaining = progress.badLineCount - progress.badLines.count
            if remaining > 0 { lines.append("  and \(grouped(remaining)) more") }
        }
        lines += warnings.map(Table.printable)
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
            ("addedEdges", .int(progress.addedEdges)), ("replaced", .int(progress.replaced)),
            ("badLineCount", .int(progress.badLineCount)), ("badLines", .array(bad)),
            ("warnings", .array(warnings.map(JSON.string))),
            ("seconds", .double(seconds)), ("perSecond", .double(rate)),
        ])
    }
}
