// SPDX-License-Identifier: Apache-2.0
import Foundation

/// A file system in a file, on a loop device: its power can be cut, and it can be filled.
struct LoopDisk: Sendable {
    enum Format: String, CaseIterable, Sendable {
        case ext4, xfs
    }

    let image: String
    let mountPoint: String
    let format: Format

    /// Makes a file system of `megabytes` and mounts it.
    ///
    /// - Throws: `Skip` where the machine doesn't allow it.
    static func create(_ format: Format, in folder: String, megabytes: Int) async throws -> LoopDisk
    {
        guard geteuid() == 0 else { throw Skip(reason: "Mounting a file needs root.") }
        let disk = LoopDisk(
            image: "\(folder)/disk.\(format)",
            mountPoint: "\(folder)/\(format)",
            format: format
        )
        let steps = [
            ["rm", "-f", disk.image],
            ["truncate", "-s", "\(megabytes)M", disk.image],
            format == .ext4
                ? ["mkfs.ext4", "-q", "-m", "0", disk.image] : ["mkfs.xfs", "-q", disk.image],
            ["mkdir", "-p", disk.mountPoint],
        ]
        for step in steps {
            let (status, text) = await Programs.run(step[0], Array(step.dropFirst()))
            guard status == 0 else {
                throw Skip(reason: "\(step[0]) ended with \(status): \(text)")
            }
        }
        do {
            try await disk.mount()
        } catch let finding as Finding {
            throw Skip(reason: "No loop mounts here: \(finding.text)")
        }
        return disk
    }

    func mount() async throws {
        let (status, text) = await Programs.run("mount", ["-o", "loop", image, mountPoint])
        guard status == 0 else { throw Finding(.refusal, "mount ended with \(status): \(text)") }
    }

    /// Waits until no process has used the file system for a while, and unmounts it.
    ///
    /// - Throws: `Skip` when the image stays in use: a mount namespace that another program has
    ///   made meanwhile has the file system, too. A new mount would be the same one, without power.
    func unmount() async throws {
        try await wait(for: "umount", [mountPoint]) { status, text in
            status == 0 ? nil : Finding(.refusal, "umount: \(text)")
        }
        try await wait(for: "losetup", ["-j", image]) { _, text in
            text.isEmpty ? nil : Skip(reason: "Another mount namespace has \(text)")
        }
    }

    /// Runs a program until `failure` reports no failure, or it was tried too often.
    private func wait(
        for program: String,
        _ arguments: [String],
        failure: (_ status: Int32, _ text: String) -> (any Error)?
    ) async throws {
        var last: (any Error)?
        for _ in 0..<100 {
            let (status, text) = await Programs.run(program, arguments)
            last = failure(status, text)
            if last == nil { return }
            try await Task.sleep(for: .milliseconds(50))
        }
        if let last { throw last }
    }

    /// Cuts the power: data that are not on the disk yet are lost, until the next mount.
    func cutPower() async throws {
        let (status, text) = await Programs.run(try Programs.shim("power-off"), [mountPoint])
        guard status == 0 else { throw Skip(reason: "The file system can't be cut off: \(text)") }
    }
}
