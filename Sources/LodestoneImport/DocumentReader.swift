// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore
import LodestoneJSON

/// The assignment of an object's members to the parts of a document.
package struct DocumentMapping: Sendable, Equatable {
    /// The field of the id: a string, or a whole number.
    package var id: String
    /// The text fields, in this order; `nil`: all strings at the top level.
    ///
    /// A named field may be a string or an array of strings, which are joined by a comma.
    package var text: [String]?
    /// The field with the vector as an array of numbers, if there is no file of vectors.
    package var vector: String

    /// Creates a mapping.
    package init(id: String = "id", text: [String]? = nil, vector: String = "vector") {
        self.id = id
        self.text = text
        self.vector = vector
    }
}

/// The documents of a file of JSON lines, with vectors from an optional second file.
///
/// All members but id, text and vector become metadata, without null. Lines of a dump
/// (`DumpHeader`), and lines in its form, name the parts of the document. Row i of the file of
/// vectors belongs to document i, even if the document is bad; blank lines are not counted.
///
/// In a dump, lines of edges follow their document. They become separate batches, each with the
/// edges of one document.
package struct DocumentReader: BatchReader {
    private let lines: LineReader
    private let mapping: DocumentMapping
    private let vectors: VectorFile?
    private var row = 0
    /// The form of the dump, from its first line.
    private var form: Int?
    private var edgeLines = 0
    private var hasEnded = false
    /// The document of the last line of a document; `nil` if it was left out.
    private var latest: (id: DocumentID, line: Int)?
    /// A line that is already read and belongs to the next batch.
    private var ahead: (content: Content, line: Int)?
    // The rows of the last read from the file of vectors.
    private var rows: [[Float]] = []
    private var firstOfRows = 0

    /// Opens the files.
    ///
    /// - Throws: `.notFound`, `.permissionDenied`, `.invalidArgument`.
    package init(
        path: String,
        mapping: DocumentMapping = DocumentMapping(),
        vectors: VectorFile? = nil
    ) throws(LodestoneError) {
        lines = try LineReader(path: path)
        self.mapping = mapping
        self.vectors = vectors
    }

    package var path: String { lines.path }

    package mutating func next(_ count: Int) throws(LodestoneError) -> ImportBatch? {
        var filling = Filling(
            ImportBatch(path: path, after: ahead.map { $0.line - 1 } ?? lines.lineNumber)
        )
        if let (content, line) = ahead {
            filling.add(content, line: line)
            ahead = nil
        }
        while filling.batch.count < count, filling.byteCount < ImportBatch.maxBytes {
            guard let line = try lines.next() else { break }
            if isBlank(line) { continue }
            if try takesDumpLine(line) { continue }
            do throws(Failure) {
                let content = try content(
                    of: line,
                    vectorsAtOnce: count,
                    &filling.batch.fields
                )
                guard filling.hasRoom(for: content, count) else {
                    ahead = (content, lines.lineNumber)
                    break
                }
                filling.add(content, line: lines.lineNumber)
            } catch {
                switch error {
                case .line(let reason):
                    filling.batch.badLines.append(
                        BadLine(file: path, line: lines.lineNumber, reason: reason)
                    )
                case .file(let error):
                    throw error
                }
            }
        }
        var batch = filling.batch
        batch.endsAtLine = ahead.map { $0.line - 1 } ?? lines.lineNumber
        guard batch.endsAtLine > batch.startsAfterLine else {
            try checkRowsAreUsedUp()
            guard form == nil || hasEnded else {
                throw .badFile(
                    path,
                    "is a dump without its last line, after \(row) documents",
                    recovery: "Copy or export it again; it is cut short. Sent documents stay "
                        + "written."
                )
            }
            return nil
        }
        batch.fractionRead = lines.fractionRead
        return batch
    }

    package mutating func skip(throughLine line: Int) throws(LodestoneError) {
        while lines.lineNumber < line, let skipped = try lines.next() {
            if isBlank(skipped) { continue }
            if try takesDumpLine(skipped) { continue }
            guard hasLinesOfEdges else {
                row += 1
                continue
            }
            var counts = FieldCounts()
            // Following lines of edges need their document, and whether it is bad.
            _ = try? content(of: skipped, vectorsAtOnce: 0, &counts)
        }
    }

    /// Reads all documents at once, for small files and for measurements without the time of
    /// reading.
    package mutating func readAll() throws(LodestoneError) -> [Document] {
        var documents: [Document] = []
        while let batch = try next(1_000) {
            if let bad = batch.badLines.first {
                throw .badFile(
                    bad.file,
                    "has a bad line \(bad.line): \(bad.reason)",
                    recovery: "Correct or remove the line."
                )
            }
            documents += batch.documents
        }
        return documents
    }

    private enum Failure: Error {
        case line(String)
        case file(LodestoneError)
    }

    /// The content of one line.
    private enum Content {
        case document(Document)
        /// The edges that leave one document, and the line of that document.
        case edges([SourcedEdge], of: Int)
    }

    /// A batch to which lines are added.
    private struct Filling {
        var batch: ImportBatch
        private(set) var byteCount = 0
        private var indexByID: [DocumentID: Int] = [:]

        init(_ batch: ImportBatch) { self.batch = batch }

        /// Whether a line fits this batch, which has either documents or edges.
        func hasRoom(for content: Content, _ count: Int) -> Bool {
            if batch.count == 0 { return true }
            return switch content {
            case .document: batch.edges.isEmpty
            case .edges(let edges, let line):
                batch.documentLine == line && batch.edges.count + edges.count <= count
            }
        }

        mutating func add(_ content: Content, line: Int) {
            switch content {
            case .document(let document):
                batch.documentLine = nil
                add(document, line: line)
            case .edges(let edges, let documentLine):
                batch.documentLine = documentLine
                batch.edges += edges
                batch.lines += edges.map { _ in line }
                byteCount += edges.reduce(0) { $0 + $1.edge.maxWireByteCount }
            }
        }

        private mutating func add(_ document: Document, line: Int) {
            byteCount += document.maxWireByteCount
            // A batch may have an id once; as with any write, the later document wins.
            guard let index = indexByID[document.id] else {
                indexByID[document.id] = batch.documents.count
                batch.documents.append(document)
                batch.lines.append(line)
                return
            }
            batch.badLines.append(
                BadLine(
                    file: batch.path,
                    line: batch.lines[index],
                    reason: "the id '\(document.id)' comes again on line \(line), which stands"
                )
            )
            let earlier = batch.superseded.removeValue(forKey: batch.lines[index]) ?? []
            batch.superseded[line] = earlier + [batch.documents[index]]
            batch.documents[index] = document
            batch.lines[index] = line
        }
    }

    private func isBlank(_ line: LineReader.Line) -> Bool {
        guard case .bytes(let bytes) = line else { return false }
        return bytes.allSatisfy { $0 == 0x20 || $0 == 0x09 }
    }

    /// Handles the first line of the file, and lines of a dump that may be its last.
    ///
    /// - Returns: Whether the line is the first or the last line of a dump, and so no document.
    private mutating func takesDumpLine(_ line: LineReader.Line) throws(LodestoneError) -> Bool {
        guard case .bytes(let bytes) = line else { return false }
        if row == 0, form == nil { try FileFormat.checkFirstLine(bytes, path) }
        guard row == 0 || form != nil, bytes.starts(with: Self.dumpLineStart),
            let members = try? JSONParser.object(in: bytes),
            let special = try DumpLine(members, path: path)
        else { return false }
        switch special {
        case .header(let header): form = header.form
        case .end(let documents, let edgeLines):
            guard documents == row, edgeLines == self.edgeLines else {
                let isOfDocuments = documents != row
                throw .badFile(
                    path,
                    isOfDocuments
                        ? "is a dump of \(documents) documents, and has \(row)"
                        : "is a dump of \(edgeLines) lines of edges, and has \(self.edgeLines)",
                    recovery: "Copy or export it again; lines are missing. Sent documents stay "
                        + "written."
                )
            }
            hasEnded = true
        }
        return true
    }

    private static let dumpLineStart = Array("{\"\(DumpLine.name)\":".utf8)

    private static let edgeLineStart = Array("{\"\(DumpLine.source)\":".utf8)

    private var hasLinesOfEdges: Bool { form.map { $0 >= 2 } ?? false }

    /// Reads the content of a line; counts a bad line, too.
    private mutating func content(
        of line: LineReader.Line,
        vectorsAtOnce: Int,
        _ counts: inout FieldCounts
    ) throws(Failure) -> Content {
        if hasLinesOfEdges, case .bytes(let bytes) = line, bytes.starts(with: Self.edgeLineStart) {
            edgeLines += 1
            return try edges(try members(of: line))
        }
        defer { row += 1 }
        latest = nil
        var document: Document
        let members = try members(of: line)
        do {
            document = try mapping.document(members, isDump: form != nil, &counts)
        } catch {
            throw .line(error.message)
        }
        if let vectors, vectorsAtOnce > 0 {
            document.vector = try vector(of: vectors, ahead: vectorsAtOnce)
        }
        latest = (document.id, lines.lineNumber)
        return .document(document)
    }

    private func members(of line: LineReader.Line) throws(Failure) -> [JSONMember] {
        switch line {
        case .tooLong(let byteCount):
            throw .line("\(byteCount) bytes; the limit is \(LineReader.maxLineBytes)")
        case .bytes(let bytes):
            do {
                return try JSONParser.object(in: bytes)
            } catch {
                throw .line(error.description)
            }
        }
    }

    /// Reads a line of edges, which belong to the previous document.
    private func edges(_ members: [JSONMember]) throws(Failure) -> Content {
        let source: DocumentID
        let edges: [Edge]
        do {
            (source, edges) = try DocumentMapping.dumpedEdges(members)
        } catch {
            throw .line(error.message)
        }
        guard edges.count <= ImportBatch.maxCount else {
            throw .line("\(edges.count) edges; a line has at most \(ImportBatch.maxCount)")
        }
        guard let latest, latest.id == source else {
            throw .line("edges of '\(source)', whose document is not before them or was left out")
        }
        return .edges(edges.map { SourcedEdge(from: source, $0) }, of: latest.line)
    }

    private mutating func vector(of vectors: VectorFile, ahead: Int) throws(Failure) -> [Float] {
        guard row < vectors.count else {
            throw .line(
                "no vector: it would be row \(row), but \(vectors.path) has \(vectors.count) rows"
            )
        }
        if row < firstOfRows || row >= firstOfRows + rows.count {
            do {
                rows = try vectors.read(row..<min(row + ahead, vectors.count))
            } catch {
                throw .file(error)
            }
            firstOfRows = row
        }
        return rows[row - firstOfRows]
    }

    private func checkRowsAreUsedUp() throws(LodestoneError) {
        guard let vectors, row < vectors.count else { return }
        throw .badFile(
            vectors.path,
            "has \(vectors.count) rows; \(path) has \(row) documents",
            recovery: "Give the file whose row i belongs to line i. Sent documents stay written."
        )
    }
}
