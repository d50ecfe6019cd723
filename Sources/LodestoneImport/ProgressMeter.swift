// SPDX-License-Identifier: Apache-2.0
import Synchronization

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Shows on standard error how far a long piece of work is, how fast, and how long it will take.
///
/// On a terminal one line is redrawn ten times a second at most; elsewhere a plain line is written
/// every five seconds. Threading: may be shared; a mutex guards the state.
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
    ///   - label: What is being done, such as the name of a file.
    ///   - unit: What is counted, in the plural.
    ///   - count: Done by an earlier run; no part of the rate.
    ///   - fraction: Likewise.
    package init(_ label: String, unit: String, count: Int = 0, fraction: Double = 0) {
        self.label = label
        self.unit = unit
        isTerminal = isatty(STDERR_FILENO) == 1
        start = .now
        startCount = count
        startFraction = fraction
        state = Mutex(State(lastShown: .now))
    }

    /// Says how far the work is.
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

    /// Ends the work: removes the line from a terminal, so that a summary can take its place.
    ///
    /// - Returns: How long it took.
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
        // What can't be shown is lost; the work goes on.
        _ = text.withUTF8 { bytes in
            #if canImport(Glibc)
            Glibc.write(STDERR_FILENO, bytes.baseAddress, bytes.count)
            #else
            Darwin.write(STDERR_FILENO, bytes.baseAddress, bytes.count)
            #endif
        }
    }
}

extension Duration {
    /// As a number of seconds.
    package var seconds: Double {
        Double(components.seconds) + Double(components.attoseconds) * 1e-18
    }
}

/// A whole number with a comma between thousands: 117,659.
package func grouped(_ number: Int) -> String {
    var text = ""
    for (place, digit) in String(number.magnitude).reversed().enumerated() {
        if place > 0, place % 3 == 0 { text.append(",") }
        text.append(digit)
    }
    return (number < 0 ? "-" : "") + String(text.reversed())
}

/// Seconds as minutes and seconds: 2:05.
func clock(_ seconds: Double) -> String {
    let whole = Int(min(max(seconds, 0), 359_999).rounded())
    let rest = whole % 60
    return "\(whole / 60):\(rest < 10 ? "0" : "")\(rest)"
}
