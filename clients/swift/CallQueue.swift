// SPDX-License-Identifier: Apache-2.0
import DequeModule

/// A queue in the order of arrival, from whose middle any element may be removed.
///
/// Ids ascend, so a binary search finds an element. A removed element leaves an empty slot, because
/// moving all later elements would take time in proportion to their number. Empty slots are removed
/// when they are the majority.
struct CallQueue<Element> {
    // Ids are in a separate array, because a search would copy the elements that it passes.
    private var ids: Deque<UInt64> = []
    private var elements: Deque<Element?> = []
    /// The number of waiting elements.
    private(set) var count = 0

    /// The number of slots below which empty ones are not removed.
    private static var minSlots: Int { 64 }

    var isEmpty: Bool { count == 0 }

    /// Adds an element at the end.
    ///
    /// - Parameters:
    ///   - element: The element to add.
    ///   - id: An id larger than all earlier ones.
    mutating func append(_ element: Element, id: UInt64) {
        ids.append(id)
        elements.append(element)
        count += 1
    }

    /// Removes the first element.
    mutating func popFirst() -> (id: UInt64, element: Element)? {
        while let id = ids.popFirst() {
            guard let element = elements.removeFirst() else { continue }
            count -= 1
            return (id, element)
        }
        return nil
    }

    /// The element with `id`, if it waits.
    ///
    /// - Complexity: O(log n).
    subscript(id: UInt64) -> Element? {
        index(of: id).flatMap { elements[$0] }
    }

    /// Removes the element with `id`, if it waits.
    ///
    /// - Complexity: O(log n), on average over many.
    mutating func remove(_ id: UInt64) -> Element? {
        guard let index = index(of: id), let element = elements[index] else { return nil }
        elements[index] = nil
        count -= 1
        if ids.count >= Self.minSlots, count * 2 < ids.count { removeEmptySlots() }
        return element
    }

    /// Removes everything, in order.
    mutating func removeAll() -> [(id: UInt64, element: Element)] {
        defer { self = CallQueue() }
        return zip(ids, elements).compactMap { id, element in element.map { (id, $0) } }
    }

    private mutating func removeEmptySlots() {
        ids = Deque(zip(ids, elements).lazy.filter { $0.1 != nil }.map(\.0))
        elements.removeAll { $0 == nil }
    }

    private func index(of id: UInt64) -> Int? {
        var low = 0
        var high = ids.count
        while low < high {
            let middle = (low + high) / 2
            if ids[middle] < id {
                low = middle + 1
            } else {
                high = middle
            }
        }
        return low < ids.count && ids[low] == id ? low : nil
    }
}
