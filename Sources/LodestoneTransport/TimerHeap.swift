// SPDX-License-Identifier: Apache-2.0

/// Work that waits for its time.
///
/// Threading: belongs to its loop; `cancel` may be called from any thread.
package final class ScheduledWork: @unchecked Sendable {
    // Unchecked: `work` and `index` are touched on the loop only.
    let due: ContinuousClock.Instant
    fileprivate var index = -1
    private var work: (@Sendable () -> Void)?
    private weak var loop: EventLoop?

    init(due: ContinuousClock.Instant, loop: EventLoop?, _ work: @escaping @Sendable () -> Void) {
        self.due = due
        self.loop = loop
        self.work = work
    }

    /// Cancels the work if it has not run.
    ///
    /// Any thread may call it. After a call on the loop, the work is certain not to run.
    package func cancel() {
        guard let loop else { return }
        if loop.isCurrent {
            work = nil
            loop.forget(self)
        } else {
            loop.async { [self] in
                work = nil
                loop.forget(self)
            }
        }
    }

    /// Runs the work, once.
    func run() {
        let work = self.work
        self.work = nil
        work?()
    }
}

/// The work that waits, in a binary heap with the next one due at the top.
///
/// The elements keep their index, so any of them can be removed in O(log n).
struct TimerHeap {
    private var items: [ScheduledWork] = []

    var count: Int { items.count }

    /// The time at which the next work is due.
    var nextDue: ContinuousClock.Instant? { items.first?.due }

    mutating func insert(_ item: ScheduledWork) {
        items.append(item)
        item.index = items.count - 1
        siftUp(from: items.count - 1)
    }

    /// Removes `item` if the heap has it.
    mutating func remove(_ item: ScheduledWork) {
        let hole = item.index
        guard items.indices.contains(hole), items[hole] === item else { return }
        item.index = -1
        let last = items.removeLast()
        guard hole < items.count else { return }
        store(last, at: hole)
        siftDown(from: hole)
        siftUp(from: last.index)
    }

    /// Removes and returns the next work that is due at `now`.
    mutating func popDue(at now: ContinuousClock.Instant) -> ScheduledWork? {
        guard let first = items.first, first.due <= now else { return nil }
        remove(first)
        return first
    }

    mutating func removeAll() {
        for item in items { item.index = -1 }
        items = []
    }

    private mutating func store(_ item: ScheduledWork, at index: Int) {
        items[index] = item
        item.index = index
    }

    private mutating func siftUp(from start: Int) {
        var child = start
        let item = items[child]
        while child > 0 {
            let parent = (child - 1) / 2
            guard item.due < items[parent].due else { break }
            store(items[parent], at: child)
            child = parent
        }
        store(item, at: child)
    }

    private mutating func siftDown(from start: Int) {
        var parent = start
        let item = items[parent]
        while true {
            var child = 2 * parent + 1
            guard child < items.count else { break }
            if child + 1 < items.count, items[child + 1].due < items[child].due { child += 1 }
            guard items[child].due < item.due else { break }
            store(items[child], at: parent)
            parent = child
        }
        store(item, at: parent)
    }
}
