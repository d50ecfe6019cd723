// SPDX-License-Identifier: Apache-2.0

/// Points in time as text: RFC 3339, in the proleptic Gregorian calendar, to the microsecond.
///
/// A `Value.timestamp` counts microseconds since 1970-01-01T00:00:00Z in an `Int64`, so it reaches
/// from -290308-12-21T19:59:05.224192Z to +294247-01-10T04:00:54.775807Z. Years are astronomical:
/// 0000 is 1 BC. Years of more than four digits, and years before 0000, have a sign and six digits,
/// as in ISO 8601 and ECMAScript.
///
/// Days are counted by the algorithms of H. Hinnant, "chrono-compatible low-level date algorithms".
package enum TimestampText {
    /// The reason why a text is no point in time, as the end of a sentence that begins with the
    /// text.
    package struct Problem: Error, Equatable {
        /// For example `2023-02 has 28 days, not 30`.
        package let message: String
    }

    private static let microsecondsPerDay: Int64 = 86_400_000_000
    // The range of Int64 in days since 1970, rounded outwards.
    private static let dayRange: ClosedRange<Int64> = -106_751_992...106_751_991

    /// The text of a point in time: without a fraction for a whole second, else with 3 or 6 digits.
    ///
    /// `parse` returns the same number from the text.
    package static func format(microseconds: Int64) -> String {
        var days = microseconds / microsecondsPerDay
        var rest = microseconds % microsecondsPerDay
        if rest < 0 {
            days -= 1
            rest += microsecondsPerDay
        }
        let (year, month, day) = civil(days)
        let seconds = rest / 1_000_000
        var text =
            (0...9_999).contains(year)
            ? padded(year, 4) : (year < 0 ? "-" : "+") + padded(abs(year), 6)
        text += "-" + padded(month, 2) + "-" + padded(day, 2)
        text += "T" + padded(seconds / 3_600, 2) + ":" + padded(seconds / 60 % 60, 2)
        text += ":" + padded(seconds % 60, 2)
        let fraction = rest % 1_000_000
        if fraction % 1_000 != 0 {
            text += "." + padded(fraction, 6)
        } else if fraction != 0 {
            text += "." + padded(fraction / 1_000, 3)
        }
        return text + "Z"
    }

    /// Reads `2026-01-31T23:59:59.5Z`, or with an offset from UTC: `2026-02-01T01:59:59+02:00`.
    ///
    /// Every part is checked: the days of the month, and hours up to 23. A leap second is refused,
    /// because this count has no number for it. A fraction below a microsecond may only have zeros.
    /// The seconds may be left out.
    ///
    /// - Returns: The microseconds since 1970-01-01T00:00:00Z, exactly.
    package static func parse(_ text: String) throws(Problem) -> Int64 {
        var reader = Reader(bytes: Array(text.utf8))
        let year = try reader.year()
        try reader.expect("-")
        let month = try reader.number(2, in: 1...12, "month")
        try reader.expect("-")
        let dayOfMonth = try reader.number(2, in: 1...31, "day")
        let dayCount = length(ofMonth: month, year)
        guard dayOfMonth <= dayCount else {
            throw Problem(
                message: "month \(month) of the year \(year) has \(dayCount) days, not "
                    + "\(dayOfMonth)"
            )
        }
        guard reader.takes("T") || reader.takes("t") || reader.takes(" ") else {
            throw Problem(message: "the time of day is missing: 2026-01-31T23:59:59Z")
        }
        let hour = try reader.number(2, in: 0...23, "hour")
        try reader.expect(":")
        let minute = try reader.number(2, in: 0...59, "minute")
        var second: Int64 = 0
        var microsecond: Int64 = 0
        if reader.takes(":") {
            second = try reader.second()
            if reader.takes(".") || reader.takes(",") { microsecond = try reader.fraction() }
        }
        let offset = try reader.offset()
        guard reader.isAtEnd else { throw Problem(message: "something follows the time") }
        let days = days(year, month, dayOfMonth)
        guard dayRange.contains(days) else { throw outOfRange }
        let ofDay = (hour * 3_600 + minute * 60 + second - offset) * 1_000_000 + microsecond
        // The first day begins before the range of `Int64`, so the sum has two steps.
        let isEarly = days < 0
        let whole = (days + (isEarly ? 1 : 0)).multipliedReportingOverflow(by: microsecondsPerDay)
        let sum = whole.partialValue
            .addingReportingOverflow(ofDay - (isEarly ? microsecondsPerDay : 0))
        guard !whole.overflow, !sum.overflow else { throw outOfRange }
        return sum.partialValue
    }

    private static var outOfRange: Problem {
        Problem(
            message: "times reach from \(format(microseconds: .min)) to "
                + format(microseconds: .max)
        )
    }

    private static func isLeap(_ year: Int64) -> Bool {
        year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    }

    private static func length(ofMonth month: Int64, _ year: Int64) -> Int64 {
        switch month {
        case 2: isLeap(year) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// The days since 1970-01-01; years begin in March here, so that a leap day is the last day.
    private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let year = month <= 2 ? year - 1 : year
        let era = (year >= 0 ? year : year - 399) / 400
        let yearOfEra = year - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }

    private static func civil(_ days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth + (shiftedMonth < 10 ? 3 : -9)
        return (
            yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month,
            dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        )
    }

    private static func padded(_ number: Int64, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }

    /// A reader of the parts of a text; only ASCII digits.
    private struct Reader {
        let bytes: [UInt8]
        var position = 0

        var isAtEnd: Bool { position == bytes.count }

        mutating func takes(_ character: Unicode.Scalar) -> Bool {
            guard position < bytes.count, bytes[position] == UInt8(ascii: character) else {
                return false
            }
            position += 1
            return true
        }

        mutating func expect(_ character: Unicode.Scalar) throws(Problem) {
            guard takes(character) else {
                throw Problem(message: "'\(character)' is missing after byte \(position)")
            }
        }

        /// The next digits, at most `most` of them: their number, and their count.
        mutating func digits(_ most: Int) -> (number: Int64, count: Int) {
            var number: Int64 = 0
            let start = position
            while position < bytes.count, (0x30...0x39).contains(bytes[position]),
                position - start < most
            {
                number = number * 10 + Int64(bytes[position] - 0x30)
                position += 1
            }
            return (number, position - start)
        }

        mutating func number(_ width: Int, in range: ClosedRange<Int64>, _ what: String)
            throws(Problem) -> Int64
        {
            let (number, count) = digits(width)
            guard count == width else {
                throw Problem(message: "the \(what) has \(count) digits, not \(width)")
            }
            guard range.contains(number) else {
                throw Problem(
                    message: "the \(what) is \(number), not \(range.lowerBound) to "
                        + "\(range.upperBound)"
                )
            }
            return number
        }

        mutating func year() throws(Problem) -> Int64 {
            let isNegative = takes("-")
            let isSigned = isNegative || takes("+")
            let (number, count) = digits(isSigned ? 7 : 5)
            guard isSigned ? (4...6).contains(count) : count == 4 else {
                throw Problem(
                    message: "a year has four digits, or a sign and six, as in 2026-01-31T23:59:59Z"
                )
            }
            guard number != 0 || !isNegative else {
                throw Problem(message: "the year 0 has no sign")
            }
            return isNegative ? -number : number
        }

        mutating func second() throws(Problem) -> Int64 {
            let second = try number(2, in: 0...60, "second")
            guard second < 60 else {
                throw Problem(
                    message: "a leap second has no number in this count; write :59 or :00"
                )
            }
            return second
        }

        mutating func fraction() throws(Problem) -> Int64 {
            let start = position
            var microsecond: Int64 = 0
            while position < bytes.count, (0x30...0x39).contains(bytes[position]) {
                let digit = Int64(bytes[position] - 0x30)
                if position - start < 6 {
                    microsecond = microsecond * 10 + digit
                } else if digit != 0 {
                    throw Problem(message: "times are kept to the microsecond, six digits")
                }
                position += 1
            }
            guard position > start else { throw Problem(message: "the fraction has no digits") }
            for _ in 0..<max(0, 6 - (position - start)) { microsecond *= 10 }
            return microsecond
        }

        /// The offset from UTC in seconds, positive if ahead.
        mutating func offset() throws(Problem) -> Int64 {
            if takes("Z") || takes("z") { return 0 }
            let isBehind = takes("-")
            guard isBehind || takes("+") else {
                throw Problem(message: "a time ends with Z, or with its offset from UTC: +02:00")
            }
            let hours = try number(2, in: 0...23, "offset's hour")
            var minutes: Int64 = 0
            if takes(":") || !isAtEnd { minutes = try number(2, in: 0...59, "offset's minute") }
            let seconds = hours * 3_600 + minutes * 60
            return isBehind ? -seconds : seconds
        }
    }
}
