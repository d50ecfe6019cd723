// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneCore

/// The memory that the connections and calls of a server may take, beyond what its collections do.
///
/// Each part has a share of its own: half-sent frames leave room for answers, and the other way
/// round.
struct ServerMemory: Sendable {
    /// Decoded requests under way.
    let requests: MemoryBudget
    /// Answers to reads, while they are made.
    let answers: MemoryBudget
    /// Frames that have arrived in part, or wait to be decoded.
    let frames: MemoryBudget
    /// Replies that clients have not read.
    let output: MemoryBudget

    /// The most of a frame that is not counted: every connection may have that much.
    static let uncountedFrameBytes = BufferPool.smallByteCount

    /// Divides `limit` bytes among the parts.
    ///
    /// - Parameters:
    ///   - limit: Bytes of all parts together.
    ///   - maxFrameBytes: A frame has room in any case.
    init(limit: Int, maxFrameBytes: Int) {
        requests = MemoryBudget(limit: limit / 3)
        answers = MemoryBudget(limit: limit / 3)
        frames = MemoryBudget(limit: max(limit / 6, maxFrameBytes + 4))
        output = MemoryBudget(limit: max(limit / 6, maxFrameBytes + 4))
    }

    var parts: [(name: String, budget: MemoryBudget)] {
        [
            ("requests", requests), ("answers", answers), ("frames", frames), ("output", output),
        ]
    }

    /// Half of the memory that the process may use, at most 768 MiB.
    static var defaultLimit: Int {
        let least = 64 << 20
        return min(max(least, SystemMemory.byteCount / 2), 768 << 20)
    }
}

/// The memory that this process may use.
enum SystemMemory {
    /// That of the machine, or less where a control group limits it.
    static var byteCount: Int {
        let machine = Int(clamping: ProcessInfo.processInfo.physicalMemory)
        return min(machine, controlGroupLimit() ?? machine)
    }

    /// The least limit of the control group of this process and those around it.
    ///
    /// Version 2 has one hierarchy, whose line in `/proc/self/cgroup` begins with `0::`.
    private static func controlGroupLimit() -> Int? {
        guard let text = try? String(contentsOfFile: "/proc/self/cgroup", encoding: .utf8),
            let line = text.split(separator: "\n").first(where: { $0.hasPrefix("0::/") })
        else { return nil }
        var path = String(line.dropFirst(4))
        var least: Int?
        while true {
            let file = "/sys/fs/cgroup/" + (path.isEmpty ? "" : path + "/") + "memory.max"
            if let limit = (try? String(contentsOfFile: file, encoding: .utf8)).flatMap({
                Int($0.trimmingCharacters(in: .whitespacesAndNewlines))
            }) {
                least = min(least ?? limit, limit)
            }
            if path.isEmpty { return least }
            path = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? ""
        }
    }
}
