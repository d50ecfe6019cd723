// SPDX-License-Identifier: Apache-2.0
package import Dispatch
package import LodestoneCore

/// Runs the sockets of many connections, and the work that belongs to them, one thing at a time.
package final class EventLoop: Sendable {
    /// The serial queue that everything runs on.
    package let queue: DispatchQueue

    package init(label: String) throws(LodestoneError) {
        queue = DispatchQueue(label: label)
    }

    /// Whether the caller runs on this loop.
    package var isCurrent: Bool { false }

    /// Runs `work` on the loop, soon; any thread may ask. In the order of asking, and never inside
    /// this call.
    package func async(_ work: @escaping @Sendable () -> Void) {
        queue.async(execute: work)
    }

    /// Runs `work` on the loop once `delay` has passed. Any thread may ask.
    @discardableResult
    package func schedule(after delay: Duration, _ work: @escaping @Sendable () -> Void)
        -> ScheduledWork
    {
        ScheduledWork()
    }

    /// Closes every stream and listener of the loop and ends it. Any thread may ask; once is
    /// enough. Work that is asked for later is dropped.
    package func shutdown() {}
}

/// Work that waits for its time.
package final class ScheduledWork: Sendable {
    /// Forgets the work if it has not run. Any thread may ask; on the loop it is certain not to run
    /// afterwards.
    package func cancel() {}
}
