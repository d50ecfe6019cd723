// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneCore

/// A library's vector index, measured by `ann_peer.py`.
final class AnnPeer {
    struct Point: Decodable {
        let qps: Double
        let recall: Double
    }

    private struct Built: Decodable {
        let built: Double
        let bytesPerVector: Double
    }

    /// Vectors per second of processor time.
    let build: Double
    /// The growth of the library's process per vector, including the vectors if the library keeps
    /// them.
    let bytesPerVector: Double
    private let process: PeerProcess

    var name: String { process.name }

    /// Starts the script, and waits until the index is built.
    init(
        _ name: String,
        _ peers: PeerOptions,
        folder: String,
        metric: String,
        dimension: Int,
        k: Int,
        threads: Int
    ) throws {
        process = try PeerProcess(
            name,
            python: peers.python,
            script: peers.scripts + "/ann_peer.py",
            arguments: [folder, metric, String(dimension), String(k), String(threads)],
            environment: ["OMP_NUM_THREADS": String(threads), "OPENBLAS_NUM_THREADS": "1"]
        )
        let built = try process.next(Built.self)
        build = built.built
        bytesPerVector = built.bytesPerVector
    }

    /// Measures one pass over all queries.
    func measure(_ width: Int) throws -> Point {
        try process.request(String(width), Point.self)
    }
}

/// Rows, queries and their true neighbors in a temporary folder, for peers.
final class AnnFolder {
    let path: String

    init(_ rows: AnnRows, _ annQueries: AnnQueries) throws {
        path = NSTemporaryDirectory() + "lodestone-ann-\(UUID().uuidString)"
        try FileManager.default.createDirectory(
            atPath: path,
            withIntermediateDirectories: true
        )
        try rows.withData { try $0.write(to: URL(fileURLWithPath: path + "/rows.f32")) }
        try Data(annQueries.queries.flatMap { $0 }.withUnsafeBytes { Array($0) })
            .write(to: URL(fileURLWithPath: path + "/queries.f32"))
        try Data(annQueries.truth.flatMap { $0 }.withUnsafeBytes { Array($0) })
            .write(to: URL(fileURLWithPath: path + "/truth.u32"))
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}
