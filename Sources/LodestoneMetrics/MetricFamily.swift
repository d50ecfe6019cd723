// SPDX-License-Identifier: Apache-2.0
// The figures of a process as a scraper reads them: families of series, and their text.

/// The series of one name, with their type and their meaning.
package struct MetricFamily: Sendable, Equatable {
    /// The type, as OpenMetrics defines it.
    package enum Kind: String, Sendable {
        case counter, gauge, histogram, info
    }

    /// One series.
    package struct Series: Sendable, Equatable {
        /// The names and values of its labels.
        package var labels: [Label]
        /// The value.
        package var value: Value

        /// Creates a series.
        package init(_ labels: [Label] = [], _ value: Value) {
            self.labels = labels
            self.value = value
        }
    }

    /// A label.
    package struct Label: Sendable, Hashable {
        package let name: String
        package let value: String

        /// Creates a label.
        package init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    /// The value of a series.
    package enum Value: Sendable, Equatable {
        /// A whole number.
        case count(UInt64)
        /// Any number.
        case number(Double)
        /// The counts of a histogram.
        case histogram(Histogram)
    }

    /// The observations of a histogram.
    package struct Histogram: Sendable, Equatable {
        /// The upper bounds of the buckets, ascending, without infinity.
        package var bounds: [Double]
        /// The number of observations per bucket, the last one up to infinity.
        package var counts: [UInt64]
        /// The sum of all observations.
        package var sum: Double

        /// Creates counts.
        package init(bounds: [Double], counts: [UInt64], sum: Double) {
            self.bounds = bounds
            self.counts = counts
            self.sum = sum
        }
    }

    /// The name without the suffix of its type: `lodestone_requests`.
    package var name: String
    package var kind: Kind
    /// The meaning, as a sentence.
    package var help: String
    package var series: [Series]

    /// Creates a family.
    package init(_ name: String, _ kind: Kind, _ help: String, _ series: [Series]) {
        self.name = name
        self.kind = kind
        self.help = help
        self.series = series
    }

    /// A gauge with one series.
    package static func gauge(_ name: String, _ help: String, _ value: Double) -> MetricFamily {
        MetricFamily(name, .gauge, help, [Series([], .number(value))])
    }

    /// A counter with one series.
    package static func counter(_ name: String, _ help: String, _ value: UInt64) -> MetricFamily {
        MetricFamily(name, .counter, help, [Series([], .count(value))])
    }

    /// Gauges that differ in one label.
    package static func gauges(
        _ name: String,
        _ help: String,
        by label: String,
        _ values: [(String, Double)]
    ) -> MetricFamily {
        let series = values.map { Series([Label(label, $0)], .number($1)) }
        return MetricFamily(name, .gauge, help, series)
    }

    /// The unit: the last part of the name, if it is a base unit.
    var unit: String? {
        ["seconds", "bytes", "ratio"].first { name.hasSuffix("_" + $0) }
    }
}
