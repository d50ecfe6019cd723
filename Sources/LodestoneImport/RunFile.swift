// SPDX-License-Identifier: Apache-2.0
import Foundation
package import LodestoneCore

/// A run in the format of TREC's evaluation tools: one line per hit of a query.
///
/// A line is `query Q0 document rank score tag`. The tools sort by score, some of them as 32-bit
/// floats, and break ties by document id. So the scores must decrease as 32-bit floats: a score
/// that is not less than the previous one becomes the next smaller float.
package struct RunFile {
    private let file: FileHandle
    private var lines = Data()

    /// Creates or truncates the file.
    package init(path: String) throws {
        guard FileManager.default.createFile(atPath: path, contents: nil),
            let file = FileHandle(forWritingAtPath: path)
        else {
            throw LodestoneError(
                .unavailable,
                reason: .file,
                "\(path) can't be written.",
                recovery: "Check the path and its permissions.",
                object: path
            )
        }
        self.file = file
    }

    /// Adds the hits of a query, best first.
    package mutating func add(_ hits: [Hit], of query: Int) throws {
        var seen: Set<DocumentID> = []
        var last = Float.infinity
        for hit in hits where seen.insert(hit.id).inserted {
            guard !hit.id.string.utf8.contains(where: { $0 <= 0x20 || $0 == 0x7f }) else {
                throw LodestoneError.invalid(
                    .runFile,
                    "The id '\(hit.id)' has a space, which ends a field in a run.",
                    recovery: "Give the documents ids without spaces.",
                    object: hit.id.string
                )
            }
            let score = min(Float(hit.score), last.nextDown)
            last = score
            let line = "\(query) Q0 \(hit.id.string) \(seen.count) \(score) lodestone\n"
            lines.append(contentsOf: line.utf8)
        }
        if lines.count > 1 << 20 { try flush() }
    }

    /// Writes the remaining lines and closes the file.
    package mutating func close() throws {
        try flush()
        try file.close()
    }

    private mutating func flush() throws {
        try file.write(contentsOf: lines)
        lines.removeAll(keepingCapacity: true)
    }
}
