// SPDX-License-Identifier: Apache-2.0
import Foundation

/// The bytes of this process that are in memory; 0 where the system doesn't report them.
package func residentByteCount() -> Int {
    guard let status = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8) else {
        return 0
    }
    let pages = status.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
    return pages * 4_096
}
