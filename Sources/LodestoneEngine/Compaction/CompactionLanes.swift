// SPDX-License-Identifier: Apache-2.0
import Dispatch
import Synchronization

/// The threads of compactions: one for short compactions, and three for long ones.
///
/// So a build that takes hours does not delay the short compactions of other collections. One more
/// thread links vectors.
///
/// Threading: any thread.
final class CompactionLanes: Sendable {
    /// Bytes of base and delta, about a second of writing, beyond which a compaction is a long one.
    private static let longBytes = 64 << 20
    /// Vectors to link, about a second of linking, beyond which a compaction is a long one.
    private static let longVectors = 5_000

    private let short = DispatchQueue(label: "lodestone.compactor.short")
    private let long = (0..<3).map { DispatchQueue(label: "lodestone.compactor.long.\($0)") }
    private let links = DispatchQueue(label: "lodestone.compactor.links")
    /// The number of compactions that are queued or running on each long lane.
    private let counts = Mutex([0, 0, 0])

    /// Runs the compaction of a collection once its turn comes.
    func run(_ collection: Collection, _ work: @escaping @Sendable () -> Void) {
        let version = collection.version
        guard
            (version.base?.count ?? 0) + version.deltaByteCount > Self.longBytes
                || version.vectors.uncoveredCount > Self.longVectors
        else { return runShort(work) }
        let lane = counts.withLock { counts in
            let lane = counts.indices.min { counts[$0] < counts[$1] } ?? 0
            counts[lane] += 1
            return lane
        }
        long[lane].async {
            work()
            self.counts.withLock { $0[lane] -= 1 }
        }
    }

    /// Runs short work on the short lane.
    func runShort(_ work: @escaping @Sendable () -> Void) {
        short.async(execute: work)
    }

    /// Runs work that links vectors in memory, while writes and searches go on.
    func runLinks(_ work: @escaping @Sendable () -> Void) {
        links.async(execute: work)
    }

    /// Waits for all work that is queued now.
    func wait() {
        for lane in [short, links] + long { lane.sync {} }
    }
}
