// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneCore
import LodestoneImport

/// Prints a line without buffering, also into a pipe.
func say(_ text: String = "") {
    FileHandle.standardOutput.write(Data("\(text)\n".utf8))
}

/// Prints the heading of a part.
func heading(_ text: String) {
    say("\n\(text)\n\(String(repeating: "=", count: text.count))")
}

/// A time for people: 12.3 s.
func seconds(_ duration: Duration) -> String { "\(decimal(duration.seconds, 1)) s" }

/// A time for people: 3.41 ms.
func milliseconds(_ duration: Duration) -> String { "\(decimal(duration.seconds * 1_000, 2)) ms" }

/// A number with `digits` digits after its point.
func decimal(_ number: Double, _ digits: Int) -> String {
    String(format: "%.\(digits)f", number)
}

/// A count divided by a time, for people.
func rate(_ count: Int, _ duration: Duration) -> String {
    grouped(Int(Double(count) / max(duration.seconds, 0.000_1)))
}

/// The text in exactly `width` characters.
func pad(_ text: String, _ width: Int) -> String {
    let text = cut(text, width)
    return text + String(repeating: " ", count: width - text.count)
}

/// The text in at most `width` characters.
func cut(_ text: String, _ width: Int) -> String {
    text.count > width ? text.prefix(width - 1) + "…" : text
}

/// The first word of a synset, and its definition.
func gloss(_ document: Document?) -> String {
    guard let document, let words = document.text.first?.text else { return "?" }
    return "\(words): \(document.text.last?.text ?? "")"
}

/// The words of a synset.
func words(_ document: Document?) -> String { document?.text.first?.text ?? "?" }

/// The first word of a synset.
func name(_ document: Document?) -> String {
    words(document).split(separator: ",").first.map(String.init) ?? "?"
}
