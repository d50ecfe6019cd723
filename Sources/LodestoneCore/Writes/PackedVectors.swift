// SPDX-License-Identifier: Apache-2.0

/// The contiguous vectors of some documents, in the layout of the wire and of the store.
///
/// A batch of a thousand documents then has one allocation instead of a thousand.
package struct PackedVectors: Sendable {
    /// The elements of all vectors.
    package let elements: [Float]
    /// Whether each document has a vector.
    package let isPresent: [Bool]
    /// The number of elements of each vector.
    package let dimension: Int

    /// - Precondition: There are `dimension` elements for every document that has a vector.
    package init(elements: [Float], isPresent: [Bool], dimension: Int) {
        precondition(elements.count == dimension * isPresent.count { $0 }, "A vector for each.")
        self.elements = elements
        self.isPresent = isPresent
        self.dimension = dimension
    }

    /// The same documents, each with its own vector.
    package func unpacked(_ documents: [Document]) -> [Document] {
        var documents = documents
        var start = 0
        for index in documents.indices where isPresent[index] {
            documents[index].vector = Array(elements[start..<start + dimension])
            start += dimension
        }
        return documents
    }
}
