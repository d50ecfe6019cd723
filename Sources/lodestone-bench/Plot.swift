// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Foundation

/// Draws the measurements of `ann`.
struct Plot: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Draws the lines of `ann --json`: recall against queries a second, as SVG."
    )

    @Argument(help: "Files of JSON lines; lines of other measurements are left out.")
    var files: [String]

    @Option(help: "The SVG file to write.")
    var output: String

    @Option(help: "The title above the plot.")
    var title = "Recall against speed, one thread"

    private struct Line: Decodable {
        let name: String
        let strategy: String?
        let value: Double
        let recall: Double?
    }

    func run() throws {
        var plot = RecallPlot(title: title)
        for file in files {
            let text = try String(contentsOfFile: file, encoding: .utf8)
            for line in text.split(separator: "\n") {
                guard let line = try? JSONDecoder().decode(Line.self, from: Data(line.utf8)),
                    line.name == "ann", let strategy = line.strategy, let recall = line.recall
                else { continue }
                plot.add(recall: recall, queriesPerSecond: line.value, of: strategy)
            }
        }
        guard !plot.isEmpty else {
            throw ValidationFailure(
                text: "no file has a line of `ann` with a recall of 0.85 or more"
            )
        }
        try Data(plot.svg.utf8).write(to: URL(fileURLWithPath: output))
    }
}

/// A plot of several indexes: recall from left to right, speed from bottom to top on a log scale.
struct RecallPlot {
    private struct Series {
        let name: String
        /// The best speed per recall.
        var points: [Double: Double] = [:]
    }

    let title: String
    private var series: [Series] = []

    private static let lowestRecall = 0.85
    private static let size = (width: 800.0, height: 480.0)
    private static let left = 80.0
    private static let right = 610.0
    private static let top = 56.0
    private static let bottom = 420.0
    /// Two colors per line: for a white and for a black background.
    private static let colors = [
        ("#0057b8", "#60a5fa"), ("#c2410c", "#fb923c"), ("#15803d", "#4ade80"),
        ("#a21caf", "#e879f9"), ("#a16207", "#facc15"), ("#0e7490", "#22d3ee"),
        ("#6b7280", "#9ca3af"), ("#be123c", "#fb7185"),
    ]

    init(title: String) { self.title = title }

    var isEmpty: Bool { series.isEmpty }

    /// Adds a point; ignores a recall left of the plot.
    mutating func add(recall: Double, queriesPerSecond: Double, of name: String) {
        guard recall >= Self.lowestRecall, recall <= 1, queriesPerSecond > 0 else { return }
        let position =
            series.firstIndex { $0.name == name }
            ?? {
                series.append(Series(name: name))
                return series.count - 1
            }()
        series[position].points[recall] = max(
            series[position].points[recall] ?? 0,
            queriesPerSecond
        )
    }

    var svg: String {
        let speeds = series.flatMap(\.points.values)
        let ticks = Self.ticks(from: speeds.min() ?? 1, to: speeds.max() ?? 10)
        let scale = LogScale(
            from: ticks[0],
            to: ticks[ticks.count - 1],
            bottom: Self.bottom,
            top: Self.top
        )
        let width = Int(Self.size.width)
        let height = Int(Self.size.height)
        var lines = [
            """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(width) \(height)" \
            width="\(width)" height="\(height)" role="img">
            """, "<title>\(Self.escaped(title))</title>", style,
            Self.text(title, Self.left, 28, "title"),
        ]
        lines += axes(ticks, scale)
        for (number, one) in series.enumerated() { lines += drawn(one, number, scale) }
        lines.append("</svg>")
        return lines.joined(separator: "\n") + "\n"
    }

    private var style: String {
        var light = ""
        var dark = ""
        for number in series.indices {
            let (onWhite, onBlack) = Self.colors[number % Self.colors.count]
            light += "\n.s\(number) { stroke: \(onWhite); fill: \(onWhite); }"
            dark += "\n.s\(number) { stroke: \(onBlack); fill: \(onBlack); }"
        }
        return """
            <style>
            text { font: 13px system-ui, sans-serif; fill: #1f2328; stroke: none; }
            .title { font-size: 16px; font-weight: 600; }
            .tick { font-size: 12px; }
            .middle { text-anchor: middle; }
            .end { text-anchor: end; }
            .grid { stroke: #d8dee4; }
            .axis { stroke: #57606a; fill: none; }
            polyline { fill: none !important; stroke-width: 1.5; }
            .own { stroke-width: 3; }\(light)
            @media (prefers-color-scheme: dark) {
            text { fill: #e6edf3; }
            .grid { stroke: #30363d; }
            .axis { stroke: #8b949e; }\(dark)
            }
            </style>
            """
    }

    private func axes(_ ticks: [Double], _ scale: LogScale) -> [String] {
        var lines: [String] = []
        for tick in ticks {
            let y = scale.position(of: tick)
            lines.append(Self.line(Self.left, y, Self.right, y, "grid"))
            let label = Int(tick.rounded()).formatted(.number.locale(Locale(identifier: "en_US")))
            lines.append(Self.text(label, Self.left - 8, y + 4, "tick end"))
        }
        for hundredths in stride(from: 85, through: 100, by: 1) {
            let x = Self.x(Double(hundredths) / 100)
            lines.append(Self.line(x, Self.top, x, Self.bottom, "grid"))
            guard hundredths % 5 == 0 || hundredths > 95 else { continue }
            let label = String(format: "%.2f", Double(hundredths) / 100)
            lines.append(Self.text(label, x, Self.bottom + 18, "tick middle"))
        }
        lines.append(
            """
            <polyline class="axis" points="\(Self.left),\(Self.top) \(Self.left),\(Self.bottom) \
            \(Self.right),\(Self.bottom)"/>
            """
        )
        let middle = (Self.left + Self.right) / 2
        lines.append(Self.text("recall@10", middle, Self.bottom + 42, "middle"))
        let height = (Self.top + Self.bottom) / 2
        lines.append(
            """
            <text class="middle" transform="translate(20 \(height)) rotate(-90)">queries per CPU \
            second</text>
            """
        )
        return lines
    }

    /// A line with its points, and its name next to the plot.
    private func drawn(_ one: Series, _ number: Int, _ scale: LogScale) -> [String] {
        let isOwn = AnnStrategy.labels.contains(one.name)
        let dashes = number < Self.colors.count ? "" : " stroke-dasharray=\"5 3\""
        let points = one.points.sorted { $0.key < $1.key }.map { recall, speed in
            (x: Self.number(Self.x(recall)), y: Self.number(scale.position(of: speed)))
        }
        let list = points.map { "\($0.x),\($0.y)" }.joined(separator: " ")
        var lines = ["<g class=\"s\(number)\">"]
        let emphasis = isOwn ? " class=\"own\"" : ""
        lines.append("<polyline\(emphasis)\(dashes) points=\"\(list)\"/>")
        lines += points.map { "<circle cx=\"\($0.x)\" cy=\"\($0.y)\" r=\"\(isOwn ? 4 : 3)\"/>" }
        let y = Self.top + 8 + 22 * Double(number)
        let x = Self.right + 20
        lines.append(
            "<polyline\(emphasis)\(dashes) points=\"\(x),\(y) \(x + 24),\(y)\"/>"
        )
        let name = isOwn ? "Lodestone \(one.name)" : one.name
        lines.append(Self.text(name, x + 32, y + 4, ""))
        lines.append("</g>")
        return lines
    }

    private static func x(_ recall: Double) -> Double {
        left + (recall - lowestRecall) / (1 - lowestRecall) * (right - left)
    }

    /// The values 1, 2 and 5 of each power of ten that cover a range.
    ///
    /// The first tick is at or below the least value, and the last one at or above the most.
    private static func ticks(from least: Double, to most: Double) -> [Double] {
        let first = Int(log10(least).rounded(.down))
        let last = Int(log10(most).rounded(.down)) + 1
        let all = (first...last).flatMap { power in
            [1, 2, 5].map { $0 * pow(10, Double(power)) }
        }
        let start = all.lastIndex { $0 <= least } ?? 0
        let end = all.firstIndex { $0 >= most } ?? all.count - 1
        return Array(all[start...max(end, start + 1)])
    }

    private static func line(
        _ x1: Double,
        _ y1: Double,
        _ x2: Double,
        _ y2: Double,
        _ style: String
    ) -> String {
        """
        <line class="\(style)" x1="\(number(x1))" y1="\(number(y1))" x2="\(number(x2))" \
        y2="\(number(y2))"/>
        """
    }

    private static func text(_ text: String, _ x: Double, _ y: Double, _ style: String) -> String {
        "<text class=\"\(style)\" x=\"\(number(x))\" y=\"\(number(y))\">\(escaped(text))</text>"
    }

    private static func number(_ number: Double) -> String { String(format: "%.1f", number) }

    private static func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;")
    }
}

/// A logarithmic scale.
private struct LogScale {
    let from: Double
    let to: Double
    let bottom: Double
    let top: Double

    func position(of value: Double) -> Double {
        bottom - log(value / from) / log(to / from) * (bottom - top)
    }
}
