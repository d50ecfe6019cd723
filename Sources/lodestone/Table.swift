// SPDX-License-Identifier: Apache-2.0
import LodestoneCore

/// A table of text columns: as wide as needed, the last one cut at the line's end.
struct Table {
    /// The most characters of a line.
    static let lineLength = 110

    private let header: [String]
    private let isNumeric: [Bool]
    private var rows: [[String]] = []

    /// - Parameter columns: The names; a name that starts with `#` is that of a column of
    ///   right-aligned numbers.
    init(_ columns: String...) {
        isNumeric = columns.map { $0.hasPrefix("#") }
        header = columns.map { $0.hasPrefix("#") ? String($0.dropFirst()) : $0 }
    }

    mutating func add(_ cells: String...) {
        rows.append(cells.map(Self.printable))
    }

    var text: String {
        let all = [header] + rows
        let widths = header.indices.map { column in
            all.reduce(0) { max($0, $1[column].count) }
        }
        return all.map { row in line(row, widths) }.joined(separator: "\n")
    }

    private func line(_ row: [String], _ widths: [Int]) -> String {
        var line = ""
        for (column, cell) in row.enumerated() {
            let isLast = column == row.count - 1
            let space = String(repeating: " ", count: widths[column] - cell.count)
            if isNumeric[column] {
                line += space + cell
            } else if isLast {
                let room = max(20, Self.lineLength - line.count)
                line += cell.count <= room ? cell : cell.prefix(room - 1) + "…"
            } else {
                line += cell + space
            }
            if !isLast { line += "  " }
        }
        return line
    }

    /// The text without control characters, which stored text may have and a terminal must not get.
    static func printable(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: isControl) else { return text }
        return String(
            String.UnicodeScalarView(text.unicodeScalars.map { isControl($0) ? " " : $0 })
        )
    }

    private static func isControl(_ scalar: UnicodeScalar) -> Bool {
        scalar.properties.generalCategory == .control
    }
}

/// The texts of a document in one line.
func summary(_ document: Document?) -> String {
    guard let document else { return "" }
    return document.text.map(\.text).joined(separator: ": ")
}

/// A number with three digits after its point.
func short(_ number: Double) -> String {
    guard abs(number) < 1e15 else { return "\(number)" }
    let thousandths = Int((abs(number) * 1_000).rounded())
    let digits = String(thousandths % 1_000)
    let fraction = String(repeating: "0", count: 3 - digits.count) + digits
    return "\(number < 0 ? "-" : "")\(thousandths / 1_000).\(fraction)"
}
