// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneImport
import Testing

@Suite("TREC run file")
struct RunFileTests {
    private struct Line {
        let fields: [String]
        var score: Float { Float(fields[4]) ?? .nan }
    }

    private let scratch: Scratch

    init() throws { scratch = try Scratch() }

    private func lines(_ queries: [[(DocumentID, Double)]]) throws -> [Line] {
        let path = "\(scratch.path)/run"
        var run = try RunFile(path: path)
        for (position, hits) in queries.enumerated() {
            try run.add(hits.map { Hit(id: $0.0, score: $0.1) }, of: position + 1)
        }
        try run.close()
        return try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map {
            line in
            Line(fields: line.split(separator: " ").map(String.init))
        }
    }

    @Test("A run file has one line per hit, with query number, document and rank")
    func form() throws {
        let lines = try lines([[("b", 0.75), ("a", 0.5)], [], [("é", 3)]])
        let head = lines.map { Array($0.fields.prefix(4)) }
        #expect(
            head == [["1", "Q0", "b", "1"], ["1", "Q0", "a", "2"], ["3", "Q0", "é", "1"]]
        )
        #expect(lines.map(\.score) == [0.75, 0.5, 3])
        #expect(lines.allSatisfy { $0.fields.count == 6 })
    }

    @Test("A run file keeps the order of equal and nearly equal scores")
    func ties() throws {
        // Tools sort ties by id; these would come the other way round.
        let scores = [1, 1, 1, 1 - 1e-12, 1 - 1e-9, 0.5, 0.5, 0, 0, -0.0, -1, -1]
        let ids = scores.indices.map { DocumentID(stringLiteral: "d\(99 - $0)") }
        let lines = try lines([Array(zip(ids, scores))])
        #expect(lines.map { $0.fields[2] } == ids.map(\.string))
        for (earlier, later) in zip(lines, lines.dropFirst()) {
            #expect(earlier.score > later.score, "\(earlier.fields) \(later.fields)")
        }
        for (line, score) in zip(lines, scores) { #expect(abs(Double(line.score) - score) < 1e-6) }
    }

    @Test("A run file has a document once per query, at its best rank and without gaps")
    func duplicates() throws {
        let lines = try lines([[("a", 3), ("b", 2), ("a", 1), ("c", 1)], [("a", 1)]])
        let head = lines.map { Array($0.fields.prefix(4)) }
        #expect(
            head == [
                ["1", "Q0", "a", "1"], ["1", "Q0", "b", "2"], ["1", "Q0", "c", "3"],
                ["2", "Q0", "a", "1"],
            ]
        )
    }

    @Test(
        "A run file refuses ids with white space or control characters",
        arguments: ["a b", "a\tb", "a\n", "\u{7F}"]
    )
    func spaces(_ id: String) throws {
        let error = #expect(throws: LodestoneError.self) { try lines([[(try DocumentID(id), 1)]]) }
        #expect(error?.reason == .runFile)
    }
}
