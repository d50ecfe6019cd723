// SPDX-License-Identifier: Apache-2.0
import DequeModule

/// The ids of calls that wait, in the order of their arrival; any call may leave.
///
/// A call that leaves stays in the list until its turn or until such ids are the majority. So a
/// call leaves in O(1), on average over many.
struct CallQueue {
    private var ids: Deque<UInt64> = []
    /// The number of calls that wait.
    private(set) var count = 0

    /// The number of ids below which those of calls that left are kept.
    private static var minIDs: Int { 64 }

    /// Adds a call at the end.
    mutating func append(_ id: UInt64) {
        ids.append(id)
        count += 1
    }

    /// Removes the first call.
    ///
    /// - Parameter calls: Has the calls that wait, and none that left.
    /// - Returns: The id of the call; `nil` when none waits.
    mutating func popFirst<Call>(of calls: CallSlots<Call>) -> UInt64? {
        while let id = ids.popFirst() {
            guard calls.contains(id) else { continue }
            count -= 1
            return id
        }
        return nil
    }

    /// Notes that a call has left.
    ///
    /// - Parameter calls: Has the calls that wait, and none that left.
    mutating func oneLeft<Call>(of calls: CallSlots<Call>) {
        count -= 1
        if ids.count >= Self.minIDs, count * 2 < ids.count {
            ids.removeAll { !calls.contains($0) }
        }
    }

    /// Removes all calls.
    ///
    /// - Parameter calls: Has the calls that wait, and none that left.
    /// - Returns: Their ids, in order.
    mutating func removeAll<Call>(of calls: CallSlots<Call>) -> [UInt64] {
        defer { self = CallQueue() }
        return ids.filter { calls.contains($0) }
    }
}
