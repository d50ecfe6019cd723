// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStructures

/// The measured recall of an index (`SampledQueries`), which decides whether searches use the
/// index.
///
/// Threading: a value.
package struct IndexHealth: Sendable, Equatable {
    /// Nodes of a graph that no search can reach.
    package var unreachable = 0
    /// The share of the true nearest neighbors that a search finds; `nil`: not measured.
    package var recall: Double?
    /// The number of vectors when `recall` was measured.
    package var measuredCount = 0
    /// The number of vectors added and dropped since `recall` was measured.
    package var changedCount = 0
    /// The factor by which searches widen the beam to reach `recall`.
    package var expansion = 1
    /// The number of vectors when a form of the graph was last refused; 0: no refusal.
    package var refusedCount = 0
    /// The number of refused forms, the first ones of `HNSWCore.forms`.
    package var refusedForms = 0

    /// The least recall with which an index is used.
    package static let recallFloor = 0.9
    /// The recall at which walks are wide enough.
    ///
    /// The goal is above `recallFloor`, because the graph grows before its next measurement, and
    /// users' queries can be harder than sampled ones.
    package static let recallGoal = 0.97
    /// The least number of vectors at which a write measures recall.
    private static let measurableCount = 256

    /// Creates the health of an unmeasured index.
    package init() {}

    /// Whether searches may use the index.
    package var isUsable: Bool { (recall ?? 1) >= Self.recallFloor }

    /// Whether searches may use an index of `count` vectors.
    ///
    /// A small unmeasured index isn't used: a scan of its vectors is as fast.
    func isUsable(for count: Int) -> Bool {
        isUsable && (recall != nil || count >= Self.measurableCount)
    }

    /// Whether a write should measure recall: the vectors grew by half since the last measurement.
    func isMeasurementDue(at count: Int) -> Bool {
        count >= max(Self.measurableCount, measuredCount + measuredCount / 2)
    }

    /// The measured recall, as a sentence that begins with `subject`.
    func finding(_ subject: String) -> String {
        let recall = ((recall ?? 1) * 1_000).rounded() / 1_000
        return "\(subject) \(recall) of the nearest neighbors of sampled queries, "
            + "\(Self.recallFloor) is the least: every vector is compared."
    }
}

/// The health in a base: the section `IXHE`, of eight numbers.
extension IndexHealth {
    private static let version: UInt32 = 1

    func write(to sink: inout some SectionSink) throws(LodestoneError) {
        try sink.write(
            "IXHE",
            [
                Self.version, UInt32(clamping: unreachable),
                recall.map { UInt32($0 * 1_000_000) } ?? .max, UInt32(clamping: measuredCount),
                UInt32(clamping: changedCount), UInt32(clamping: expansion),
                UInt32(clamping: refusedCount), UInt32(clamping: refusedForms),
            ] as ContiguousArray<UInt32>
        )
    }

    /// Reads the section that `write` wrote; `nil` when it is missing or damaged.
    init?(from source: some SectionSource) {
        guard let section = source.section("IXHE", of: UInt32.self), section.count == 8 else {
            return nil
        }
        let words = section.elements(0..<8)
        guard words.count == 8, words[0] == Self.version, (1...64).contains(words[5]) else {
            return nil
        }
        unreachable = Int(words[1])
        recall = words[2] == .max ? nil : Double(words[2]) / 1_000_000
        measuredCount = Int(words[3])
        changedCount = Int(words[4])
        expansion = Int(words[5])
        refusedCount = Int(words[6])
        refusedForms = Int(words[7])
    }
}
