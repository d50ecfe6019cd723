// SPDX-License-Identifier: Apache-2.0

/// Decimal numbers in files and command lines: a sign, digits, a point, an exponent.
///
/// Swift's own initializers also accept hexadecimal numbers and words such as `inf`.
package enum DecimalText {
    /// Reads a finite number; `nil` for other text.
    package static func float(_ text: String) -> Float? {
        guard isDecimal(text), let number = Float(text), number.isFinite else { return nil }
        return number
    }

    /// Reads a finite number; `nil` for other text.
    package static func double(_ text: String) -> Double? {
        guard isDecimal(text), let number = Double(text), number.isFinite else { return nil }
        return number
    }

    private static func isDecimal(_ text: String) -> Bool {
        text.utf8.allSatisfy { byte in
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || "+-.eE".utf8.contains(byte)
        }
    }
}
