// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Dispatch
import Foundation
import LodestoneClient
import LodestoneImport
import LodestoneJSON
import LodestoneStorage
import LodestoneText

struct SnapshotCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "snapshot",
        abstract: "Writes, lists, deletes, checks and restores snapshots.",
        discussion: """
            A snapshot is one file with the whole store at one moment. The server writes it into its \
            data directory, as snapshots/NAME.lodestone, and accepts writes meanwhile. Copy the file \
            to a safe place. 'restore' and 'verify' work on files, without a server.

            lodestone snapshot create monday
            lodestone snapshot restore monday.lodestone --to /var/lib/lodestone
            """,
        subcommands: [
            Create.self, List.self, Fetch.self, Delete.self, Restore.self, Verify.self,
        ]
    )

    struct Create: ClientCommand {
        static let configuration = CommandConfiguration(
            abstract: "Writes a snapshot on the server."
        )

        @OptionGroup var connection: ConnectionOptions
        @Argument(help: "Its name: 1 to 64 of a-z, 0-9, _ and -.") var name: String

        func run(_ client: LodestoneClient) async throws(LodestoneError) -> CommandOutput {
            let snapshot = try await client.snapshot(name, deadline: connection.longDeadline)
            return CommandOutput(
                text: "Wrote snapshots/\(name).lodestone in the server's data directory: "
                    + snapshot.summary,
                json: JSON(snapshot)
            )
        }
    }

    struct List: ClientCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lists the snapshots that the server has."
        )

        @OptionGroup var connection: ConnectionOptions

        func run(_ client: LodestoneClient) async throws(LodestoneError) -> CommandOutput {
            let snapshots = try await client.snapshots()
            var table = Table("snapshot", "#sequence number", "#bytes", "created")
            for snapshot in snapshots {
                table.add(
                    snapshot.name,
                    "\(snapshot.sequenceNumber)",
                    grouped(Int(clamping: snapshot.byteCount)),
                    snapshot.creationTime
                )
            }
            return CommandOutput(
                text: snapshots.isEmpty ? "There are no snapshots yet." : table.text,
                json: .object([("snapshots", .array(snapshots.map { JSON($0) }))])
            )
        }
    }

    struct Fetch: ClientCommand {
        static let configuration = CommandConfiguration(
            abstract: "Copies a snapshot from the server into a file.",
            discussion: """
                The file gets its name once it is complete; until then it is FILE.part. A part that an \
                earlier run has fetched is not fetched again. 'snapshot verify' checks the file.
                """
        )

        @OptionGroup var connection: ConnectionOptions
        @Argument(help: "Its name.") var name: String
        @Argument(help: "The file, which must not exist yet.", completion: .file())
        var file: String

        func run(_ client: LodestoneClient) async throws(LodestoneError) -> CommandOutput {
            let target = try FetchedSnapshot(name: name, path: file)
            let resumedByteCount = try await target.fetch(from: client)
            return CommandOutput(
                text: "Fetched '\(name)' into \(file): \(grouped(target.byteCount)) bytes, "
                    + "\(grouped(resumedByteCount)) of them by an earlier run.",
                json: .object([
                    ("name", .string(name)), ("file", .string(file)),
                    ("bytes", .int(target.byteCount)), ("keptBytes", .int(resumedByteCount)),
                ])
            )
        }
    }

    struct Delete: ClientCommand {
        static let configuration = CommandConfiguration(
            abstract: "Deletes a snapshot on the server."
        )

        @OptionGroup var connection: ConnectionOptions
        @Argument(help: "Its name.") var name: String

        func run(_ client: LodestoneClient) async throws(LodestoneError) -> CommandOutput {
            try await client.deleteSnapshot(name)
            return CommandOutput(
                text: "Deleted the snapshot '\(name)'.",
                json: .object([("name", .string(name))])
            )
        }
    }

    struct Restore: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Makes a new data directory of a snapshot's file.",
            discussion: """
                Everything is checked before the directory gets its name: sums, sizes, the \
                database and each of its rows. Then a server can start on it.
                """
        )

        @OptionGroup var local: LocalOptions
        @Option(help: "The directory: missing or empty.", completion: .directory) var to: String

        mutating func run() async throws {
            let (archive, to, maxBytes) = (local.archive, to, local.maxBytes)
            try await local.run { (context) throws(LodestoneError) in
                let snapshot = try SnapshotArchive.restore(
                    archive,
                    to: to,
                    analysis: FTS5Analysis(),
                    maxBytes: maxBytes,
                    context: context
                )
                return CommandOutput(
                    text: "Restored \(to): \(snapshot.summary)",
                    json: JSON(snapshot)
                )
            }
        }
    }

    struct Verify: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Checks a snapshot's file as 'restore' would, without restoring."
        )

        @OptionGroup var local: LocalOptions

        mutating func run() async throws {
            let (archive, maxBytes) = (local.archive, local.maxBytes)
            try await local.run { (context) throws(LodestoneError) in
                let snapshot = try SnapshotArchive.verify(
                    archive,
                    analysis: FTS5Analysis(),
                    maxBytes: maxBytes,
                    context: context
                )
                return CommandOutput(
                    text: "\(archive) is good: \(snapshot.summary)",
                    json: JSON(snapshot)
                )
            }
        }
    }
}

/// The common options of the commands on files.
struct LocalOptions: ParsableArguments {
    @Argument(help: "The file of a snapshot.", completion: .file()) var archive: String
    @Option(help: "Refuse contents larger than this. (default: the free space of the disk)")
    var maxBytes: UInt64?
    @Flag(help: "Print JSON for programs.") var json = false

    /// Runs `body` on its own thread, and prints its output.
    func run(_ body: @escaping @Sendable (CallContext) throws(LodestoneError) -> CommandOutput)
        async throws
    {
        try await CommandOutput.print(asJSON: json) { () async throws(LodestoneError) in
            let result: Result<CommandOutput, LodestoneError> = await withCheckedContinuation {
                done in
                DispatchQueue(label: "lodestone.snapshot").async {
                    done.resume(
                        returning: Result { () throws(LodestoneError) in
                            try body(CallContext(timeout: .seconds(86_400)))
                        }
                    )
                }
            }
            return try result.get()
        }
    }
}

struct VerifyCommand: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Checks the whole store of the server while it serves.",
        discussion: """
            Every checksum is computed again, vectors and bases are read again from the disk, and \
            rows, log, words, edges, bases and memory are compared with each other. A damaged base \
            is rebuilt. The command exits with 74 when something is damaged.
            """
    )

    @OptionGroup var connection: ConnectionOptions

    func run(_ client: LodestoneClient) async throws(LodestoneError) -> CommandOutput {
        let report = try await client.verify(deadline: connection.longDeadline)
        let counts = [
            (report.rows, "rows"), (report.vectors, "vectors"), (report.edges, "edges"),
            (report.batches, "batches"),
        ].map { "\(grouped(Int(clamping: $0.0))) \($0.1)" }.joined(separator: ", ")
        var lines = ["Looked at \(counts), up to sequence number \(report.sequenceNumber)."]
        if report.isClean {
            lines.append("Everything is as it was written.")
        } else {
            var table = Table("kind", "collection", "damage")
            for damage in report.damages {
                let note = damage.isRepaired ? "Repaired. " : ""
                table.add(
                    damage.kind,
                    damage.collection ?? "",
                    "\(note)\(damage.message) \(damage.recovery)"
                )
            }
            lines.append("\(grouped(Int(clamping: report.damageCount))) damages:")
            lines.append(table.text)
        }
        return CommandOutput(
            text: lines.joined(separator: "\n"),
            json: JSON(report),
            status: report.isClean ? 0 : LodestoneError.Code.dataLoss.exitStatus
        )
    }
}

extension SnapshotDescription {
    fileprivate var summary: String {
        "sequence number \(sequenceNumber), \(grouped(Int(clamping: byteCount))) bytes."
    }

    fileprivate var creationTime: String {
        Date(timeIntervalSince1970: Double(createdAt) / 1e6).ISO8601Format()
    }
}

extension JSON {
    /// A snapshot; its time is in microseconds since 1970.
    fileprivate init(_ snapshot: SnapshotDescription) {
        var members: [(String, JSON)] = []
        if !snapshot.name.isEmpty { members.append(("name", .string(snapshot.name))) }
        members += [
            ("sequenceNumber", .int(snapshot.sequenceNumber)), ("bytes", .int(snapshot.byteCount)),
            ("createdAt", .int(snapshot.createdAt)),
        ]
        self = .object(members)
    }

    /// The result of a verification.
    fileprivate init(_ report: VerifyReport) {
        let damages = report.damages.map { damage in
            var members: [(String, JSON)] = [("kind", .string(damage.kind))]
            if let collection = damage.collection {
                members.append(("collection", .string(collection)))
            }
            members += [
                ("object", .string(damage.object)), ("message", .string(damage.message)),
                ("recovery", .string(damage.recovery)), ("isRepaired", .bool(damage.isRepaired)),
            ]
            return JSON.object(members)
        }
        self = .object([
            ("sequenceNumber", .int(report.sequenceNumber)), ("batches", .int(report.batches)),
            ("rows", .int(report.rows)), ("vectors", .int(report.vectors)),
            ("edges", .int(report.edges)), ("damageCount", .int(report.damageCount)),
            ("damages", .array(damages)),
        ])
    }
}
