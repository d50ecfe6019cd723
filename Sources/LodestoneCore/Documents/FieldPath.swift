// SPDX-License-Identifier: Apache-2.0

/// The text form of a field's path: `author."x.y"`.
///
/// The command line's filters and the clients use this form.
package enum FieldPath {
    private static let quote = UInt8(ascii: "\"")
    private static let dot = UInt8(ascii: ".")

    /// The names in a text; `nil` when a quote is not closed, or other text than a dot follows a
    /// closed one.
    ///
    /// Without quotes, the text between two dots is a name, even if it is empty.
    ///
    /// - Complexity: O(bytes).
    static func names(in text: String) -> [String]? {
        let bytes = Array(text.utf8)
        var names: [String] = []
        var position = 0
        while true {
            guard let name = name(in: bytes, at: &position) else { return nil }
            names.append(String(decoding: name, as: UTF8.self))
            if position == bytes.count { return names }
            guard bytes[position] == dot else { return nil }
            position += 1
        }
    }

    /// The reason why a text is no valid path, with the position of the byte; `nil` for a valid
    /// path.
    ///
    /// - Complexity: O(bytes).
    package static func fault(in text: String) -> (position: Int, reason: String)? {
        let bytes = Array(text.utf8)
        var position = 0
        while true {
            let start = position
            guard let name = name(in: bytes, at: &position) else {
                return (start, "this quote is never closed")
            }
            guard !name.isEmpty else { return (start, "a name is empty") }
            guard name.count <= 256 else {
                return (start, "a name has \(name.count) bytes; the most is 256")
            }
            if position == bytes.count { return nil }
            guard bytes[position] == dot else {
                return (position, "behind a quote comes a dot or the end")
            }
            position += 1
        }
    }

    /// The name that begins at `position`; moves `position` past the name.
    private static func name(in bytes: [UInt8], at position: inout Int) -> [UInt8]? {
        guard position < bytes.count, bytes[position] == quote else {
            let start = position
            position = bytes[start...].firstIndex(of: dot) ?? bytes.count
            return Array(bytes[start..<position])
        }
        var name: [UInt8] = []
        position += 1
        while let end = bytes[position...].firstIndex(of: quote) {
            name += bytes[position..<end]
            position = end + 1
            guard position < bytes.count, bytes[position] == quote else { return name }
            name.append(quote)
            position += 1
        }
        return nil
    }

    /// The names as a text, in quotes where needed.
    static func text(of names: [String]) -> String {
        names.map { name in
            let needsQuotes = name.utf8.contains { $0 == dot || $0 == quote }
            guard needsQuotes else { return name }
            // Quotes are doubled by bytes, because a quote and a following mark are one other
            // character.
            let doubled = name.utf8.flatMap { $0 == quote ? [quote, quote] : [$0] }
            return "\"\(String(decoding: doubled, as: UTF8.self))\""
        }
        .joined(separator: ".")
    }
}
