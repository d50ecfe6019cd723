// SPDX-License-Identifier: Apache-2.0
import Dispatch
import Synchronization

/// The threads of compactions: one for short compactions, and three for long ones.
///
/// So a build of hours does not delay short compactions of other collections. One more thread links
/// vectors.
///
/// Threading: any thread.
final class CompactionLanes: Sendable {
    /// The bytes of base and delta above which a compaction is long: about a second of writing.
    private static let longBytes = 64 << 20
    /// The vectors to link above which a compaction is long: about a second of linking.
    private static let longVectors = 5_000

    private let short = DispatchQueue(label: "lodestone.compactor.short")
    private let long = (0..<3).map { DispatchQueue(label: "lodestone.compactor.long.\($0)") }
    private let links = DispatchQueue(label: "lodestone.compactor.links")
    /// The number of compactions that are queued or running on each long lane.
    private let counts = Mutex([0, 0, 0])

    /// Queues the compaction of a collection on the lane of its length.
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

    /// Queues work that links vectors in memory; writes and searches continue meanwhile.
    func runLinks(_ work: @escaping @Sendable () -> Void) {
        links.async(execute: work)
    }

    /// Waits for all work that is queued at the time of the call.
    func wait() {
        for lane in [short, links] + long { lane.sync {} }
    }
}
