// SPDX-License-Identifier: Apache-2.0
// Which queries are short: a few hundred microseconds at most, as far as can be known beforehand.
import LodestoneCore

extension SearchRequest {
    /// Whether these contents answer the query without rows, and without a long scan or walk.
    func isShort(in contents: CollectionContents) -> Bool {
        guard queries.count == 1, let query = queries.first, query.sources.count <= 2,
            !query.needsRows(contents.options.textStrategy)
        else { return false }
        return query.sources.allSatisfy { source in
            switch source.kind {
            case .vector(let near): near.isShort(depth: query.depth(of: source), in: contents)
            case .text(let text): text.mode == .anyWord && text.fuzzy == nil
            case .walk, .walkFromHits: false
            }
        }
    }
}

extension NearVector {
    /// The widest beam of a short walk, some 200 microseconds.
    private static let maxShortEF = 128
    /// The most vector elements of a short scan, some 50 microseconds.
    private static let maxShortScan = 1 << 18

    fileprivate func isShort(depth: Int, in contents: CollectionContents) -> Bool {
        let state = contents.state
        guard !exact, state.index.health.isGood else { return false }
        switch contents.options.vectorStrategy {
        case .hnsw(let inline, let hnsw):
            // A write that links its vectors inline locks the graph for as long as that takes.
            if inline || max(efSearch ?? hnsw.efSearch, depth) > Self.maxShortEF { return false }
        case .lsh: return false
        case .flatScan: break
        }
        let scanned = Int(state.nextRow) - Int(state.index.endRow)
        return scanned * state.dimension <= Self.maxShortScan
    }
}
