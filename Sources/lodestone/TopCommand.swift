// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Foundation
import LodestoneClient
import LodestoneImport
import LodestoneJSON

struct TopCommand: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "top",
        abstract: "Shows the load of the server each second, until it is interrupted.",
        discussion: """
            The reads per second are those of the shapes that took the most time since the last \
            second. With --once, one second is shown as plain text or as JSON. The command needs \
            the role admin.
            """
    )

    @OptionGroup var connection: ConnectionOptions
    @Flag(help: "Show one second, and end.") var once = false
    @Option(help: "The most shapes.") var limit = 15

    mutating func validate() throws {
        guard (1...128).contains(limit) else {
            throw ValidationError("--limit is \(limit); from 1 to 128.")
        }
    }

    func run(_ client: LodestoneClient) async throws(LodestoneError) -> CommandOutput {
        var before = try await Moment(client)
        while true {
            do {
                try await Task.sleep(for: .seconds(1))
            } catch {
                throw LodestoneError(
                    .cancelled,
                    reason: .cancelled,
                    "The command was interrupted.",
                    recovery: "Start it again."
                )
            }
            let now = try await Moment(client)
            let view = LoadView(from: before, to: now, limit: limit)
            if once { return CommandOutput(text: view.text, json: view.json) }
            // The first sequence clears the screen, and the second goes to its upper left.
            let output = connection.json ? view.json.text : "\u{1B}[2J\u{1B}[H" + view.text
            FileHandle.standardOutput.write(Data("\(output)\n".utf8))
            before = now
        }
    }

    /// The figures of a server at one moment.
    fileprivate struct Moment {
        let time = ContinuousClock.now
        let figures: [String: Double]
        let shapes: [QueryShape]
        let sequenceNumber: UInt64

        init(_ client: LodestoneClient) async throws(LodestoneError) {
            let stats = try await client.stats()
            figures = Dictionary(
                stats.statistics.map { ($0.name, $0.value) },
                uniquingKeysWith: { first, _ in first }
            )
            sequenceNumber = stats.sequenceNumber
            shapes = try await client.slowRequests().shapes
        }
    }
}

/// The load between two moments.
private struct LoadView {
    /// The reads of one shape per second, and their mean time.
    private struct Row {
        let shape: QueryShape
        let perSecond: Double
        let mean: Double
    }

    private let now: TopCommand.Moment
    private let rows: [Row]
    private let batchesPerSecond: Double

    init(from before: TopCommand.Moment, to now: TopCommand.Moment, limit: Int) {
        self.now = now
        let seconds = max(0.001, before.time.duration(to: now.time) / .seconds(1))
        var earlier: [String: QueryShape] = [:]
        for shape in before.shapes { earlier[shape.collection + " " + shape.shape] = shape }
        let changed = now.shapes.compactMap { shape -> (Row, Double)? in
            let known = earlier[shape.collection + " " + shape.shape]
            // A shape that was forgotten meanwhile counts from its beginning.
            let base = known.map { $0.count <= shape.count ? $0.count : 0 } ?? 0
            let total = base > 0 ? shape.total - (known?.total ?? .zero) : shape.total
            let count = shape.count - base
            guard count > 0 else { return nil }
            let mean = total.inMilliseconds / Double(count)
            let row = Row(shape: shape, perSecond: Double(count) / seconds, mean: mean)
            return (row, total.inMilliseconds)
        }
        rows = changed.sorted { $0.1 > $1.1 }.prefix(limit).map(\.0)
        let batches = now.sequenceNumber - min(before.sequenceNumber, now.sequenceNumber)
        batchesPerSecond = Double(batches) / seconds
    }

    private static let shown = [
        ("connections", "server.connections"), ("calls", "server.calls"),
        ("waiting", "server.reads.waiting"), ("running", "server.reads.running"),
    ]

    var text: String {
        var line = Self.shown.map { name, figure in
            "\(name) \(grouped(Int(now.figures[figure] ?? 0)))"
        }
        line.append("batches/s \(short(batchesPerSecond))")
        var table = Table("#per s", "#mean ms", "#p99 ms", "of", "shape")
        for row in rows {
            table.add(
                short(row.perSecond),
                short(row.mean),
                short(row.shape.p99.inMilliseconds),
                row.shape.collection,
                row.shape.shape
            )
        }
        return line.joined(separator: "  ") + "\n\n" + table.text
    }

    var json: JSON {
        let figures = Self.shown.map { ($0.0, JSON.double(now.figures[$0.1] ?? 0)) }
        let rows = rows.map { row in
            JSON.object([
                ("collection", .string(row.shape.collection)), ("shape", .string(row.shape.shape)),
                ("perSecond", .double(row.perSecond)), ("meanMilliseconds", .double(row.mean)),
                ("p99Milliseconds", .double(row.shape.p99.inMilliseconds)),
            ])
        }
        return .object(
            figures + [("batchesPerSecond", .double(batchesPerSecond)), ("shapes", .array(rows))]
        )
    }
}
