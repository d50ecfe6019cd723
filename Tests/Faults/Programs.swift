// SPDX-License-Identifier: Apache-2.0
import Foundation

/// The other programs that a run uses.
enum Programs {
    /// The path of a program next to this one, or of one of the harness's C programs.
    static func path(_ name: String) -> String {
        let program = Bundle.main.executableURL ?? URL(fileURLWithPath: CommandLine.arguments[0])
        return program.deletingLastPathComponent().appendingPathComponent(name).path
    }

    /// The path of a file that `make` builds from `Tests/Faults/Shim`.
    static func shim(_ name: String) throws -> String {
        let path = path(name)
        guard FileManager.default.fileExists(atPath: path) else {
            throw Skip(reason: "\(path) is not there; make faults-tools builds it.")
        }
        return path
    }

    /// Runs a program to its end.
    ///
    /// - Returns: Its exit status, and its output on both streams.
    static func run(_ name: String, _ arguments: [String]) async -> (status: Int32, text: String) {
        await withCheckedContinuation { continuation in
            DispatchQueue(label: "blocking").async {
                let process = Process()
                let output = Pipe()
                process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
                process.arguments = [name] + arguments
                process.standardOutput = output
                process.standardError = output
                process.standardInput = FileHandle.nullDevice
                do {
                    try process.run()
                } catch {
                    continuation.resume(returning: (-1, "\(error)"))
                    return
                }
                let data = output.fileHandleForReading.readDataToEndOfFile()
                process.waitUntilExit()
                let text = String(decoding: data, as: UTF8.self)
                continuation.resume(returning: (process.terminationStatus, text))
            }
        }
    }
}
