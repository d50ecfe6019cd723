// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneCore

/// A library's index in a process of its own, which measures when it is told to: so that its passes
/// and ours take turns.
final class AnnPeer {
    struct Point: Decodable {
        let qps: Double
        let recall: Double
    }

    private struct Built: Decodable {
        let built: Double
        let bytesPerVector: Double
    }

    let name: String
    /// Vectors a second of processor time.
    private(set) var build = 0.0
    /// What the library's process grew by, of which the vectors are a part where it keeps them.
    private(set) var bytesPerVector = 0.0
    private let process = Process()
    private let input = Pipe()
    private let output = Pipe()
    private var rest = Data()

    /// Starts the script `ann_peer.py`, and waits until the index is built.
    init(
        _ name: String,
        python: String,
        script: String,
        folder: String,
        metric: String,
        dimension: Int,
        k: Int,
        threads: Int
    ) throws {
        self.name = name
        process.executableURL = URL(fileURLWithPath: python)
        process.arguments = [
            script, name, folder, metric, String(dimension), String(k), String(threads),
        ]
        var environment = ProcessInfo.processInfo.environment
        environment["OMP_NUM_THREADS"] = String(threads)
        environment["OPENBLAS_NUM_THREADS"] = "1"
        process.environment = environment
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        let built = try decode(Built.self)
        build = built.built
        bytesPerVector = built.bytesPerVector
    }

    deinit {
        try? input.fileHandleForWriting.close()
        process.waitUntilExit()
    }

    /// One pass over all queries.
    func measure(_ width: Int) throws -> Point {
        try input.fileHandleForWriting.write(contentsOf: Data("\(width)\n".utf8))
        return try decode(Point.self)
    }

    /// The next line that is such a value; libraries print others.
    private func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
        while true {
            if let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
                let line = rest[rest.startIndex..<end]
                rest = rest[(end + 1)...]
                if let value = try? JSONDecoder().decode(type, from: Data(line)) { return value }
                continue
            }
            let more = output.fileHandleForReading.availableData
            guard !more.isEmpty else {
                throw ValidationFailure(text: "The peer \(name) ended without an answer.")
            }
            rest.append(more)
        }
    }
}

/// Rows, queries and their true neighbors in a temporary folder, for peers.
final class AnnFolder {
    let path: String

    init(_ rows: AnnRows, _ questions: AnnQuestions) throws {
        path = NSTemporaryDirectory() + "lodestone-ann-\(UUID().uuidString)"
        try FileManager.default.createDirectory(
            atPath: path,
            withIntermediateDirectories: true
        )
        try rows.withData { try $0.write(to: URL(fileURLWithPath: path + "/rows.f32")) }
        try Data(questions.queries.flatMap { $0 }.withUnsafeBytes { Array($0) })
            .write(to: URL(fileURLWithPath: path + "/queries.f32"))
        try Data(questions.truth.flatMap { $0 }.withUnsafeBytes { Array($0) })
            .write(to: URL(fileURLWithPath: path + "/truth.u32"))
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}
