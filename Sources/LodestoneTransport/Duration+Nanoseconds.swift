// SPDX-License-Identifier: Apache-2.0

extension Duration {
    /// The nanoseconds for Dispatch: not negative, and a year at most.
    var wholeNanoseconds: Int {
        let limited = min(max(self, .zero), .seconds(365 * 86_400))
        let (seconds, attoseconds) = limited.components
        return Int(seconds) * 1_000_000_000 + Int(attoseconds / 1_000_000_000)
    }
}
