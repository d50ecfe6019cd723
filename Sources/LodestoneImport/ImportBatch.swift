// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore

/// What a reader hands over at once: documents or edges that are ready to send, and the lines that
/// were left out on the way.
package struct ImportBatch: Sendable {
    /// The file it comes from, as the user named it.
    package var path: String
    /// Ready to send; empty in a batch of edges.
    package var documents: [Document] = []
    /// Ready to send; empty in a batch of documents.
    package var edges: [SourcedEdge] = []
    /// The line of each document or edge, 1 is the first.
    package var lines: [Int] = []
    /// What was left out.
    package var badLines: [BadLine] = []
    /// The line before the batch's first; 0 at the start.
    ///
    /// Counted over all files of a reader that has several, as `endsAtLine` is.
    package var startsAfterLine: Int
    /// The last line that was looked at; a later run can go on after it.
    package var endsAtLine: Int
    /// How much of the input had been read then, 0 to 1.
    package var fractionRead = 0.0

    package init(path: String, after line: Int) {
        self.path = path
        startsAfterLine = line
        endsAtLine = line
    }

    /// Documents or edges.
    package var count: Int { documents.count + edges.count }

    /// The first and the second half, to find out which line a server refuses.
    package var halves: (ImportBatch, ImportBatch) {
        var first = self
        var second = self
        first.badLines = []
        second.badLines = []
        let middle = count / 2
        first.lines = Array(lines[..<middle])
        second.lines = Array(lines[middle...])
        if documents.isEmpty {
            first.edges = Array(edges[..<middle])
            second.edges = Array(edges[middle...])
        } else {
            first.documents = Array(documents[..<middle])
            second.documents = Array(documents[middle...])
        }
        return (first, second)
    }
}

/// Something that yields batches in the order of its lines.
///
/// Threading: one thread at a time; readers hold open files.
package protocol BatchReader {
    /// As the user named it.
    var path: String { get }

    /// The next batch.
    ///
    /// - Parameter count: The most documents or edges; a batch of large ones has fewer.
    /// - Returns: `nil` at the end.
    /// - Throws: What makes the whole file unusable. A bad line is no such thing.
    mutating func next(_ count: Int) throws(LodestoneError) -> ImportBatch?

    /// Passes over the lines up to and including `line`.
    mutating func skip(throughLine line: Int) throws(LodestoneError)
}

extension ImportBatch {
    /// Bytes of documents and edges after which a batch ends, well below a frame's limit.
    static let maxBytes = 4 << 20
}
