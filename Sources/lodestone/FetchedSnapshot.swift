// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneClient
import LodestoneCore
import LodestoneImport

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// A file that a snapshot is copied into, part by part, with what an earlier run has left of it.
final class FetchedSnapshot {
    /// Bytes that are compared before a file is taken for the beginning of the same snapshot: the time
    /// of its making and its checksums stand in them.
    private static let startByteCount = 4_096

    private let name: String
    private let path: String
    private let file: FileHandle
    /// Bytes that the file has.
    private(set) var byteCount = 0

    private var partPath: String { path + ".part" }

    /// - Parameters:
    ///   - name: Of the snapshot.
    ///   - path: Of the file.
    /// - Throws: When there is a file already, or none can be made.
    init(name: String, path: String) throws(LodestoneError) {
        self.name = name
        self.path = path
        guard !FileManager.default.fileExists(atPath: path) else {
            throw LodestoneError(
                .alreadyExists,
                reason: "FILE_EXISTS",
                "There is a file \(path) already.",
                recovery: "Choose another name, or remove it.",
                object: path
            )
        }
        let descriptor = open(path + ".part", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Self.failure(path + ".part", Self.lastError) }
        file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    }

    /// Fetches what is missing, and gives the file its name.
    ///
    /// - Returns: The bytes that were there before.
    func fetch(from client: LodestoneClient) async throws(LodestoneError) -> Int {
        let start = try await client.fetchSnapshot(name, maxBytes: Self.startByteCount)
        let total = Int(clamping: start.byteCount)
        let kept = try keep(startingWith: start.bytes, of: total)
        byteCount = kept
        let meter = ProgressMeter(name, unit: "bytes")
        defer { meter.finish() }
        while byteCount < total {
            let part = try await client.fetchSnapshot(name, from: UInt64(byteCount))
            guard part.byteCount == start.byteCount, !part.bytes.isEmpty else { throw changed() }
            try onFile { try file.write(contentsOf: part.bytes) }
            byteCount += part.bytes.count
            meter.update(count: byteCount, fraction: Double(byteCount) / Double(total))
        }
        // Another one may have got the name between two parts.
        let end = try await client.fetchSnapshot(name, maxBytes: Self.startByteCount)
        guard end == start else { throw changed() }
        try onFile {
            try file.synchronize()
            try FileManager.default.moveItem(atPath: partPath, toPath: path)
        }
        return kept
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
            reason: "SNAPSHOT_CHANGED",
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
            reason: "IO_ERROR",
            "\(path) can't be written: \(error.localizedDescription)",
            recovery: "Check the path, free space and rights there. What was fetched is kept.",
            object: path
        )
    }
}
