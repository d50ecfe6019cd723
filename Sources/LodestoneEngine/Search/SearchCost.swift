// SPDX-License-Identifier: Apache-2.0
// The estimate whether a search is short: a few hundred microseconds at most.
import LodestoneCore

extension SearchRequest {
    /// Whether a search of a version needs no rows of the store, and no long scan or walk.
    func isShort(in version: CollectionVersion.Shared) -> Bool {
        guard queries.count == 1, let query = queries.first, query.sources.count <= 2,
            !query.needsRows(version.options.textStrategy)
        else { return false }
        return query.sources.allSatisfy { source in
            switch source.kind {
            case .vector(let near): near.isShort(depth: query.depth(of: source), in: version)
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

    fileprivate func isShort(depth: Int, in version: CollectionVersion.Shared) -> Bool {
        guard !exact, version.vectors.index.health.isUsable else { return false }
        switch version.options.vectorStrategy {
        case .hnsw(let inline, let hnsw):
            // A write that links its vectors inline locks the graph meanwhile.
            if inline || max(efSearch ?? hnsw.efSearch, depth) > Self.maxShortEF { return false }
        case .lsh: return false
        case .flatScan: break
        }
        let scanned = Int(version.ids.nextRow) - Int(version.vectors.index.endRow)
        return scanned * version.vectors.dimension <= Self.maxShortScan
    }
}
