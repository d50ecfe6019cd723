// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore

/// A batch from a reader: documents or edges to send, and the lines that were left out.
package struct ImportBatch: Sendable {
    /// The path of the batch's file, as given by the user.
    package var path: String
    /// The documents to send; empty in a batch of edges.
    package var documents: [Document] = []
    /// The edges to send; empty in a batch of documents.
    package var edges: [SourcedEdge] = []
    /// The line of each document or edge, from 1; in a dump, several edges share a line.
    package var lines: [Int] = []
    /// The line of the source document, for edges in a dump.
    ///
    /// All edges of the batch leave this document, which is in an earlier batch.
    package var documentLine: Int?
    /// The earlier documents of an id, in order, by the line of the document that replaced them.
    ///
    /// A batch may have an id once. If the server refuses the document that replaced them, the last
    /// of them is sent.
    package var superseded: [Int: [Document]] = [:]
    /// The lines that were left out.
    package var badLines: [BadLine] = []
    /// The counts of the fields of its lines.
    package var fields = FieldCounts()
    /// The line before the batch's first; 0 at the start.
    ///
    /// With several files, lines are numbered over all files of the reader; in `endsAtLine`, too.
    package var startsAfterLine: Int
    /// The last line that was read; a later run can continue after it.
    package var endsAtLine: Int
    /// The share of the input that was read at the batch's end, 0 to 1.
    package var fractionRead = 0.0

    /// Begins a batch after a line.
    package init(path: String, after line: Int) {
        self.path = path
        startsAfterLine = line
        endsAtLine = line
    }

    /// The number of documents or edges.
    package var count: Int { documents.count + edges.count }

    /// The ids of the documents that it writes, or of the documents to which it adds edges.
    package var ids: [DocumentID] {
        documents.isEmpty ? edges.map(\.source) : documents.map(\.id)
    }

    /// A part of its documents or edges, to find a line that a server refuses.
    ///
    /// An empty range is the whole batch, and a range from `earlier` is an earlier document.
    ///
    /// - Returns: `nil` when the batch has no such piece.
    func piece(_ piece: Range<Int>) -> ImportBatch? {
        if piece.isEmpty { return self }
        var copy = self
        copy.badLines = []
        if piece.count > Self.maxCount {
            let age = piece.count - Self.maxCount - 1
            guard documents.indices.contains(piece.lowerBound),
                let earlier = superseded[lines[piece.lowerBound]], age < earlier.count
            else { return nil }
            copy.lines = [lines[piece.lowerBound]]
            copy.documents = [earlier[earlier.count - 1 - age]]
            return copy
        }
        guard piece.upperBound <= count else { return nil }
        copy.lines = Array(lines[piece])
        if documents.isEmpty {
            copy.edges = Array(edges[piece])
        } else {
            copy.documents = Array(documents[piece])
        }
        return copy
    }

    /// The piece for an earlier version of a document in the batch; age 0 is the latest of them.
    ///
    /// No other piece of a batch has a range of this count.
    func earlier(_ index: Int, age: Int) -> Range<Int> {
        index..<index + Self.maxCount + 1 + age
    }
}

/// The number of lines per field, so that a misspelled name is noticed; names are compared by
/// bytes.
package struct FieldCounts: Codable, Sendable, Equatable {
    /// The number of lines by the field's name, for at most `maxNames` names.
    package private(set) var lines: [ByteString: Int] = [:]
    /// Fields that became text because the user named no text fields.
    package private(set) var impliedText: Set<ByteString> = []

    private static let maxNames = 256

    package init() {}

    mutating func add(_ name: String, isImpliedText: Bool = false) {
        let name = ByteString(name)
        guard lines[name] != nil || lines.count < Self.maxNames else { return }
        lines[name, default: 0] += 1
        if isImpliedText { impliedText.insert(name) }
    }

    mutating func add(_ other: FieldCounts) {
        for (name, count) in other.lines
        where lines[name] != nil || lines.count < Self.maxNames {
            lines[name, default: 0] += count
        }
        impliedText.formUnion(other.impliedText.prefix(Self.maxNames))
    }
}

/// A reader that yields batches in the order of its lines.
///
/// Threading: one thread at a time; readers hold open files.
package protocol BatchReader {
    /// The path as given by the user.
    var path: String { get }

    /// The next batch.
    ///
    /// - Parameter count: The most documents or edges; a batch of large ones has fewer.
    /// - Returns: The batch; `nil` at the end.
    /// - Throws: An error that makes the whole file unusable. A bad line is no such error.
    mutating func next(_ count: Int) throws(LodestoneError) -> ImportBatch?

    /// Skips the lines up to and including `line`.
    mutating func skip(throughLine line: Int) throws(LodestoneError)
}

extension ImportBatch {
    /// The bytes of documents and edges after which a batch ends, well below a frame's limit.
    static let maxBytes = 4 << 20
    /// The most documents or edges of a batch.
    package static let maxCount = 10_000
}
