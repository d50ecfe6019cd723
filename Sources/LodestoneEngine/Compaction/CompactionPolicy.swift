// SPDX-License-Identifier: Apache-2.0
import LodestoneStructures

/// The conditions for the compaction of a collection, and for linking its vectors.
///
/// A base is written as a whole. For few changes, a base costs many times the bytes of the changes.
/// `writeFactor` bounds this cost: changes amortize a new base when the current base has at most
/// `writeFactor` bytes per byte of the changed documents (`amortizesBase`). Any changes amortize a
/// small base. Most rules below require changes that amortize their base.
///
/// Vectors outside of the graph make searches slow. They need no base, because they are linked into
/// the graph in memory.
public struct CompactionPolicy: Sendable, Equatable {
    /// The changed rows that a compaction needs after `idleTime` without a write.
    public var minimumChanges: Int
    /// The minimum of these changes, as a percentage of the base's documents.
    ///
    /// With 10, each document is written into some ten bases while a collection grows. Without this
    /// percentage, `minimumChanges` changes to large documents would suffice for a large base.
    public var idlePercentOfBase: Int
    /// The changed rows that a compaction needs while writes keep coming.
    ///
    /// A larger number means less writing and longer replays. Measured (a delta of 100,000
    /// documents): a replay takes 0.6 s. Measured (an import of 118,000): compactions at 1,000
    /// changes took a third of the CPU time.
    public var busyChanges: Int
    /// The minimum of these changes, as a percentage of the base's documents.
    ///
    /// While a collection grows, each document is written into two bases with 100, and into five
    /// with 25.
    public var percentOfBase: Int
    /// The most bytes of the current base per byte of the changed documents.
    ///
    /// Apart from the base, a byte of a document costs some three bytes of writing: to its row, the
    /// log and the segments of vectors. A larger factor means shorter replays and less memory for
    /// the changes.
    public var writeFactor: Int
    /// The time without a write after which a collection counts as idle.
    public var idleTime: Duration
    /// The longest time for which changes that amortize a base wait.
    ///
    /// Other changes wait up to `longestAge` times as long if they removed or replaced a document.
    /// The text of this document stays in the log meanwhile. Additions alone wait until they
    /// amortize a base, without a limit (`ageLimit`).
    public var maximumAge: Duration
    /// The bytes of dropped vectors above which live vectors are moved to new segments.
    ///
    /// The dropped vectors must also take 30 percent of the bytes of the collection's segments.
    public var minimumGarbageBytes: Int
    /// The bytes of vectors outside of the index that a search compares in about a millisecond.
    ///
    /// Vectors of more bytes are linked.
    package var scannedBytes = 8 << 20
    /// The delta's bytes in memory from which on it is compacted while writes keep coming.
    ///
    /// The changes must also amortize a base, or the delta must take at least half as many bytes as
    /// its base.
    var deltaMemory = 256 << 20

    /// Creates a policy.
    public init(
        minimumChanges: Int = 1_000,
        idlePercentOfBase: Int = 10,
        busyChanges: Int = 100_000,
        percentOfBase: Int = 100,
        writeFactor: Int = 4,
        idleTime: Duration = .seconds(1),
        maximumAge: Duration = .seconds(3_600),
        minimumGarbageBytes: Int = 1 << 20
    ) {
        self.minimumChanges = minimumChanges
        self.idlePercentOfBase = idlePercentOfBase
        self.busyChanges = busyChanges
        self.percentOfBase = percentOfBase
        self.writeFactor = writeFactor
        self.idleTime = idleTime
        self.maximumAge = maximumAge
        self.minimumGarbageBytes = minimumGarbageBytes
    }

    /// The largest multiple of `maximumAge` that a change may wait: a day for an age of an hour.
    static let longestAge = 24
    /// The largest base, in bytes, to which `writeFactor` does not apply.
    ///
    /// A thousand scattered changes write as many bytes of database pages.
    private static let smallBase = 4 << 20
    /// The factor of `scannedBytes` at which vectors outside of the index are linked while
    /// writes keep coming.
    private static let busyFactor = 8

    /// Whether a base should be written while writes keep coming.
    ///
    /// The reason is too much memory, too long a replay, or `needsBase`.
    func isUrgent(_ version: CollectionVersion) -> Bool {
        needsBase(version) || isUrgent(DeltaSize(version))
    }

    /// Whether a base must be written: a field is not backfilled, an index is in no base, or no
    /// more documents fit.
    func needsBase(_ version: CollectionVersion) -> Bool {
        !version.fields.isComplete || version.hasRebuiltIndex || version.isFull
    }

    func isUrgent(_ delta: DeltaSize) -> Bool {
        if amortizesBase(delta), delta.changes >= changes(busyChanges, percentOfBase, delta) {
            return true
        }
        guard delta.changes >= max(1, minimumChanges), delta.memory >= deltaMemory else {
            return false
        }
        return amortizesBase(delta) || delta.memory >= delta.baseBytes / 2
    }

    /// Whether a base should be written once writes pause.
    func isWorthwhile(_ version: CollectionVersion) -> Bool { isWorthwhile(DeltaSize(version)) }

    func isWorthwhile(_ delta: DeltaSize) -> Bool {
        if amortizesBase(delta), delta.changes >= changes(1, idlePercentOfBase, delta) {
            return true
        }
        guard delta.wantsIndex else { return false }
        // The recall of the graph is too low, so searches compare every vector. The compaction
        // builds another graph. A further one is built only after the vectors have doubled.
        if !delta.hasGoodIndex { return delta.vectors * delta.vectorBytes >= scannedBytes }
        // If most vectors are outside of the index, a build with all threads is faster than
        // linking these vectors with one thread. The first index of a small collection does not
        // wait until the collection is large.
        return amortizesBase(delta) && delta.unindexed >= max(1, minimumChanges)
            && delta.unindexed * 2 > delta.vectors
    }

    /// Whether vectors outside of the index should be linked into it once writes pause.
    func wantsLinks(_ version: CollectionVersion) -> Bool { wantsLinks(DeltaSize(version)) }

    /// Whether vectors outside of the index should be linked into it.
    ///
    /// `many` says whether writes keep coming; without it, the answer is for a pause of writes.
    func wantsLinks(_ delta: DeltaSize, many: Bool = false) -> Bool {
        let scannedBytes = Failpoint.smaller(scannedBytes)
        let least = many ? Self.busyFactor * scannedBytes : scannedBytes
        return delta.wantsIndex && delta.hasGoodIndex && delta.unindexed > 0
            && delta.unindexedBytes >= least
    }

    /// The age of the oldest change at which a base is written; `nil`: never by age.
    ///
    /// A delta that amortizes its base waits for `maximumAge`, an hour by default. Another delta
    /// with replaced or dropped texts waits for a multiple of it. The multiple is the bytes of the
    /// base divided by the bytes that the changes amortize, and `longestAge` at most. Another delta
    /// with additions only waits until it amortizes its base: the log has no text to forget.
    func ageLimit(_ delta: DeltaSize) -> Duration? {
        if amortizesBase(delta) { return maximumAge }
        if delta.removed == 0 { return nil }
        let amortized = max(1, writeFactor * delta.changedBytes)
        return maximumAge * min(Self.longestAge, (delta.baseBytes + amortized - 1) / amortized)
    }

    /// Whether the changes amortize a new base.
    private func amortizesBase(_ delta: DeltaSize) -> Bool {
        delta.baseBytes <= max(Self.smallBase, max(1, writeFactor) * delta.changedBytes)
    }

    private func changes(_ least: Int, _ percent: Int, _ delta: DeltaSize) -> Int {
        max(1, minimumChanges, least, delta.baseDocuments / 100 * percent)
    }
}

/// The size of a collection's delta, and the quantities that decide the cost of its compaction.
struct DeltaSize {
    /// Rows that were added or removed, or got other edges.
    var changes = 0
    /// The number of rows among them that were removed.
    var removed = 0
    /// The bytes of the documents that were written.
    var documentBytes = 0
    /// The bytes of memory that a compaction would free.
    var memory = 0
    var baseDocuments = 0
    var baseBytes = 0
    var vectors = 0
    /// The number of vectors outside of the index.
    var unindexed = 0
    var vectorBytes = 0
    /// Whether the strategy has an index that is built from all vectors.
    var wantsIndex = true
    /// Whether the current index is usable; true without an index.
    var hasGoodIndex = true

    /// The bytes of vectors outside of the index.
    var unindexedBytes: Int { unindexed * vectorBytes }

    /// Bytes of the documents that changed.
    ///
    /// A removed row counts with the base's mean bytes per document. A replaced document is in both
    /// sums: its new bytes in `documentBytes`, its old row in `removed`. The result is the larger
    /// sum, so that a replaced document counts once.
    var changedBytes: Int {
        max(documentBytes, removed * (baseBytes / max(1, baseDocuments)))
    }
}

extension DeltaSize {
    init(_ version: CollectionVersion) {
        let ids = version.ids
        let vectors = version.vectors
        changes = version.changesSinceBase
        removed = ids.removedCount
        documentBytes = version.documentBytesSinceBase
        memory = version.deltaByteCount
        baseDocuments = ids.baseDocumentCount
        baseBytes = version.base?.count ?? 0
        self.vectors = vectors.count
        unindexed = vectors.uncoveredCount
        vectorBytes = vectors.dimension * MemoryLayout<Float>.stride
        wantsIndex = vectors.index.isWanted(for: vectors.count)
        hasGoodIndex = vectors.index.health.isUsable
    }
}
