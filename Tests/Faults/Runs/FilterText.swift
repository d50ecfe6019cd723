// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import LodestoneClient
import TestSupport

/// Parses texts of any kind as filters: none may crash or hang.
struct FilterText: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "filter-text",
        abstract: "Reads random texts as filters; none may crash, or take a second."
    )

    @Option(help: "Texts.") var inputs = 10_000_000
    @Option(help: "Where the random texts begin.") var seed: UInt64 = 1

    private static let readable = [
        "a = 1 OR b.c = 'it''s' AND NOT größe <> TRUE", "x IN (1, 'a', true) AND NOT EXISTS a.b",
        "(x BETWEEN -1.5e3 AND 2 OR \"my field\".\"x.y\" CONTAINS 'a') AND x NOT IN ()",
        "t < TIMESTAMP '1970-01-01T00:00:01.5Z' OR ((a >= 1))",
    ]

    func run() throws {
        var random = SeededGenerator(seed: seed)
        var understood = 0
        var slowest = Duration.zero
        for _ in 0..<inputs {
            let text = random.filterText(like: Self.readable)
            let start = ContinuousClock.now
            do throws(LodestoneError) {
                _ = try Filter(text: text)
                understood += 1
            } catch {
                guard error.code == .invalidArgument else { throw error }
            }
            slowest = max(slowest, ContinuousClock.now - start)
        }
        print("\(inputs) texts, \(understood) of them filters; the slowest took \(slowest).")
        guard slowest < .seconds(1) else { throw ExitCode.failure }
    }
}
