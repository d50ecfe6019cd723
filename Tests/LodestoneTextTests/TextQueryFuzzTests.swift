// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneText
import TestSupport
import Testing

@Suite("Random text queries")
struct TextQueryFuzzTests {
    private static let pieces = [
        "a", "bc", "é", "日", "e\u{301}", "\u{301}", "\u{E000}", "\u{10FFFF}", "\0", " ", "\n",
        "\u{3000}", "(", ")", "((", "))", "\"", "*", "~", "~2", "a*b", "-", "+", ":", "'", "AND",
        "OR", "NOT",
        " AND ", " OR ", " NOT ", "NEAR(", "^", "{", "\\", "👩‍👩‍👧", "\u{FEFF}", "%00", "--",
    ]

    /// Up to 12 pieces of syntax and words, or any characters that Unicode has.
    private func query(using random: inout SeededGenerator) -> String {
        let count = Int.random(in: 0...12, using: &random)
        guard Bool.random(using: &random) else {
            let scalars = (0..<count).compactMap { _ in
                Unicode.Scalar(UInt32.random(in: 0..<0x11_0000, using: &random))
            }
            return String(String.UnicodeScalarView(scalars))
        }
        return (0..<count).map { _ in Self.pieces.randomElement(using: &random) ?? "" }.joined()
    }

    @Test("A random text query is parsed or refused without a crash")
    func parsing() {
        var random = SeededGenerator(seed: 9)
        var understood = 0
        let cases = TestLength.cases(40_000, long: 200_000)
        for _ in 0..<cases {
            let query = query(using: &random)
            if let parsed = try? TextQueryParser.parse(query, limits: .standard) {
                understood += 1
                _ = BooleanQuery(parsed)
            }
            _ = try? TextQueryParser.anyWord(
                query,
                limits: .standard,
                analyzer: QueryWords.analyzer
            )
        }
        #expect(understood > cases / 20)
    }

    @Test("A random text query that was parsed is accepted by FTS5")
    func execution() throws {
        let table = try FTS5Table(tokenizer: "ascii")
        try table.insert(1, Self.pieces.joined(separator: " "))
        var random = SeededGenerator(seed: 10)
        for _ in 0..<TestLength.cases(5_000, long: 20_000) {
            let query = query(using: &random)
            guard let parsed = try? TextQueryParser.parse(query, limits: .standard) else {
                continue
            }
            let expression = FTS5Expression.render(
                BooleanQuery(parsed).expression,
                QueryWords.analyzer
            )
            _ = try table.rows(matching: expression)
        }
    }
}
