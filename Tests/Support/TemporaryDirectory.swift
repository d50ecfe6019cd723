// SPDX-License-Identifier: Apache-2.0
import Foundation

/// A directory of one test that is removed with its owner.
package final class TemporaryDirectory: Sendable {
    /// The path of the directory.
    package let path: String

    /// Creates an empty directory.
    package init() throws {
        let url = FileManager.default.temporaryDirectory
            .appendingPathComponent("lodestone-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = url.path
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    /// Writes a file that only its owner may read, unless `mode` says otherwise.
    ///
    /// - Returns: The path of the file.
    package func write(_ name: String, _ text: String, mode: Int = 0o600) throws -> String {
        let file = path + "/" + name
        try text.write(toFile: file, atomically: false, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: file)
        return file
    }
}
