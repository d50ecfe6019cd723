// SPDX-License-Identifier: Apache-2.0
import CLodestoneProto
import LodestoneCore

extension Query {
    /// Decodes a query; the vectors of its sources are the next of `vectors`.
    init(_ message: UnsafePointer<CQuery>, vectors: inout VectorSlices, limits: Limits)
        throws(LodestoneError)
    {
        let message = message.pointee
        self.init(
            try list("sources", message.sources, message.n_sources, limit: limits.maxBatch) {
                (source) throws(LodestoneError) in
                try Source(source, vectors: &vectors, limits: limits)
            }
        )
        if let filter = message.filter {
            self.filter = try within("filter") { () throws(LodestoneError) in try Filter(filter) }
        }
        if let fusion = message.fusion {
            self.fusion = try within("fusion") { () throws(LodestoneError) in try Fusion(fusion) }
        }
        if message.has_limit != 0 { limit = Int(message.limit) }
        if let include = message.include { self.include = Include(include) }
        if let highlight = message.highlight?.pointee {
            self.highlight = try within("highlight") { () throws(LodestoneError) in
                try Highlight(highlight)
            }
        }
        facets = try list("facets", message.facets, message.n_facets) {
            (facet) throws(LodestoneError) in try FacetRequest(facet)
        }
    }
}

extension Source {
    init(_ message: UnsafePointer<CSource>, vectors: inout VectorSlices, limits: Limits)
        throws(LodestoneError)
    {
        let message = message.pointee
        let kind: Kind
        switch message.kind_case {
        case LODESTONE__V1__SOURCE__KIND_VECTOR:
            let near = message.vector.pointee
            kind = .vector(
                NearVector(
                    vectors.next(),
                    exact: near.exact != 0,
                    efSearch: near.has_ef_search != 0 ? Int(near.ef_search) : nil
                )
            )
        case LODESTONE__V1__SOURCE__KIND_TEXT:
            let match = message.text.pointee
            kind = try within("text") { () throws(LodestoneError) in
                .text(try MatchText(match))
            }
        case LODESTONE__V1__SOURCE__KIND_WALK:
            let from = message.walk.pointee
            let inner = try required("walk.walk", from.walk)
            let walk = try within("walk.walk") { () throws(LodestoneError) in
                try Walk(inner, limits: limits)
            }
            kind = from.from_hits != 0 ? .walkFromHits(walk) : .walk(walk)
        default:
            throw .malformed("The kind of a source is unknown to this release.")
        }
        self.init(
            kind,
            weight: message.has_weight != 0 ? message.weight : nil,
            candidates: message.has_candidates != 0 ? Int(message.candidates) : nil
        )
    }
}

extension Fusion {
    init(_ message: UnsafePointer<CFusion>) throws(LodestoneError) {
        switch message.pointee.kind_case {
        case LODESTONE__V1__FUSION__KIND_RECIPROCAL_RANK:
            let rank = message.pointee.reciprocal_rank.pointee
            self = rank.has_k != 0 ? .reciprocalRank(k: Int(rank.k)) : .reciprocalRank()
        case LODESTONE__V1__FUSION__KIND_WEIGHTED_SCORES:
            let scores = message.pointee.weighted_scores.pointee
            self = .weightedScores(try enumCase("normalization", scores.normalization.rawValue))
        default:
            throw .malformed("The kind of a fusion is unknown to this release.")
        }
    }
}

extension Include {
    init(_ message: UnsafePointer<CInclude>) {
        let message = message.pointee
        self = []
        if message.text != 0 { insert(.text) }
        if message.metadata != 0 { insert(.metadata) }
        if message.vector != 0 { insert(.vector) }
        if message.edges != 0 { insert(.edges) }
        if message.source_scores != 0 { insert(.sourceScores) }
        if message.explain != 0 { insert(.explain) }
    }
}

extension Filter {
    init(_ message: UnsafePointer<CFilter>) throws(LodestoneError) {
        switch message.pointee.kind_case {
        case LODESTONE__V1__FILTER__KIND_COMPARISON:
            let comparison = message.pointee.comparison
            self = try within("comparison") { () throws(LodestoneError) in
                try Filter(comparison: try required("comparison", comparison))
            }
        case LODESTONE__V1__FILTER__KIND_ALL_OF:
            let all = message.pointee.all_of.pointee
            self = .and(try Filter.decode("all_of", all.filters, all.n_filters))
        case LODESTONE__V1__FILTER__KIND_ANY_OF:
            let any = message.pointee.any_of.pointee
            self = .or(try Filter.decode("any_of", any.filters, any.n_filters))
        case LODESTONE__V1__FILTER__KIND_NEGATION:
            let negated = try required("negation", message.pointee.negation)
            self = .not(
                try within("negation") { () throws(LodestoneError) in try Filter(negated) }
            )
        case LODESTONE__V1__FILTER__KIND_IDS:
            let ids = message.pointee.ids.pointee
            self = .ids(try documentIDs("ids", ids.ids, ids.n_ids))
        default:
            throw .malformed("The kind of a filter is unknown to this release.")
        }
    }

    private init(comparison: UnsafePointer<CComparison>) throws(LodestoneError) {
        let message = comparison.pointee
        let path = try texts("path", message.path, message.n_path)
        guard !path.isEmpty else { throw .malformed("A comparison names no field.", field: "path") }
        switch message.test_case {
        case LODESTONE__V1__COMPARISON__TEST_EQUAL:
            self = .equal(path: path, try Value("equal", message.equal))
        case LODESTONE__V1__COMPARISON__TEST_IN_LIST:
            let list = message.in_list
            self = .oneOf(
                path: path,
                try within("in_list") { () throws(LodestoneError) in try Value.list(list) }
            )
        case LODESTONE__V1__COMPARISON__TEST_RANGE:
            let range = message.range.pointee
            self = .range(
                path: path,
                lower: try Bound("range.lower", range.lower, exclusive: range.lower_exclusive),
                upper: try Bound("range.upper", range.upper, exclusive: range.upper_exclusive)
            )
        case LODESTONE__V1__COMPARISON__TEST_EXISTS:
            self = .exists(path: path, message.exists != 0)
        case LODESTONE__V1__COMPARISON__TEST_CONTAINS:
            self = .contains(path: path, try Value("contains", message.contains))
        default:
            throw .malformed("The test of a comparison is unknown to this release.")
        }
    }

    private static func decode(
        _ field: String,
        _ items: UnsafeMutablePointer<UnsafeMutablePointer<CFilter>?>?,
        _ count: Int
    ) throws(LodestoneError) -> [Filter] {
        try list(field, items, count) { (filter) throws(LodestoneError) in try Filter(filter) }
    }
}

extension Filter.Bound {
    fileprivate init?(_ field: String, _ message: UnsafePointer<CValue>?, exclusive: Int32)
        throws(LodestoneError)
    {
        guard let message else { return nil }
        self.init(try Value(field, message), isExclusive: exclusive != 0)
    }
}

extension Value {
    fileprivate init(_ field: String, _ message: UnsafePointer<CValue>?) throws(LodestoneError) {
        self = try within(field) { () throws(LodestoneError) in try Value(message) }
    }
}

extension Walk {
    /// Decodes a walk; an absent field has its default.
    init(_ message: UnsafePointer<CWalk>, limits: Limits) throws(LodestoneError) {
        let message = message.pointee
        self.init(
            from: try documentIDs("from", message.from, message.n_from, limit: limits.maxBatch),
            labels: try texts("labels", message.labels, message.n_labels, limit: limits.maxBatch)
        )
        direction = try enumCase("direction", message.direction.rawValue)
        if message.has_depth != 0 { depth = Int(message.depth) }
        guard let budget = message.budget?.pointee else { return }
        if budget.has_nodes != 0 { self.budget.nodes = Int(budget.nodes) }
        if budget.has_edges != 0 { self.budget.edges = Int(budget.edges) }
        if budget.has_time_ms != 0 { self.budget.time = .milliseconds(Int64(budget.time_ms)) }
    }
}
