// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import TestSupport
import Testing

@Suite("Filter text")
struct FilterTextTests {
    private static let readable: [(String, Filter)] = [
        ("year = 2020", .equal(path: ["year"], 2_020)),
        ("a.b-c.d_1 == -1.5e3", .equal(path: ["a", "b-c", "d_1"], .double(-1_500))),
        ("\"my field\".\"x.y\" = 'it''s'", .equal(path: ["my field", "x.y"], "it's")),
        ("größe<>TRUE", .not(.equal(path: ["größe"], true))),
        ("x != false", .not(.equal(path: ["x"], false))),
        ("x>=1", .range(path: ["x"], lower: .init(1), upper: nil)),
        ("x > 1", .range(path: ["x"], lower: .init(1, isExclusive: true), upper: nil)),
        ("x <= 'b'", .range(path: ["x"], lower: nil, upper: .init("b"))),
        ("x < 1", .range(path: ["x"], lower: nil, upper: .init(1, isExclusive: true))),
        ("x BETWEEN 1 AND 2", .range(path: ["x"], lower: .init(1), upper: .init(2))),
        ("x in (1, 'a', true)", .oneOf(path: ["x"], [1, "a", true])),
        ("x IN ()", .oneOf(path: ["x"], [])),
        ("x NOT IN (1)", .not(.oneOf(path: ["x"], [1]))),
        ("x contains 'a'", .contains(path: ["x"], "a")),
        ("EXISTS a.b", .exists(path: ["a", "b"], true)),
        ("not exists a", .not(.exists(path: ["a"], true))),
        ("exists = 1", .equal(path: ["exists"], 1)),
        (
            "t < TIMESTAMP '1970-01-01T00:00:01.5Z'",
            .range(
                path: ["t"],
                lower: nil,
                upper: .init(.timestamp(microseconds: 1_500_000), isExclusive: true)
            )
        ),
        (
            "a = 1 OR b = 2 AND NOT c = 3",
            .or([
                .equal(path: ["a"], 1),
                .and([.equal(path: ["b"], 2), .not(.equal(path: ["c"], 3))]),
            ])
        ),
        (
            "(a = 1 OR b = 2) AND x BETWEEN 1 AND 2 AND c = 3",
            .and([
                .or([.equal(path: ["a"], 1), .equal(path: ["b"], 2)]),
                .range(path: ["x"], lower: .init(1), upper: .init(2)), .equal(path: ["c"], 3),
            ])
        ),
        ("x = 9223372036854775807", .equal(path: ["x"], .int(.max))),
        ("x = 9223372036854775808.0", .equal(path: ["x"], .double(0x1p63))),
        (
            "t = TIMESTAMP '2500-01-01T00:00:00.123457Z'",
            .equal(path: ["t"], .timestamp(microseconds: 16_725_225_600_123_457))
        ),
        (
            "t = TIMESTAMP '1492-10-12T00:00:00Z'",
            .equal(path: ["t"], .timestamp(microseconds: -15_059_606_400_000_000))
        ),
    ]

    @Test("A filter text is parsed", arguments: readable)
    func reads(text: String, filter: Filter) throws {
        #expect(try Filter(text: text) == filter)
    }

    @Test(
        "A malformed filter text is refused with the column of its error",
        arguments: [
            ("", 1, "the name of a field"), ("year", 5, "a comparison"), ("year =", 7, "a value"),
            ("year = )", 8, "found ')'"), ("year = 2020 AND", 16, "the name of a field"),
            ("year = 2020 x", 13, "AND, OR or the end"), ("(year = 1", 10, "AND, OR or ')'"),
            ("ä = 'b", 5, "never closed"), ("ä = 1x", 5, "no number"), ("a = 1 ; b", 7, "';'"),
            ("a IN 1", 6, "'('"), ("a IN (1", 8, "','"), ("a BETWEEN 1 OR 2", 13, "AND"),
            ("a NOT = 1", 7, "IN, BETWEEN or CONTAINS"), ("a. = 1", 4, "the name of a field"),
            ("a = TIMESTAMP 5", 15, "a time in quotes"), ("a = TIMESTAMP 'x'", 15, "2026"),
            ("a = TIMESTAMP '2024-02-30T10:00:00Z'", 15, "29 days"),
            ("a = TIMESTAMP '2024-01-01T25:00:00Z'", 15, "hour"),
            ("n = 1 OR n = 9223372036854775808", 14, "beyond the whole numbers"),
            ("n IN (1, -9223372036854775809)", 10, "beyond the whole numbers"),
            ("n = 1e999", 5, "beyond the doubles"),
            (String(repeating: "(", count: 100), 25, "inside each other"),
        ]
    )
    func refuses(text: String, column: Int, what: String) throws {
        let error = #expect(throws: LodestoneError.self) { try Filter(text: text) }
        #expect(error?.reason == .filterSyntax && error?.code == .invalidArgument)
        let message = error?.message ?? ""
        #expect(message.contains("column \(column):") && message.contains(what), "\(message)")
    }

    /// `lodestone-faults filter-text` does the same with 10 million of them.
    @Test("Any random filter text is either parsed or refused")
    func fuzz() {
        let inputs = 100_000
        let readable = Self.readable.map(\.0)
        var random = SeededGenerator(seed: 11)
        var understood = 0
        for _ in 0..<inputs {
            let text = random.filterText(like: readable)
            do throws(LodestoneError) {
                _ = try Filter(text: text)
                understood += 1
            } catch {
                if error.code != .invalidArgument { Issue.record("\(text): \(error)") }
            }
        }
        #expect(understood > inputs / 1_000)
    }
}

@Suite("Document ids in filter texts")
struct FilterTextIDTests {
    @Test(
        "An unquoted id in a filter text means the document id",
        arguments: [
            ("id = 'a'", .ids(["a"])), ("id != 'a'", .not(.ids(["a"]))),
            ("ID IN ('a', 'b')", .ids(["a", "b"])), ("id IN ()", .ids([])),
            ("id NOT IN ('a')", .not(.ids(["a"]))), ("NOT id = 'a'", .not(.ids(["a"]))),
            (
                "id IN ('a') AND (year = 1 OR id = 'b')",
                .and([.ids(["a"]), .or([.equal(path: ["year"], 1), .ids(["b"])])])
            ),
            ("\"id\" = 'a'", .equal(path: ["id"], "a")),
            ("\"id\" > 5", .range(path: ["id"], lower: .init(5, isExclusive: true), upper: nil)),
            ("id.x = 1", .equal(path: ["id", "x"], 1)), ("a.id = 1", .equal(path: ["a", "id"], 1)),
            ("EXISTS \"id\"", .exists(path: ["id"], true)),
        ] as [(String, Filter)]
    )
    func ids(text: String, filter: Filter) throws {
        #expect(try Filter(text: text) == filter)
    }

    @Test(
        "A comparison that ids don't have is refused with a hint to quote the name",
        arguments: [
            "id > 'a'", "id = 5", "id = ''", "id CONTAINS 'a'", "id BETWEEN 'a' AND 'b'",
            "id NOT BETWEEN 'a' AND 'b'", "x = 1 AND id IN ('a', 2)", "EXISTS id",
        ]
    )
    func refusals(text: String) {
        let error = #expect(throws: LodestoneError.self) { try Filter(text: text) }
        #expect(error?.reason == .filterSyntax)
        #expect(error?.message.contains("\"id\" in quotes") == true, "\(error?.message ?? "")")
    }
}
