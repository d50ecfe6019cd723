// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import LodestoneClient
import LodestoneImport
import LodestoneJSON

struct SlowCommand: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "slow",
        abstract: "Shows the slow requests of the server, and its reads by their shape.",
        discussion: """
            A shape is a read without its constants. The constants of other clients' queries are \
            data, so the command needs the role admin.
            """
    )

    @OptionGroup var connection: ConnectionOptions
    @Option(help: "The most requests of each kind, and the most shapes.") var limit = 20

    mutating func validate() throws {
        guard (1...128).contains(limit) else {
            throw ValidationError("--limit is \(limit); from 1 to 128.")
        }
    }

    func run(_ client: LodestoneClient) async throws(LodestoneError) -> CommandOutput {
        let report = try await client.slowRequests(limit: limit)
        var parts = ["Since \(TimestampText.format(microseconds: report.since))"]
        if !report.latest.isEmpty { parts.append("Latest:\n" + Self.table(report.latest)) }
        if !report.slowest.isEmpty { parts.append("Slowest:\n" + Self.table(report.slowest)) }
        if !report.shapes.isEmpty { parts.append("Shapes:\n" + report.shapes.table) }
        return CommandOutput(text: parts.joined(separator: "\n\n"), json: JSON(report))
    }

    private static func table(_ requests: [SlowRequest]) -> String {
        var table = Table("began", "#ms", "call", "collection", "path", "client", "query")
        for request in requests {
            table.add(
                TimestampText.format(microseconds: request.beganAt),
                short(request.duration.inMilliseconds),
                request.call + (request.error.map { " \($0)" } ?? ""),
                request.collection ?? "",
                request.path ?? "",
                request.client,
                request.query
            )
        }
        return table.text
    }
}

extension [QueryShape] {
    /// The shapes as a table for people.
    var table: String {
        var table = Table("#count", "#errors", "#mean ms", "#p99 ms", "#total s", "of", "shape")
        for shape in self {
            table.add(
                grouped(Int(clamping: shape.count)),
                grouped(Int(clamping: shape.errorCount)),
                short(shape.mean.inMilliseconds),
                short(shape.p99.inMilliseconds),
                short(shape.total.inMilliseconds / 1_000),
                shape.collection,
                shape.shape
            )
        }
        return table.text
    }
}

extension Duration {
    /// Milliseconds, with their fraction.
    var inMilliseconds: Double { self / .milliseconds(1) }
}

extension JSON {
    /// The slow requests of a server.
    init(_ report: SlowRequests) {
        self = .object([
            ("since", .int(report.since)),
            ("latest", .array(report.latest.map { JSON($0) })),
            ("slowest", .array(report.slowest.map { JSON($0) })),
            ("shapes", .array(report.shapes.map { JSON($0) })),
        ])
    }

    private init(_ request: SlowRequest) {
        var members: [(String, JSON)] = [
            ("call", .string(request.call)), ("began", .int(request.beganAt)),
            ("milliseconds", .double(request.duration.inMilliseconds)),
            ("query", .string(request.query)),
            ("steps", .object(request.steps.map { ($0.name, .double($0.value)) })),
            ("client", .string(request.client)), ("peer", .string(request.peer)),
            ("request", .int(request.request)),
        ]
        for (name, value) in [
            ("collection", request.collection), ("path", request.path), ("error", request.error),
            ("traceParent", request.trace?.description),
        ] {
            if let value { members.append((name, .string(value))) }
        }
        self = .object(members)
    }

    private init(_ shape: QueryShape) {
        self = .object([
            ("shape", .string(shape.shape)), ("collection", .string(shape.collection)),
            ("count", .int(shape.count)), ("errors", .int(shape.errorCount)),
            ("meanMilliseconds", .double(shape.mean.inMilliseconds)),
            ("p99Milliseconds", .double(shape.p99.inMilliseconds)),
            ("totalMilliseconds", .double(shape.total.inMilliseconds)),
            ("longestMilliseconds", .double(shape.longest.inMilliseconds)),
        ])
    }
}
