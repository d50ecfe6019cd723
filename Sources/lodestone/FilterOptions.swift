// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import LodestoneClient
import LodestoneImport
import LodestoneJSON

/// The options for the condition on documents.
struct FilterOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Only documents whose metadata satisfies this: \"year >= 2020 AND NOT tags = 'draft'\".",
            discussion: """
                =, !=, <, <=, >, >=, IN ('a', 'b'), BETWEEN 1 AND 2, CONTAINS 'part', EXISTS \
                author.name, AND, OR, NOT, parentheses. Values are numbers, 'text', TRUE, FALSE and \
                TIMESTAMP '2026-01-31T12:00:00Z'; unusual names stand in "double quotes". id = 'p1' \
                and id IN ('p1', 'p2') compare the document's id; a field with that name is "id".
                """
        )
    )
    var filter: String?

    /// The filter; `nil` without one.
    var parsed: Filter? {
        get throws(LodestoneError) {
            guard let filter else { return nil }
            do {
                return try Filter(text: filter)
            } catch {
                let start = "The filter, "
                guard error.message.hasPrefix(start) else { throw error }
                var error = error
                let shown = filter.count > 200 ? filter.prefix(200) + "…" : filter[...]
                error.message =
                    "--filter \"\(shown)\", \(error.message.dropFirst(start.count))"
                throw error
            }
        }
    }
}

extension FilterExplanation {
    /// A sentence about the evaluation of the filter.
    var sentence: String {
        "The filter was evaluated \(Table.printable(strategy)): "
            + "\(grouped(matchedDocuments)) documents pass, \(grouped(readDocuments)) were read."
    }
}

extension JSON {
    init(_ filter: FilterExplanation) {
        self = .object([
            ("strategy", .string(filter.strategy)),
            ("matchedDocuments", .int(filter.matchedDocuments)),
            ("readDocuments", .int(filter.readDocuments)),
        ])
    }
}
