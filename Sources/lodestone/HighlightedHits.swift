// SPDX-License-Identifier: Apache-2.0
import LodestoneClient
import LodestoneImport
import LodestoneJSON
import LodestoneSystem

/// Hits with their highlights, and the words of the query.
enum HighlightedHits {
    /// A line for each hit, then one for each fragment; matches are bold on a terminal.
    static func text(_ hits: [Hit]) -> String {
        let isTerminal = isatty(STDOUT_FILENO) == 1
        return hits.enumerated().flatMap { index, hit in
            ["\(index + 1)  \(short(hit.score))  \(Table.printable(hit.id.string))"]
                + hit.highlights.flatMap { field in
                    field.fragments.map { fragment in
                        let text = text(fragment, start: isTerminal ? "\u{1B}[1m" : "")
                        return "     \(Table.printable(field.field)): \(text)"
                    }
                }
        }.joined(separator: "\n")
    }

    /// A fragment in one line, with `start` before each match.
    private static func text(_ fragment: HighlightedField.Fragment, start: String) -> String {
        let bytes = Array(fragment.text.utf8)
        var text = fragment.offset > 0 ? "…" : ""
        var end = 0
        // The client has checked that matches ascend and are inside of the text.
        for match in fragment.matches {
            text += printable(bytes[end..<match.lowerBound])
            text += start + printable(bytes[match]) + (start.isEmpty ? "" : "\u{1B}[0m")
            end = match.upperBound
        }
        return text + printable(bytes[end...])
    }

    private static func printable(_ bytes: ArraySlice<UInt8>) -> String {
        Table.printable(String(decoding: bytes, as: UTF8.self))
    }

    static func json(_ hit: Hit) -> JSON {
        .object(
            hit.highlights.map { field in
                let fragments = field.fragments.map { fragment in
                    JSON.object([
                        ("text", .string(fragment.text)), ("offset", .int(fragment.offset)),
                        (
                            "matches",
                            .array(
                                fragment.matches.map {
                                    .array([.int($0.lowerBound), .int($0.upperBound)])
                                }
                            )
                        ),
                    ])
                }
                return (field.field, .array(fragments))
            }
        )
    }
}

extension TextExplanation {
    /// The words, one per line.
    var summary: String {
        words.map { word in
            let found = word.expansions.map { expansion in
                let edits = ["", "1 edit, ", "2 edits, "][min(max(expansion.distance, 0), 2)]
                let documents = grouped(expansion.documents)
                return "\(Table.printable(expansion.word)) (\(edits)\(documents) documents)"
            }
            let remaining = word.expansionCount - found.count
            return "\n\(Table.printable(word.word)): \(grouped(word.documents)) documents"
                + (found.isEmpty ? "" : "; also \(found.joined(separator: ", "))")
                + (remaining > 0 ? " and \(grouped(remaining)) more words" : "")
        }.joined()
            + (leftOut.isEmpty
                ? "" : "\nnot looked for: \(leftOut.map(Table.printable).joined(separator: ", "))")
    }

    var json: JSON {
        .object([
            ("source", .int(source)),
            ("leftOut", .array(leftOut.map { .string($0) })),
            (
                "words",
                .array(
                    words.map { word in
                        .object([
                            ("word", .string(word.word)), ("documents", .int(word.documents)),
                            ("expansionCount", .int(word.expansionCount)),
                            (
                                "expansions",
                                .array(
                                    word.expansions.map { expansion in
                                        .object([
                                            ("word", .string(expansion.word)),
                                            ("distance", .int(expansion.distance)),
                                            ("documents", .int(expansion.documents)),
                                        ])
                                    }
                                )
                            ),
                        ])
                    }
                )
            ),
        ])
    }
}
