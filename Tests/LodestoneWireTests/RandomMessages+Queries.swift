// SPDX-License-Identifier: Apache-2.0
import LodestoneCore

/// Filters, queries, walks and their explanations.
extension RandomMessages {
    mutating func explanation() -> VectorExplanation {
        VectorExplanation(
            source: count(),
            strategy: text(),
            visitedNodes: count(),
            computedDistances: count(),
            scannedRows: count()
        )
    }

    mutating func filterExplanation() -> FilterExplanation {
        FilterExplanation(strategy: text(), matchedDocuments: count(), readDocuments: count())
    }

    /// A random cursor; it is never empty, since an empty one is no cursor.
    mutating func edgeCursor() -> EdgeCursor {
        EdgeCursor([UInt8(below(2))] + many(20) { UInt8(truncatingIfNeeded: $0.next()) })
    }

    mutating func cursor() -> ScanCursor {
        ScanCursor(row: number(), order: many(20) { UInt8(truncatingIfNeeded: $0.next()) })
    }

    mutating func bound() -> Filter.Bound { Filter.Bound(value(), isExclusive: flag()) }

    mutating func filter(_ depth: Int = 0) -> Filter {
        let path = [text()] + many(2) { $0.text() }
        switch below(depth < 3 ? 9 : 6) {
        case 0: return .equal(path: path, value())
        case 1: return .oneOf(path: path, many(3) { $0.value() })
        case 2: return .range(path: path, lower: maybe { $0.bound() }, upper: maybe { $0.bound() })
        case 3: return .exists(path: path, flag())
        case 4: return .contains(path: path, value())
        case 5: return .ids(many(3) { $0.id() })
        case 6: return .and(many(3) { $0.filter(depth + 1) })
        case 7: return .or(many(3) { $0.filter(depth + 1) })
        default: return .not(filter(depth + 1))
        }
    }

    mutating func walk() -> Walk {
        Walk(
            from: many(3) { $0.id() },
            labels: many(2) { $0.text() },
            direction: Direction.allCases[below(3)],
            depth: count(),
            budget: WalkBudget(
                nodes: count(),
                edges: count(),
                time: maybe { .milliseconds($0.count()) }
            )
        )
    }

    mutating func source(dimension: Int) -> Source {
        let kind: Source.Kind =
            switch below(4) {
            case 0:
                .vector(
                    NearVector(vector(dimension), exact: flag(), efSearch: maybe { $0.count() })
                )
            case 1:
                .text(
                    MatchText(
                        text(),
                        mode: TextMode.allCases[below(2)],
                        fuzzy: maybe { $0.fuzziness() }
                    )
                )
            case 2: .walk(walk())
            default: .walkFromHits(walk())
            }
        return Source(
            kind,
            weight: maybe { Float($0.below(10)) / 4 },
            candidates: maybe { $0.count() }
        )
    }

    mutating func fuzziness() -> Fuzziness {
        Fuzziness(
            flag() ? .auto : .edits(below(3)),
            prefixLength: below(3),
            maxExpansions: [50, 7][below(2)]
        )
    }

    mutating func highlight() -> Highlight {
        Highlight(
            fields: many(2) { $0.text() },
            fragmentSize: count(),
            maxFragments: count(),
            before: text(),
            after: text()
        )
    }

    mutating func highlightedField() -> HighlightedField {
        HighlightedField(
            field: text(),
            fragments: many(2) { random in
                let text = random.text()
                let position = random.below(text.utf8.count + 1)
                return HighlightedField.Fragment(
                    text: text,
                    offset: random.count(),
                    matches: random.flag() ? [] : [0..<position, position..<text.utf8.count]
                )
            }
        )
    }

    mutating func textExplanation() -> TextExplanation {
        TextExplanation(
            source: below(4),
            words: many(3) { random in
                TextExplanation.Word(
                    random.text(),
                    documents: random.count(),
                    expansionCount: random.count(),
                    expansions: random.many(3) {
                        TextExplanation.Expansion(
                            $0.text(),
                            distance: $0.below(3),
                            documents: $0.count()
                        )
                    }
                )
            },
            leftOut: many(2) { $0.text() }
        )
    }

    mutating func include() -> Include { Include(rawValue: UInt32(below(64))) }

    mutating func query(dimension: Int) -> Query {
        let fusion: Fusion =
            flag()
            ? .reciprocalRank(k: count())
            : .weightedScores(Fusion.Normalization.allCases[below(2)])
        return Query(
            many(3) { $0.source(dimension: dimension) },
            filter: maybe { $0.filter() },
            fusion: fusion,
            limit: count(),
            include: include(),
            highlight: maybe { $0.highlight() },
            facets: facetRequests()
        )
    }

    mutating func facetRequests() -> [FacetRequest] {
        many(3) { random in
            FacetRequest(path: random.many(3) { $0.text() }, limit: random.count())
        }
    }

    mutating func facets() -> [Facet] {
        many(3) { random in
            Facet(
                path: random.many(3) { $0.text() },
                values: random.many(3) { Facet.Count(value: $0.value(), count: $0.count()) },
                distinctValues: random.count()
            )
        }
    }
}
