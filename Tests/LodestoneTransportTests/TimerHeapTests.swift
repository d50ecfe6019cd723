// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import LodestoneTransport

@Suite("Timer heap")
struct TimerHeapTests {
    private let start = ContinuousClock.now

    private func item(_ milliseconds: Int) -> ScheduledWork {
        ScheduledWork(due: start.advanced(by: .milliseconds(milliseconds)), loop: nil) {}
    }

    private func dueTimes(_ heap: inout TimerHeap) -> [ContinuousClock.Instant] {
        var times: [ContinuousClock.Instant] = []
        while let next = heap.popDue(at: start.advanced(by: .seconds(3_600))) {
            times.append(next.due)
        }
        return times
    }

    @Test("A timer heap returns timers in due order")
    func order() {
        var generator = SystemRandomNumberGenerator()
        var heap = TimerHeap()
        let items = (0..<500).map { _ in item(Int.random(in: 0..<1_000, using: &generator)) }
        for item in items { heap.insert(item) }
        #expect(dueTimes(&heap) == items.map(\.due).sorted())
    }

    @Test("A timer is removed from any position of the heap")
    func removal() {
        var heap = TimerHeap()
        let items = (0..<300).map { _ in item(Int.random(in: 0..<1_000)) }
        for item in items { heap.insert(item) }
        let (gone, kept) = (items.shuffled().prefix(150), Set<ObjectIdentifier>())
        let goneIDs = Set(gone.map { ObjectIdentifier($0) }).union(kept)
        for item in gone {
            heap.remove(item)
            heap.remove(item)
        }
        #expect(heap.count == 150)
        let expected = items.filter { !goneIDs.contains(ObjectIdentifier($0)) }.map(\.due).sorted()
        #expect(dueTimes(&heap) == expected)
    }

    @Test("A timer heap keeps timers until they are due")
    func notYet() {
        var heap = TimerHeap()
        heap.insert(item(10))
        #expect(heap.popDue(at: start.advanced(by: .milliseconds(9))) == nil)
        #expect(heap.nextDue == start.advanced(by: .milliseconds(10)))
        #expect(heap.popDue(at: start.advanced(by: .milliseconds(10))) != nil)
        #expect(heap.nextDue == nil)
    }
}
