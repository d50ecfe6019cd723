// SPDX-License-Identifier: Apache-2.0
import Foundation
package import LodestoneCore

/// The state of an import, in a small file next to the input, so that a second run can continue.
///
/// The file is rewritten after each acknowledged batch, and removed at the end. If its last version
/// is lost, the next run writes some batches again, in their order, which is harmless.
package struct ImportState: Codable, Sendable, Equatable {
    /// The inputs and the target of the import.
    ///
    /// A state with any other subject belongs to another import.
    package struct Subject: Codable, Sendable, Equatable {
        var address: ByteString
        var collection: ByteString
        var input: Input
        var settings: [ByteString]
        var otherInputs: [Input]

        /// The identity of a file at the start of the import.
        struct Input: Codable, Equatable {
            var path: ByteString
            var byteCount: Int
            var modified: Double

            init(_ path: String) throws(LodestoneError) {
                let url = URL(fileURLWithPath: path)
                do {
                    let values = try FileManager.default.attributesOfItem(atPath: url.path)
                    byteCount = (values[.size] as? Int) ?? 0
                    modified = (values[.modificationDate] as? Date)?.timeIntervalSince1970 ?? 0
                } catch {
                    throw LodestoneError(
                        .notFound,
                        reason: .file,
                        "Can't open \(path): no such file.",
                        recovery: "Check the path.",
                        object: path
                    )
                }
                self.path = ByteString(url.path)
            }
        }

        /// Describes an import.
        ///
        /// - Parameters:
        ///   - address: The address of the server.
        ///   - collection: The name of the collection.
        ///   - input: The file.
        ///   - otherInputs: Files that are read with it, such as a file of vectors.
        ///   - settings: All other settings that affect the documents.
        /// - Throws: `.notFound` when an input doesn't exist.
        package init(
            address: String,
            collection: String,
            input: String,
            otherInputs: [String] = [],
            settings: [String] = []
        ) throws(LodestoneError) {
            self.address = ByteString(address)
            self.collection = ByteString(collection)
            self.input = try Input(input)
            self.otherInputs = try otherInputs.map { (path) throws(LodestoneError) in
                try Input(path)
            }
            self.settings = settings.map { ByteString($0) }
        }
    }

    /// The inputs and the target of the import.
    package var subject: Subject
    /// The first half of the current run's request ids.
    package private(set) var runID: UInt64
    /// The number of documents or edges per batch; the check of a later run needs the same batches.
    package var batchSize: Int
    /// The line up to which every line is finished.
    package var throughLine = 0
    /// Documents or edges written so far.
    package var accepted = 0
    /// The edges written so far from a dump's lines of edges.
    package var addedEdges = 0
    /// The accepted documents that replaced an earlier version.
    package var replaced = 0
    /// The number of lines left out so far.
    package var badLineCount = 0
    /// The lines that the server refused.
    package var refusedLines = RefusedLines()
    /// The counts of the lines' fields so far.
    package var fields = FieldCounts()
    /// The number of the target collection; a recreated collection has another number.
    package var collectionNumber: UInt64
    /// The write that the store committed last; a store with this write has all earlier ones.
    package var latestBatch: WrittenBatch?

    /// Creates the state of a new import.
    package init(subject: Subject, collectionNumber: UInt64, batchSize: Int) {
        self.subject = subject
        self.collectionNumber = collectionNumber
        self.batchSize = batchSize
        runID = .random(in: .min ... .max)
    }

    /// The path of the state file for an input.
    package static func path(besides input: String) -> String { input + ".lodestone-import" }

    /// The state of an earlier run of the same import; `nil` when there is none.
    package static func load(_ path: String, subject: Subject) -> ImportState? {
        guard let data = FileManager.default.contents(atPath: path),
            let state = try? JSONDecoder().decode(ImportState.self, from: data),
            state.subject == subject, state.throughLine > 0, state.batchSize > 0
        else { return nil }
        return state
    }

    /// Begins the next run.
    package mutating func goOn() { runID = .random(in: .min ... .max) }

    /// Stores the progress that a run reports.
    package mutating func take(_ progress: ImportProgress) {
        throughLine = progress.throughLine
        accepted = progress.accepted
        addedEdges = progress.addedEdges
        replaced = progress.replaced
        badLineCount = progress.badLineCount
        refusedLines = progress.refusedLines
        fields = progress.fields
        latestBatch = progress.latestBatch
    }

    /// The progress from which to continue.
    package var progress: ImportProgress {
        var progress = ImportProgress()
        progress.throughLine = throughLine
        progress.accepted = accepted
        progress.addedEdges = addedEdges
        progress.replaced = replaced
        progress.badLineCount = badLineCount
        progress.refusedLines = refusedLines
        progress.fields = fields
        progress.latestBatch = latestBatch
        return progress
    }

    /// Writes the file atomically.
    package func save(_ path: String) throws(LodestoneError) {
        do {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys]
            try encoder.encode(self).write(to: URL(fileURLWithPath: path), options: .atomic)
        } catch {
            throw LodestoneError(
                .unavailable,
                reason: .file,
                "Can't write \(path): \(error.localizedDescription)",
                recovery: "Name a file that can be written with --state, or use --no-resume.",
                object: path
            )
        }
    }

    /// Removes the file, if it exists.
    package static func remove(_ path: String) {
        try? FileManager.default.removeItem(atPath: path)
    }
}
