// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import Testing

@Suite("Timestamp text")
struct TimestampTextTests {
    @Test(
        "Known timestamps have their microseconds",
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("1969-12-31T23:59:59.999999Z", -1),
            ("2024-03-01T10:00:00Z", 1_709_287_200_000_000),
            // The calendar is Gregorian before 1582, too: Columbus landed on this day, the Julian
            // October 12.
            ("1492-10-21T00:00:00Z", -15_058_828_800_000_000),
            ("2500-01-01T00:00:00.123457Z", 16_725_225_600_123_457),
            ("0000-02-29T00:00:00Z", -62_162_121_600_000_000),
            ("2024-03-01T12:30:00+02:30", 1_709_287_200_000_000),
            ("2024-02-29T23:00:00-1100", 1_709_287_200_000_000),
            ("2024-03-01 10:00Z", 1_709_287_200_000_000),
            ("2024-03-01t10:00:00,5z", 1_709_287_200_500_000),
            ("2024-03-01T10:00:00.1234560000Z", 1_709_287_200_123_456),
        ] as [(String, Int64)]
    )
    func known(_ text: String, _ microseconds: Int64) throws {
        #expect(try TimestampText.parse(text) == microseconds)
    }

    @Test(
        "An invalid timestamp is refused with its invalid part",
        arguments: [
            ("2024-02-30T10:00:00Z", "29 days"), ("2023-02-29T10:00:00Z", "28 days"),
            ("1900-02-29T10:00:00Z", "28 days"), ("2024-04-31T10:00:00Z", "30 days"),
            ("2024-13-01T10:00:00Z", "month"), ("2024-00-01T10:00:00Z", "month"),
            ("2024-01-00T10:00:00Z", "day"), ("2024-01-01T25:00:00Z", "hour"),
            ("2024-01-01T24:00:00Z", "hour"), ("2024-01-01T10:60:00Z", "minute"),
            ("2016-12-31T23:59:60Z", "leap second"), ("2024-01-01T10:00:61Z", "second"),
            ("2024-01-01T10:00:00.1234567Z", "microsecond"), ("2024-01-01T10:00:00.Z", "fraction"),
            ("2024-01-01T10:00:00", "offset"), ("2024-01-01", "time of day"),
            ("2024-01-01T10:00:00+24:00", "offset's hour"), ("24-01-01T10:00:00Z", "year"),
            ("-0000-01-01T00:00:00Z", "year 0"), ("2024-1-01T10:00:00Z", "month"),
            ("2024-01-01T10:00:00Z ", "follows"), ("", "year"), ("x", "2026"),
            ("٢٠٢٤-01-01T10:00:00Z", "year"), ("+294247-01-10T04:00:54.775808Z", "reach from"),
            ("-290308-12-21T19:59:05.224191Z", "reach from"),
            ("+999999-01-01T00:00:00Z", "reach from"),
        ]
    )
    func refused(_ text: String, _ part: String) {
        let problem = #expect(throws: TimestampText.Problem.self) {
            try TimestampText.parse(text)
        }
        #expect(problem?.message.contains(part) == true, "\(problem?.message ?? "")")
    }

    @Test("Timestamps at the ends of the range and around year zero are written and parsed")
    func ends() throws {
        #expect(TimestampText.format(microseconds: .min) == "-290308-12-21T19:59:05.224192Z")
        #expect(TimestampText.format(microseconds: .max) == "+294247-01-10T04:00:54.775807Z")
        #expect(try TimestampText.parse("-290308-12-21T19:59:05.224192Z") == .min)
        #expect(try TimestampText.parse("+294247-01-10T04:00:54.775807Z") == .max)
        let yearZero: Int64 = -62_167_219_200_000_000
        #expect(TimestampText.format(microseconds: yearZero) == "0000-01-01T00:00:00Z")
        #expect(
            TimestampText.format(microseconds: yearZero - 1)
                == "-000001-12-31T23:59:59.999999Z"
        )
    }

    @Test("Every timestamp round-trips, and each day follows the one before")
    func roundTrip() throws {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<20_000 {
            let bits = Int64.random(in: .min ... .max, using: &generator)
            let number = bits >> Int64.random(in: 0..<63, using: &generator)
            #expect(try TimestampText.parse(TimestampText.format(microseconds: number)) == number)
        }
        var date = (year: -401, month: 1, day: 1)
        var microseconds = try TimestampText.parse("-000401-01-01T00:00:00Z")
        while date.year < 3 {
            let text = TimestampText.format(microseconds: microseconds)
            let year =
                date.year < 0
                ? "-" + String(String(1_000_000 - date.year).dropFirst())
                : String(String(10_000 + date.year).dropFirst())
            let month = String(String(100 + date.month).dropFirst())
            let day = String(String(100 + date.day).dropFirst())
            guard text == "\(year)-\(month)-\(day)T00:00:00Z" else {
                Issue.record("\(date) is \(text)")
                return
            }
            microseconds += 86_400_000_000
            date.day += 1
            let isLeap = date.year % 400 == 0 || date.year % 4 == 0 && date.year % 100 != 0
            let lengths = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
            if date.day > lengths[date.month - 1] { date = (date.year, date.month + 1, 1) }
            if date.month > 12 { date = (date.year + 1, 1, 1) }
        }
    }
}
