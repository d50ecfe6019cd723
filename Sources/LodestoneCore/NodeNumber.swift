// SPDX-License-Identifier: Apache-2.0

/// A number that stands for a document id inside a collection's views: dense, from 0.
///
/// Ids that so far are only the target of an edge have one, too.
package typealias NodeNumber = UInt32
