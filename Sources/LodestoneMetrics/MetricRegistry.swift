// SPDX-License-Identifier: Apache-2.0
// The backend of swift-metrics: it keeps the series of a process, and gives their values.
package import CoreMetrics
import Synchronization

/// The series of a process.
///
/// A label of swift-metrics is the name of a family, with the suffix `_total` for a counter. A
/// timer is a histogram of seconds. Labels with other characters than OpenMetrics allows get
/// underscores for them.
///
/// Threading: any thread. A lock guards the table; the series themselves need none.
package final class MetricRegistry: MetricsFactory {
    /// The most series of one family, so that labels with many values can't fill the memory.
    package static let maxSeries = 1_000
    /// The most families.
    static let maxFamilies = 500

    private struct Family {
        let kind: MetricFamily.Kind
        /// The series in the order of their making.
        var order: [[MetricFamily.Label]] = []
        var cells: [[MetricFamily.Label]: any MetricCell] = [:]
    }

    private struct State {
        var families: [String: Family] = [:]
        var help: [String: String] = [:]
        /// The number of series that were left out for one of the limits.
        var leftOut: UInt64 = 0
    }

    private let state = Mutex(State())

    /// Creates a registry without series.
    ///
    /// - Parameter help: The meaning of families, by their names without `_total`.
    package init(help: [String: String] = [:]) {
        state.withLock { $0.help = help }
    }

    /// The values of all series now, in the order of the names.
    package var families: [MetricFamily] {
        let (families, help, leftOut) = state.withLock { ($0.families, $0.help, $0.leftOut) }
        let known = families.map { name, family in
            MetricFamily(
                name,
                family.kind,
                help[name] ?? "A metric of a library.",
                family.order.compactMap { labels in
                    family.cells[labels].map { MetricFamily.Series(labels, $0.value) }
                }
            )
        }
        let dropped = MetricFamily.counter(
            "lodestone_metrics_left_out",
            "Series that were left out because their family, or the server, had too many.",
            leftOut
        )
        return (known + [dropped]).sorted { $0.name < $1.name }
    }

    // MARK: MetricsFactory

    package func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        let name = label.hasSuffix("_total") ? String(label.dropLast(6)) : label
        return cell(name, .counter, dimensions) { CounterCell() }
    }

    package func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        cell(label, .gauge, dimensions) { GaugeCell() }
    }

    package func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        let name = label.hasSuffix("_seconds") ? label : label + "_seconds"
        return cell(name, .histogram, dimensions) {
            HistogramCell(bounds: HistogramCell.times, scale: 1e9)
        }
    }

    package func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool)
        -> any RecorderHandler
    {
        guard aggregate else { return cell(label, .gauge, dimensions) { GaugeCell() } }
        return cell(label, .histogram, dimensions) {
            HistogramCell(bounds: HistogramCell.sizes, scale: 1)
        }
    }

    package func destroyCounter(_ handler: any CounterHandler) { destroy(handler) }
    package func destroyMeter(_ handler: any MeterHandler) { destroy(handler) }
    package func destroyTimer(_ handler: any TimerHandler) { destroy(handler) }
    package func destroyRecorder(_ handler: any RecorderHandler) { destroy(handler) }

    /// The cell of a series, made at its first use.
    ///
    /// A cell that nothing exposes is returned for a series beyond the limits, or for a name that
    /// has another type.
    private func cell<Cell: MetricCell>(
        _ label: String,
        _ kind: MetricFamily.Kind,
        _ dimensions: [(String, String)],
        _ make: () -> Cell
    ) -> Cell {
        let name = MetricName.family(label)
        let labels = MetricName.labels(dimensions)
        return state.withLock { state in
            var family = state.families[name] ?? Family(kind: kind)
            if let known = family.cells[labels] as? Cell, family.kind == kind { return known }
            let cell = make()
            guard family.kind == kind, family.cells[labels] == nil,
                family.order.count < Self.maxSeries,
                state.families.count < Self.maxFamilies || state.families[name] != nil
            else {
                state.leftOut += 1
                return cell
            }
            family.order.append(labels)
            family.cells[labels] = cell
            state.families[name] = family
            return cell
        }
    }

    private func destroy(_ handler: AnyObject) {
        state.withLock { state in
            for (name, family) in state.families {
                guard let found = family.cells.first(where: { $0.value === handler }) else {
                    continue
                }
                state.families[name]?.cells[found.key] = nil
                state.families[name]?.order.removeAll { $0 == found.key }
                return
            }
        }
    }
}

/// The names that OpenMetrics allows.
enum MetricName {
    /// A name of a family: letters, digits, underscores and colons, without a digit in front.
    static func family(_ name: String) -> String { allowed(name, colons: true) }

    /// The labels of a series, each name once, sorted.
    static func labels(_ dimensions: [(String, String)]) -> [MetricFamily.Label] {
        var values: [String: String] = [:]
        for (name, value) in dimensions { values[allowed(name, colons: false)] = value }
        return values.map { MetricFamily.Label($0, $1) }.sorted { $0.name < $1.name }
    }

    private static func allowed(_ name: String, colons: Bool) -> String {
        var bytes = name.utf8.map { byte in
            let isLetter = (byte | 0x20) >= UInt8(ascii: "a") && (byte | 0x20) <= UInt8(ascii: "z")
            let isDigit = byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
            let isColon = colons && byte == UInt8(ascii: ":")
            return isLetter || isDigit || isColon ? byte : UInt8(ascii: "_")
        }
        if let first = bytes.first, first <= UInt8(ascii: "9") {
            bytes.insert(UInt8(ascii: "_"), at: 0)
        }
        return bytes.isEmpty ? "_" : String(decoding: bytes, as: UTF8.self)
    }
}
