// SPDX-License-Identifier: Apache-2.0
import Dispatch
import Foundation

/// A server in a process of its own, on a port of its own.
actor ServerProcess {
    private let process = Process()
    private let output = Pipe()
    private let exit: Task<Int32, Never>

    /// Starts a server, which may not be listening yet.
    ///
    /// Its standard error goes to the end of `log`; `plant` is a bug that it is asked to have.
    init(executable: String, store: String, log: String, plant: String?) throws {
        process.executableURL = URL(fileURLWithPath: executable)
        process.arguments = ["--data", store, "--listen", "127.0.0.1:0"]
        var environment = ProcessInfo.processInfo.environment
        environment["LODESTONE_PLANT"] = plant
        process.environment = environment
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
            continuation.yield(process.terminationStatus)
            continuation.finish()
        }
        exit = Task {
            for await status in statuses { return status }
            return -1
        }
        try process.run()
    }

    /// Whether the process has not ended.
    var isRunning: Bool { process.isRunning }

    /// Waits until the server listens.
    ///
    /// - Returns: Its address.
    func waitUntilListening() async throws -> String {
        let handle = output.fileHandleForReading
        let identifier = process.processIdentifier
        // A server that hangs is killed, which ends its output and with it the wait.
        let watchdog = Task {
            try await Task.sleep(for: .seconds(60))
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
        return String(line.dropFirst(prefix.count).dropLast())
    }

    /// Ends the process as a crash would, and waits until it is gone.
    ///
    /// - Throws: A finding when it had ended by itself.
    func kill() async throws {
        guard process.isRunning else {
            throw Finding(.crash, "The server ended with status \(await exit.value) unasked.")
        }
        _ = Foundation.kill(process.processIdentifier, SIGKILL)
        _ = await exit.value
    }

    /// Asks the process to stop, and waits until it has.
    ///
    /// - Returns: Its exit status.
    func stop() async -> Int32 {
        _ = Foundation.kill(process.processIdentifier, SIGTERM)
        return await exit.value
    }
}
