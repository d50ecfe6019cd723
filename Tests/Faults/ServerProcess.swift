// SPDX-License-Identifier: Apache-2.0
import Dispatch
import Foundation
import Synchronization

/// A server process on its own port.
actor ServerProcess {
    /// The process ids of the servers that have not ended.
    private static let running = Mutex<Set<Int32>>([])

    private let process = Process()
    private let output = Pipe()
    private let exit: Task<Int32, Never>
    private var endpoint: String?

    /// Starts a server, which may not be listening yet.
    ///
    /// Its standard error is appended to `log`; `variables` are added to this program's
    /// environment.
    init(executable: String, arguments: [String], log: String, variables: [String: String]) throws {
        process.executableURL = URL(fileURLWithPath: executable)
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment
            .merging(variables) { _, variable in variable }
        process.standardOutput = output
        process.standardInput = FileHandle.nullDevice
        if !FileManager.default.fileExists(atPath: log) {
            try Data().write(to: URL(fileURLWithPath: log))
        }
        let logFile = try FileHandle(forWritingTo: URL(fileURLWithPath: log))
        try logFile.seekToEnd()
        process.standardError = logFile

        let (statuses, continuation) = AsyncStream<Int32>.makeStream()
        process.terminationHandler = { process in
            _ = Self.running.withLock { $0.remove(process.processIdentifier) }
            let isSignal = process.terminationReason == .uncaughtSignal
            continuation.yield(isSignal ? -process.terminationStatus : process.terminationStatus)
            continuation.finish()
        }
        exit = Task {
            for await status in statuses { return status }
            return -1
        }
        try Self.running.withLock { running in
            try process.run()
            running.insert(process.processIdentifier)
        }
    }

    /// Ends every server that still runs after a finding.
    static func endAll() {
        for identifier in running.withLock({ $0 }) { _ = Foundation.kill(identifier, SIGKILL) }
    }

    /// The process id.
    var identifier: Int32 { process.processIdentifier }

    /// Stops every thread of the process, and waits until all have stopped.
    ///
    /// A thread inside a system call, such as an fsync, finishes the call first.
    func pause() async throws {
        _ = Foundation.kill(process.processIdentifier, SIGSTOP)
        let tasks = "/proc/\(process.processIdentifier)/task"
        for _ in 0..<2_000 {
            let threads = (try? FileManager.default.contentsOfDirectory(atPath: tasks)) ?? []
            let isStill = threads.allSatisfy { thread in
                let line = (try? String(contentsOfFile: "\(tasks)/\(thread)/stat", encoding: .utf8))
                let state = line?.split(separator: ")").last?.first { $0 != " " }
                return state == "T" || state == nil
            }
            if isStill { return }
            try await Task.sleep(for: .milliseconds(1))
        }
        throw Finding(.refusal, "The server's threads don't stop.")
    }

    /// The exit status, once the process has ended; less than zero when a signal ended it.
    func waitForExit() async -> Int32 { await exit.value }

    /// Waits until the process has ended, or `duration` has passed.
    func waitForExit(atMost duration: Duration) async {
        let end = ContinuousClock.now + duration
        while process.isRunning, ContinuousClock.now < end {
            try? await Task.sleep(for: .milliseconds(2))
        }
    }

    /// Whether the process still runs.
    var isRunning: Bool { process.isRunning }

    /// Waits until the server listens.
    ///
    /// - Returns: Its address.
    func waitUntilListening() async throws -> String {
        if let endpoint { return endpoint }
        let handle = output.fileHandleForReading
        let identifier = process.processIdentifier
        // A server that hangs is killed, which ends its output and with it the wait.
        let watchdog = Task {
            try await Task.sleep(for: Faults.timeout)
            _ = Foundation.kill(identifier, SIGKILL)
        }
        defer { watchdog.cancel() }
        let line = await withCheckedContinuation { continuation in
            DispatchQueue(label: "blocking").async {
                var line = Data()
                while !line.contains(UInt8(ascii: "\n")) {
                    let data = handle.availableData
                    if data.isEmpty { break }
                    line.append(data)
                }
                continuation.resume(returning: String(decoding: line, as: UTF8.self))
            }
        }
        let prefix = "listening on "
        guard line.hasPrefix(prefix), line.hasSuffix("\n") else {
            throw Finding(.didNotOpen, "The server ended with status \(await exit.value) unasked.")
        }
        let endpoint = String(line.dropFirst(prefix.count).dropLast())
        self.endpoint = endpoint
        return endpoint
    }

    /// Ends the process as a crash would, and waits for its end.
    ///
    /// - Throws: A finding when it had ended by itself.
    func kill() async throws {
        guard process.isRunning else {
            throw Finding(.crash, "The server ended with status \(await exit.value) unasked.")
        }
        _ = Foundation.kill(process.processIdentifier, SIGKILL)
        _ = await exit.value
    }

    /// Ends the process if it has not ended by itself, and waits for its end.
    func end() async {
        if process.isRunning { _ = Foundation.kill(process.processIdentifier, SIGKILL) }
        _ = await exit.value
    }

    /// Tells the process to stop, and waits for its end.
    ///
    /// - Returns: Its exit status.
    func stop() async -> Int32 {
        _ = Foundation.kill(process.processIdentifier, SIGTERM)
        return await exit.value
    }
}
