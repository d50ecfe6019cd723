// SPDX-License-Identifier: Apache-2.0
import LodestoneANN
import LodestoneCore
import LodestoneFiles
import LodestoneMetadata
import LodestoneStorage
import LodestoneStructures
import Synchronization

/// A collection at one sequence number: its options and its derived indexes, in memory.
///
/// All indexes have the same life (`DerivedIndex`): open the base, replay the log after it, apply
/// later writes. A compaction writes the next base, and a new version begins with it.
///
/// Threading: a value. Its parts share memory with later versions. A copy costs little, and shows
/// no later writes. Readers share one copy of each version (`Shared`).
struct CollectionVersion: Sendable {
    /// The derived indexes, in the order in which changes are applied to them.
    ///
    /// A new index needs a line here.
    private static let kinds: [any DerivedIndex.Type] = [
        CollectionIDs.self,
        CollectionGraph.self,
        CollectionText.self,
        FieldIndex.self,
        CollectionVectors.self,
    ]

    /// The options; strategy and indexed fields are those at the sequence number.
    private(set) var options: CollectionOptions
    /// The sequence number of the last batch in the version.
    private(set) var sequenceNumber: UInt64 = 0
    private var indexes: [any DerivedIndex]
    /// The positions of indexes that lack the documents of the base until `endRebuild`.
    private var stale: [Int] = []
    /// Whether an index was rebuilt from rows, and no base has it yet.
    private(set) var hasRebuiltIndex = false
    /// The bytes of the base's file; `nil` without a base.
    let base: VerifiedBytes?
    /// The sequence number of the last batch in the base; 0 without one.
    let baseSequenceNumber: UInt64
    /// The bytes of all documents written since the base.
    private(set) var documentBytesSinceBase = 0

    /// Creates a version without documents.
    ///
    /// - Parameters:
    ///   - options: The options.
    ///   - vectors: The vectors of rows that are added later. The changes that add these rows
    ///     contain no vectors.
    init(_ options: CollectionOptions, vectors: [VectorRun] = []) {
        self.options = options
        indexes = Self.kinds.map { $0.init(options) }
        base = nil
        baseSequenceNumber = 0
        update(CollectionVectors.self) { index in
            for run in vectors { index.append(run) }
        }
    }

    /// Opens a base.
    ///
    /// - Throws: `.dataLoss` when the base is missing, or damaged in a part that opening reads.
    init(
        _ stored: StoredBase,
        at path: String,
        of record: CollectionRecord,
        vectors: [VectorRun]
    ) throws(LodestoneError) {
        let file = try BaseFile.open(path)
        guard let header = BaseHeader(from: file),
            header.collection == UInt64(record.number),
            header.sequenceNumber == stored.sequenceNumber
        else { throw BaseFile.damaged(path, "it does not hold what belongs into it") }
        options = record.options
        sequenceNumber = header.sequenceNumber
        base = file.bytes
        baseSequenceNumber = header.sequenceNumber
        indexes = []
        let opened = OpenedBase(
            file: file,
            header: header,
            options: record.options,
            vectors: vectors
        )
        for kind in Self.kinds {
            guard let index = kind.init(from: opened) else {
                throw BaseFile.damaged(path, "it does not hold what belongs into it")
            }
            if index.isStale { stale.append(indexes.count) }
            indexes.append(index.isStale ? kind.init(record.options) : index)
        }
    }

    // MARK: Indexes

    var ids: CollectionIDs { index() }
    var graph: CollectionGraph { index() }
    var text: CollectionText { index() }
    var fields: FieldIndex { index() }
    var vectors: CollectionVectors { index() }

    /// A copy of the index of a type, for calls that cost more than the copy.
    func index<Index: DerivedIndex>(_ type: Index.Type = Index.self) -> Index {
        // Comparing types is faster than casts that fail.
        for position in indexes.indices where Swift.type(of: indexes[position]) == type {
            if let index = indexes[position] as? Index { return index }
        }
        preconditionFailure("There is no index of the type \(type).")
    }

    /// Changes the index of a type outside of `apply`.
    mutating func update<Index: DerivedIndex, Result>(
        _ type: Index.Type,
        _ body: (inout Index) -> Result
    ) -> Result {
        for position in indexes.indices where Swift.type(of: indexes[position]) == type {
            guard var index = indexes[position] as? Index else { continue }
            defer { indexes[position] = index }
            return body(&index)
        }
        preconditionFailure("There is no index of the type \(type).")
    }

    /// The number of rows that were added or removed, or got other edges, since the base.
    var changesSinceBase: Int { ids.changeCount + graph.changeCount }

    /// An estimate of the bytes of memory that a compaction would free.
    var deltaByteCount: Int { indexes.reduce(0) { $0 + $1.deltaByteCount } }

    /// Whether no more documents fit before a compaction.
    var isFull: Bool { indexes.contains { $0.isFull } }

    /// Whether a block that was read from the base failed its checksum.
    ///
    /// A result that comes from a damaged version must not be sent.
    var isDamaged: Bool { base?.isDamaged ?? false }

    /// Whether the next change can be applied to this version.
    var canChange: Bool { !isDamaged && indexes.allSatisfy { $0.canChange } }

    /// Whether an index must be rebuilt from the rows, because the base lacks it in this form.
    var isStale: Bool { !stale.isEmpty }

    /// Compares the base and the stored vectors with their checksums, except the blocks that were
    /// compared before.
    func checkBase() {
        base?.checkAll()
        vectors.checkAll()
    }

    // MARK: Verification

    /// The kinds of damage that are reported for indexes that differ from the rows.
    static var damageKinds: Set<String> { Set(kinds.map { $0.damageKind }) }

    /// Begins the comparison of all indexes with the rows.
    ///
    /// Each check has the kind of damage that it finds.
    ///
    /// The check of the ids comes first. A stale index has no check.
    func checks() -> [(kind: String, check: any IndexCheck)] {
        let ids = ids
        return indexes.indices.filter { !stale.contains($0) }.map { position in
            (type(of: indexes[position]).damageKind, indexes[position].check(ids))
        }
    }

    // MARK: Changes, by the one writer

    /// Prepares the new documents of a batch, on any thread.
    func prepare(_ documents: [Document]) -> IndexBatches {
        IndexBatches(documents, for: indexes)
    }

    /// Adds the prepared texts of removed rows to the batches.
    func prepareRemoval(of texts: [[TextField]], in batches: inout IndexBatches) {
        for (position, index) in indexes.enumerated() {
            index.prepareRemoval(of: texts, in: &batches, at: position)
        }
    }

    /// Converts batches that an earlier version has prepared to the form that this version needs.
    func updated(_ batches: IndexBatches) -> IndexBatches {
        var batches = batches
        for (position, index) in indexes.enumerated() { index.update(&batches, at: position) }
        return batches
    }

    /// The next change, with the results of the work that readers need not wait for.
    ///
    /// The result can be applied only to this version, before any other change.
    func started(_ change: IndexChange) -> IndexChange {
        var change = change
        for (position, index) in indexes.enumerated() { index.start(&change, at: position) }
        return change
    }

    /// Applies the next change to all indexes.
    mutating func apply(_ change: IndexChange) {
        for position in indexes.indices where !stale.contains(position) {
            indexes[position].apply(change, at: position)
        }
        documentBytesSinceBase += change.documentByteCount
        sequenceNumber = change.sequenceNumber
    }

    /// Changes the strategy and the indexed fields.
    ///
    /// Queries scan until the new indexes are built.
    mutating func alter(to options: CollectionOptions) {
        self.options.vectorStrategy = options.vectorStrategy
        self.options.metadataIndexes = options.metadataIndexes
        let nextRow = ids.nextRow
        for position in indexes.indices {
            indexes[position].alter(to: self.options, nextRow: nextRow)
        }
    }

    mutating func advance(to sequenceNumber: UInt64) {
        self.sequenceNumber = sequenceNumber
    }

    /// Applies a change that adds rows to the stale indexes alone.
    mutating func applyToStale(_ change: IndexChange) {
        for position in stale { indexes[position].apply(change, at: position) }
    }

    /// Ends the rebuild: the stale indexes have all rows.
    mutating func endRebuild() {
        stale = []
        hasRebuiltIndex = true
    }

    // MARK: A compaction

    /// This version with its indexes in the form of the next base.
    func compacted(_ work: IndexWork) throws(LodestoneError) -> CollectionVersion {
        var version = self
        for position in indexes.indices {
            version.indexes[position] = try indexes[position].compacted(work)
        }
        return version
    }

    /// Writes the sections of all indexes.
    func writeIndexes(to base: inout BaseFileWriter, _ content: NextBase) throws(LodestoneError) {
        for index in indexes { try index.write(to: &base, content) }
    }

    /// Converts changes that were prepared for the version before a compaction into changes for
    /// this version.
    func remap(_ changes: inout [IndexChange]) {
        for (position, index) in indexes.enumerated() { index.remap(&changes, at: position) }
    }

    /// Copies from `old` the state that a base does not store.
    ///
    /// A base lacks the labels that were added since, and the names of labels without edges. Each
    /// label id of the base is the same in `old`, because labels are only added.
    ///
    /// A base also lacks the marks of vectors that were compared with their checksums. A vector
    /// with a mark is not compared again.
    mutating func continueFrom(_ old: CollectionVersion) {
        update(CollectionGraph.self) { $0.keepLabels(of: old.graph) }
        vectors.trust(old.vectors)
    }
}

extension CollectionVersion {
    /// A version that several readers share, with each index as its own type.
    ///
    /// A reader retains one reference; a copy of the version would retain some thirty.
    final class Shared: Sendable {
        let version: CollectionVersion
        let ids: CollectionIDs
        let graph: CollectionGraph
        let text: CollectionText
        let fields: FieldIndex
        let vectors: CollectionVectors
        /// The documents that calls with visibility filters see.
        let visibilities = Visibilities()
        private let ordinary = AtomicLazyReference<RowSample>()

        init(_ version: CollectionVersion) {
            self.version = version
            ids = version.ids
            graph = version.graph
            text = version.text
            fields = version.fields
            vectors = version.vectors
        }

        var options: CollectionOptions { _read { yield version.options } }
        var sequenceNumber: UInt64 { version.sequenceNumber }
        var baseSequenceNumber: UInt64 { version.baseSequenceNumber }
        var isDamaged: Bool { version.isDamaged }

        /// Sampled rows; their vector scores stand for the score of an ordinary document.
        ///
        /// - Parameter allowed: The rows that may be found, which all exist; `nil`: all that exist.
        /// - Returns: The rows, ascending; they are sampled once unless there is a filter.
        func ordinaryRows(of allowed: RowSet?) -> [RowID] {
            if allowed == nil, let known = ordinary.load() { return known.rows }
            let rows = vectors.table.sample(Query.ordinarySample, of: allowed) { ids.contains($0) }
            return allowed == nil ? ordinary.storeIfNil(RowSample(rows)).rows : rows
        }

        func checks() -> [(kind: String, check: any IndexCheck)] { version.checks() }
    }
}

/// A sample of rows, made once for all readers.
private final class RowSample: Sendable {
    let rows: [RowID]

    init(_ rows: [RowID]) { self.rows = rows }
}
