// SPDX-License-Identifier: Apache-2.0
import LodestoneStructures

/// The number of a node in a graph, from 0.
///
/// A repaired graph gives its nodes new numbers.
struct NodeID: DenseID {
    let rawValue: UInt32
}
