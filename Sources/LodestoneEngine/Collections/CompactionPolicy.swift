// SPDX-License-Identifier: Apache-2.0

/// When a collection's delta is folded into a new base.
public struct CompactionPolicy: Sendable, Equatable {
    /// Changes to rows that a delta must have, once no write came for `idleTime`.
    public var minimumChanges: Int
    /// Percent of the base that it must reach, too, then.
    ///
    /// With 10 every document is written into some ten bases on its way into a large collection.
    /// Without a share, a thousand changes wrote a base of any size again.
    public var idlePercentOfBase: Int
    /// Changes that it must have while writes keep coming; larger means less writing and longer
    /// replays.
    ///
    /// A delta of 100,000 documents is replayed in 0.6 s. Folding from 1,000 on took a third of the
    /// CPU time of an import of 118,000.
    public var busyChanges: Int
    /// Percent of the base that it must reach, too, while writes keep coming.
    ///
    /// With 100 every document is written into two bases on its way into a large collection, with 25
    /// into five.
    public var percentOfBase: Int
    /// When writes count as not coming any more.
    public var idleTime: Duration
    /// How long a change may stay out of the base, and a replaced or dropped text in the log.
    public var maximumAge: Duration
    /// Bytes of vectors whose rows are gone before those that are left are written together; they
    /// must be 30 percent of the collection's, too.
    public var minimumGarbageBytes: Int
    /// Bytes of vectors without a place in the index that a search compares in about a millisecond;
    /// with more, they get one.
    package var scannedBytes = 8 << 20

    /// Creates a policy.
    public init(
        minimumChanges: Int = 1_000,
        idlePercentOfBase: Int = 10,
        busyChanges: Int = 100_000,
        percentOfBase: Int = 100,
        idleTime: Duration = .seconds(1),
        maximumAge: Duration = .seconds(3_600),
        minimumGarbageBytes: Int = 1 << 20
    ) {
        self.minimumChanges = minimumChanges
        self.idlePercentOfBase = idlePercentOfBase
        self.busyChanges = busyChanges
        self.percentOfBase = percentOfBase
        self.idleTime = idleTime
        self.maximumAge = maximumAge
        self.minimumGarbageBytes = minimumGarbageBytes
    }

    /// A delta that takes so much memory is folded without waiting for its share of the base.
    private static let maximumDeltaBytes = 256 << 20

    /// Whether a base is wanted though writes keep coming: for the room or the time that the delta
    /// takes, for a field that is not indexed yet, or for words that no base has.
    func isUrgent(_ state: CollectionState) -> Bool {
        if !state.values.isComplete || state.hasRemadeWords { return true }
        return state.changesSinceBase >= changes(busyChanges, percentOfBase, of: state)
            || state.changesSinceBase >= max(1, minimumChanges)
                && state.deltaByteCount >= Self.maximumDeltaBytes
    }

    /// Whether a base is wanted once no more writes come.
    ///
    /// Vectors without a place in the index count by the time that they take each search, though the
    /// base may have their rows.
    func isWorthwhile(_ state: CollectionState) -> Bool {
        if state.changesSinceBase >= changes(1, idlePercentOfBase, of: state) { return true }
        let uncovered = state.uncoveredCount
        let vectorBytes = state.dimension * MemoryLayout<Float>.stride
        // The first index of a small collection does not wait until it is large.
        return uncovered >= max(1, minimumChanges)
            && (uncovered * vectorBytes >= scannedBytes || uncovered * 2 > state.vectorCount)
    }

    private func changes(_ least: Int, _ percent: Int, of state: CollectionState) -> Int {
        max(1, minimumChanges, least, state.baseDocumentCount / 100 * percent)
    }
}
