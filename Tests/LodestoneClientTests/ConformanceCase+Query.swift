// SPDX-License-Identifier: Apache-2.0
import LodestoneClient

/// The queries of a case, as the client has them.
extension JSON {
    var filter: Filter {
        get throws {
            guard case .object(let fields) = self, let (kind, operand) = fields.first else {
                throw Malformed("no filter: \(self)")
            }
            switch kind {
            case "and": return .and(try (operand.array ?? []).map { try $0.filter })
            case "or": return .or(try (operand.array ?? []).map { try $0.filter })
            case "not": return .not(try operand.filter)
            case "ids":
                return .ids(
                    try (operand.array ?? []).compactMap(\.string).map { try DocumentID($0) }
                )
            default: break
            }
            guard let parts = operand.array, parts.count == 2 else {
                throw Malformed("no path and operand: \(self)")
            }
            let path = (parts[0].array ?? []).compactMap(\.string)
            switch kind {
            case "equal": return .equal(path: path, try parts[1].value)
            case "one_of":
                return .oneOf(path: path, try (parts[1].array ?? []).map { try $0.value })
            case "range":
                return .range(
                    path: path,
                    lower: try parts[1].bound("lower"),
                    upper: try parts[1].bound("upper")
                )
            case "exists": return .exists(path: path, parts[1].bool ?? true)
            case "contains": return .contains(path: path, try parts[1].value)
            default: throw Malformed("no filter: \(kind)")
            }
        }
    }

    private func bound(_ side: String) throws -> Filter.Bound? {
        guard let value = self[side] else { return nil }
        return Filter.Bound(
            try value.value,
            isExclusive: self["\(side)_exclusive"]?.bool ?? false
        )
    }

    var walk: Walk {
        get throws {
            let directions: [String: Direction] = [
                "outgoing": .outgoing, "incoming": .incoming, "both": .both,
            ]
            let direction = self["direction"]?.string ?? "outgoing"
            guard let direction = directions[direction] else {
                throw Malformed("no direction: \(direction)")
            }
            return Walk(
                from: try list("from") { try $0.documentID },
                labels: try list("labels") { $0.string ?? "" },
                direction: direction,
                depth: self["depth"]?.int ?? 1,
                budget: WalkBudget(
                    nodes: self["nodes"]?.int ?? 10_000,
                    edges: self["edges"]?.int ?? 1_000_000
                )
            )
        }
    }

    private var fuzzy: Fuzziness? {
        guard let distance = self["fuzzy"] else { return nil }
        return Fuzziness(
            distance.int.map { .edits($0) } ?? .auto,
            prefixLength: self["prefix_length"]?.int ?? 0,
            maxExpansions: self["max_expansions"]?.int ?? 50
        )
    }

    private var highlight: Highlight {
        var highlight = Highlight(
            before: self["before"]?.string ?? "",
            after: self["after"]?.string ?? ""
        )
        if let fields = self["fields"]?.array { highlight.fields = fields.compactMap(\.string) }
        if let size = self["fragment_size"]?.int { highlight.fragmentSize = size }
        if let count = self["max_fragments"]?.int { highlight.maxFragments = count }
        return highlight
    }

    private var source: Source {
        get throws {
            let kind: Source.Kind
            if let vector = self["vector"] {
                kind = .vector(
                    NearVector(
                        try vector.vector,
                        exact: self["exact"]?.bool ?? false,
                        efSearch: self["ef_search"]?.int
                    )
                )
            } else if let text = self["text"]?.string {
                kind = .text(
                    MatchText(
                        text,
                        mode: self["mode"]?.string == "query_syntax" ? .querySyntax : .anyWord,
                        fuzzy: fuzzy
                    )
                )
            } else {
                let walk = try (self["walk"] ?? .null).walk
                kind = self["from_hits"]?.bool ?? false ? .walkFromHits(walk) : .walk(walk)
            }
            return Source(
                kind,
                weight: self["weight"]?.number.map { Float($0) },
                candidates: self["candidates"]?.int
            )
        }
    }

    var query: Query {
        get throws {
            var fusion = Fusion.weightedScores()
            if let k = self["fusion"]?["reciprocal_rank"]?.int { fusion = .reciprocalRank(k: k) }
            switch self["fusion"]?["weighted_scores"]?.string {
            case "min_max": fusion = .weightedScores(.minMax)
            case "best": fusion = .weightedScores(.best)
            case "deviation": fusion = .weightedScores(.deviation)
            default: break
            }
            return Query(
                try list("sources") { try $0.source },
                filter: try self["filter"]?.filter,
                fusion: fusion,
                limit: self["limit"]?.int ?? 10,
                include: try include ?? [],
                highlight: self["highlight"].map(\.highlight),
                facets: try facets
            )
        }
    }

    /// The field `facets`, if it is there.
    var facets: [FacetRequest] {
        get throws {
            try list("facets") { facet in
                FacetRequest(
                    path: facet["path"]?.path ?? [],
                    limit: facet["limit"]?.int ?? 10
                )
            }
        }
    }
}
