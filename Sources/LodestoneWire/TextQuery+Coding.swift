// SPDX-License-Identifier: Apache-2.0
import CLodestoneProto
import LodestoneCore

// The encoding and decoding of text queries, and of the texts in a result.

extension MatchText {
    init(_ message: CMatchText) throws(LodestoneError) {
        self.init(
            try message.query.text("query"),
            mode: try enumCase("mode", message.mode.rawValue),
            fuzzy: try Fuzziness(message)
        )
    }
}

extension Fuzziness {
    /// `nil` when the message allows no distance.
    fileprivate init?(_ message: CMatchText) throws(LodestoneError) {
        let isAuto = message.fuzzy_auto != 0
        guard isAuto || message.has_fuzzy_distance != 0 else {
            if message.has_fuzzy_prefix_length != 0 || message.has_fuzzy_max_expansions != 0 {
                throw .invalid(
                    .fuzzy,
                    "A fuzzy_prefix_length or fuzzy_max_expansions comes without a distance.",
                    recovery: "Send fuzzy_auto or a fuzzy_distance with it.",
                    field: "fuzzy_distance"
                )
            }
            return nil
        }
        guard !isAuto || message.has_fuzzy_distance == 0 else {
            throw .invalid(
                .fuzzy,
                "fuzzy_distance \(message.fuzzy_distance) and fuzzy_auto contradict each other.",
                recovery: "Send one of them.",
                field: "fuzzy_auto"
            )
        }
        self.init(isAuto ? .auto : .edits(Int(message.fuzzy_distance)))
        if message.has_fuzzy_prefix_length != 0 { prefixLength = Int(message.fuzzy_prefix_length) }
        if message.has_fuzzy_max_expansions != 0 {
            maxExpansions = Int(message.fuzzy_max_expansions)
        }
    }
}

extension Highlight {
    init(_ message: CHighlight) throws(LodestoneError) {
        self.init(fields: try texts("fields", message.fields, message.n_fields))
        if message.has_fragment_size != 0 { fragmentSize = Int(message.fragment_size) }
        if message.has_max_fragments != 0 { maxFragments = Int(message.max_fragments) }
        before = try message.before.text("before")
        after = try message.after.text("after")
    }
}

extension HighlightedField {
    init(_ message: UnsafePointer<CHighlightedField>) throws(LodestoneError) {
        let message = message.pointee
        self.init(
            field: try message.field.text("field"),
            fragments: try list("fragments", message.fragments, message.n_fragments) {
                (fragment) throws(LodestoneError) in try Fragment(fragment.pointee)
            }
        )
    }
}

extension HighlightedField.Fragment {
    fileprivate init(_ message: CFragment) throws(LodestoneError) {
        let text = try message.text.text("text")
        var end = 0
        self.init(
            text: text,
            offset: Int(message.offset),
            matches: try list("matches", message.matches, message.n_matches) {
                (range) throws(LodestoneError) in
                let (start, stop) = (Int(range.pointee.start), Int(range.pointee.end))
                guard start >= end, stop >= start, stop <= text.utf8.count else {
                    throw .malformed("The match \(start) to \(stop) is no part of its fragment.")
                }
                end = stop
                return start..<stop
            }
        )
    }
}

extension TextExplanation {
    init(_ message: UnsafePointer<CTextExplanation>) throws(LodestoneError) {
        let message = message.pointee
        self.init(
            source: Int(message.source),
            words: try list("words", message.words, message.n_words) {
                (word) throws(LodestoneError) in try Word(word.pointee)
            },
            leftOut: try texts("left_out", message.left_out, message.n_left_out)
        )
    }
}

extension TextExplanation.Word {
    fileprivate init(_ message: CTextWord) throws(LodestoneError) {
        self.init(
            try message.word.text("word"),
            documents: Int(clamping: message.documents),
            expansionCount: Int(clamping: message.expansion_count),
            expansions: try list("expansions", message.expansions, message.n_expansions) {
                (expansion) throws(LodestoneError) in
                TextExplanation.Expansion(
                    try expansion.pointee.word.text("word"),
                    distance: Int(expansion.pointee.distance),
                    documents: Int(clamping: expansion.pointee.documents)
                )
            }
        )
    }
}

extension MessageWriter {
    mutating func matchText(_ field: UInt8, _ match: MatchText) {
        message(field, expecting: match.query.utf8.count) { writer in
            writer.text(1, match.query)
            writer.enumeration(2, match.mode)
            guard let fuzzy = match.fuzzy else { return }
            switch fuzzy.distance {
            case .auto: writer.bool(4, true)
            case .edits(let edits): writer.count(3, edits, "fuzzy_distance")
            }
            if fuzzy.prefixLength != 0 {
                writer.count(5, fuzzy.prefixLength, "fuzzy_prefix_length")
            }
            if fuzzy.maxExpansions != Fuzziness.auto.maxExpansions {
                writer.count(6, fuzzy.maxExpansions, "fuzzy_max_expansions")
            }
        }
    }

    mutating func highlight(_ field: UInt8, _ highlight: Highlight) {
        message(field) { writer in
            for name in highlight.fields { writer.text(1, name) }
            writer.count(2, highlight.fragmentSize, "highlight.fragment_size")
            writer.count(3, highlight.maxFragments, "highlight.max_fragments")
            if !highlight.before.isEmpty { writer.text(4, highlight.before) }
            if !highlight.after.isEmpty { writer.text(5, highlight.after) }
        }
    }

    mutating func highlightedField(_ field: UInt8, _ highlighted: HighlightedField) {
        message(field) { writer in
            writer.text(1, highlighted.field)
            for fragment in highlighted.fragments {
                writer.message(2, expecting: fragment.text.utf8.count) { writer in
                    writer.text(1, fragment.text)
                    writer.count(2, fragment.offset, "offset")
                    for match in fragment.matches {
                        writer.message(3) { writer in
                            writer.count(1, match.lowerBound, "start")
                            writer.count(2, match.upperBound, "end")
                        }
                    }
                }
            }
        }
    }

    mutating func textExplanation(_ field: UInt8, _ explanation: TextExplanation) {
        message(field) { writer in
            writer.count(1, explanation.source, "source")
            for word in explanation.words {
                writer.message(2) { writer in
                    writer.text(1, word.word)
                    writer.varint(2, UInt64(clamping: word.documents))
                    writer.varint(3, UInt64(clamping: word.expansionCount))
                    for expansion in word.expansions {
                        writer.message(4) { writer in
                            writer.text(1, expansion.word)
                            writer.count(2, expansion.distance, "distance")
                            writer.varint(3, UInt64(clamping: expansion.documents))
                        }
                    }
                }
            }
            for word in explanation.leftOut { writer.text(3, word) }
        }
    }
}
