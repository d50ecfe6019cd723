// SPDX-License-Identifier: Apache-2.0
import CLodestoneSystem

/// A time of the clock that `ContinuousClock` reads, as one number.
///
/// The compiler doesn't know the layout of `ContinuousClock.Instant`, so every copy and comparison
/// of one is a call of the runtime. Code that runs per call uses this type.
package struct MonotonicTime: Sendable, Hashable, Comparable {
    /// Nanoseconds since a moment before the process began.
    private let nanoseconds: Int64

    private init(nanoseconds: Int64) {
        self.nanoseconds = nanoseconds
    }

    /// The present time.
    package static var now: MonotonicTime { MonotonicTime(nanoseconds: lode_clock_now()) }

    /// The time `duration` later, 290 years later at most.
    package func advanced(by duration: Duration) -> MonotonicTime {
        let (seconds, attoseconds) = duration.components
        let (whole, isTooLong) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, isTooLate) = nanoseconds.addingReportingOverflow(whole)
        guard !isTooLong, !isTooLate else {
            return MonotonicTime(nanoseconds: seconds < 0 ? .min : .max)
        }
        let (exact, overflows) = sum.addingReportingOverflow(attoseconds / 1_000_000_000)
        return MonotonicTime(nanoseconds: overflows ? sum : exact)
    }

    /// The duration from here to `other`; negative when that was earlier.
    package func duration(to other: MonotonicTime) -> Duration {
        let (difference, overflows) = other.nanoseconds.subtractingReportingOverflow(nanoseconds)
        guard !overflows else { return .nanoseconds(other < self ? Int64.min : Int64.max) }
        return .nanoseconds(difference)
    }

    /// The whole milliseconds from here to `other`, rounded up; negative when that was earlier.
    package func milliseconds(to other: MonotonicTime) -> Int64 {
        let (difference, overflows) = other.nanoseconds.subtractingReportingOverflow(nanoseconds)
        guard !overflows else { return other < self ? .min : .max }
        return difference / 1_000_000 + (difference % 1_000_000 > 0 ? 1 : 0)
    }

    package static func < (one: MonotonicTime, other: MonotonicTime) -> Bool {
        one.nanoseconds < other.nanoseconds
    }
}
