// SPDX-License-Identifier: Apache-2.0

/// Numbers as they are written in files and on command lines: a sign, digits, a point, an exponent.
///
/// Swift's own initializers take hexadecimal numbers and words such as `inf`, too.
package enum DecimalText {
    /// The finite number that a text is; `nil` when it is none.
    package static func float(_ text: String) -> Float? {
        guard isDecimal(text), let number = Float(text), number.isFinite else { return nil }
        return number
    }

    /// The finite number that a text is; `nil` when it is none.
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
