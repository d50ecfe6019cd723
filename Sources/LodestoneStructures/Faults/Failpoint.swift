// SPDX-License-Identifier: Apache-2.0
import LodestoneSystem
// Faults that the harness in `Tests/Faults` makes a program commit. They exist in debug builds
// only: in a release build every check is false at compile time, and the calls vanish.

/// A named place where a test may end the process as a crash would.
package enum Failpoint {
    /// Ends the process when `LODESTONE_FAULT` names this place and its turn has come.
    ///
    /// `LODESTONE_FAULT=commit.before-vectors:3` ends the process the third time, and without a
    /// number the first time. The exit status is 137, as after `kill -9`.
    @inlinable
    package static func reach(_ name: StaticString) {
        #if DEBUG
        armed?.reach("\(name)")
        #endif
    }

    /// The number of bytes, at most the one that `LODESTONE_SMALLER` sets.
    ///
    /// With a smaller number, a small store runs the code of large stores.
    @inlinable
    package static func smaller(_ byteCount: Int) -> Int {
        #if DEBUG
        min(byteCount, smallest)
        #else
        byteCount
        #endif
    }

    /// The number of things, at most the one that `LODESTONE_FEWER` sets.
    @inlinable
    package static func fewer(_ count: Int) -> Int {
        #if DEBUG
        min(count, fewest)
        #else
        count
        #endif
    }

    #if DEBUG
    @usableFromInline package static let fewest =
        getenv("LODESTONE_FEWER").flatMap { Int(String(cString: $0)) } ?? .max

    @usableFromInline package static let smallest =
        getenv("LODESTONE_SMALLER").flatMap { Int(String(cString: $0)) } ?? .max

    @usableFromInline package static let armed = ArmedFailpoint(
        getenv("LODESTONE_FAULT").map { String(cString: $0) }
    )
    #endif
}

#if DEBUG
import Synchronization

/// The one place that is armed, and the number of times that it may still be passed.
@usableFromInline
package final class ArmedFailpoint: Sendable {
    private let name: String
    private let remaining: Atomic<Int>

    init?(_ setting: String?) {
        guard let setting, !setting.isEmpty else { return nil }
        let parts = setting.split(separator: ":", maxSplits: 1)
        name = String(parts[0])
        remaining = Atomic(parts.count > 1 ? Int(parts[1]) ?? 1 : 1)
    }

    @usableFromInline
    package func reach(_ name: String) {
        guard name == self.name else { return }
        if remaining.subtract(1, ordering: .relaxed).newValue == 0 { _exit(137) }
    }
}
#endif
