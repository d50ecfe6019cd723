// SPDX-License-Identifier: Apache-2.0
import LodestoneCore

/// The part of one batch that each derived index has prepared, in the order of
/// `CollectionVersion.kinds`.
struct IndexBatches: Sendable {
    private var batches: [any IndexBatch]

    /// Prepares new documents for some indexes.
    init(_ documents: [Document], for indexes: [any DerivedIndex]) {
        batches = indexes.map { $0.prepare(documents) }
    }

    /// An estimate of the bytes in memory.
    var byteCount: Int { batches.reduce(0) { $0 + $1.byteCount } }

    /// The batch of the index at a position among all indexes.
    ///
    /// Each index prepares its own batches, so the cast never fails.
    fileprivate subscript<Index: DerivedIndex>(
        position: Int,
        of index: Index.Type
    ) -> Index.Batch {
        get {
            guard let batch = batches[position] as? Index.Batch else {
                preconditionFailure("The batch at \(position) is not one of \(index).")
            }
            return batch
        }
        set { batches[position] = newValue }
    }
}

/// The calls of `DerivedIndex` for an index of unknown type at a position.
extension DerivedIndex {
    func prepareRemoval(of texts: [[TextField]], in batches: inout IndexBatches, at position: Int) {
        prepareRemoval(of: texts, in: &batches[position, of: Self.self])
    }

    func update(_ batches: inout IndexBatches, at position: Int) {
        batches[position, of: Self.self] = updated(batches[position, of: Self.self])
    }

    func start(_ change: inout IndexChange, at position: Int) {
        change.batches[position, of: Self.self] = started(
            change.batches[position, of: Self.self],
            of: change
        )
    }

    mutating func apply(_ change: IndexChange, at position: Int) {
        apply(change, change.batches[position, of: Self.self])
    }

    func remap(_ changes: inout [IndexChange], at position: Int) {
        var batches = changes.map { $0.batches[position, of: Self.self] }
        remap(&batches)
        for (index, batch) in batches.enumerated() {
            changes[index].batches[position, of: Self.self] = batch
        }
    }
}
