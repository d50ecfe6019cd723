// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneClient
import LodestoneCore
import LodestoneImport
import LodestoneSystem

/// The local file of a snapshot, which is fetched in parts, and continued after an interrupted run.
final class FetchedSnapshot {
    /// The number of first bytes that identify a snapshot.
    ///
    /// They contain the snapshot's creation time and checksums.
    private static let startByteCount = 4_096

    private let name: String
    private let path: String
    private let file: FileHandle
    /// The size of the file in bytes.
    private(set) var byteCount = 0

    private var partPath: String { path + ".part" }

    /// - Parameters:
    ///   - name: The name of the snapshot.
    ///   - path: The path of the file.
    /// - Throws: An error when the file exists already, or can't be created.
    init(name: String, path: String) throws(LodestoneError) {
        self.name = name
        self.path = path
        guard !FileManager.default.fileExists(atPath: path) else {
            throw LodestoneError(
                .alreadyExists,
                reason: .fileExists,
                "There is a file \(path) already.",
                recovery: "Choose another name, or remove it.",
                object: path
            )
        }
        let descriptor = open(path + ".part", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Self.failure(path + ".part", Self.lastError) }
        file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    }

    /// Fetches the missing parts, and renames the file.
    ///
    /// - Returns: The bytes that an earlier run had fetched.
    func fetch(from client: LodestoneClient) async throws(LodestoneError) -> Int {
        let start = try await client.fetchSnapshot(name, maxBytes: Self.startByteCount)
        let total = Int(clamping: start.byteCount)
        let resumedByteCount = try keep(startingWith: start.bytes, of: total)
        byteCount = resumedByteCount
        let meter = ProgressMeter(name, unit: "bytes")
        defer { meter.finish() }
        while byteCount < total {
            let part = try await client.fetchSnapshot(name, from: UInt64(byteCount))
            guard part.byteCount == start.byteCount, !part.bytes.isEmpty else { throw changed() }
            try onFile { try file.write(contentsOf: part.bytes) }
            byteCount += part.bytes.count
            meter.update(count: byteCount, fraction: Double(byteCount) / Double(total))
        }
        // Another snapshot may have taken the name between two parts.
        let end = try await client.fetchSnapshot(name, maxBytes: Self.startByteCount)
        guard end == start else { throw changed() }
        try onFile {
            try file.synchronize()
            try FileManager.default.moveItem(atPath: partPath, toPath: path)
        }
        return resumedByteCount
    }

    /// - Returns: The bytes of the file that belong to the snapshot: all, or none.
    private func keep(startingWith start: [UInt8], of total: Int) throws(LodestoneError) -> Int {
        try onFile {
            let size = Int(clamping: try file.seekToEnd())
            try file.seek(toOffset: 0)
            let found = [UInt8](try file.read(upToCount: start.count) ?? Data())
            guard size <= total, start.starts(with: found) else {
                try file.truncate(atOffset: 0)
                return 0
            }
            try file.seekToEnd()
            return size
        }
    }

    private func changed() -> LodestoneError {
        LodestoneError(
            .aborted,
            reason: .snapshotChanged,
            "The snapshot '\(name)' is not the one that it was before.",
            recovery: "Fetch it again.",
            object: name
        )
    }

    private func onFile<T>(_ body: () throws -> T) throws(LodestoneError) -> T {
        do {
            return try body()
        } catch {
            throw Self.failure(partPath, error)
        }
    }

    private static var lastError: any Error { POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }

    private static func failure(_ path: String, _ error: any Error) -> LodestoneError {
        LodestoneError(
            .failedPrecondition,
            reason: .ioError,
            "\(path) can't be written: \(error.localizedDescription)",
            recovery:
                "Check the path, its permissions and the free space. The fetched part is kept.",
            object: path
        )
    }
}
