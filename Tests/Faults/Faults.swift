// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Foundation
import LodestoneClient

/// Kills a server while it is written to, again and again, and checks that it keeps its word.
@main
struct Faults: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lodestone-faults",
        abstract: "Kills a server while it is written to, and checks that nothing is lost.",
        discussion: """
            Every acknowledged batch must be there whole after the kill: rows, vectors, words and \
            edges. A batch whose reply never came may be there or not, but whole or not at all.
            """
    )

    static let collection = "faults"

    @Option(help: "The server to test. Default: the lodestoned beside this program.")
    var server: String?

    @Option(help: "How often to kill it.")
    var cycles = 50

    @Option(help: "Decides what is written and when the server is killed. Default: random.")
    var seed: UInt64?

    @Option(help: "Clients that write at the same time.")
    var writers = 4

    @Option(
        help: """
            A bug that a debug build of the server is asked to have: ack-before-commit. The run \
            then succeeds if it finds a loss.
            """
    )
    var plant: String?

    @Option(help: "Where stores are put. Default: the directory for temporary files.")
    var directory: String?

    func validate() throws {
        guard cycles > 0, (1...64).contains(writers) else {
            throw ValidationError("At least one cycle, and 1 to 64 writers.")
        }
    }

    func run() async throws {
        let seed = seed ?? .random(in: 0..<1_000_000_000)
        let name = "lodestone-faults-\(seed)-\(ProcessInfo.processInfo.processIdentifier)"
        let place = URL(fileURLWithPath: directory ?? NSTemporaryDirectory())
            .appendingPathComponent(name).path
        try FileManager.default.createDirectory(
            atPath: place,
            withIntermediateDirectories: true
        )
        var run = FaultRun(
            executable: server ?? Self.besideThisProgram("lodestoned"),
            place: place,
            seed: seed,
            plant: plant,
            writerCount: writers
        )
        Self.say("seed \(seed), store in \(place)")
        do {
            try await run.run(cycles: cycles)
            Self.say("seed \(seed): \(run.summary)")
        } catch {
            Self.say("seed \(seed): \(run.summary)\n\(error)")
            guard plant != nil, let finding = error as? Finding, finding.kind == .lost else {
                Self.say("replay: \(replay(seed)); store and log are kept in \(place)")
                throw ExitCode.failure
            }
            Self.say("The planted bug was caught.")
            try FileManager.default.removeItem(atPath: place)
            return
        }
        try FileManager.default.removeItem(atPath: place)
        if let plant {
            Self.say("The planted bug, \(plant), was not caught. Is the server a debug build?")
            throw ExitCode.failure
        }
    }

    private func replay(_ seed: UInt64) -> String {
        var words = [CommandLine.arguments[0], "--seed \(seed) --cycles \(cycles)"]
        words.append("--writers \(writers)")
        if let plant { words.append("--plant \(plant)") }
        if let server { words.append("--server \(server)") }
        return words.joined(separator: " ")
    }

    private static func besideThisProgram(_ name: String) -> String {
        let program = Bundle.main.executableURL ?? URL(fileURLWithPath: CommandLine.arguments[0])
        return program.deletingLastPathComponent().appendingPathComponent(name).path
    }

    static func say(_ text: String) {
        FileHandle.standardOutput.write(Data((text + "\n").utf8))
    }

    /// A client that tries every call once: what became of it is what the test is about.
    static func connect(_ endpoint: String) async throws(LodestoneError) -> LodestoneClient {
        var configuration = LodestoneClient.Configuration(endpoint: try Endpoint(endpoint))
        configuration.retry = .none
        configuration.clientName = "lodestone-faults"
        return try await LodestoneClient.connect(configuration)
    }
}
