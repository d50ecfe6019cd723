// SPDX-License-Identifier: Apache-2.0

/// Texts that are valid filters, almost valid ones, or none.
extension SeededGenerator {
    private static let pieces = [
        "a", "year", "größe", "日", "e\u{301}", "\u{10FFFF}", "\0", " ", "\n", "\u{3000}", "(", ")",
        "((",
        "))", "'", "''", "'x'", "\"", "\"n\"", ".", ",", "=", "==", "!=", "<>", "<", "<=", ">",
        ">=", "!",
        "AND", " AND ", "or", " OR ", "NOT ", " IN (", "BETWEEN", "EXISTS ", "CONTAINS", "TRUE",
        "TIMESTAMP ", "'2026-01-01T00:00:00Z'", "1", "-", "+", "1e", "1e999", "0x1p3", ".5", "nan",
        "inf", "99999999999999999999", "a=1", "b IN (1,2)", "c BETWEEN 1 AND 2", ";", "--", "%",
        "\\",
    ]

    /// Pieces of syntax, a readable filter with some characters changed, or any characters at all.
    package mutating func filterText(like readable: [String]) -> String {
        let count = Int(next() % 16)
        switch next() % 8 {
        case 0:
            let scalars = (0..<count).compactMap { _ in
                Unicode.Scalar(UInt32(next() % 0x11_0000))
            }
            return String(String.UnicodeScalarView(scalars))
        case 1, 2:
            var scalars = Array(
                readable[Int(next() % UInt64(readable.count))].unicodeScalars
            )
            for _ in 0..<next() % 4 where !scalars.isEmpty {
                let position = Int(next() % UInt64(scalars.count))
                switch next() % 3 {
                case 0: scalars.remove(at: position)
                case 1:
                    scalars.insert(scalars[Int(next() % UInt64(scalars.count))], at: position)
                default: scalars[position] = Unicode.Scalar(UInt8(next() % 128))
                }
            }
            return String(String.UnicodeScalarView(scalars))
        default:
            var text = ""
            for _ in 0..<count { text += Self.pieces[Int(next() % UInt64(Self.pieces.count))] }
            // Some texts are long and deep.
            return next() % 1_000 == 0 ? String(repeating: text, count: 1_000) : text
        }
    }
}
