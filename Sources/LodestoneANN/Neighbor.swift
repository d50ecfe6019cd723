// SPDX-License-Identifier: Apache-2.0
package import LodestoneStructures

/// A row near to a query.
package struct Neighbor: Sendable, Equatable {
    /// The row.
    package var row: RowID
    /// The distance from the query by the index's metric; smaller is nearer.
    ///
    /// Never NaN.
    package var distance: Float

    /// Creates a neighbor.
    package init(row: RowID, distance: Float) {
        self.row = row
        self.distance = distance
    }
}

/// A row near to a query, with its distance by the codes of both.
package struct EstimatedNeighbor: Sendable, Equatable {
    /// The row.
    package var row: RowID
    /// The estimate of the distance.
    package var distance: Float
    /// The bound of the difference from the exact distance, at least 0; one row in thousands
    /// exceeds it.
    package var error: Float
}
