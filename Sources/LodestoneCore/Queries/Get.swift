// SPDX-License-Identifier: Apache-2.0

/// A request for documents by id.
public struct GetRequest: Sendable, Equatable {
    /// The collection.
    public var collection: String
    /// The ids.
    public var ids: [DocumentID]
    /// The parts of each document to return.
    public var include: Include

    /// Creates a request.
    public init(collection: String, ids: [DocumentID], include: Include = .document) {
        self.collection = collection
        self.ids = ids
        self.include = include
    }
}
