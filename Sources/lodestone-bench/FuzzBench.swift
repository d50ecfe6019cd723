// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import LodestoneCore
import LodestoneText

/// Checks that the parser of text queries accepts any text without a crash or a long delay.
struct FuzzBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fuzz",
        abstract: "Feeds random and mutated queries to the reader of query syntax."
    )

    @Option(help: "Queries.") var inputs = 1_000_000
    @Option(help: "The seed; the same seed makes the same queries.") var seed: UInt64 = 1
    @Flag(help: "One JSON object a line instead of a table.") var json = false

    func run() throws {
        var mutation = QueryMutation(seed: seed)
        var understood = 0
        var slow = 0
        var longest = 0.0
        // Processor time, because on a busy machine any query can wait for a second.
        let start = processorSeconds()
        var last = start
        for _ in 0..<inputs {
            let query = mutation.next()
            if read(query) { understood += 1 }
            let now = processorSeconds()
            longest = max(longest, now - last)
            if now - last > 1 {
                slow += 1
                print("More than a second: \(query.debugDescription)")
            }
            last = now
        }
        let seconds = last - start
        let parameters: [(name: String, value: Measurement.Parameter)] = [
            ("inputs", .number(Double(inputs))), ("seed", .number(Double(seed))),
        ]
        let report = Report(isJSON: json)
        for (name, value, unit) in [
            ("fuzz-understood", Double(understood), "queries"),
            ("fuzz-over-1s", Double(slow), "queries"),
            ("fuzz-longest", longest * 1_000, "ms"),
            ("fuzz-rate", Double(inputs) / seconds, "queries/s"),
        ] {
            report.add(Measurement(name: name, value: value, unit: unit, parameters: parameters))
        }
    }

    /// Parses a query in all ways; returns whether it is valid in query syntax.
    private func read(_ query: String) -> Bool {
        let analyzer = TextAnalyzer(TextOptions())
        _ = try? TextQueryParser.anyWord(
            query,
            fuzzy: .auto,
            limits: .standard,
            analyzer: analyzer
        )
        guard let parsed = try? TextQueryParser.parse(query, fuzzy: .auto, limits: .standard) else {
            return false
        }
        let normalized = BooleanQuery(parsed)
        return !FTS5Expression.render(normalized.expression, analyzer).isEmpty
    }
}

/// A generator of queries from pieces of syntax, arbitrary characters, and mutations of earlier
/// queries.
private struct QueryMutation {
    private static let pieces: [[Unicode.Scalar]] = [
        "a", "word", "é", "日本", "e\u{301}", "\u{301}", "\u{E000}", "\u{10FFFF}", "\0", " ", "\n",
        "\u{3000}", "(", ")", "\"", "*", "~", "~1", "~2", "~99", "-", "+", ":", "'", " AND ",
        " OR ",
        " NOT ", "field:", "p*n", "*part*", "rock-n-roll", "NEAR(", "👩‍👩‍👧", "\u{FEFF}",
    ].map { Array($0.unicodeScalars) }
    private static let mostScalars = 5_000

    private var random: SplitMix64
    private var pool: [[Unicode.Scalar]]

    init(seed: UInt64) {
        random = SplitMix64(state: seed)
        pool = Self.pieces
    }

    mutating func next() -> String {
        var scalars = pool[below(pool.count)]
        for _ in 0...below(4) { mutate(&scalars) }
        if scalars.count > Self.mostScalars { scalars.removeLast(scalars.count - 100) }
        if pool.count < 2_000 {
            pool.append(scalars)
        } else {
            pool[below(pool.count)] =
                below(8) == 0 ? Self.pieces[below(Self.pieces.count)] : scalars
        }
        return String(String.UnicodeScalarView(scalars))
    }

    private mutating func mutate(_ scalars: inout [Unicode.Scalar]) {
        let index = below(scalars.count + 1)
        switch below(7) {
        case 0, 1, 2:
            scalars.insert(contentsOf: Self.pieces[below(Self.pieces.count)], at: index)
        case 3:
            if let any = Unicode.Scalar(UInt32(below(0x11_0000))) { scalars.insert(any, at: index) }
        case 4:
            scalars.removeSubrange(index..<min(scalars.count, index + below(8)))
        case 5:
            let end = min(scalars.count, index + below(64))
            let part = scalars[index..<end]
            for _ in 0...below(below(50) == 0 ? 200 : 3) {
                scalars.insert(contentsOf: part, at: index)
            }
        default:
            let other = pool[below(pool.count)]
            scalars.replaceSubrange(index..., with: other.suffix(below(other.count + 1)))
        }
    }

    private mutating func below(_ count: Int) -> Int { Int.random(in: 0..<count, using: &random) }
}
