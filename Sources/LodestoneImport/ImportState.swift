// SPDX-License-Identifier: Apache-2.0
import Foundation
package import LodestoneCore

/// Where an import stands, kept in a small file next to its input so that a second run goes on.
///
/// The file is written again after each acknowledged batch and removed at the end. Losing its last
/// version costs nothing but writing some batches again, in their order, which is harmless.
package struct ImportState: Codable, Sendable, Equatable {
    /// What the import is about.
    ///
    /// A state belongs to another import when any of it differs.
    package struct Subject: Codable, Sendable, Equatable {
        var address: ByteString
        var collection: ByteString
        var input: Input
        var settings: [ByteString]
        var otherInputs: [Input]

        /// A file as it was.
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
                        reason: "FILE",
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
        ///   - address: Of the server.
        ///   - collection: Its name.
        ///   - input: The file.
        ///   - otherInputs: Files that are read with it, such as one of vectors.
        ///   - settings: All else that decides what a line becomes.
        /// - Throws: `.notFound` when an input isn't there.
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

    /// What it is about.
    package var subject: Subject
    /// The first half of the request ids of the run that goes on.
    package private(set) var runID: UInt64
    /// Documents or edges in each batch; the check of what is there needs the same batches.
    package var batchSize: Int
    /// Every line up to this one is done with.
    package var throughLine = 0
    /// Documents or edges written so far.
    package var accepted = 0
    /// Edges written so far from a dump's lines of edges.
    package var addedEdges = 0
    /// Of those accepted, documents that took the place of an earlier version.
    package var replaced = 0
    /// Lines left out so far.
    package var badLineCount = 0
    /// Of them, those that the server refused.
    package var refusedLines = RefusedLines()
    /// Which fields lines had so far.
    package var fields = FieldCounts()
    /// The number of the collection that it goes into; another one has another number.
    package var collectionNumber: UInt64
    /// Of the writes so far, the one that the store took last: a store that knows it has them all.
    package var latestBatch: WrittenBatch?

    /// A new import.
    package init(subject: Subject, collectionNumber: UInt64, batchSize: Int) {
        self.subject = subject
        self.collectionNumber = collectionNumber
        self.batchSize = batchSize
        runID = .random(in: .min ... .max)
    }

    /// The file that belongs to an input.
    package static func path(besides input: String) -> String { input + ".lodestone-import" }

    /// The state that an earlier run of the same import left; `nil` when there is none.
    package static func load(_ path: String, subject: Subject) -> ImportState? {
        guard let data = FileManager.default.contents(atPath: path),
            let state = try? JSONDecoder().decode(ImportState.self, from: data),
            state.subject == subject, state.throughLine > 0, state.batchSize > 0
        else { return nil }
        return state
    }

    /// Begins the next run.
    package mutating func goOn() { runID = .random(in: .min ... .max) }

    /// Takes over what a run reports.
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

    /// The progress to go on from.
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

    /// Writes the file whole or not at all.
    package func save(_ path: String) throws(LodestoneError) {
        do {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys]
            try encoder.encode(self).write(to: URL(fileURLWithPath: path), options: .atomic)
        } catch {
            throw LodestoneError(
                .unavailable,
                reason: "FILE",
                "Can't write \(path): \(error.localizedDescription)",
                recovery: "Name a file that can be written with --state, or use --no-resume.",
                object: path
            )
        }
    }

    /// Removes the file, if it is there.
    package static func remove(_ path: String) {
        try? FileManager.default.removeItem(atPath: path)
    }
}
