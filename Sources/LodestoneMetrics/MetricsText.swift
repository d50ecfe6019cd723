// SPDX-License-Identifier: Apache-2.0

/// The text of metric families, in one of the two formats that scrapers read.
///
/// Both formats have the same series with the same labels, so a scraper may change its format
/// without a gap.
package enum MetricsText: Sendable, CaseIterable {
    /// OpenMetrics 1.0.
    case openMetrics
    /// The text format 0.0.4 of Prometheus.
    case prometheus

    /// The media type.
    package var contentType: String {
        switch self {
        case .openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
        case .prometheus: "text/plain; version=0.0.4; charset=utf-8"
        }
    }

    /// The text of all families, each of them once.
    package func text(of families: [MetricFamily]) -> [UInt8] {
        var text = TextBytes()
        for family in families where !family.series.isEmpty { append(family, to: &text) }
        if self == .openMetrics { text.append("# EOF\n") }
        return text.bytes
    }

    private func append(_ family: MetricFamily, to text: inout TextBytes) {
        let name = self == .openMetrics ? family.name : family.name + family.kind.suffix
        let kind = self == .prometheus && family.kind == .info ? "gauge" : family.kind.rawValue
        text.append("# TYPE ", name, " ", kind, "\n")
        if self == .openMetrics, let unit = family.unit {
            text.append("# UNIT ", name, " ", unit, "\n")
        }
        text.append("# HELP ", name, " ")
        text.appendEscaped(family.help, quotes: self == .openMetrics)
        text.append("\n")
        for series in family.series {
            switch series.value {
            case .count(let count):
                line(family.name, family.kind.suffix, series.labels, String(count), &text)
            case .number(let number):
                line(family.name, family.kind.suffix, series.labels, Self.text(of: number), &text)
            case .histogram(let histogram):
                append(histogram, family.name, series.labels, to: &text)
            }
        }
    }

    private func append(
        _ histogram: MetricFamily.Histogram,
        _ name: String,
        _ labels: [MetricFamily.Label],
        to text: inout TextBytes
    ) {
        var sum: UInt64 = 0
        for (index, count) in histogram.counts.enumerated() {
            sum &+= count
            let isLast = index >= histogram.bounds.count
            let bound = isLast ? "+Inf" : Self.text(of: histogram.bounds[index])
            line(name, "_bucket", labels + [MetricFamily.Label("le", bound)], String(sum), &text)
        }
        line(name, "_count", labels, String(sum), &text)
        line(name, "_sum", labels, Self.text(of: histogram.sum), &text)
    }

    private func line(
        _ name: String,
        _ suffix: String,
        _ labels: [MetricFamily.Label],
        _ value: String,
        _ text: inout TextBytes
    ) {
        text.append(name, suffix)
        for (index, label) in labels.enumerated() {
            text.append(index == 0 ? "{" : ",", label.name, "=\"")
            text.appendEscaped(label.value, quotes: true)
            text.append("\"")
        }
        text.append(labels.isEmpty ? " " : "} ", value, "\n")
    }

    /// A number as both formats write it: `0.5`, `1.0`, `NaN`, `+Inf`.
    static func text(of number: Double) -> String {
        if number.isNaN { return "NaN" }
        if number.isInfinite { return number < 0 ? "-Inf" : "+Inf" }
        return "\(number)"
    }
}

extension MetricFamily.Kind {
    /// The end of the names of a family's series.
    fileprivate var suffix: String {
        switch self {
        case .counter: "_total"
        case .info: "_info"
        case .gauge, .histogram: ""
        }
    }
}

/// Text as bytes, which grow at their end.
private struct TextBytes {
    private(set) var bytes: [UInt8] = []

    mutating func append(_ parts: String...) {
        for part in parts { bytes.append(contentsOf: part.utf8) }
    }

    /// Appends text that may have backslashes, line ends and quotes.
    mutating func appendEscaped(_ text: String, quotes: Bool) {
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\\"): append("\\\\")
            case UInt8(ascii: "\n"): append("\\n")
            case UInt8(ascii: "\"") where quotes: append("\\\"")
            default: bytes.append(byte)
            }
        }
    }
}
