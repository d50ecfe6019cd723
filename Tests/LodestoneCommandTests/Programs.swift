// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneStructures
import TestSupport
import Testing

/// The output and the exit status of a program.
struct Outcome: Sendable {
    var status: Int32
    var output: String
    var errors: String

    /// The output as a JSON object.
    var json: [String: Any] {
        let value = try? JSONSerialization.jsonObject(with: Data(output.utf8))
        return value as? [String: Any] ?? [:]
    }
}

/// Runs blocking work on a thread that may be blocked, so that other tests go on.
func blocking<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws
    -> Result
{
    try await withCheckedThrowingContinuation { continuation in
        DispatchQueue(label: "blocking").async {
            continuation.resume(with: Swift.Result(catching: body))
        }
    }
}

/// The programs that were built together with these tests.
enum Programs {
    static let folder = URL(fileURLWithPath: CommandLine.arguments[0])
        .resolvingSymlinksInPath().deletingLastPathComponent()

    static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// Runs a program of the build, or the program at an absolute path, to its end.
    static func run(
        _ name: String,
        _ arguments: [String],
        environment: [String: String] = [:]
    ) async throws -> Outcome {
        try await blocking { try runBlocking(name, arguments, environment) }
    }

    private static func runBlocking(
        _ name: String,
        _ arguments: [String],
        _ environment: [String: String]
    ) throws -> Outcome {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: name, relativeTo: folder).absoluteURL
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment
            .filter { !$0.key.hasPrefix("LODESTONE_") }
            .merging(environment) { $1 }
        // Output goes to files, because a full pipe without a reader would stop the program.
        let scratch = try Scratch()
        let (output, errors) = ("\(scratch.path)/output", "\(scratch.path)/errors")
        for path in [output, errors] { try Data().write(to: URL(fileURLWithPath: path)) }
        process.standardOutput = FileHandle(forWritingAtPath: output)
        process.standardError = FileHandle(forWritingAtPath: errors)
        try process.run()
        process.waitUntilExit()
        return Outcome(
            status: process.terminationStatus,
            output: try String(contentsOfFile: output, encoding: .utf8),
            errors: try String(contentsOfFile: errors, encoding: .utf8)
        )
    }
}

/// A directory that goes away with its owner.
final class Scratch: Sendable {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "lodestone-\(UInt64.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// Writes a file and names it.
    func file(_ name: String, _ text: String) throws -> String {
        try file(name, Data(text.utf8))
    }

    func file(_ name: String, _ data: Data) throws -> String {
        try data.write(to: URL(fileURLWithPath: "\(path)/\(name)"))
        return "\(path)/\(name)"
    }
}

/// A real server on an empty directory, and on a free port unless told otherwise, stopped with its
/// owner.
final class TestServer: Sendable {
    let address: String
    let scratch: Scratch
    private let processID: Int32

    /// Starts one on `data`, or on a new store; it ends at `fault` as if it were killed.
    static func start(
        data: String? = nil,
        fault: Failpoint? = nil,
        turn: Int = 1,
        listen: String = "127.0.0.1:0",
        environment: [String: String] = [:]
    ) async throws -> TestServer {
        let fault = fault?.environment(turn: turn) ?? [:]
        let environment = environment.merging(fault) { $1 }
        return try await blocking { try TestServer(data, listen, environment) }
    }

    private init(_ data: String?, _ listen: String, _ environment: [String: String]) throws {
        scratch = try Scratch()
        let process = Process()
        process.executableURL = Programs.folder.appendingPathComponent("lodestoned")
        process.arguments = [
            "--data", data ?? "\(scratch.path)/store", "--listen", listen, "--log-level",
            "error",
        ]
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        processID = process.processIdentifier
        var said = ""
        while !said.contains("\n") {
            let data = pipe.fileHandleForReading.availableData
            guard !data.isEmpty else { break }
            said += String(decoding: data, as: UTF8.self)
        }
        let prefix = "listening on "
        let line = said.split(separator: "\n").first { $0.hasPrefix(prefix) }
        address = String(try #require(line, "the server said: \(said)").dropFirst(prefix.count))
    }

    // At once, so that nothing is written any more when the directory goes.
    deinit { kill(processID, SIGKILL) }

    /// Runs the command line against this server.
    func lodestone(_ arguments: String...) async throws -> Outcome {
        try await Programs.run(
            "lodestone",
            arguments,
            environment: ["LODESTONE_ADDRESS": address]
        )
    }
}
