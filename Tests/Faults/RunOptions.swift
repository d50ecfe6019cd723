// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Foundation
import LodestoneClient
import LodestoneStructures

/// The options of every kind of run.
struct RunOptions: ParsableArguments {
    @Option(help: "The server to test. Default: the lodestoned next to this program.")
    var server: String?

    @Option(help: "Decides what is written and when a fault strikes. Default: random.")
    var seed: UInt64?

    @Option(
        help: """
            A bug of a debug build of the server; LodestoneStructures' Mutation lists them. The \
            run then succeeds if it is found.
            """
    )
    var plant: Mutation?

    @Option(help: "Where stores are put. Default: the directory for temporary files.")
    var directory: String?

    @Option(
        help: "How collections find near vectors: \(IndexChoice.names). Default: by the seed."
    )
    var strategy: IndexChoice?

    /// Performs one run in a new folder, and prints its result.
    ///
    /// A finding ends the program with status 1 and the command that replays it. A machine that
    /// can't do what the run needs ends it with 77. With a planted bug, a finding is the success.
    /// `body` returns a summary of its work.
    func carryOut(_ body: (RunSetup) async throws -> String) async throws {
        let seed = seed ?? .random(in: 0..<1_000_000_000)
        let name = "lodestone-faults-\(seed)-\(ProcessInfo.processInfo.processIdentifier)"
        let folder = URL(fileURLWithPath: directory ?? NSTemporaryDirectory())
            .appendingPathComponent(name).path
        try FileManager.default.createDirectory(
            atPath: folder,
            withIntermediateDirectories: true
        )
        let setup = RunSetup(
            executable: server ?? Programs.path("lodestoned"),
            folder: folder,
            seed: seed,
            plant: plant,
            givenStrategy: strategy
        )
        let strategy = strategy.map { ", \($0.rawValue)" } ?? ""
        Output.say("seed \(seed)\(strategy), files in \(folder)")
        let start = ContinuousClock.now
        do {
            let summary = try await body(setup)
            Output.say("seed \(seed): \(summary), in \(ContinuousClock.now - start)")
        } catch let skip as Skip {
            setup.remove()
            Output.say("SKIPPED, nothing was tested: \(skip.reason)")
            throw ExitCode(77)
        } catch {
            ServerProcess.endAll()
            Output.say("seed \(seed): \(error)")
            let failure = (error as? LodestoneError).map { Finding($0, of: "A call failed") }
            let finding = error as? Finding ?? failure
            guard plant != nil, let finding, finding.kind != .refusal else {
                Output.say("replay: \(replay(seed))\nfiles are kept in \(folder)")
                throw ExitCode.failure
            }
            Output.say("The planted bug was caught, in \(ContinuousClock.now - start).")
            setup.remove()
            return
        }
        setup.remove()
        if let plant {
            let name = plant.name
            Output.say("The planted bug, \(name), was not caught. Is the server a debug build?")
            throw ExitCode.failure
        }
    }

    private func replay(_ seed: UInt64) -> String {
        let given = CommandLine.arguments.joined(separator: " ")
        return self.seed == nil ? "\(given) --seed \(seed)" : given
    }
}

/// The folder of a run, with its programs and settings.
struct RunSetup: Sendable {
    /// The server.
    var executable: String
    var folder: String
    var seed: UInt64
    var plant: Mutation?
    /// The vector strategy of collections; `nil`: the seed decides.
    var givenStrategy: IndexChoice?
    /// The number of changes after which a collection is compacted.
    var compactionChanges = 100
    /// Whether compactions move vectors to new segments, and vectors are linked in memory, as often
    /// as possible.
    var movesVectors = true
    /// The number of collections that a server keeps open.
    var openCollections = 2

    /// The vector strategy of a collection; unless it is given, another one each turn.
    func strategy(_ turn: Int = 0) -> VectorIndexStrategy {
        let all = IndexChoice.allCases
        return (givenStrategy ?? all[Int((seed &+ UInt64(turn)) % UInt64(all.count))]).strategy
    }

    func remove() {
        for folder in [folder, scratch] { try? FileManager.default.removeItem(atPath: folder) }
    }

    /// A folder in memory, if there is one, for stores that no power cut should reach.
    var scratch: String {
        let memory = "/dev/shm"
        guard FileManager.default.isWritableFile(atPath: memory) else { return folder }
        return memory + "/" + URL(fileURLWithPath: folder).lastPathComponent
    }

    /// Starts a server on `store`, with additional environment variables.
    func startServer(
        on store: String,
        _ variables: [String: String] = [:],
        arguments: [String] = []
    ) throws -> ServerProcess {
        var variables = variables
        variables["LODESTONE_PLANT"] = plant?.name
        variables["LODESTONE_COMPACTION_MINIMUM_CHANGES"] = "\(compactionChanges)"
        variables["LODESTONE_COMPACTION_IDLE_PERCENT_OF_BASE"] = "0"
        variables["LODESTONE_COMPACTION_BUSY_CHANGES"] = "1"
        variables["LODESTONE_COMPACTION_PERCENT_OF_BASE"] = "0"
        // Quiet collections are closed while others are used.
        variables["LODESTONE_OPEN_COLLECTIONS"] = "\(openCollections)"
        if movesVectors { variables["LODESTONE_SMALLER"] = "500" }
        // Many documents are hubs, and many become hubs or cease to be.
        variables["LODESTONE_FEWER"] = "2"
        return try ServerProcess(
            executable: executable,
            arguments: ["--data", store, "--listen", "127.0.0.1:0"] + arguments,
            log: "\(folder)/log",
            variables: variables
        )
    }

    /// Starts a server for `body`, which may kill it; afterwards the server is told to stop.
    func withServer<Result>(
        on store: String,
        _ variables: [String: String] = [:],
        arguments: [String] = [],
        _ body: (_ server: ServerProcess, _ endpoint: String) async throws -> Result
    ) async throws -> Result {
        let server = try startServer(on: store, variables, arguments: arguments)
        let result: Result
        do {
            result = try await body(server, try await server.waitUntilListening())
        } catch {
            try? await server.kill()
            throw error
        }
        if await server.isRunning {
            let status = await server.stop()
            guard status == 0 else {
                throw Finding(.crash, "After SIGTERM, the server ended with status \(status).")
            }
        }
        return result
    }
}

/// A vector strategy of the runs.
enum IndexChoice: String, CaseIterable, ExpressibleByArgument {
    case flat
    case hnsw
    case hnswInline = "hnsw-inline"

    static var names: String { allCases.map(\.rawValue).joined(separator: ", ") }

    var strategy: VectorIndexStrategy {
        // Few links, so that the small collections of the runs have levels to climb.
        let options = HNSWOptions(m: 6, efConstruction: 48, efSearch: 48)
        return switch self {
        case .flat: .flatScan
        case .hnsw: .hnsw(inlineIndexing: false, options)
        case .hnswInline: .hnsw(inlineIndexing: true, options)
        }
    }
}

/// The error when this machine can't do what a run needs.
struct Skip: Error {
    var reason: String
}

/// The output of a run.
enum Output {
    static func say(_ text: String) {
        FileHandle.standardOutput.write(Data((text + "\n").utf8))
    }
}
