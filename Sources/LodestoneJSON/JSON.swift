// SPDX-License-Identifier: Apache-2.0

/// JSON to print, with the fields in their given order.
package enum JSON: Sendable {
    case bool(Bool)
    case number(String)
    case string(String)
    case array([JSON])
    case object([(String, JSON)])

    /// A whole number.
    package static func int(_ number: some BinaryInteger) -> JSON { .number("\(number)") }

    /// A number; `null` for a number that is not finite, which JSON can't express.
    package static func double(_ number: Double) -> JSON {
        .number(number.isFinite ? "\(number)" : "null")
    }

    /// A number; `null` for a number that is not finite, which JSON can't express.
    package static func float(_ number: Float) -> JSON {
        .number(number.isFinite ? "\(number)" : "null")
    }

    /// The JSON on one line.
    package var text: String {
        var text = ""
        write(to: &text)
        return text
    }

    private func write(to text: inout String) {
        switch self {
        case .bool(let flag): text += flag ? "true" : "false"
        case .number(let number): text += number
        case .string(let string): Self.write(string, to: &text)
        case .array(let elements):
            text += "["
            for (index, element) in elements.enumerated() {
                if index > 0 { text += "," }
                element.write(to: &text)
            }
            text += "]"
        case .object(let members):
            text += "{"
            for (index, member) in members.enumerated() {
                if index > 0 { text += "," }
                Self.write(member.0, to: &text)
                text += ":"
                member.1.write(to: &text)
            }
            text += "}"
        }
    }

    private static func write(_ string: String, to text: inout String) {
        text += "\""
        for scalar in string.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            case "\0"..<" ":
                let digits = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: text.unicodeScalars.append(scalar)
            }
        }
        text += "\""
    }
}
