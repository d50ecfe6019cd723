// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Dispatch
import Foundation
import LodestoneBackup
import LodestoneCore
import LodestoneImport
import LodestoneJSON
import LodestoneText

/// The common options of the commands on backups.
struct BackupOptions: ParsableArguments {
    @Option(help: "The S3 server. (default: AWS_ENDPOINT_URL, or Amazon's)") var endpoint: String?
    @Flag(help: "Permit http:// to another machine: everyone on the way can read the data.")
    var allowClearText = false
    @Flag(help: "Print JSON for programs.") var json = false

    func open(_ place: String) throws(LodestoneError) -> any ObjectStore {
        try BackupPlace.open(place, endpoint: endpoint, allowsClearText: allowClearText) {
            ProcessInfo.processInfo.environment[$0]
        }
    }

    /// Runs `body` on its own thread, and prints its output; an interrupt cancels it.
    func run(_ body: @escaping @Sendable (CallContext) throws(LodestoneError) -> CommandOutput)
        async throws
    {
        let context = CallContext(timeout: .seconds(10 * 365 * 86_400))
        let signals = [SIGINT, SIGTERM].map { number in
            // The source gets the signal only when the process ignores it.
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { context.cancel() }
            source.resume()
            return source
        }
        defer { for source in signals { source.cancel() } }
        try await CommandOutput.print(asJSON: json) { () async throws(LodestoneError) in
            let result: Result<CommandOutput, LodestoneError> = await withCheckedContinuation {
                done in
                DispatchQueue(label: "lodestone.backup").async {
                    done.resume(
                        returning: Result { () throws(LodestoneError) in try body(context) }
                    )
                }
            }
            return try result.get()
        }
    }
}

/// The backups and the state that is restored from them.
struct RestorePoint: ParsableArguments {
    @Option(name: .customLong("from"), help: "The place: file:///PATH or s3://BUCKET/PREFIX.")
    var place: String
    @Option(help: "The last batch to restore. (default: all)") var sequence: UInt64?
    @Option(help: "The last moment to restore, such as 2026-11-30T19:00:00Z. (default: all)")
    var time: String?
    @Flag(help: "Leave derived data out, so that the server makes it from the rows.")
    var withoutBases = false
    @Option(help: "Refuse a store larger than this. (default: the free space of the disk)")
    var maxBytes: UInt64?

    mutating func validate() throws {
        if sequence != nil, time != nil {
            throw ValidationError("Give --sequence or --time, not both.")
        }
        if let time, Self.microseconds(time) == nil {
            throw ValidationError("--time is '\(time)'; the form is 2026-11-30T19:00:00Z.")
        }
    }

    private static func microseconds(_ text: String) -> Int64? {
        for style in [Date.ISO8601FormatStyle(), .init(includingFractionalSeconds: true)] {
            if let date = try? style.parse(text) {
                return Int64(date.timeIntervalSince1970 * 1e6)
            }
        }
        return nil
    }

    private var point: BackupRestore.Point {
        if let sequence { return .sequenceNumber(sequence) }
        if let time, let microseconds = Self.microseconds(time) { return .time(microseconds) }
        return .newest
    }

    func run(
        _ options: BackupOptions,
        _ context: CallContext,
        to directory: String,
        isOnlyVerified: Bool
    ) throws(LodestoneError) -> CommandOutput {
        let meter = ProgressMeter(isOnlyVerified ? "verify" : "restore", unit: "bytes")
        defer { meter.finish() }
        var restore = BackupRestore(
            try options.open(place),
            point,
            analysis: FTS5Analysis(),
            context: context
        ) { done, total in
            meter.update(count: Int(done), fraction: Double(done) / Double(max(total, 1)))
        }
        restore.maxBytes = maxBytes
        restore.leavesOutBases = withoutBases
        let report = try restore.run(to: directory, isOnlyVerified: isOnlyVerified)
        let what = isOnlyVerified ? "\(place) is good" : "Restored \(directory)"
        return CommandOutput(
            text: "\(what): sequence number \(report.sequenceNumber), from the state at "
                + "\(report.state.last) and \(report.batches) batches after it.",
            json: .object([
                ("sequenceNumber", .int(report.sequenceNumber)), ("state", JSON(report.state)),
                ("batches", .int(report.batches)), ("readBytes", .int(report.readBytes)),
            ])
        )
    }
}

/// A time in microseconds since 1970, for people.
func time(_ microseconds: Int64) -> String {
    Date.ISO8601FormatStyle(includingFractionalSeconds: true)
        .format(Date(timeIntervalSince1970: Double(microseconds) / 1e6))
}

extension BackupWriter.Report {
    func text(_ place: String) -> String {
        let sent = "\(grouped(Int(clamping: sentBytes))) bytes sent to \(place)."
        let why: String
        switch reason {
        case nil where batches == 0:
            return "Nothing is new since sequence number \(sequenceNumber)."
        case nil:
            return "Backed up \(batches) batches, up to sequence number \(sequenceNumber): \(sent)"
        case .isFirst: why = "it is the first backup"
        case .isWanted: why = "--full"
        case .logIsCut(let after): why = "the store no longer had the batches after \(after)"
        case .logIsLong: why = "the log had more bytes than the last whole state"
        }
        return
            "Backed up the whole store at sequence number \(sequenceNumber), because \(why): \(sent)"
    }

    mutating func add(_ other: Self) {
        batches += other.batches
        entries += other.entries
        sentBytes += other.sentBytes
        state = other.state ?? state
        reason = other.reason ?? reason
        sequenceNumber = other.sequenceNumber
    }
}

extension JSON {
    init(_ report: BackupWriter.Report) {
        var members: [(String, JSON)] = [
            ("sequenceNumber", .int(report.sequenceNumber)), ("batches", .int(report.batches)),
            ("entries", .int(report.entries)), ("sentBytes", .int(report.sentBytes)),
        ]
        if let state = report.state { members.append(("state", JSON(state))) }
        switch report.reason {
        case nil: break
        case .isFirst: members.append(("reason", .string("first")))
        case .isWanted: members.append(("reason", .string("wanted")))
        case .logIsCut(let after):
            members += [("reason", .string("logCut")), ("missingAfter", .int(after))]
        case .logIsLong: members.append(("reason", .string("logLong")))
        }
        self = .object(members)
    }

    /// A whole state; its time is in microseconds since 1970.
    init(_ state: BackupEntry) {
        self = .object([
            ("number", .int(state.number)), ("sequenceNumber", .int(state.last)),
            ("bytes", .int(state.stateBytes)), ("time", .int(state.lastTime)),
        ])
    }
}
