// SPDX-License-Identifier: Apache-2.0
import LodestoneCore

extension RequestValidation {
    func search(_ request: SearchRequest, of options: CollectionOptions) throws(LodestoneError) {
        try count(request.queries.count, "queries", of: "query")
        for (index, query) in request.queries.enumerated() {
            var field: String { "queries[\(index)]" }
            try number(query.limit, in: 1...limits.maxLimit, "\(field).limit")
            guard !query.sources.isEmpty else {
                throw .invalid(
                    .empty,
                    "\(field).sources is empty.",
                    recovery: "Name a vector, a text or a walk to search by.",
                    field: "\(field).sources"
                )
            }
            try number(query.sources.count, in: 1...16, "\(field).sources")
            for (position, source) in query.sources.enumerated() {
                try self.source(
                    source,
                    "\(field).sources[\(position)]",
                    of: options,
                    collection: request.collection
                )
            }
            if case .reciprocalRank(let k) = query.fusion {
                try number(k, in: 0...100_000, "\(field).fusion.k")
            }
            if let highlight = query.highlight {
                try self.highlight(highlight, "\(field).highlight")
            }
            if let filter = query.filter {
                try self.filter(filter, "\(field).filter", depth: 1)
            }
            try facets(query.facets, "\(field).facets")
        }
        let facetCount = request.queries.reduce(0) { $0 + $1.facets.count }
        try number(facetCount, in: 0...Self.maxFacetsOfSearch, "facets of all queries")
    }

    private func source(
        _ source: Source,
        _ field: @autoclosure () -> String,
        of options: CollectionOptions,
        collection: String
    ) throws(LodestoneError) {
        if let weight = source.weight, !(weight.isFinite && weight >= 0) {
            throw .invalid(
                .badValue,
                "\(field()).weight is \(weight).",
                recovery: "Send a finite weight of 0 or more.",
                field: "\(field()).weight"
            )
        }
        if let candidates = source.candidates {
            try number(candidates, in: 1...limits.maxCandidates, "\(field()).candidates")
        }
        switch source.kind {
        case .vector(let near):
            try vector(
                near.vector[...],
                of: options,
                collection: collection,
                field: "\(field()).vector"
            )
            if let ef = near.efSearch {
                try number(ef, in: 1...limits.maxEF, "\(field()).ef_search")
            }
        case .text(let text):
            try self.text(text.query, bytes: 0...limits.maxQueryBytes, "\(field()).query")
            if let fuzzy = text.fuzzy { try self.fuzziness(fuzzy, field()) }
        case .walk(let walk):
            try self.walk(walk, field(), needsStart: true)
        case .walkFromHits(let walk):
            try self.walk(walk, field(), needsStart: false)
        }
    }

    private func fuzziness(_ fuzzy: Fuzziness, _ field: @autoclosure () -> String)
        throws(LodestoneError)
    {
        if case .edits(let edits) = fuzzy.distance {
            try number(edits, in: 0...2, "\(field()).fuzzy_distance")
        }
        try number(
            fuzzy.prefixLength,
            in: 0...limits.maxFuzzyPrefix,
            "\(field()).fuzzy_prefix_length"
        )
        try number(
            fuzzy.maxExpansions,
            in: 1...limits.maxExpansions,
            "\(field()).fuzzy_max_expansions"
        )
    }

    private func highlight(_ highlight: Highlight, _ field: @autoclosure () -> String)
        throws(LodestoneError)
    {
        try number(highlight.fields.count, in: 0...64, "\(field()).fields")
        try number(highlight.fragmentSize, in: 0...10_000, "\(field()).fragment_size")
        try number(highlight.maxFragments, in: 1...100, "\(field()).max_fragments")
        try text(highlight.before, bytes: 0...256, "\(field()).before")
        try text(highlight.after, bytes: 0...256, "\(field()).after")
    }

    func walk(_ walk: Walk, _ field: @autoclosure () -> String, needsStart: Bool)
        throws(LodestoneError)
    {
        if needsStart { try count(walk.from.count, "\(field()).from", of: "id") }
        try number(walk.depth, in: 1...limits.maxDepth, "\(field()).depth")
        try number(walk.budget.nodes, in: 1...limits.maxWalkNodes, "\(field()).budget.nodes")
        try number(walk.budget.edges, in: 1...limits.maxWalkEdges, "\(field()).budget.edges")
        try number(walk.labels.count, in: 0...limits.maxBatch, "\(field()).labels")
    }

    func filter(_ filter: Filter, _ field: @autoclosure () -> String, depth: Int)
        throws(LodestoneError)
    {
        guard depth <= limits.maxNesting else {
            throw .limit("\(field()) nesting", depth, limits.maxNesting, unit: "levels")
        }
        switch filter {
        case .and(let filters), .or(let filters):
            for filter in filters { try self.filter(filter, field(), depth: depth + 1) }
        case .not(let filter):
            try self.filter(filter, field(), depth: depth + 1)
        case .equal(let path, _), .oneOf(let path, _), .range(let path, _, _),
            .exists(let path, _), .contains(let path, _):
            try number(path.count, in: 1...limits.maxNesting, "\(field()).path")
        case .ids:
            return
        case .invalid(let error):
            throw error
        }
    }
}
