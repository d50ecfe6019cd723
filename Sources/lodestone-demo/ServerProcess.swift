// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneClient

/// The server of the demo: the `lodestoned` next to this program, on a socket in the store's
/// directory.
///
/// So it can't conflict with another server.
struct ServerProcess {
    private let process: Process
    private let address: String
    private let log: String

    /// Starts the server.
    init(directory: String) throws {
        let program = URL(fileURLWithPath: CommandLine.arguments[0])
            .resolvingSymlinksInPath().deletingLastPathComponent()
            .appendingPathComponent("lodestoned")
        address = "unix:\(directory)/socket"
        log = "\(directory)/server.log"
        _ = FileManager.default.createFile(atPath: log, contents: nil)
        process = Process()
        process.executableURL = program
        process.arguments = ["--data", "\(directory)/store", "--listen", address]
        let output = FileHandle(forWritingAtPath: log)
        process.standardOutput = output
        process.standardError = output
        try process.run()
        say("Started lodestoned on the empty directory \(directory)/store")
    }

    /// Connects as soon as the server listens.
    func connect() async throws -> LodestoneClient {
        let end = ContinuousClock.now.advanced(by: .seconds(20))
        while true {
            do {
                return try await LodestoneClient.connect(to: address)
            } catch {
                guard process.isRunning, ContinuousClock.now < end else {
                    say("The server did not start. It says:\n\(said)")
                    throw error
                }
                try await Task.sleep(for: .milliseconds(50))
            }
        }
    }

    /// Tells the server to stop, and waits for its end.
    func stop() throws {
        process.terminate()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw LodestoneError(
                .internal,
                reason: LodestoneError.Reason(rawValue: "SERVER"),
                "The server ended with status \(process.terminationStatus). It says:\n\(said)",
                recovery: "Report this with the text above."
            )
        }
    }

    /// Ends the server after a failure, and reports if it had already ended.
    func abandon() {
        guard process.isRunning else {
            say(
                "\nThe server has ended with status \(process.terminationStatus). It says:\n\(said)"
            )
            return
        }
        process.terminate()
        process.waitUntilExit()
    }

    /// The end of the server's log.
    private var said: String {
        let text = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
        return String(text.suffix(8_000))
    }
}
