// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneCore
import LodestoneStructures

/// The memory that the connections and calls of a server may take, in addition to its collections.
///
/// Each part has its own share, so partial frames leave room for replies, and replies leave room
/// for frames.
struct ServerMemory: Sendable {
    /// The memory of decoded requests in flight.
    let requests: MemoryBudget
    /// The memory of replies to reads, while they are made.
    let replies: MemoryBudget
    /// The memory of frames that have arrived in part, or wait to be decoded.
    let frames: MemoryBudget
    /// The memory of replies that clients have not read.
    let output: MemoryBudget

    /// The bytes per connection that are not counted.
    static let uncountedFrameBytes = BufferPool.smallByteCount

    /// Divides `limit` bytes among the parts.
    ///
    /// - Parameters:
    ///   - limit: Bytes of all parts together.
    ///   - maxFrameBytes: The largest frame, for which there is room in any case.
    init(limit: Int, maxFrameBytes: Int) {
        requests = MemoryBudget(limit: limit / 3)
        replies = MemoryBudget(limit: limit / 3)
        frames = MemoryBudget(limit: max(limit / 6, maxFrameBytes + 4))
        output = MemoryBudget(limit: max(limit / 6, maxFrameBytes + 4))
    }

    var parts: [(name: String, budget: MemoryBudget)] {
        [
            ("requests", requests), ("replies", replies), ("frames", frames), ("output", output),
        ]
    }
}

/// The default shares of each consumer of the memory that the process may use.
///
/// Together they are about five sixths of it. The last sixth is for memory that grows with the
/// collections, such as tables of rows while a base is written, and for the allocator.
package enum MemoryShares {
    /// The share of connections and calls: a third, at most 768 MiB.
    package static var calls: Int { share(3, upTo: 768 << 20) }
    /// The share of changes since the last compactions: a sixth, at most 1 GiB.
    package static var changes: Int { share(6, upTo: 1 << 30) }
    /// The share of vector graphs: a fifth.
    package static var graphs: Int { share(5, upTo: .max) }
    /// The share of SQLite's caches: an eighth, at most 1 GiB.
    package static var caches: Int { share(8, upTo: 1 << 30) }

    private static func share(_ divisor: Int, upTo most: Int) -> Int {
        min(max(64 << 20, SystemMemory.byteCount / divisor), most)
    }
}

/// The memory that this process may use.
enum SystemMemory {
    /// The memory of the machine, or less where a control group limits it.
    ///
    /// Read once, because a start computes the defaults of the settings a hundred times.
    static let byteCount: Int = {
        let machine = Int(clamping: ProcessInfo.processInfo.physicalMemory)
        let groups = try? String(contentsOfFile: "/proc/self/cgroup", encoding: .utf8)
        return min(machine, controlGroupLimit(groups ?? "", in: "/sys/fs/cgroup") ?? machine)
    }()

    /// The least limit of this process's control groups and of the groups around them.
    ///
    /// - Parameters:
    ///   - groups: Lines of a hierarchy's number, its controllers and the group's path in it.
    ///     Version 2 has one hierarchy, with the number 0 and no controllers. Version 1 has one for
    ///     memory.
    ///   - root: The folder where the hierarchies are mounted.
    /// - Returns: The least limit; `nil` when there is none.
    static func controlGroupLimit(_ groups: String, in root: String) -> Int? {
        groups.split(separator: "\n").compactMap { line in
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3 else { return nil }
            if parts[0] == "0", parts[1].isEmpty {
                return minLimit(of: parts[2], in: root, "memory.max")
            }
            guard parts[1].split(separator: ",").contains("memory") else { return nil }
            return minLimit(of: parts[2], in: root + "/memory", "memory.limit_in_bytes")
        }.min()
    }

    /// The least limit that a file of this name has in any folder of a path.
    ///
    /// In a container the root has the limits of the container's own group.
    private static func minLimit(of path: Substring, in root: String, _ name: String) -> Int? {
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
