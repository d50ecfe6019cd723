// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore

/// The edges of a file of tab-separated lines: source, label, target and an optional weight.
///
/// A batch ends between two sources if possible, because batches that share a source aren't in
/// flight together.
package struct EdgeReader: BatchReader {
    private let lines: LineReader
    // The first edge of the next batch, if it is already read.
    private var ahead: (edge: SourcedEdge, line: Int)?

    /// Opens the file.
    package init(path: String) throws(LodestoneError) {
        lines = try LineReader(path: path)
    }

    package var path: String { lines.path }

    package mutating func next(_ count: Int) throws(LodestoneError) -> ImportBatch? {
        var batch = ImportBatch(path: path, after: ahead.map { $0.line - 1 } ?? lines.lineNumber)
        var byteCount = 0
        if let (edge, line) = ahead {
            batch.edges.append(edge)
            batch.lines.append(line)
            ahead = nil
        }
        // From this count on, the batch ends with the last edge of a source.
        let enough = max(1, count - count / 8)
        while batch.edges.count < count, byteCount < ImportBatch.maxBytes,
            let line = try lines.next()
        {
            guard case .bytes(let bytes) = line else {
                batch.badLines.append(bad("longer than \(LineReader.maxLineBytes) bytes"))
                continue
            }
            if bytes.isEmpty { continue }
            byteCount += bytes.count
            do {
                let edge = try Self.edge(bytes)
                if batch.edges.count >= enough, edge.source != batch.edges.last?.source {
                    ahead = (edge, lines.lineNumber)
                    break
                }
                batch.edges.append(edge)
                batch.lines.append(lines.lineNumber)
            } catch {
                batch.badLines.append(bad(error.message))
            }
        }
        batch.endsAtLine = ahead.map { $0.line - 1 } ?? lines.lineNumber
        guard batch.endsAtLine > batch.startsAfterLine else { return nil }
        batch.fractionRead = lines.fractionRead
        return batch
    }

    package mutating func skip(throughLine line: Int) throws(LodestoneError) {
        while lines.lineNumber < line, try lines.next() != nil {}
    }

    /// Reads all edges at once, for small files and for measurements.
    package mutating func readAll() throws(LodestoneError) -> [SourcedEdge] {
        var edges: [SourcedEdge] = []
        while let batch = try next(10_000) {
            if let bad = batch.badLines.first {
                throw .badFile(
                    bad.file,
                    "has a bad line \(bad.line): \(bad.reason)",
                    recovery: "Correct or remove the line."
                )
            }
            edges += batch.edges
        }
        return edges
    }

    private func bad(_ reason: String) -> BadLine {
        BadLine(file: path, line: lines.lineNumber, reason: reason)
    }

    private static func edge(_ bytes: UnsafeRawBufferPointer) throws(MappingError) -> SourcedEdge {
        let columns = bytes.split(separator: UInt8(ascii: "\t"), omittingEmptySubsequences: false)
        guard columns.count == 3 || columns.count == 4 else {
            throw MappingError(
                message:
                    "\(columns.count) columns; a line has source, label, target and an optional weight, "
                    + "separated by tabs"
            )
        }
        let label = try text(columns[1], "label")
        guard (1...256).contains(label.utf8.count) else {
            throw MappingError(
                message: "the label has \(label.utf8.count) bytes; 1 to 256 are good"
            )
        }
        var weight: Float = 1
        if columns.count == 4 {
            let written = try text(columns[3], "weight")
            guard let number = DecimalText.float(written) else {
                throw MappingError(
                    message: "the weight '\(written.prefix(80))' is not a finite decimal number"
                )
            }
            weight = number
        }
        return SourcedEdge(
            from: try id(columns[0], "source"),
            Edge(label, to: try id(columns[2], "target"), weight: weight)
        )
    }

    private static func text(_ column: Slice<UnsafeRawBufferPointer>, _ name: String)
        throws(MappingError) -> String
    {
        let bytes = UnsafeRawBufferPointer(rebasing: column)
        let text = bytes.withMemoryRebound(to: UInt8.self) {
            String(validating: $0, as: UTF8.self)
        }
        guard let text else { throw MappingError(message: "the \(name) is not UTF-8") }
        return text
    }

    private static func id(_ column: Slice<UnsafeRawBufferPointer>, _ name: String)
        throws(MappingError) -> DocumentID
    {
        do {
            return try DocumentID(bytes: UnsafeRawBufferPointer(rebasing: column))
        } catch {
            throw MappingError(message: "the \(name): \(error.message)")
        }
    }
}
