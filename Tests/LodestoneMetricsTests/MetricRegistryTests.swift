// SPDX-License-Identifier: Apache-2.0
import CoreMetrics
import Foundation
import LodestoneMetrics
import TestSupport
import Testing

@Suite("Metric registry")
struct MetricRegistryTests {
    @Test("A series has one value, by whichever object it is counted, and from any thread")
    func counters() {
        let registry = MetricRegistry(help: ["requests": "Requests."])
        let counters = (0..<4).map { _ in
            Counter(
                label: "requests_total",
                dimensions: [("b", "2"), ("a", "1")],
                factory: registry
            )
        }
        DispatchQueue.concurrentPerform(iterations: 4) { thread in
            for _ in 0..<10_000 { counters[thread].increment() }
        }
        counters[0].increment(by: -5)
        let family = registry.family("requests")
        #expect(family?.kind == .counter)
        #expect(family?.help == "Requests.")
        let labels = [MetricFamily.Label("a", "1"), MetricFamily.Label("b", "2")]
        #expect(family?.series == [MetricFamily.Series(labels, .count(40_000))])
    }

    @Test("A timer counts each time in the first bucket whose bound it does not exceed")
    func histograms() throws {
        let registry = MetricRegistry()
        let timer = CoreMetrics.Timer(label: "wait_seconds", factory: registry)
        var random = SeededGenerator(seed: 7)
        var times: [Int64] = [0, -1, 25_000, 25_001, 30_000_000_000, .max / 4]
        for _ in 0..<1_000 { times.append(.random(in: 0...(1 << 36), using: &random)) }
        for time in times { timer.recordNanoseconds(time) }
        let value = registry.family("wait_seconds")?.series.first?.value
        guard case .histogram(let histogram) = value else {
            Issue.record("no histogram")
            return
        }
        #expect(histogram.bounds.first == 0.000_025)
        #expect(histogram.bounds.last == 30)
        #expect(histogram.bounds == histogram.bounds.sorted())
        var expected = [UInt64](repeating: 0, count: histogram.bounds.count + 1)
        for time in times {
            let seconds = Double(max(0, time)) / 1e9
            let index = histogram.bounds.firstIndex { seconds <= $0 }
            expected[index ?? histogram.bounds.count] += 1
        }
        #expect(histogram.counts == expected)
        let sum = times.reduce(0.0) { $0 + Double(max(0, $1)) / 1e9 }
        #expect(abs(histogram.sum - sum) < sum * 1e-9)
    }

    @Test("Gauges show their last value, and meters what was added and subtracted")
    func gauges() {
        let registry = MetricRegistry()
        Gauge(label: "level", factory: registry).record(2.5)
        let meter = Meter(label: "amount", factory: registry)
        meter.set(4)
        meter.increment(by: 2.0)
        meter.decrement(by: 1.5)
        let recorder = Recorder(label: "sizes_bytes", factory: registry)
        for size in [1, 2, 4, 5, 1 << 40] { recorder.record(size) }
        recorder.record(Double.nan)
        #expect(registry.family("level")?.series.first?.value == .number(2.5))
        #expect(registry.family("amount")?.series.first?.value == .number(4.5))
        guard case .histogram(let sizes)? = registry.family("sizes_bytes")?.series.first?.value
        else {
            Issue.record("no histogram")
            return
        }
        #expect(Array(sizes.counts.prefix(3)) == [1, 2, 1])
        #expect(sizes.counts.last == 1)
    }

    @Test("Labels with too many values can't fill the memory, and what is left out is counted")
    func limits() {
        let registry = MetricRegistry()
        for number in 0..<(MetricRegistry.maxSeries + 10) {
            let dimensions = [("id", "\(number)")]
            Counter(label: "hits_total", dimensions: dimensions, factory: registry).increment()
        }
        #expect(registry.family("hits")?.series.count == MetricRegistry.maxSeries)
        #expect(
            registry.family("lodestone_metrics_left_out")?.series.first?.value == .count(10)
        )
    }

    @Test("A name that has another type, or characters that no name has, gives valid series")
    func names() {
        let registry = MetricRegistry()
        Counter(label: "a", factory: registry).increment()
        Gauge(label: "a", factory: registry).record(1)
        Counter(label: "1 é-b_total", dimensions: [("x:y", "ü\"\n")], factory: registry).increment()
        let families = registry.families
        #expect(families.filter { $0.name == "a" }.map(\.kind) == [.counter])
        let odd = families.first { $0.name.hasPrefix("_1") }
        #expect(odd?.name == "_1____b")
        #expect(odd?.series.first?.labels == [MetricFamily.Label("x_y", "ü\"\n")])
    }

    @Test("A series that was destroyed is not shown")
    func destruction() {
        let registry = MetricRegistry()
        let counters = ["1", "2"].map {
            Counter(label: "a_total", dimensions: [("n", $0)], factory: registry)
        }
        counters[0].destroy()
        #expect(registry.family("a")?.series.map(\.labels) == [[MetricFamily.Label("n", "2")]])
    }
}

extension MetricRegistry {
    fileprivate func family(_ name: String) -> MetricFamily? { families.first { $0.name == name } }
}
