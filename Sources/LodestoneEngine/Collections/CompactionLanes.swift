// SPDX-License-Identifier: Apache-2.0
import Dispatch
import LodestoneCore
import Synchronization

/// Where compactions run: short ones one after the other, and some long ones meanwhile, so that a
/// build of hours holds up no other collection.
///
/// Vectors are linked by a thread of their own.
///
/// Threading: any thread.
final class CompactionLanes: Sendable {
    /// Bytes of a base or a delta, some second of writing, from which on a compaction is a long one.
    private static let longBytes = 64 << 20
    /// Vectors to link, some second of linking, from which on it is.
    private static let longVectors = 5_000

    private let short = DispatchQueue(label: "lodestone.compactor.short")
    private let long = (0..<3).map { DispatchQueue(label: "lodestone.compactor.long.\($0)") }
    private let links = DispatchQueue(label: "lodestone.compactor.links")
    /// What is queued on each of the long lanes, or runs.
    private let counts = Mutex([0, 0, 0])

    /// Runs the compaction of a collection once its turn comes.
    func run(_ collection: Collection, _ work: @escaping @Sendable () -> Void) {
        let contents = collection.contents
        guard
            (contents.base?.count ?? 0) + contents.state.deltaByteCount > Self.longBytes
                || contents.state.uncoveredCount > Self.longVectors
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

    /// Runs what takes a moment.
    func runShort(_ work: @escaping @Sendable () -> Void) {
        short.async(execute: work)
    }

    /// Runs what links vectors in memory: writes and searches go on meanwhile.
    func runLinks(_ work: @escaping @Sendable () -> Void) {
        links.async(execute: work)
    }

    /// Waits for what is queued by now.
    func wait() {
        for lane in [short, links] + long { lane.sync {} }
    }
}
