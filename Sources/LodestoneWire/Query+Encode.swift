// SPDX-License-Identifier: Apache-2.0
import LodestoneCore

extension MessageWriter {
    /// Writes a query without the vectors of its sources.
    mutating func query(_ field: UInt8, _ query: Query) {
        message(field) { writer in
            writer.elements("sources", query.sources) { $0.source(1, $1) }
            if let filter = query.filter { writer.filter(2, filter) }
            writer.fusion(3, query.fusion)
            writer.count(4, query.limit, "limit")
            writer.include(5, query.include)
            if let highlight = query.highlight { writer.highlight(8, highlight) }
            writer.facetRequests(9, query.facets)
        }
    }

    private mutating func source(_ field: UInt8, _ source: Source) {
        message(field) { writer in
            switch source.kind {
            case .vector(let near):
                writer.message(1) { writer in
                    if near.exact { writer.bool(1, true) }
                    if let efSearch = near.efSearch { writer.count(2, efSearch, "ef_search") }
                }
            case .text(let match):
                writer.matchText(2, match)
            case .walk(let walk):
                writer.message(3) { $0.walk(1, walk) }
            case .walkFromHits(let walk):
                writer.message(3) { writer in
                    writer.walk(1, walk)
                    writer.bool(2, true)
                }
            }
            if let weight = source.weight { writer.float(10, weight) }
            if let candidates = source.candidates { writer.count(11, candidates, "candidates") }
        }
    }

    private mutating func fusion(_ field: UInt8, _ fusion: Fusion) {
        message(field) { writer in
            switch fusion {
            case .reciprocalRank(let k):
                writer.message(1) { $0.count(1, k, "fusion.k") }
            case .weightedScores(let normalization):
                writer.message(2) { $0.enumeration(1, normalization) }
            }
        }
    }

    mutating func include(_ field: UInt8, _ include: Include) {
        message(field) { writer in
            if include.contains(.text) { writer.bool(1, true) }
            if include.contains(.metadata) { writer.bool(2, true) }
            if include.contains(.vector) { writer.bool(3, true) }
            if include.contains(.edges) { writer.bool(4, true) }
            if include.contains(.sourceScores) { writer.bool(5, true) }
            if include.contains(.explain) { writer.bool(6, true) }
        }
    }

    mutating func filter(_ field: UInt8, _ filter: Filter) {
        message(field) { writer in
            switch filter {
            case .equal(let path, let value):
                writer.comparison(path) { $0.value(2, value) }
            case .oneOf(let path, let values):
                writer.comparison(path) { $0.list(3, values) }
            case .range(let path, let lower, let upper):
                writer.comparison(path) { $0.range(4, lower, upper) }
            case .exists(let path, let isThere):
                writer.comparison(path) { $0.bool(5, isThere) }
            case .contains(let path, let value):
                writer.comparison(path) { $0.value(6, value) }
            case .and(let filters):
                writer.message(2) { writer in
                    for filter in filters { writer.filter(1, filter) }
                }
            case .or(let filters):
                writer.message(3) { writer in
                    for filter in filters { writer.filter(1, filter) }
                }
            case .not(let filter):
                writer.filter(4, filter)
            case .ids(let ids):
                writer.message(5, expecting: 16 * ids.count) { writer in
                    for id in ids { writer.text(1, id.string) }
                }
            case .invalid(let error):
                writer.fail(error)
            }
        }
    }

    private mutating func comparison(_ path: [String], _ test: (inout MessageWriter) -> Void) {
        message(1) { writer in
            for name in path { writer.text(1, name) }
            test(&writer)
        }
    }

    private mutating func range(_ field: UInt8, _ lower: Filter.Bound?, _ upper: Filter.Bound?) {
        message(field) { writer in
            if let lower {
                writer.value(1, lower.value)
                if lower.isExclusive { writer.bool(2, true) }
            }
            if let upper {
                writer.value(3, upper.value)
                if upper.isExclusive { writer.bool(4, true) }
            }
        }
    }

    mutating func walk(_ field: UInt8, _ walk: Walk) {
        message(field) { writer in
            for id in walk.from { writer.text(1, id.string) }
            for label in walk.labels { writer.text(2, label) }
            writer.enumeration(3, walk.direction)
            writer.count(4, walk.depth, "depth")
            writer.message(5) { writer in
                writer.count(1, walk.budget.nodes, "budget.nodes")
                writer.count(2, walk.budget.edges, "budget.edges")
                if let time = walk.budget.time {
                    writer.count(3, time.milliseconds, "budget.time_ms")
                }
            }
        }
    }
}

extension Duration {
    /// The whole milliseconds, rounded up so that a positive time never becomes none.
    ///
    /// A time beyond the largest `Int` becomes the largest `Int`: plain arithmetic on `components`
    /// would trap.
    var milliseconds: Int {
        guard self < .seconds(Int.max / 1_000) else { return .max }
        guard self > .seconds(Int.min / 1_000) else { return .min }
        let (seconds, attoseconds) = components
        let parts = (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000
        return Int(seconds) * 1_000 + Int(parts)
    }
}
