// SPDX-License-Identifier: Apache-2.0
// The memory of single series: a few atomic numbers each. The calls of a server change them without
// a lock and without a lookup.
import CoreMetrics
import Synchronization

/// A series whose value the registry can read.
protocol MetricCell: AnyObject, Sendable {
    var value: MetricFamily.Value { get }
}

/// A number that only grows.
final class CounterCell: MetricCell, CounterHandler {
    private let count = Atomic<UInt64>(0)

    var value: MetricFamily.Value { .count(count.load(ordering: .relaxed)) }

    func increment(by amount: Int64) {
        // A counter never falls.
        guard amount > 0 else { return }
        count.wrappingAdd(UInt64(amount), ordering: .relaxed)
    }

    func reset() { count.store(0, ordering: .relaxed) }
}

/// A number that rises and falls.
final class GaugeCell: MetricCell, MeterHandler, RecorderHandler {
    private let bits = Atomic<UInt64>(0)

    private var number: Double { Double(bitPattern: bits.load(ordering: .relaxed)) }
    var value: MetricFamily.Value { .number(number) }

    func set(_ value: Int64) { set(Double(value)) }
    func set(_ value: Double) { bits.store(value.bitPattern, ordering: .relaxed) }
    func record(_ value: Int64) { set(Double(value)) }
    func record(_ value: Double) { set(value) }
    func decrement(by amount: Double) { increment(by: -amount) }

    func increment(by amount: Double) {
        var before = bits.load(ordering: .relaxed)
        while true {
            let sum = (Double(bitPattern: before) + amount).bitPattern
            let (isDone, now) = bits.weakCompareExchange(
                expected: before,
                desired: sum,
                ordering: .relaxed
            )
            if isDone { return }
            before = now
        }
    }
}

/// The counts of observations per bucket, with fixed bounds.
// Unchecked because of the pointer: it is set once, and its numbers are atomic.
final class HistogramCell: MetricCell, TimerHandler, RecorderHandler, @unchecked Sendable {
    /// The bounds of times, in nanoseconds: 25 microseconds to 30 seconds.
    static let times: [Int64] = [
        25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000,
        25_000_000, 50_000_000, 100_000_000, 250_000_000, 500_000_000, 1_000_000_000,
        2_500_000_000, 5_000_000_000, 10_000_000_000, 30_000_000_000,
    ]
    /// The bounds of counts and sizes: powers of four.
    static let sizes: [Int64] = (0..<15).map { 1 << (2 * $0) }

    private let bounds: [Int64]
    /// The number that an observation of one unit has.
    private let scale: Double
    /// One count per bucket, then the sum.
    private let numbers: UnsafeMutablePointer<Atomic<UInt64>>

    /// - Parameters:
    ///   - bounds: The upper bounds of the buckets.
    ///   - scale: The observation that counts as one in the exposition: 1e9 for nanoseconds.
    init(bounds: [Int64], scale: Double) {
        self.bounds = bounds
        self.scale = scale
        numbers = .allocate(capacity: bounds.count + 2)
        for index in 0..<(bounds.count + 2) { (numbers + index).initialize(to: Atomic(0)) }
    }

    deinit {
        // The numbers are plain and need no deinitialization.
        numbers.deallocate()
    }

    var value: MetricFamily.Value {
        .histogram(
            MetricFamily.Histogram(
                bounds: bounds.map { Double($0) / scale },
                counts: (0...bounds.count).map { numbers[$0].load(ordering: .relaxed) },
                sum: Double(numbers[bounds.count + 1].load(ordering: .relaxed)) / scale
            )
        )
    }

    func recordNanoseconds(_ duration: Int64) { record(duration) }

    func record(_ value: Double) {
        // Whole numbers are sufficient for sizes and counts, which are all that is recorded.
        guard value.isFinite else { return }
        record(Int64(min(max(value, 0), 0x1p62)))
    }

    func record(_ value: Int64) {
        let value = max(0, value)
        var (low, high) = (0, bounds.count)
        while low < high {
            let middle = (low + high) / 2
            if value <= bounds[middle] { high = middle } else { low = middle + 1 }
        }
        numbers[low].wrappingAdd(1, ordering: .relaxed)
        numbers[bounds.count + 1].wrappingAdd(UInt64(value), ordering: .relaxed)
    }
}
