// SPDX-License-Identifier: Apache-2.0
import LodestoneANN
import LodestoneCore
import LodestoneFiles
import LodestoneStorage
import LodestoneStructures

/// The vectors of a collection: their addresses in memory, and the index that finds the nearest.
struct CollectionVectors: DerivedIndex {
    /// The addresses of the vectors in memory.
    private(set) var table: VectorTable
    private(set) var index: any VectorIndex
    /// The number of existing rows with a vector.
    private(set) var count = 0

    /// The index to which the vectors of a batch are already linked.
    struct Batch: IndexBatch {
        var linked: (any VectorIndex)?
        var byteCount: Int { 0 }
    }

    init(_ options: CollectionOptions) {
        table = VectorTable(dimension: options.dimension)
        index = options.vectorStrategy.makeIndex(
            dimension: options.dimension,
            metric: options.metric
        )
    }

    init?(from base: OpenedBase) {
        let options = base.options
        table = VectorTable(dimension: options.dimension)
        index = options.vectorStrategy.openIndex(
            from: base.file,
            dimension: options.dimension,
            metric: options.metric
        )
        count = Int(clamping: base.header.vectorCount)
        for run in base.vectors { append(run) }
    }

    /// The number of elements in each vector.
    var dimension: Int { table.dimension }

    // MARK: Lookups

    /// Whether a row, existing or removed, has a vector.
    func hasVector(_ row: RowID) -> Bool { table.location(of: row) != nil }

    /// The vector of a row, if it has one.
    ///
    /// O(log of the number of blocks).
    ///
    /// - Throws: `.dataLoss` when the vector fails its checksum.
    func vector(of row: RowID) throws(LodestoneError) -> UnsafeBufferPointer<Float>? {
        guard let (block, offset) = table.location(of: row) else {
            // With damaged row ids, the lookup may miss the vector of a row.
            try refuseDamage()
            return nil
        }
        guard block.check(rows: offset..<offset + 1, dimension: dimension) else {
            throw .damagedVectors(of: row, block)
        }
        return UnsafeBufferPointer(start: block.base + offset * dimension, count: dimension)
    }

    /// Refuses a result after a search met damaged vectors.
    ///
    /// - Throws: `.dataLoss` when vectors failed their checksum: the hits may not be the nearest.
    func refuseDamage() throws(LodestoneError) {
        for block in table.blocks where block.isDamaged {
            throw .damagedVectors(of: block.firstRow, block)
        }
    }

    /// Compares all vectors with their checksums.
    func checkAll() {
        for block in table.blocks { block.checked?.checkAll() }
    }

    /// Marks the vectors as checked that `old` has checked at the same address.
    ///
    /// They were checked one by one, or with their batch when it was written or the base was made.
    func trust(_ old: CollectionVectors) {
        for block in table.blocks {
            guard let checked = block.checked else { continue }
            for before in old.table.blocks where before.owner === block.owner {
                if let other = before.checked {
                    checked.trust(other)
                } else {
                    let count = before.count * dimension * MemoryLayout<Float>.stride
                    checked.trust(UnsafeRawBufferPointer(start: before.base, count: count))
                }
            }
        }
    }

    /// The number of vectors that the index does not cover.
    var uncoveredCount: Int {
        table.suffix(from: index.endRow).reduce(0) { $0 + $1.count }
    }

    // MARK: Life

    mutating func alter(to options: CollectionOptions, nextRow: RowID) {
        index = options.vectorStrategy.makeIndex(
            dimension: options.dimension,
            metric: options.metric,
            after: index
        )
    }

    func prepare(_ documents: [Document]) -> Batch { Batch() }

    /// Links the new vectors into a copy of the index, if linking takes long.
    ///
    /// The rows are invisible before `apply`. Measured (1,000 vectors): linking 0.1 s, everything
    /// else a hundredth of that.
    func started(_ batch: Batch, of change: IndexChange) -> Batch {
        guard let run = change.vectors, change.linksVectors, !index.indexesCheaply else {
            return batch
        }
        var linked = self
        linked.append(run)
        linked.index.indexMany(linked.table, from: run.firstRow)
        return Batch(linked: linked.index)
    }

    mutating func apply(_ change: IndexChange, _ batch: Batch) {
        if let linked = batch.linked { index = linked }
        for row in change.removed where hasVector(row) {
            count -= 1
            index.drop(row)
        }
        if let run = change.vectors {
            append(run)
            if change.linksVectors || index.indexesCheaply {
                if batch.linked == nil { index.indexMany(table, from: run.firstRow) }
                if change.hasMissingRows { dropMissingRows(of: run, change.rows) }
            }
        }
        for row in change.rows where hasVector(row) { count += 1 }
    }

    /// Drops the rows of a run that later batches of the log have removed.
    private mutating func dropMissingRows(of run: VectorRun, _ rows: [RowID]) {
        let existing = Set(rows)
        for block in table.suffix(from: run.firstRow) {
            for offset in 0..<block.count where !existing.contains(block.row(at: offset)) {
                index.drop(block.row(at: offset))
            }
        }
    }

    /// Adds the vectors of ascending rows; all are above the earlier rows.
    mutating func append(_ run: VectorRun) {
        table.append(
            VectorBlock(
                base: run.base,
                firstRow: run.firstRow,
                rows: run.rows,
                count: run.count,
                owner: run.owner,
                checked: run.checked
            )
        )
    }

    /// The most uncovered vectors that `adopt` links at once, while readers wait.
    private static let vectorsAtOnce = 16

    /// Installs the index that `VectorIndex.extended` made from the index of an earlier version.
    ///
    /// - Returns: Whether the index covers more vectors than before.
    mutating func adopt(_ extended: any VectorIndex, exists: (RowID) -> Bool) -> Bool {
        guard index.adopt(extended, exists: exists) else { return false }
        // A write links its vectors inline only if the index covers all earlier vectors.
        if uncoveredCount <= Self.vectorsAtOnce { index.indexMany(table, from: index.endRow) }
        return true
    }

    /// The table is a list of addresses in the segments, which a compaction does not free.
    var deltaByteCount: Int { 0 }

    func compacted(_ work: IndexWork) throws(LodestoneError) -> CollectionVectors {
        var vectors = self
        vectors.index = try index.compacted(table, work)
        return vectors
    }

    func write(to base: inout BaseFileWriter, _ content: NextBase) throws(LodestoneError) {
        try index.write(to: &base)
    }

    static var damageKind: String { "memory" }

    func check(_ ids: CollectionIDs) -> any IndexCheck { Check(vectors: self) }

    private struct Check: IndexCheck {
        let vectors: CollectionVectors
        /// The number of rows with a vector.
        private var count = 0

        init(vectors: CollectionVectors) {
            self.vectors = vectors
        }

        mutating func difference(from row: CheckedRow) -> IndexDifference? {
            if vectors.hasVector(row.stored.row) { count += 1 }
            return nil
        }

        func differences(documentCount: Int?) -> [String] {
            guard documentCount != nil, count != vectors.count else { return [] }
            return ["counts \(vectors.count) vectors; \(count) rows have one."]
        }
    }
}

extension LodestoneError {
    fileprivate static func damagedVectors(of row: RowID, _ block: VectorBlock)
        -> LodestoneError
    {
        LodestoneError(
            .dataLoss,
            reason: .corruptVectors,
            "Vectors near row \(row), among the \(block.count) from row \(block.firstRow), fail "
                + "their checksum.",
            recovery: "Write the documents that `verify` names again, or restore a snapshot."
        )
    }
}
