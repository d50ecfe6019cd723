// SPDX-License-Identifier: Apache-2.0

/// A row near to a query.
package struct Neighbor: Sendable, Equatable {
    /// The row.
    package var row: UInt32
    /// The distance from the query by the index's metric; smaller is nearer.
    ///
    /// Never NaN.
    package var distance: Float

    /// Creates a neighbor.
    package init(row: UInt32, distance: Float) {
        self.row = row
        self.distance = distance
    }
}

/// A row near to a query, with its distance by the codes of both.
package struct EstimatedNeighbor: Sendable, Equatable {
    /// The row.
    package var row: UInt32
    /// The estimate of the distance.
    package var distance: Float
    /// The most by which the exact distance differs, but for one row in thousands; 0 or more.
    package var error: Float
}
