// SPDX-License-Identifier: Apache-2.0

/// Bytes as hexadecimal digits.
package enum Hexadecimal {
    /// The digits of bytes, in lower case.
    package static func text(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(
            decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] },
            as: UTF8.self
        )
    }

    /// The bytes that digits stand for.
    ///
    /// - Parameters:
    ///   - text: The digits.
    ///   - count: The number of bytes.
    ///   - allowsUpperCase: Whether the digits may be in upper case, too. Files that this program
    ///     writes have one form only.
    /// - Returns: `nil` for another number of bytes, or for other characters.
    package static func bytes(
        _ text: some StringProtocol,
        count: Int,
        allowsUpperCase: Bool = false
    ) -> [UInt8]? {
        let digits = Array(text.utf8)
        guard digits.count == 2 * count else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count)
        for index in stride(from: 0, to: digits.count, by: 2) {
            guard let high = value(of: digits[index], allowsUpperCase),
                let low = value(of: digits[index + 1], allowsUpperCase)
            else { return nil }
            bytes.append(high << 4 | low)
        }
        return bytes
    }

    private static func value(of digit: UInt8, _ allowsUpperCase: Bool) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F") where allowsUpperCase:
            digit - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
