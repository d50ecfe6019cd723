// SPDX-License-Identifier: Apache-2.0
import CoreMetrics
import LodestoneCore
import Synchronization

/// The searches, or the walks, that run on the loop that read them: their gate and their counts.
///
/// Threading: any thread.
final class InlineReads: Sendable {
    let gate: InlineSearchGate
    private let name: String
    /// The number of calls that have their reply from a loop.
    private let inline = Atomic<Int>(0)
    /// The number of calls that began on a loop and had to begin again on a worker.
    private let restarted = Atomic<Int>(0)
    private let inlineCounter: Counter
    private let restartedCounter: Counter

    /// - Parameters:
    ///   - name: The name in stats and metrics.
    ///   - limit: The longest time that a call may keep a loop.
    ///   - factory: The backend of the metrics.
    init(_ name: String, limit: Duration, _ factory: any MetricsFactory) {
        self.name = name
        gate = InlineSearchGate(limit: limit)
        inlineCounter = Counter(
            label: "lodestone_inline_total",
            dimensions: [("kind", name)],
            factory: factory
        )
        restartedCounter = Counter(
            label: "lodestone_restarted_total",
            dimensions: [("kind", name)],
            factory: factory
        )
    }

    func noteInline() {
        inline.add(1, ordering: .relaxed)
        inlineCounter.increment()
    }

    func noteRestarted() {
        restarted.add(1, ordering: .relaxed)
        restartedCounter.increment()
    }

    /// The counts.
    var statistics: [Statistic] {
        [
            ("inline", inline.load(ordering: .relaxed)),
            ("restarted", restarted.load(ordering: .relaxed)),
        ].map { part, count in
            Statistic("server.\(name).\(part)", Double(count), unit: "1")
        }
    }
}
