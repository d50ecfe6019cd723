// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore
package import LodestoneStructures

/// The one place that maps strategies to indexes.
///
/// A new strategy needs a case here, in `VectorIndexStrategy`, and on the wire.
extension VectorIndexStrategy {
    /// An index that covers no rows.
    package func makeIndex(dimension: Int, metric: Metric) -> any VectorIndex {
        // A collection without vectors has no dimension.
        let dimension = max(1, dimension)
        switch self {
        case .flatScan:
            return FlatIndex(dimension: dimension, metric: metric)
        case .lsh(let options):
            return LSHIndex(options, dimension: dimension, metric: metric)
        case .hnsw(let inlineIndexing, let options):
            return inlineIndexing
                ? HNSWInlineIndex(options, dimension: dimension, metric: metric)
                : HNSWBatchIndex(options, dimension: dimension, metric: metric)
        }
    }

    /// The index in a base; an index that covers no rows when the base has none of this strategy.
    package func openIndex(from source: some SectionSource, dimension: Int, metric: Metric)
        -> any VectorIndex
    {
        // A collection without vectors has no dimension.
        let dimension = max(1, dimension)
        switch self {
        case .flatScan:
            return makeIndex(dimension: dimension, metric: metric)
        case .lsh(let options):
            return LSHIndex(from: source, options, dimension: dimension, metric: metric)
                ?? makeIndex(dimension: dimension, metric: metric)
        case .hnsw(let inlineIndexing, let options):
            return inlineIndexing
                ? HNSWInlineIndex(from: source, options, dimension: dimension, metric: metric)
                : HNSWBatchIndex(from: source, options, dimension: dimension, metric: metric)
        }
    }

    /// The index of this strategy that follows the index of another one.
    ///
    /// It keeps the other's graph or tables if they also suit the new options.
    package func makeIndex(dimension: Int, metric: Metric, after other: any VectorIndex)
        -> any VectorIndex
    {
        if case .hnsw(let inlineIndexing, let options) = self, let graph = other as? any HNSWIndex,
            let core = graph.core.adapted(to: options)
        {
            return inlineIndexing ? HNSWInlineIndex(core: core) : HNSWBatchIndex(core: core)
        }
        if case .lsh(let options) = self, let tables = other as? LSHIndex,
            let adapted = tables.adapted(to: options)
        {
            return adapted
        }
        return makeIndex(dimension: dimension, metric: metric)
    }
}
