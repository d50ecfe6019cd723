// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneMetadata
import LodestoneStorage
import LodestoneStructures

/// The test of single documents by the visibility of a call.
///
/// A call that concerns a few documents reads their rows. A set of all visible rows would first
/// have to be brought to the newest version.
struct VisibilityTest {
    private let test: FilterTest?

    /// - Parameter visibility: The filter of the call; `nil`: it sees all documents.
    init(_ visibility: Filter?) {
        test = visibility.map { FilterTest($0) }
    }

    /// Whether the call sees all documents.
    var isOpen: Bool { test == nil }

    /// Whether the call sees a document with this metadata.
    func shows(_ document: Document) -> Bool {
        test?.matches(document.metadata, id: document.id) ?? true
    }

    /// Whether the call sees the document in an existing row.
    func shows(_ row: RowID, of collection: CollectionNumber, in reader: (any StoreReader)?)
        throws(LodestoneError) -> Bool
    {
        guard let test else { return true }
        guard let stored = try reader?.row(row, of: collection) else { return false }
        return test.matches(stored.metadata, id: stored.id)
    }

    /// Whether the call sees the document in an existing row of a view.
    func shows(_ row: RowID, in view: ReadView) throws(LodestoneError) -> Bool {
        try shows(row, of: view.collection.number, in: view.rows)
    }
}
