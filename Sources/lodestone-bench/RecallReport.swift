// SPDX-License-Identifier: Apache-2.0
import Foundation

/// Prints the measurements of `RecallBench`: a table for people, and a line of JSON per measurement
/// for programs.
///
/// In the table an `s` marks the recall of an index that is not used, so that every vector is
/// scanned.
struct RecallReport {
    struct Line {
        var scenario: String
        var metric: String
        var writes: Int
        var points: [RecallBench.Way: RecallPoint] = [:]
        var peers: [String: Double] = [:]
    }

    private let isJSON: Bool
    private let ways: [RecallBench.Way]
    private let peers: [String]

    init(isJSON: Bool, ways: [RecallBench.Way], peers: [String]) {
        self.isJSON = isJSON
        self.ways = ways
        self.peers = peers
        guard !isJSON else { return }
        var cells = ["scenario", "metric", "writes"]
        for way in ways {
            cells.append(way.rawValue)
            if way != .lsh { cells.append("lost %") }
        }
        show(cells + peers)
    }

    func add(_ line: Line) {
        if isJSON {
            Report(isJSON: true).add(measurement(line))
            return
        }
        var cells = [line.scenario, line.metric, String(line.writes)]
        for way in ways {
            let point = line.points[way]
            cells.append(point.map { number($0.recall) + ($0.isScan ? "s" : "") } ?? "-")
            if way != .lsh {
                cells.append(
                    point?.unreachable.map { String(format: "%.2f", $0 * 100) } ?? "-"
                )
            }
        }
        show(cells + peers.map { line.peers[$0].map(number) ?? "-" })
    }

    private func number(_ recall: Double) -> String { String(format: "%.3f", recall) }

    private func show(_ cells: [String]) {
        let widths = [20, 10, 7]
        let padded = cells.enumerated().map { index, cell in
            let width = index < widths.count ? widths[index] : 8
            return index < 2
                ? cell.padding(toLength: width, withPad: " ", startingAt: 0)
                : String(repeating: " ", count: max(0, width - cell.count)) + cell
        }
        print(padded.joined(separator: " "))
        fflush(nil)
    }

    private func measurement(_ line: Line) -> Measurement {
        var parameters: [(name: String, value: Measurement.Parameter)] = [
            ("scenario", .text(line.scenario)), ("metric", .text(line.metric)),
        ]
        for way in ways {
            guard let point = line.points[way] else { continue }
            parameters.append((way.rawValue, .number(point.recall)))
            parameters.append(("\(way.rawValue)_scans", .count(point.isScan ? 1 : 0)))
            if let unreachable = point.unreachable {
                parameters.append(("\(way.rawValue)_unreachable", .number(unreachable)))
            }
        }
        for peer in peers {
            if let recall = line.peers[peer] { parameters.append((peer, .number(recall))) }
        }
        return Measurement(
            name: "recall",
            value: Double(line.writes),
            unit: "writes",
            parameters: parameters
        )
    }
}
