// SPDX-License-Identifier: Apache-2.0
import DequeModule
import HeapModule
import LodestoneTransport

/// The time at which a call gives up; void once the call has ended or gives up at another time.
struct CallDeadline: Comparable {
    var time: MonotonicTime
    var id: UInt64

    static func < (one: CallDeadline, other: CallDeadline) -> Bool {
        (one.time, one.id) < (other.time, other.id)
    }
}

/// The deadlines of calls, the earliest first.
///
/// Most calls have the same time, so their deadlines come in order: these lie in a list, and cost
/// O(1). The others lie in a heap, and cost O(log n).
struct CallDeadlines {
    /// Deadlines in order.
    private var inOrder: Deque<CallDeadline> = []
    private var others: Heap<CallDeadline> = []

    /// The number of deadlines, void ones included.
    var count: Int { inOrder.count + others.count }

    /// The earliest deadline.
    var first: CallDeadline? {
        guard let next = inOrder.first else { return others.min }
        guard let other = others.min, other < next else { return next }
        return other
    }

    mutating func insert(_ deadline: CallDeadline) {
        if let last = inOrder.last, deadline < last {
            // One late deadline must not keep all that follow out of the list; moving many at once
            // would take long.
            _ = inOrder.popLast()
            others.insert(last)
            if let last = inOrder.last, deadline < last {
                others.insert(deadline)
                return
            }
        }
        inOrder.append(deadline)
    }

    mutating func removeFirst() {
        guard let next = inOrder.first else {
            _ = others.popMin()
            return
        }
        if let other = others.min, other < next {
            others.removeMin()
        } else {
            inOrder.removeFirst()
        }
    }

    /// Removes all void deadlines.
    ///
    /// O(n).
    mutating func removeAll(where isVoid: (CallDeadline) -> Bool) {
        inOrder.removeAll(where: isVoid)
        others = Heap(others.unordered.filter { !isVoid($0) })
    }
}
