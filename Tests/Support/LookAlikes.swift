// SPDX-License-Identifier: Apache-2.0

/// Two names that `String` takes for one, though their bytes differ.
package struct LookAlikes: Sendable, CustomStringConvertible {
    package let first: String
    package let second: String

    package static let all = [
        // With its accent, and with one of its own.
        LookAlikes(first: "caf\u{E9}", second: "cafe\u{301}"),
        // A letter, and the sign of a unit.
        LookAlikes(first: "K", second: "\u{212A}"),
        // One character under two numbers, in as many bytes.
        LookAlikes(first: "\u{8C48}", second: "\u{F900}"),
    ]

    package var description: String {
        "\(first.unicodeScalars.map { $0.value }) and \(second.unicodeScalars.map { $0.value })"
    }
}
