// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneCore
import LodestoneImport

/// A directory of its own for one test, removed with its owner.
final class Scratch {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "lodestone-import-\(UInt64.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// Writes a file and names it.
    func file(_ name: String, _ content: some Sequence<UInt8>) throws -> String {
        let file = "\(path)/\(name)"
        try Data(content).write(to: URL(fileURLWithPath: file))
        return file
    }

    func file(_ name: String, _ text: String) throws -> String { try file(name, text.utf8) }

    /// Compresses a file with the zstd command, when the machine has it.
    func compressed(_ file: String) throws -> String? {
        guard FileManager.default.isExecutableFile(atPath: "/usr/bin/zstd") else { return nil }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/zstd")
        process.arguments = ["-q", "--rm", file]
        try process.run()
        process.waitUntilExit()
        return file + ".zst"
    }
}

/// Everything that a reader yields, in one batch.
func drain<Reader: BatchReader>(_ reader: Reader, by count: Int = 1_000) throws -> ImportBatch {
    var reader = reader
    var all = ImportBatch(path: reader.path, after: 0)
    while let batch = try reader.next(count) {
        all.documents += batch.documents
        all.edges += batch.edges
        all.lines += batch.lines
        all.badLines += batch.badLines
        all.endsAtLine = batch.endsAtLine
    }
    return all
}

/// The error that `body` throws.
func failure(_ body: () throws -> Void) -> LodestoneError? {
    do {
        try body()
        return nil
    } catch {
        return error as? LodestoneError
    }
}
