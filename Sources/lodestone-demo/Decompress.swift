// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneCore

/// Decompresses a gzip file by the gzip program; only this data set has the format.
func decompress(_ path: String) throws -> [UInt8] {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["gzip", "-dc", path]
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.run()
    let data = try pipe.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
        throw LodestoneError(
            .notFound,
            reason: .file,
            "Can't read \(path).",
            recovery: "Install dataset-fashion-mnist.",
            object: path
        )
    }
    return [UInt8](data)
}
