// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import Testing

@testable import LodestoneStorage

@Suite("Row coding")
struct RowCodingTests {
    private static let document = Document(
        id: "a",
        text: [TextField(name: "title", text: "Ein Größe"), TextField(name: "body", text: "")],
        metadata: [
            "bool": true, "int": -7, "double": 0.5, "string": "s",
            "time": .timestamp(microseconds: -1), "list": [1, "two", [false]],
            "object": .object(["inner": .object([:])]),
        ],
        edges: [
            Edge("cites", to: "b", weight: 0.25, metadata: ["page": 3]), Edge("", to: "a"),
        ]
    )

    /// The columns of a row as arrays.
    private func columns(_ row: EncodedRow) -> [[UInt8]] {
        row.withColumns { [Array($0.text), Array($0.metadata), Array($0.edges)] }
    }

    @Test("A row has the texts, metadata and edges of its document")
    func roundTrip() throws {
        let columns = columns(EncodedRow(Self.document))
        try columns[0].withUnsafeBytes { (bytes) throws in
            var reader = ByteReader(bytes)
            #expect(try reader.textFields() == Self.document.text && reader.isAtEnd)
        }
        try columns[1].withUnsafeBytes { (bytes) throws in
            var reader = ByteReader(bytes)
            #expect(try reader.metadata() == Self.document.metadata && reader.isAtEnd)
        }
        try columns[2].withUnsafeBytes { (bytes) throws in
            var reader = ByteReader(bytes)
            #expect(try reader.edges() == Self.document.edges && reader.isAtEnd)
        }
    }

    @Test("A stored row whose columns end early is malformed, wherever they end")
    func cut() {
        let columns = columns(EncodedRow(Self.document))
        for (index, column) in columns.enumerated() {
            for end in column.indices {
                column[..<end].withUnsafeBytes { bytes in
                    var reader = ByteReader(bytes)
                    #expect(throws: ByteReader.Malformed.self) {
                        switch index {
                        case 0: _ = try reader.textFields()
                        case 1: _ = try reader.metadata()
                        default: _ = try reader.edges()
                        }
                    }
                }
            }
        }
    }

    @Test("Rows that are encoded together have the bytes and checksums of rows encoded alone")
    func together() {
        let documents = [Self.document, Document(id: "empty"), Self.document]
        for (row, document) in zip(EncodedRow.encode(documents), documents) {
            let alone = EncodedRow(document)
            #expect(columns(row) == columns(alone))
            #expect(row.checksum(seed: 7) == alone.checksum(seed: 7))
            #expect(row.byteCount == alone.byteCount)
        }
    }

    @Test("A row with other edges has the bytes of a document with these edges")
    func replacingEdges() {
        var other = Self.document
        other.edges = [Edge("likes", to: "c")]
        for row in EncodedRow.encode([Document(id: "first"), Self.document]).dropFirst() {
            #expect(columns(row.replacingEdges(with: other.edges)) == columns(EncodedRow(other)))
            #expect(row.replacingEdges(with: other.edges).edges() == other.edges)
        }
    }

    @Test("The checksum of a row differs when a byte moves from one column to the next")
    func checksum() {
        func sum(_ first: [UInt8], _ second: [UInt8]) -> UInt32 {
            let seed = RowChecksum.seed(row: 1)
            return first.withUnsafeBytes { first in
                second.withUnsafeBytes { second in
                    RowChecksum.extend(RowChecksum.extend(seed, first), second)
                }
            }
        }
        #expect(sum([1, 2], [3]) != sum([1], [2, 3]))
        #expect(sum([], [1]) != sum([1], []))
    }
}
