// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Foundation
import LodestoneBackup
import LodestoneCore
import LodestoneImport
import LodestoneJSON
import LodestoneStorage
import LodestoneText

struct BackupCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup",
        abstract: "Backs a data directory up to S3 or a directory, and restores any of its states.",
        discussion: """
            The first backup has the whole store. Later ones have the batches since then, so any \
            state can be restored: by a sequence number, or by a time. The server goes on meanwhile. \
            Run the command on the server's machine, as the server's user.

            lodestone backup create --data /var/lib/lodestone --to s3://backups/lodestone
            lodestone backup ship --data /var/lib/lodestone --to s3://backups/lodestone --every 1
            lodestone backup restore --from s3://backups/lodestone --to /var/lib/lodestone

            The key of S3 comes from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or from \
            ~/.aws/credentials.
            """,
        subcommands: [
            Create.self, Ship.self, List.self, Restore.self, Verify.self, Delete.self,
        ]
    )

    /// The store that is backed up.
    struct Source: ParsableArguments {
        @Option(help: "The data directory of the store.", completion: .directory) var data: String
        @Option(name: .customLong("to"), help: "The place: file:///PATH or s3://BUCKET/PREFIX.")
        var place: String
        @Option(
            help: """
                The most MiB of batches that the store keeps for the next backup. Beyond that, the \
                next backup has the whole store again.
                """
        )
        var redoLimit = 1_024

        mutating func validate() throws {
            guard (1...1 << 20).contains(redoLimit) else {
                throw ValidationError("--redo-limit is \(redoLimit); 1 to \(1 << 20) MiB.")
            }
        }

        /// Runs `body` with the store and its backups.
        func withWriter<T>(
            _ options: BackupOptions,
            _ context: CallContext,
            _ body: (BackupWriter) throws(LodestoneError) -> T
        ) throws(LodestoneError) -> T {
            guard FileManager.default.fileExists(atPath: "\(data)/lodestone.db") else {
                throw LodestoneError(
                    .notFound,
                    reason: .noStore,
                    "There is no store in \(data).",
                    recovery: "Check --data.",
                    object: data
                )
            }
            let store = try SQLiteStore(
                directory: data,
                durability: .full,
                analysis: FTS5Analysis()
            )
            defer { store.close() }
            let meter = ProgressMeter("backup", unit: "bytes")
            defer { meter.finish() }
            let writer = try BackupWriter(
                store,
                in: data,
                to: try options.open(place),
                redoLimit: UInt64(redoLimit) << 20,
                context: context
            ) { done, total in
                meter.update(count: Int(done), fraction: Double(done) / Double(max(total, 1)))
            }
            return try body(writer)
        }
    }

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Backs up what changed since the last backup, or the whole store."
        )

        @OptionGroup var source: Source
        @OptionGroup var options: BackupOptions
        @Flag(help: "Write the whole store; parts that an earlier backup has are not sent again.")
        var full = false

        mutating func run() async throws {
            let (source, options, full) = (source, options, full)
            try await options.run { (context) throws(LodestoneError) in
                let report = try source.withWriter(options, context) {
                    (writer) throws(LodestoneError) in try writer.run(wantsState: full)
                }
                return CommandOutput(text: report.text(source.place), json: JSON(report))
            }
        }
    }

    struct Ship: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Backs up each batch soon after its commit, until it is interrupted."
        )

        @OptionGroup var source: Source
        @OptionGroup var options: BackupOptions
        @Option(help: "Seconds between two looks at the store.") var every = 1.0

        mutating func validate() throws {
            guard every >= 0.05, every <= 86_400 else {
                throw ValidationError("--every is \(every) seconds; 0.05 to 86400.")
            }
        }

        mutating func run() async throws {
            let (source, options, every) = (source, options, every)
            try await options.run { (context) throws(LodestoneError) in
                var total = BackupWriter.Report()
                do throws(LodestoneError) {
                    try source.withWriter(options, context) { (writer) throws(LodestoneError) in
                        while !context.isCancelled {
                            do throws(LodestoneError) {
                                total.add(try writer.run(wantsState: false))
                            } catch {
                                if error.code == .cancelled { break }
                                // A server that does not reply now may reply in a minute, and a
                                // snapshot that is being written ends.
                                guard [.unavailable, .resourceExhausted].contains(error.code) else {
                                    throw error
                                }
                                FileHandle.standardError.write(
                                    Data("lodestone: \(error.message)\n".utf8)
                                )
                            }
                            let end = ContinuousClock.now.advanced(by: .seconds(every))
                            while ContinuousClock.now < end, !context.isCancelled {
                                usleep(20_000)
                            }
                        }
                    }
                } catch {
                    // An interrupt ends the command as it should, also before its first backup.
                    guard error.code == .cancelled, context.isCancelled else { throw error }
                }
                return CommandOutput(text: total.text(source.place), json: JSON(total))
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lists the whole states, and the last batch that can be restored."
        )

        @Argument(help: "The place: file:///PATH or s3://BUCKET/PREFIX.") var place: String
        @OptionGroup var options: BackupOptions

        mutating func run() async throws {
            let (place, options) = (place, options)
            try await options.run { (context) throws(LodestoneError) in
                let catalog = BackupCatalog(try options.open(place), context: context)
                let newest = try catalog.newest()
                let states = try catalog.states()
                var table = Table("#backup", "#sequence number", "#bytes", "time")
                for state in states {
                    table.add(
                        "\(state.number)",
                        "\(state.last)",
                        grouped(Int(clamping: state.stateBytes)),
                        time(state.lastTime)
                    )
                }
                let end = newest.map { newest in
                    "\nThe log goes on to sequence number \(newest.logEnd)"
                        + (newest.kind == .log ? " of \(time(newest.lastTime))." : ".")
                }
                return CommandOutput(
                    text: states.isEmpty
                        ? "There are no backups at \(place)."
                        : table.text
                            + (end ?? ""),
                    json: .object([
                        ("states", .array(states.map { JSON($0) })),
                        ("sequenceNumber", .int(newest?.logEnd ?? 0)),
                        ("time", .int(newest?.lastTime ?? 0)),
                        ("logBytes", .int(newest?.logBytes ?? 0)),
                    ])
                )
            }
        }
    }

    struct Restore: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Makes a data directory of a state in the backups.",
            discussion: """
                Everything is checked before the directory gets its name: checksums, sizes, the \
                database and each of its rows. Then a server can start on it.
                """
        )

        @OptionGroup var point: RestorePoint
        @Option(help: "The directory: missing or empty.", completion: .directory) var to: String
        @OptionGroup var options: BackupOptions

        mutating func run() async throws {
            let (point, to, options) = (point, to, options)
            try await options.run { (context) throws(LodestoneError) in
                try point.run(options, context, to: to, isOnlyVerified: false)
            }
        }
    }

    struct Verify: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Restores into a temporary directory with all checks, and removes it."
        )

        @OptionGroup var point: RestorePoint
        @Option(help: "The directory for it. (default: TMPDIR)", completion: .directory)
        var scratch: String?
        @OptionGroup var options: BackupOptions

        mutating func run() async throws {
            let (point, options) = (point, options)
            let folder = scratch ?? FileManager.default.temporaryDirectory.path
            try await options.run { (context) throws(LodestoneError) in
                let name = "lodestone-verify-\(ProcessInfo.processInfo.processIdentifier)"
                return try point.run(
                    options,
                    context,
                    to: "\(folder)/\(name)",
                    isOnlyVerified: true
                )
            }
        }
    }

    struct Delete: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Deletes the oldest backups, and the objects that no other backup needs."
        )

        @Argument(help: "The place: file:///PATH or s3://BUCKET/PREFIX.") var place: String
        @Option(help: "The newest whole states that stay, with the log after the oldest of them.")
        var keep: Int?
        @Flag(help: "Delete all backups.") var all = false
        @Option(help: "Hours for which an object stays that no backup names: one may be running.")
        var grace = 24
        @OptionGroup var options: BackupOptions

        mutating func validate() throws {
            guard all == (keep == nil), keep ?? 1 >= 1, (0...8_760).contains(grace) else {
                throw ValidationError("Give --keep 1 or more, or --all; --grace 0 to 8760 hours.")
            }
        }

        mutating func run() async throws {
            let (place, keep, grace, options) = (place, keep ?? 0, Int64(grace), options)
            try await options.run { (context) throws(LodestoneError) in
                let report = try BackupPrune(try options.open(place), context: context).run(
                    keep: keep,
                    grace: grace * 3_600,
                    now: Int64(Date().timeIntervalSince1970)
                )
                return CommandOutput(
                    text: "Deleted \(report.entries) entries and \(report.chunks) chunks, "
                        + "\(grouped(Int(clamping: report.freedBytes))) bytes; "
                        + "\(report.states.count) states are left.",
                    json: .object([
                        ("entries", .int(report.entries)), ("chunks", .int(report.chunks)),
                        ("bytes", .int(report.freedBytes)),
                        ("states", .array(report.states.map { JSON($0) })),
                    ])
                )
            }
        }
    }
}
