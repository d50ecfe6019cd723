// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneImport
import Testing

@Suite("Edge reader")
struct EdgeReaderTests {
    let scratch: Scratch

    init() throws { scratch = try Scratch() }

    @Test("Three or four tab-separated columns of a line are an edge, with LF or CRLF")
    func columns() throws {
        let path = try scratch.file("e.tsv", "a\tis a\tb\r\nb\tnear\tc\t0.25\n\na\tis a\té")
        let batch = try drain(EdgeReader(path: path), by: 2)
        #expect(
            batch.edges == [
                SourcedEdge(from: "a", Edge("is a", to: "b")),
                SourcedEdge(from: "b", Edge("near", to: "c", weight: 0.25)),
                SourcedEdge(from: "a", Edge("is a", to: "é")),
            ]
        )
        #expect(batch.lines == [1, 2, 4])
    }

    @Test(
        "A bad line of an edge file is reported with its number and reason",
        arguments: [
            ("a b c", "1 columns"), ("a\tb", "2 columns"), ("a\tb\tc\t1\t2", "5 columns"),
            ("\tb\tc", "the source"), ("a\tb\t", "the target"), ("a\t\tc", "label has 0 bytes"),
            ("a\tb\tc\tnan", "'nan'"), ("a\tb\tc\tmuch", "'much'"), ("a\tb\tc\t", "''"),
        ]
    )
    func badLine(_ line: String, _ reason: String) throws {
        let path = try scratch.file("e.tsv", "a\tb\tc\n\(line)\nd\te\tf\n")
        let batch = try drain(EdgeReader(path: path))
        #expect(batch.edges.map(\.source) == ["a", "d"])
        #expect(batch.badLines.map(\.line) == [2])
        #expect(batch.badLines.first?.reason.contains(reason) == true)
    }

    @Test("An edge reader that skips lines continues after them")
    func skip() throws {
        let path = try scratch.file("e.tsv", (0..<9).map { "a\tb\t\($0)\n" }.joined())
        var reader = try EdgeReader(path: path)
        try reader.skip(throughLine: 7)
        #expect(try reader.next(10)?.edges.map(\.edge.target) == ["7", "8"])
    }
}
