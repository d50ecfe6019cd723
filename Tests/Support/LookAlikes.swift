// SPDX-License-Identifier: Apache-2.0

/// Two names that are equal as `String`, though their bytes differ.
package struct LookAlikes: Sendable, CustomStringConvertible {
    package let first: String
    package let second: String

    package static let all = [
        // An accented letter, and the letter with a combining accent.
        LookAlikes(first: "caf\u{E9}", second: "cafe\u{301}"),
        // A letter, and the sign of a unit with the same look.
        LookAlikes(first: "K", second: "\u{212A}"),
        // One character with two code points of the same length in bytes.
        LookAlikes(first: "\u{8C48}", second: "\u{F900}"),
    ]

    package var description: String {
        "\(first.unicodeScalars.map { $0.value }) and \(second.unicodeScalars.map { $0.value })"
    }
}
