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
    /// The line of each document or edge, 1 is the first; in a dump several edges have one.
    package var lines: [Int] = []
    /// Of edges in a dump: the line of the document that all of them leave, which is in a batch before.
    package var documentLine: Int?
    /// Earlier documents of an id, the last one last, by the line of the one that stands.
    ///
    /// A batch may name an id once. The last of these is sent when the one that stands is refused.
    package var superseded: [Int: [Document]] = [:]
    /// What was left out.
    package var badLines: [BadLine] = []
    /// The fields of its lines.
    package var fields = FieldCounts()
    /// The line before the batch's first; 0 at the start.
    ///
    /// Counted over all files of a reader that has several, as `endsAtLine` is.
    package var startsAfterLine: Int
    /// The last line that was looked at; a later run can go on after it.
    package var endsAtLine: Int
    /// How much of the input had been read then, 0 to 1.
    package var fractionRead = 0.0

    /// Begins a batch after a line.
    package init(path: String, after line: Int) {
        self.path = path
        startsAfterLine = line
        endsAtLine = line
    }

    /// Documents or edges.
    package var count: Int { documents.count + edges.count }

    /// The documents it writes, or those whose edges it adds.
    package var ids: [DocumentID] {
        documents.isEmpty ? edges.map(\.source) : documents.map(\.id)
    }

    /// Some of its documents or edges, to find out which line a server refuses; an empty range means
    /// all of them, and one of `earlier` an earlier document.
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

    /// Names the document that one of the batch took the place of; age 0 is the last of them.
    ///
    /// Counts that no other piece of a batch has tell them apart.
    func earlier(_ place: Int, age: Int) -> Range<Int> {
        place..<place + Self.maxCount + 1 + age
    }
}

/// How many lines had which fields, so that a misspelt name is noticed; names by their bytes.
package struct FieldCounts: Codable, Sendable, Equatable {
    /// Lines by the field's name; no more than `maxNames` names.
    package private(set) var lines: [ByteString: Int] = [:]
    /// Fields that were taken as text because nobody named those that are.
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
    /// The most documents or edges of a batch.
    package static let maxCount = 10_000
}
