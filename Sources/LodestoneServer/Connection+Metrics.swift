// SPDX-License-Identifier: Apache-2.0
import LodestoneEngine

/// The series of metrics that the calls of a connection count for.
extension Connection {
    /// The series of a collection; on the loop.
    func metrics(of collection: String) -> ServerMetrics.PerCall {
        if let lastCollection, lastCollection.name == collection { return lastCollection.metrics }
        let engine = handler.engine
        let found = handler.metrics.collections.series(
            of: collection,
            exists: { engine.knowsCollection($0) }
        )
        // The collection of a first call may not exist yet.
        if engine.knowsCollection(collection) { lastCollection = (collection, found) }
        return found
    }
}
