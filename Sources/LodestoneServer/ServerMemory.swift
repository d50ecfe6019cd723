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

}

/// How much of the memory that the process may use each of its consumers takes, unless they are told:
/// five sixths of it together.
///
/// The rest is for what grows with the collections alone, as tables of rows while a base is written,
/// and for the allocator.
package enum MemoryShares {
    /// What connections and calls take: a third, at most 768 MiB.
    package static var calls: Int { share(3, upTo: 768 << 20) }
    /// What changes since the last compactions take: a sixth, at most 1 GiB.
    package static var changes: Int { share(6, upTo: 1 << 30) }
    /// What graphs of vectors take: a fifth.
    package static var graphs: Int { share(5, upTo: .max) }
    /// What SQLite's caches take: an eighth, at most 1 GiB.
    package static var caches: Int { share(8, upTo: 1 << 30) }

    private static func share(_ divisor: Int, upTo most: Int) -> Int {
        min(max(64 << 20, SystemMemory.byteCount / divisor), most)
    }
}

/// The memory that this process may use.
enum SystemMemory {
    /// That of the machine, or less where a control group limits it.
    static var byteCount: Int {
        let machine = Int(clamping: ProcessInfo.processInfo.physicalMemory)
        let groups = try? String(contentsOfFile: "/proc/self/cgroup", encoding: .utf8)
        return min(machine, controlGroupLimit(groups ?? "", in: "/sys/fs/cgroup") ?? machine)
    }

    /// The least limit of the control groups of this process and those around them.
    ///
    /// - Parameters:
    ///   - groups: Lines of a hierarchy's number, its controllers and the group's path in it. Version 2
    ///     has one hierarchy, with the number 0 and no controllers; version 1 one for memory.
    ///   - root: Where they are mounted.
    /// - Returns: `nil` when there is none.
    static func controlGroupLimit(_ groups: String, in root: String) -> Int? {
        groups.split(separator: "\n").compactMap { line in
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3 else { return nil }
            if parts[0] == "0", parts[1].isEmpty {
                return leastLimit(of: parts[2], in: root, "memory.max")
            }
            guard parts[1].split(separator: ",").contains("memory") else { return nil }
            return leastLimit(of: parts[2], in: root + "/memory", "memory.limit_in_bytes")
        }.min()
    }

    /// The least of what a file says in the folders of a path; in a container its root has those of its
    /// own group.
    private static func leastLimit(of path: Substring, in root: String, _ name: String) -> Int? {
        var folder = root + path
        var least: Int?
        while folder.utf8.count >= root.utf8.count {
            if let text = try? String(contentsOfFile: "\(folder)/\(name)", encoding: .utf8),
                let limit = Int(text.trimmingCharacters(in: .whitespacesAndNewlines))
            {
                least = min(least ?? limit, limit)
            }
            folder = folder.lastIndex(of: "/").map { String(folder[..<$0]) } ?? ""
        }
        return least
    }
}
