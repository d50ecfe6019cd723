// SPDX-License-Identifier: Apache-2.0
import LodestoneANN
import LodestoneCore
import LodestoneFiles
import LodestoneStorage
import LodestoneStructures

/// An index that is derived from rows and vectors, and can be rebuilt from them.
///
/// The protocol is the life of an index. It begins empty or with the sections of a base, gets the
/// batches in the order of the log, and is written into the next base. A commit, a replay of the
/// log and a rebuild from rows make the same `IndexChange` and call the same `apply`.
///
/// A new index needs a conforming type and a line in `CollectionVersion.kinds`. CONTRIBUTING.md
/// lists the other steps. Bases of earlier releases lack the sections of a new index: `init(from:)`
/// then returns an index that `isStale`, and the rows fill it.
///
/// Each call covers a batch or more, so the protocol costs nothing per row. Searches use the
/// concrete types of the indexes (`CollectionVersion.Shared`).
///
/// Threading: a value. One writer changes its own copy; copies that readers hold stay as they are.
protocol DerivedIndex: Sendable {
    /// The part of a batch that only this index needs, prepared on the caller's thread.
    associatedtype Batch: IndexBatch = NoBatch

    /// Creates an index without documents.
    init(_ options: CollectionOptions)

    /// Opens the sections that `write` wrote.
    ///
    /// - Returns: An index. If it `isStale`, the rows fill it alone. `nil` when the base is
    ///   damaged: the rows then fill all indexes.
    init?(from base: OpenedBase)

    /// Whether the rows must fill the index, because the base lacks it.
    var isStale: Bool { get }

    /// Changes the strategy and the indexed fields.
    ///
    /// - Parameters:
    ///   - options: The new options.
    ///   - nextRow: A row above every row that exists.
    mutating func alter(to options: CollectionOptions, nextRow: RowID)

    /// Prepares the new documents of a batch, on any thread and by any copy.
    func prepare(_ documents: [Document]) -> Batch

    /// Adds the texts of removed rows to a batch, so that `apply` can remove their words.
    ///
    /// The log has the row id and the texts of each removed row. With the text strategy `fts5` the
    /// log has no texts, so `apply` must be able to remove a row by its row id alone.
    func prepareRemoval(of texts: [[TextField]], in batch: inout Batch)

    /// Converts a batch that an earlier copy has prepared to the form that this index needs.
    func updated(_ batch: Batch) -> Batch

    /// Does the work of `apply` that readers need not wait for.
    ///
    /// - Returns: The batch with the result. Only this value of the index can apply it.
    func started(_ batch: Batch, of change: IndexChange) -> Batch

    /// Applies the next change.
    mutating func apply(_ change: IndexChange, _ batch: Batch)

    /// Converts batches that were prepared for the index before a compaction into batches for this
    /// index.
    func remap(_ batches: inout [Batch])

    /// An estimate of the bytes of memory that a compaction would free.
    var deltaByteCount: Int { get }

    /// Whether no more documents fit before a compaction.
    var isFull: Bool { get }

    /// Whether changes can be applied; false after a change that failed halfway.
    var canChange: Bool { get }

    /// Returns the index in the form of the next base: the long part of a compaction.
    ///
    /// - Throws: The errors of `work`, which may be cancelled.
    func compacted(_ work: IndexWork) throws(LodestoneError) -> Self

    /// Writes the sections that `init(from:)` opens.
    func write(to base: inout BaseFileWriter, _ content: NextBase) throws(LodestoneError)

    /// The kind of damage that a verification reports for a difference between the index and the
    /// rows.
    static var damageKind: String { get }

    /// Begins a comparison with the rows, in the version that has these ids.
    func check(_ ids: CollectionIDs) -> any IndexCheck
}

/// The part of a batch that one index prepares.
protocol IndexBatch: Sendable {
    /// An estimate of its bytes in memory.
    var byteCount: Int { get }
}

/// The batch of an index that needs only the numbers in an `IndexChange`.
struct NoBatch: IndexBatch {
    var byteCount: Int { 0 }
}

/// A base that is being opened.
struct OpenedBase {
    let file: BaseFile
    let header: BaseHeader
    let options: CollectionOptions
    /// The locations of the vectors of its rows.
    let vectors: [VectorRun]
}

/// The content of a base that is being written.
struct NextBase {
    /// The ids and rows of the version that is written.
    let ids: CollectionIDs
    /// The current vertex ids that stay, ascending.
    ///
    /// Their positions are the new vertex ids.
    let vertices: ContiguousArray<VertexID>
    /// The new vertex id of each current one; `CollectionIDs.noVertex` for a vertex that is left
    /// out.
    let newVertices: ContiguousArray<VertexID>
}

extension DerivedIndex {
    var isStale: Bool { false }
    mutating func alter(to options: CollectionOptions, nextRow: RowID) {}
    func prepareRemoval(of texts: [[TextField]], in batch: inout Batch) {}
    func updated(_ batch: Batch) -> Batch { batch }
    func started(_ batch: Batch, of change: IndexChange) -> Batch { batch }
    func remap(_ batches: inout [Batch]) {}
    var isFull: Bool { false }
    var canChange: Bool { true }
    func compacted(_ work: IndexWork) throws(LodestoneError) -> Self { self }
}

extension DerivedIndex where Batch == NoBatch {
    func prepare(_ documents: [Document]) -> NoBatch { NoBatch() }
}
