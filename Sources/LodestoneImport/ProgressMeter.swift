// SPDX-License-Identifier: Apache-2.0
import LodestoneSystem
import Synchronization

/// A meter on standard error of long work: its progress, its speed, and the remaining time.
///
/// A terminal gets one line that is redrawn at most ten times per second. Any other output gets a
/// plain line every five seconds. Threading: may be shared; a mutex guards the state.
package final class ProgressMeter: Sendable {
    private struct State {
        var lastShown: ContinuousClock.Instant
        var hasDrawn = false
    }

    private let label: String
    private let unit: String
    private let isTerminal: Bool
    private let start: ContinuousClock.Instant
    private let startCount: Int
    private let startFraction: Double
    private let state: Mutex<State>

    /// Starts the clock.
    ///
    /// - Parameters:
    ///   - label: The name of the work, such as the name of a file.
    ///   - unit: The unit of the count, in the plural.
    ///   - count: The count of an earlier run; not part of the speed.
    ///   - fraction: The share done by an earlier run; not part of the speed.
    package init(_ label: String, unit: String, count: Int = 0, fraction: Double = 0) {
        self.label = label
        self.unit = unit
        isTerminal = isatty(STDERR_FILENO) == 1
        start = .now
        startCount = count
        startFraction = fraction
        state = Mutex(State(lastShown: .now))
    }

    /// Reports the progress.
    package func update(count: Int, fraction: Double) {
        let now = ContinuousClock.now
        let pause: Duration = isTerminal ? .milliseconds(100) : .seconds(5)
        let isDue = state.withLock { state in
            guard now - state.lastShown >= pause else { return false }
            state.lastShown = now
            state.hasDrawn = true
            return true
        }
        guard isDue else { return }
        let line = line(count: count, fraction: fraction, elapsed: now - start)
        Self.write(isTerminal ? "\r\u{1B}[K\(line)" : "\(line)\n")
    }

    /// Ends the work, and removes the line from a terminal, so that a summary can replace it.
    ///
    /// - Returns: The time that the work took.
    @discardableResult
    package func finish() -> Duration {
        if isTerminal, state.withLock({ $0.hasDrawn }) { Self.write("\r\u{1B}[K") }
        return .now - start
    }

    private func line(count: Int, fraction: Double, elapsed: Duration) -> String {
        let seconds = max(elapsed.seconds, 0.001)
        let rate = Double(count - startCount) / seconds
        let done = fraction - startFraction
        let left = done > 0.001 ? clock(seconds / done * (1 - fraction)) + " left" : "…"
        let percent = "\(Int(fraction * 100)) %"
        let figures = "\(percent)  \(grouped(count)) \(unit)  \(grouped(Int(rate)))/s  \(left)"
        guard isTerminal else { return "\(label): \(figures)" }
        let width = 24
        let full = max(0, min(width, Int(fraction * Double(width))))
        let bar = String(repeating: "█", count: full) + String(repeating: "░", count: width - full)
        return "\(label) \(bar) \(figures)"
    }

    private static func write(_ text: String) {
        var text = text
        // A failed write is ignored, and the work continues.
        _ = text.withUTF8 { bytes in
            LodestoneSystem.write(STDERR_FILENO, bytes.baseAddress, bytes.count)
        }
    }
}

extension Duration {
    /// The duration in seconds.
    package var seconds: Double {
        Double(components.seconds) + Double(components.attoseconds) * 1e-18
    }
}

/// A whole number with a comma between thousands: 117,659.
package func grouped(_ number: Int) -> String {
    var text = ""
    for (index, digit) in String(number.magnitude).reversed().enumerated() {
        if index > 0, index % 3 == 0 { text.append(",") }
        text.append(digit)
    }
    return (number < 0 ? "-" : "") + String(text.reversed())
}

/// Seconds as minutes and seconds: 2:05.
func clock(_ seconds: Double) -> String {
    let whole = Int(min(max(seconds, 0), 359_999).rounded())
    let remainder = whole % 60
    return "\(whole / 60):\(remainder < 10 ? "0" : "")\(remainder)"
}
