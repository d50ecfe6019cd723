// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Foundation

/// A library in another process that measures on command.
///
/// So its passes and Lodestone's take turns.
final class PeerProcess {
    let name: String
    private let process = Process()
    private let input = Pipe()
    private let output = Pipe()
    private var unread = Data()

    /// Starts a script whose first argument is the library's name.
    init(
        _ name: String,
        python: String,
        script: String,
        arguments: [String],
        environment: [String: String] = [:]
    ) throws {
        self.name = name
        process.executableURL = URL(fileURLWithPath: python)
        process.arguments = [script, name] + arguments
        process.environment = ProcessInfo.processInfo.environment
            .merging(environment) { _, given in given }
        process.standardInput = input
        process.standardOutput = output
        try process.run()
    }

    deinit {
        try? input.fileHandleForWriting.close()
        process.waitUntilExit()
    }

    /// Sends a line, and waits for the reply.
    func request<Value: Decodable>(_ line: String, _ type: Value.Type) throws -> Value {
        try input.fileHandleForWriting.write(contentsOf: Data("\(line)\n".utf8))
        return try next(type)
    }

    /// The next line with such a value; libraries print other lines, too.
    func next<Value: Decodable>(_ type: Value.Type) throws -> Value {
        while true {
            if let end = unread.firstIndex(of: UInt8(ascii: "\n")) {
                let line = unread[unread.startIndex..<end]
                unread = unread[(end + 1)...]
                if let value = try? JSONDecoder().decode(type, from: Data(line)) { return value }
                continue
            }
            let more = output.fileHandleForReading.availableData
            guard !more.isEmpty else {
                throw ValidationFailure(text: "The peer \(name) ended without a reply.")
            }
            unread.append(more)
        }
    }
}

/// The options for the processes of peers.
struct PeerOptions: ParsableArguments {
    @Option(help: "The Python that has the libraries.")
    var python = "python3"

    @Option(help: "The folder of the scripts that run them.")
    var scripts = "Tests/Bench"
}
