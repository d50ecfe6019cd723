// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneSystem

/// Threads for long work that yields to other threads.
enum MaintenanceThread {
    /// The niceness of these threads: others get about nine times the share of the processor.
    private static let niceness: Int32 = 10

    /// Runs `work` on a new thread, which yields to searches and writes.
    static func run(_ work: @escaping @Sendable () -> Void) {
        let thread = Thread {
            #if os(Linux)
            // On Linux a niceness belongs to a thread; 0 is the calling one.
            setpriority(Int32(PRIO_PROCESS.rawValue), 0, niceness)
            #endif
            work()
        }
        thread.qualityOfService = .utility
        thread.name = "lodestone.maintenance"
        thread.start()
    }
}
