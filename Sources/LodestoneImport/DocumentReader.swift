// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore

/// Which part of a JSON object becomes which part of a document.
package struct DocumentMapping: Sendable, Equatable {
    /// The field that holds the id: a string, or a whole number.
    package var id: String
    /// The fields that are text, in this order.
    ///
    /// `nil`: every string at the top level. A named field may be a string or an array of strings,
    /// which are joined by a comma.
    package var text: [String]?
    /// The field that holds the vector as an array of numbers, when no file of vectors does.
    package var vector: String

    /// Creates a mapping.
    package init(id: String = "id", text: [String]? = nil, vector: String = "vector") {
        self.id = id
        self.text = text
        self.vector = vector
    }
}

/// Documents of a file of JSON lines, with vectors from a second file if there is one.
///
/// What is neither id, text nor vector becomes metadata; null is left out. Lines of a dump
/// (`DumpHeader`), and those that have its form, say themselves what is what. Row i of the file of
/// vectors belongs to document i, bad or not; blank lines don't count there.
package struct DocumentReader: BatchReader {
    private let lines: LineReader
    private let mapping: DocumentMapping
    private let vectors: VectorFile?
    private var row = 0
    private var isDump = false
    private var hasEnded = false
    // What one read brings in of the vectors' file.
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
        var batch = ImportBatch(path: path, after: lines.lineNumber)
        var byteCount = 0
        var places: [DocumentID: Int] = [:]
        while batch.documents.count < count, byteCount < ImportBatch.maxBytes {
            guard let line = try lines.next() else { break }
            if isBlank(line) { continue }
            if try takesDumpLine(line) { continue }
            defer { row += 1 }
            do throws(Failure) {
                var document = try parse(line, &batch.fields)
                if let vectors { document.vector = try vector(of: vectors, ahead: count) }
                byteCount += document.maxWireByteCount
                // A batch may name an id once; as with any write, the later one stands.
                if let place = places[document.id] {
                    batch.badLines.append(
                        BadLine(
                            file: path,
                            line: batch.lines[place],
                            reason: "the id '\(document.id)' comes again on line "
                                + "\(lines.lineNumber), which stands"
                        )
                    )
                    let earlier = batch.superseded.removeValue(forKey: batch.lines[place]) ?? []
                    batch.superseded[lines.lineNumber] = earlier + [batch.documents[place]]
                    batch.documents[place] = document
                    batch.lines[place] = lines.lineNumber
                } else {
                    places[document.id] = batch.documents.count
                    batch.documents.append(document)
                    batch.lines.append(lines.lineNumber)
                }
            } catch {
                switch error {
                case .line(let reason):
                    batch.badLines.append(
                        BadLine(file: path, line: lines.lineNumber, reason: reason)
                    )
                case .file(let error):
                    throw error
                }
            }
        }
        guard lines.lineNumber > batch.startsAfterLine else {
            try checkRowsAreUsedUp()
            guard !isDump || hasEnded else {
                throw .badFile(
                    path,
                    "is a dump without its last line, after \(row) documents",
                    recovery: "Copy or export it again; it is cut short. What was sent stays "
                        + "written."
                )
            }
            return nil
        }
        batch.endsAtLine = lines.lineNumber
        batch.fractionRead = lines.fractionRead
        return batch
    }

    package mutating func skip(throughLine line: Int) throws(LodestoneError) {
        while lines.lineNumber < line, let skipped = try lines.next() {
            if isBlank(skipped) { continue }
            if try !takesDumpLine(skipped) { row += 1 }
        }
    }

    /// Everything at once, for small files and for measurements that must not time the reading.
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

    private func isBlank(_ line: LineReader.Line) -> Bool {
        guard case .bytes(let bytes) = line else { return false }
        return bytes.allSatisfy { $0 == 0x20 || $0 == 0x09 }
    }

    /// Looks at the first line of the file, and at lines of a dump that may be its last.
    ///
    /// - Returns: Whether the line is the first or the last one of a dump, and no document.
    private mutating func takesDumpLine(_ line: LineReader.Line) throws(LodestoneError) -> Bool {
        guard case .bytes(let bytes) = line else { return false }
        if row == 0, !isDump { try FileFormat.checkFirstLine(bytes, path) }
        guard row == 0 || isDump, bytes.starts(with: Self.dumpLineStart),
            let members = try? JSONParser.object(in: bytes),
            let special = try DumpLine(members, path: path)
        else { return false }
        switch special {
        case .header: isDump = true
        case .end(let documents):
            guard documents == row else {
                throw .badFile(
                    path,
                    "is a dump of \(documents) documents, and has \(row)",
                    recovery: "Copy or export it again; lines are missing. What was sent stays "
                        + "written."
                )
            }
            hasEnded = true
        }
        return true
    }

    private static let dumpLineStart = Array("{\"\(DumpLine.name)\":".utf8)

    private func parse(_ line: LineReader.Line, _ counts: inout FieldCounts) throws(Failure)
        -> Document
    {
        switch line {
        case .tooLong(let byteCount):
            throw .line("\(byteCount) bytes; the limit is \(LineReader.maxLineBytes)")
        case .bytes(let bytes):
            let members: [JSONMember]
            do {
                members = try JSONParser.object(in: bytes)
            } catch {
                throw .line(error.description)
            }
            do {
                return try mapping.document(members, isDump: isDump, &counts)
            } catch {
                throw .line(error.message)
            }
        }
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
            recovery: "Give the file whose row i belongs to line i. What was sent stays written."
        )
    }
}
