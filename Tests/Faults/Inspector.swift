// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Foundation
import LodestoneClient
import LodestoneEngine
import LodestoneStorage
import LodestoneStructures
import LodestoneText
import Synchronization

/// The result of opening a store and checking all of its content.
enum Inspection: Sendable, Equatable {
    /// The content is right.
    case right
    /// The store reported damage.
    case refused(code: String, text: String)
    /// The content is complete at an earlier sequence number.
    ///
    /// A client that has seen later ones gets DATA_LOSS when it connects.
    case behind
    /// A result is wrong.
    case wrong(String)
    /// The process that checked the store has crashed.
    case crashed(Int32)
}

/// Opens stores one after the other, by commands on standard input.
///
/// It is another process, so that a crash is a result like any other.
struct Inspect: AsyncParsableCommand {
    static let configuration = CommandConfiguration(shouldDisplay: false)

    @Option var seed: UInt64
    @OptionGroup var size: ScriptOptions
    @Option var references: String?

    func run() async throws {
        let script = Script(seed: seed, size: size.size)
        var results = references.map { ReferenceResults(script: script, folder: $0) }
        while let line = readLine() {
            let words = line.split(separator: " ", maxSplits: 3).map(String.init)
            guard words.count == 4, let acknowledged = Int(words[0]),
                let situation = Inspector.Situation(rawValue: words[1]),
                let snapshots = Int(words[2])
            else { return }
            var inspection = await inspect(words[3], script, acknowledged, situation, &results)
            if inspection == .right && snapshots >= 0 {
                inspection = inspectSnapshots(words[3] + "/snapshots", acknowledged: snapshots)
            }
            let text: String =
                switch inspection {
                case .right: "RIGHT"
                case .behind: "BEHIND"
                case .refused(let code, let text): "REFUSED \(code) \(text)"
                case .wrong(let text): "WRONG \(text)"
                case .crashed: ""
                }
            Output.say(text.replacing("\n", with: "; "))
        }
    }

    private func inspect(
        _ directory: String,
        _ script: Script,
        _ acknowledged: Int,
        _ situation: Inspector.Situation,
        _ results: inout ReferenceResults?
    ) async -> Inspection {
        if situation == .restoring, !FileManager.default.fileExists(atPath: directory) {
            return .right
        }
        guard FileManager.default.fileExists(atPath: directory) || acknowledged == 0 else {
            return .wrong("There is no store.")
        }
        do {
            let engine = try Engine.open(directory: directory)
            defer { engine.close() }
            let isBehind = situation == .damaged && engine.sequenceNumber < acknowledged
            let acknowledged = isBehind ? Int(engine.sequenceNumber) : acknowledged
            let writers = script.writers(
                acknowledged: acknowledged,
                isUnderWay: situation == .underWay
            )
            for (number, writer) in writers.enumerated() {
                let store = OwnStore(engine: engine, name: writer.collection)
                if script.size.isLarge && !writer.isQuiet {
                    try await results?.check(store, at: acknowledged)
                    continue
                }
                var some = [writer]
                do {
                    _ = try await Verifier(store: store, content: script.content)
                        .verify(&some, everything: true)
                } catch let error as LodestoneError
                    where error.code == .notFound && acknowledged <= number
                {
                    // The collection was not created yet.
                }
            }
            return isBehind ? .behind : .right
        } catch let error as LodestoneError {
            return .refused(code: "\(error.code)", text: "\(error)")
        } catch {
            return .wrong("\(error)")
        }
    }

    /// Checks that every archive with its final name is complete, and that the acknowledged ones
    /// exist.
    private func inspectSnapshots(_ directory: String, acknowledged: Int) -> Inspection {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        let archives = Set(files.filter { $0.hasSuffix(".lodestone") && !$0.hasPrefix(".") })
        for number in 0..<acknowledged where !archives.contains("s\(number).lodestone") {
            return .wrong("The snapshot s\(number) is not there.")
        }
        for name in archives.sorted() {
            do throws(LodestoneError) {
                _ = try SnapshotArchive.verify(
                    "\(directory)/\(name)",
                    analysis: FTS5Analysis(),
                    context: CallContext(timeout: Faults.timeout)
                )
            } catch {
                return .wrong("The snapshot \(name): \(error)")
            }
        }
        return .right
    }
}

/// A process that runs `Inspect`; after its end it is started again.
///
/// Threading: one caller at a time.
final class Inspector: @unchecked Sendable {
    enum Situation: String {
        case quiet
        /// The next batch was sent.
        case underWay = "under-way"
        /// The end of the write-ahead log may be lost.
        case damaged
        /// The store may not have its name yet.
        case restoring
    }

    private let seed: UInt64
    private let size: ScriptSize
    private let plant: Mutation?
    private let references: String?
    private var process: Process?
    private var input = Pipe()
    private var output = Pipe()

    /// Creates an inspector; `references` is the folder of undamaged large stores.
    init(seed: UInt64, size: ScriptSize, plant: Mutation?, references: String? = nil) {
        self.seed = seed
        self.size = size
        self.plant = plant
        self.references = references
    }

    /// The folder in `references` of the store at a sequence number.
    static func reference(_ sequenceNumber: Int) -> String { "original-\(sequenceNumber)" }

    /// Checks the store in `directory`, and blocks until this is done.
    ///
    /// With `snapshots`, it also checks the archives in the store: at least so many must exist.
    func inspect(
        _ directory: String,
        acknowledged: Int,
        _ situation: Situation,
        snapshots: Int? = nil
    ) throws -> Inspection {
        let process = try self.process ?? start()
        let line = "\(acknowledged) \(situation.rawValue) \(snapshots ?? -1) \(directory)\n"
        try input.fileHandleForWriting.write(contentsOf: Data(line.utf8))
        var reply = Data()
        while !reply.contains(UInt8(ascii: "\n")) {
            let data = output.fileHandleForReading.availableData
            if data.isEmpty {
                process.waitUntilExit()
                self.process = nil
                return .crashed(process.terminationStatus)
            }
            reply.append(data)
        }
        let text = String(decoding: reply, as: UTF8.self).trimmingCharacters(in: .newlines)
        let words = text.split(separator: " ", maxSplits: 2).map(String.init)
        switch words.first {
        case "RIGHT": return .right
        case "BEHIND": return .behind
        case "REFUSED" where words.count == 3: return .refused(code: words[1], text: words[2])
        default: return .wrong(text)
        }
    }

    func end() {
        try? input.fileHandleForWriting.close()
        process?.waitUntilExit()
        process = nil
    }

    private func start() throws -> Process {
        let process = Process()
        input = Pipe()
        output = Pipe()
        process.executableURL = URL(fileURLWithPath: Programs.path("lodestone-faults"))
        process.arguments =
            ["inspect", "--seed", "\(seed)"] + ScriptOptions.arguments(size)
            + (references.map { ["--references", $0] } ?? [])
        var environment = ProcessInfo.processInfo.environment
        environment["LODESTONE_PLANT"] = plant?.name
        process.environment = environment
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        self.process = process
        return process
    }
}
