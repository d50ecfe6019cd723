// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStructures

@testable import LodestoneText

/// The words of a text as a collection with the default options has them.
enum QueryWords {
    static let analyzer = TextAnalyzer(TextOptions())

    /// The words that a table of FTS5 has of a text.
    static func forFTS5(_ text: String) -> String {
        DocumentWords(of: [TextField(name: "text", text: text)], analyzer)?.stems ?? ""
    }

    static func folded(_ text: String) -> [[UInt8]] { analyzer.words(of: text).map(\.form.bytes) }
    static func stems(of text: String) -> [[UInt8]] { analyzer.words(of: text).map(\.stem.bytes) }
    static func stem(of folded: some Sequence<UInt8>) -> [UInt8] { analyzer.stem(of: folded).bytes }
}
