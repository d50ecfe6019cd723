// SPDX-License-Identifier: Apache-2.0
import CoreMetrics
import Foundation
import LodestoneMetrics
import TestSupport
import Testing

@Suite("Text of metrics")
struct MetricsTextTests {
    private static let families = [
        MetricFamily(
            "app_requests",
            .counter,
            "Requests, with a \"quote\" and a \\.",
            [
                MetricFamily.Series([MetricFamily.Label("path", "a\"b\\c\nd")], .count(3)),
                MetricFamily.Series([MetricFamily.Label("path", "")], .count(0)),
            ]
        ),
        MetricFamily(
            "app_wait_seconds",
            .histogram,
            "Waits.",
            [
                MetricFamily.Series(
                    [],
                    .histogram(
                        MetricFamily.Histogram(
                            bounds: [0.000_025, 1],
                            counts: [1, 2, 4],
                            sum: 12.5
                        )
                    )
                )
            ]
        ),
        MetricFamily(
            "app_build",
            .info,
            "The release.",
            [MetricFamily.Series([MetricFamily.Label("version", "1")], .count(1))]
        ),
        MetricFamily("app_empty", .gauge, "Nothing.", []),
        .gauge("app_level_ratio", "A level.", .nan),
    ]

    @Test("OpenMetrics has units, names without suffix in its types, and an end")
    func openMetrics() {
        #expect(
            String(decoding: MetricsText.openMetrics.text(of: Self.families), as: UTF8.self) == #"""
                # TYPE app_requests counter
                # HELP app_requests Requests, with a \"quote\" and a \\.
                app_requests_total{path="a\"b\\c\nd"} 3
                app_requests_total{path=""} 0
                # TYPE app_wait_seconds histogram
                # UNIT app_wait_seconds seconds
                # HELP app_wait_seconds Waits.
                app_wait_seconds_bucket{le="2.5e-05"} 1
                app_wait_seconds_bucket{le="1.0"} 3
                app_wait_seconds_bucket{le="+Inf"} 7
                app_wait_seconds_count 7
                app_wait_seconds_sum 12.5
                # TYPE app_build info
                # HELP app_build The release.
                app_build_info{version="1"} 1
                # TYPE app_level_ratio gauge
                # UNIT app_level_ratio ratio
                # HELP app_level_ratio A level.
                app_level_ratio NaN
                # EOF

                """#
        )
    }

    @Test("The text of Prometheus has the same series, and the suffixes in its types")
    func prometheus() {
        #expect(
            String(decoding: MetricsText.prometheus.text(of: Self.families), as: UTF8.self) == #"""
                # TYPE app_requests_total counter
                # HELP app_requests_total Requests, with a "quote" and a \\.
                app_requests_total{path="a\"b\\c\nd"} 3
                app_requests_total{path=""} 0
                # TYPE app_wait_seconds histogram
                # HELP app_wait_seconds Waits.
                app_wait_seconds_bucket{le="2.5e-05"} 1
                app_wait_seconds_bucket{le="1.0"} 3
                app_wait_seconds_bucket{le="+Inf"} 7
                app_wait_seconds_count 7
                app_wait_seconds_sum 12.5
                # TYPE app_build_info gauge
                # HELP app_build_info The release.
                app_build_info{version="1"} 1
                # TYPE app_level_ratio gauge
                # HELP app_level_ratio A level.
                app_level_ratio NaN

                """#
        )
    }

    @Test("The figures of the process name its memory, its processor time and its descriptors")
    func process() {
        let families = ProcessFigures.families
        let values = Dictionary(
            uniqueKeysWithValues: families.map { ($0.name, $0.series.first?.value) }
        )
        func number(_ name: String) -> Double {
            if case .number(let number)? = values[name] ?? nil { number } else { -1 }
        }
        let resident = number("process_resident_memory_bytes")
        #expect(abs(resident - Double(residentByteCount())) < Double(64 << 20))
        #expect(number("process_cpu_seconds") > 0)
        #expect((3...1_000_000).contains(number("process_open_fds")))
        #expect(number("process_max_fds") >= number("process_open_fds"))
        let age = Date().timeIntervalSince1970 - number("process_start_time_seconds")
        #expect(age > 0 && age < 86_400)
    }
}
