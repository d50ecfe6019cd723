// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneCore
import LodestoneEngine
import TestSupport
import Testing

@Suite("Store directory")
struct DirectoryTests {
    @Test("A store directory that can't be created is refused with the system's reason")
    func refusals() throws {
        let directory = try TemporaryDirectory()
        let link = "\(directory.path)/link"
        let file = "\(directory.path)/file"
        try FileManager.default.createSymbolicLink(
            atPath: link,
            withDestinationPath: "/not/there"
        )
        try Data().write(to: URL(fileURLWithPath: file))
        let cases = [
            ("", "No such file or directory"), (link, "No such file or directory"),
            ("\(link)/store", "No such file or directory"),
            ("\(link)/a/b/", "No such file or directory"), (file, "Not a directory"),
            ("\(file)/store", "Not a directory"), ("/proc/x", "No such file or directory"),
            ("/proc/x/y/z", "No such file or directory"),
            ("\(directory.path)/a\0b", "Invalid argument"),
            (String(repeating: "a/", count: 5_000), "File name too long"),
        ]
        for (path, reason) in cases {
            let error = #expect(throws: LodestoneError.self, "\(path)") {
                try Engine.open(directory: path)
            }
            #expect(error?.reason == .ioError, "\(path)")
            #expect(error?.message.hasSuffix("failed: \(reason).") == true, "\(path)")
            #expect(error?.object == path || path.hasPrefix(error?.object ?? "-"), "\(path)")
        }
    }

    @Test("A store directory is created with its parents from any form of path")
    func creation() throws {
        let directory = try TemporaryDirectory()
        try FileManager.default.createDirectory(
            atPath: "\(directory.path)/real",
            withIntermediateDirectories: false
        )
        try FileManager.default.createSymbolicLink(
            atPath: "\(directory.path)/link",
            withDestinationPath: "real"
        )
        for path in ["a/b/c", "d/e/", "f//g", "./h/./i", "link", "link/j", "a/b/c"] {
            let engine = try Engine.open(directory: "\(directory.path)/\(path)")
            engine.close()
            #expect(
                FileManager.default.fileExists(atPath: "\(directory.path)/\(path)/lodestone.db")
            )
        }
    }
}
