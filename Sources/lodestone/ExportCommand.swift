// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Foundation
import LodestoneClient
import LodestoneImport

struct ExportCommand: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Writes a whole collection into a file that 'import' reads.",
        discussion: """
            The file is a dump: JSON lines, one per document in the order of writing, with every bit of \
            its vector, its texts, typed metadata and edges. The first line has the options of the \
            collection, and the last line shows that the dump is complete. The file appears under its \
            name once it is complete. Without a file, the lines go to standard output.

            'lodestone import NAME FILE' makes a collection of the dump's options if there is none; \
            create it first to have other options.

            The documents are read in pages, each as it is at that time. If the collection is written to \
            meanwhile, a document may be in the dump in its old version, in its new one, or in both, the \
            new one later; the command says so. With --consistent it fails instead.

            The edges of a document with many of them follow it in lines of their own. The edges of a \
            document with more than 10,000 are read in pages, too, and come by label and target; an edge \
            that is written meanwhile may be there or not. Such a document is kept in a temporary file \
            before it goes to standard output.

            An export that was cut short starts over when it is run again.

            lodestone export papers papers.jsonl
            lodestone export papers | zstd > papers.jsonl.zst
            """
    )

    @OptionGroup var connection: ConnectionOptions
    @Argument(help: "The collection.") var collection: String
    @Argument(help: "The file; another one of its name is replaced.", completion: .file())
    var file: String?
    @Flag(help: "Fail when the collection is written to meanwhile.") var consistent = false

    func validate() throws {
        guard file != nil || !connection.json else {
            throw ValidationError("--json and the dump can't both go to standard output.")
        }
    }

    func run(_ client: LodestoneClient) async throws(LodestoneError) -> CommandOutput {
        let target = client.collection(collection)
        let description = try await target.describe()
        let output = try DumpFile(file)
        let end: (written: DumpExport.Written, description: CollectionDescription)
        do {
            end = try await write(target, description, output)
        } catch {
            output.discard()
            throw error
        }
        let before = description.sequenceNumber
        let after = end.description.sequenceNumber
        if before != after {
            let note =
                "lodestone: '\(collection)' was written to meanwhile (sequence number \(before) to "
                + "\(after)); the dump is of no single moment.\n"
            FileHandle.standardError.write(Data(note.utf8))
        }
        return CommandOutput(
            text: "\(grouped(end.written.documents)) documents of '\(collection)' written to "
                + "\(file ?? "standard output").",
            json: .object([
                ("collection", .string(collection)), ("file", .string(file ?? "")),
                ("documents", .int(end.written.documents)), ("edges", .int(end.written.edges)),
                ("sequenceNumber", .int(after)),
                ("isConsistent", .bool(before == after)),
            ]),
            isQuiet: file == nil
        )
    }

    private func write(
        _ target: LodestoneClient.Collection,
        _ description: CollectionDescription,
        _ output: DumpFile
    ) async throws(LodestoneError) -> (DumpExport.Written, CollectionDescription) {
        let meter = ProgressMeter(collection, unit: "documents and edges")
        defer { meter.finish() }
        let export = DumpExport { (cursor, maxEdges) throws(LodestoneError) in
            try await target.scan(limit: 500, cursor: cursor, maxEdges: maxEdges)
        } listEdges: { (id, cursor) throws(LodestoneError) in
            try await target.listEdges(of: id, cursor: cursor)
        }
        let total = description.documents + description.edges
        let written = try await export.run(description, into: output) { written in
            let count = written.documents + written.edges
            let fraction = Double(count) / Double(max(total, count, 1))
            meter.update(count: count, fraction: fraction)
        }
        let end = try await target.describe()
        guard end.number == description.number,
            !consistent || end.sequenceNumber == description.sequenceNumber
        else {
            throw LodestoneError(
                .aborted,
                reason: .writtenMeanwhile,
                "'\(collection)' was written to while it was exported.",
                recovery: "Export it again while no client writes to it, or restore a snapshot "
                    + "elsewhere and export that."
            )
        }
        try output.write(
            DumpHeader.end(
                documents: written.documents,
                edgeLines: written.edgeLines,
                sequenceNumber: end.sequenceNumber
            )
        )
        try output.finish()
        return (written, end)
    }
}
