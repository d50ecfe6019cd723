// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore

/// The parsed query of a text source.
package struct TextSourceQuery {
    package let query: BooleanQuery
    /// The words that the search leaves out, because there are too many.
    package let leftOut: [String]
    /// Whether documents may be missing because of `leftOut`.
    package let isPartial: Bool
}

extension TextIndex {
    /// The query of a text source; `nil` when it has no words.
    ///
    /// - Throws: `.invalidArgument` for a query that can't be read, for an unknown field, or beyond
    ///   a limit; the errors of the store.
    package func parse(_ source: MatchText, limits: Limits, in scope: TextScope)
        throws(LodestoneError) -> TextSourceQuery?
    {
        let plain: PlainWords?
        let parsed: ParsedQuery?
        switch source.mode {
        case .anyWord:
            plain = try PlainWords(
                of: source.query,
                fuzzy: source.fuzzy,
                limits: limits,
                analyzer: TextAnalyzer(options),
                rarestBy: frequencies(in: scope)
            )
            parsed = plain?.query
        case .querySyntax:
            plain = nil
            parsed = try TextQueryParser.parse(source.query, fuzzy: source.fuzzy, limits: limits)
        }
        guard let query = parsed.map(BooleanQuery.init) else { return nil }
        for field in query.fields where !mayHaveField(field) { throw unknown(field) }
        return TextSourceQuery(
            query: try expanded(query, in: scope),
            leftOut: plain?.leftOut ?? [],
            isPartial: plain?.isPartial ?? false
        )
    }

    /// The error for a field that can't be searched.
    private func unknown(_ field: ByteString) -> LodestoneError {
        let known = options.fields.map { "'\($0.name)'" }.joined(separator: ", ")
        return .invalid(
            .unknownField,
            "The query asks for the field '\(field.string)', which no document has; declared: \(known).",
            recovery: "Ask for another field, or quote the term to search for its words.",
            field: "query",
            object: field.string
        )
    }
}
