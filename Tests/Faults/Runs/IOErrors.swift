// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Foundation
import LodestoneClient
import TestSupport

/// Calls on files fail, one at a time.
struct IOErrors: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "io-errors",
        abstract: "Lets the Nth call on a file fail, for every N, call and error."
    )

    @OptionGroup var options: RunOptions
    @Option(help: "How many cases of all to try, chosen by the seed. Default: all.")
    var samples: Int?
    @Option(help: "One case only, as a finding names it: CALL:N:ERROR:once or sticky.")
    var only: String?
    @Option(help: "Only cases of one call, e.g. sync.")
    var call: String?
    @Flag(help: "Go on after a finding, and count them.")
    var keepGoing = false

    func run() async throws {
        try await options.carryOut { setup in
            var setup = setup
            setup.compactionChanges = 20
            var run = IOErrorRun(setup: setup, shim: try Shim(folder: setup.folder))
            try await run.prepare()
            var cases = try await run.cases()
            Output.say("\(cases.count) cases")
            if let only {
                guard let one = Shim.Failure(only) else { throw ValidationError("--only \(only)") }
                cases = [one]
            } else {
                cases = cases.filter { call == nil || $0.call.rawValue == call }
            }
            if let samples {
                var random = SeededGenerator(seed: setup.seed)
                cases = Array(cases.shuffled(using: &random).prefix(samples))
            }
            var findings: [Finding] = []
            for failure in cases {
                do {
                    try await run.attempt(failure)
                } catch let finding as Finding where keepGoing {
                    Output.say("\(finding)")
                    findings.append(finding)
                }
            }
            guard findings.isEmpty else {
                throw Finding(findings[0].kind, "\(findings.count) findings; \(run.summary)")
            }
            return run.summary
        }
    }
}

/// The cases of one run.
///
/// A case has a copy of the same store, a server in which a call fails, the same batches, and a
/// look at the store afterwards.
struct IOErrorRun {
    private static let batchCount = 10
    private static let errors: [Shim.Call: [String]] = [
        .open: ["EIO", "EMFILE", "ENOSPC"], .read: ["EIO", "EINTR"],
        .write: ["EIO", "ENOSPC", "EINTR", "SHORT"], .sync: ["EIO", "ENOSPC", "EINTR"],
        .truncate: ["EIO", "EINTR"], .rename: ["EIO", "ENOSPC"], .mkdir: ["EIO", "ENOSPC"],
        .unlink: ["EIO"], .mmap: ["EIO"],
    ]

    let setup: RunSetup
    let shim: Shim
    private var prepared: Workload
    private var store: String { "\(setup.folder)/store" }
    private var original: String { "\(setup.folder)/original" }

    private var tried = 0
    private var struck = 0
    private var refused = 0
    private var readOnly = 0

    init(setup: RunSetup, shim: Shim) {
        self.setup = setup
        self.shim = shim
        // The batches are small, because there are thousands of cases.
        prepared = Workload(seed: setup.seed, writerCount: 1, idCount: 120, batchSize: 20)
    }

    var summary: String {
        "\(tried) cases, in \(struck) of them the call came; \(refused) servers did not open, "
            + "\(readOnly) went read-only"
    }

    /// Creates the store with which every case starts.
    mutating func prepare() async throws {
        var workload = prepared
        prepared = try await setup.withServer(on: original) { server, endpoint in
            try await Workload.createCollection(endpoint, setup.strategy())
            let client = try await Faults.connect(endpoint)
            for _ in 0..<Self.batchCount {
                _ = try await workload.writers[0].step(client, workload.content, &workload.random)
            }
            await client.close()
            // The kill leaves the write-ahead log, which the next server recovers.
            try await server.kill()
            return workload
        }
    }

    /// All cases, found by a run in which nothing fails.
    mutating func cases() async throws -> [Shim.Failure] {
        try await attempt(nil)
        let counts = shim.state().counts
        return Shim.Call.allCases.flatMap { call in
            (Self.errors[call] ?? []).flatMap { error in
                // A signal interrupts a call once, so EINTR is never sticky.
                (error == "EINTR" ? [false] : [false, true]).flatMap { isSticky in
                    (1...max(1, counts[call] ?? 0)).map {
                        Shim.Failure(call, turn: $0, error: error, isSticky: isSticky)
                    }
                }
            }
        }
    }

    mutating func attempt(_ failure: Shim.Failure?) async throws {
        do {
            try await carryOut(failure)
        } catch let finding as Finding {
            // A server that still writes would write to the store of the next case.
            ServerProcess.endAll()
            let name = failure.map { "--only \($0)" } ?? "nothing fails"
            throw Finding(finding.kind, "\(name): \(finding.text)")
        }
    }

    private mutating func carryOut(_ failure: Shim.Failure?) async throws {
        tried += 1
        try? FileManager.default.removeItem(atPath: store)
        try FileManager.default.copyItem(atPath: original, toPath: store)
        var workload = prepared
        var setup = setup
        // Without moved vectors, a failed fsync of a segment belongs to a batch, and must make the
        // store read-only.
        setup.movesVectors = failure?.call != .sync
        let server = try setup.startServer(
            on: store,
            try shim.variables(store: store, failure: failure)
        )
        if let endpoint = try await open(server) {
            try await write(&workload, endpoint, failure)
            if workload.writers[0].open == nil {
                try await look(&workload, endpoint, failure)
            }
            guard await server.isRunning else {
                throw Finding(.crash, "The server ended with \(await server.waitForExit()).")
            }
            // Half of the cases stop the server in order, with its last checkpoint.
            if tried.isMultiple(of: 2) { await server.end() } else { try await stop(server) }
        }
        let state = shim.state()
        if state.failures > 0 { struck += 1 }
        guard state.strangers == 0 else {
            throw Finding(
                .trespass,
                "Somebody else than SQLite opened the database's files \(state.strangers) times."
            )
        }
        try await setup.withServer(on: store) { _, endpoint in
            try await workload.compare(endpoint)
        }
    }

    /// Waits for the server; it may refuse to open the store, in order.
    private mutating func open(_ server: ServerProcess) async throws -> String? {
        do {
            return try await server.waitUntilListening()
        } catch {
            let status = await server.waitForExit()
            guard (69...78).contains(status) else {
                throw Finding(.crash, "While opening, the server ended with status \(status).")
            }
            refused += 1
            return nil
        }
    }

    private func stop(_ server: ServerProcess) async throws {
        let status = await server.stop()
        guard status >= 0 else {
            throw Finding(.crash, "After SIGTERM, the server ended with status \(status).")
        }
    }

    private mutating func write(
        _ workload: inout Workload,
        _ endpoint: String,
        _ failure: Shim.Failure?
    ) async throws {
        let client = try await Faults.connect(endpoint)
        var mustRefuse = false
        for _ in 0..<Self.batchCount {
            let before = shim.state().failures
            let error = try await workload.writers[0].step(
                client,
                workload.content,
                &workload.random
            )
            let state = shim.state()
            let struckNow = state.failures > before
            guard let error else {
                guard !mustRefuse else {
                    throw Finding(
                        .lie,
                        "A batch was acknowledged after a failure that makes the store read-only."
                    )
                }
                let isTruth =
                    state.failedPath.hasSuffix("-wal") || state.failedPath.hasSuffix(".seg")
                // The failed call may belong to a compaction after this batch, but it is the last
                // one.
                if struckNow && failure?.call == .sync && isTruth {
                    mustRefuse = true
                    readOnly += 1
                }
                continue
            }
            try check(error, failure, struckNow: struckNow, mustRefuse: mustRefuse)
            if error.outcome != .notApplied && !mustRefuse {
                mustRefuse = true
                readOnly += 1
            }
        }
        await client.close()
    }

    private func check(
        _ error: LodestoneError,
        _ failure: Shim.Failure?,
        struckNow: Bool,
        mustRefuse: Bool
    ) throws {
        guard let failure else { throw Finding(.refusal, "\(error)") }
        if mustRefuse {
            guard error.code == .failedPrecondition, error.outcome == .notApplied else {
                throw Finding(.lie, "A read-only store answered \(error)")
            }
        } else if failure.call == .write && failure.error == "ENOSPC" {
            guard error.code == .resourceExhausted else {
                throw Finding(.lie, "A full disk is not called that: \(error)")
            }
            guard struckNow || failure.isSticky else {
                throw Finding(.lie, "The disk is not full any more, and yet: \(error)")
            }
        }
    }

    /// Checks that reads succeed or fail, and that their results are right.
    private func look(
        _ workload: inout Workload,
        _ endpoint: String,
        _ failure: Shim.Failure?
    ) async throws {
        do {
            try await workload.look(endpoint)
        } catch let error as LodestoneError {
            guard failure != nil else { throw error }
        }
    }
}
