// SPDX-License-Identifier: Apache-2.0
#if os(Linux)
import CLodestoneSystem
import Dispatch
import LodestoneCore

/// Waits for descriptors: one epoll descriptor for all of them, and one dispatch source on that.
///
/// With a source per connection, Dispatch makes five more system calls and a thread switch per
/// event. With one epoll descriptor an event costs one read, one send and a share of one
/// epoll_wait.
///
/// Threading: belongs to its loop.
final class Poller {
    /// Whether `poll` can wait, until `wakeup` wakes it.
    static let canWait = true

    private let epoll: Int32
    let wakeup: PollerWakeup
    private let source: any DispatchSourceRead
    private var slots: [(registration: Registration?, generation: UInt32)] = []
    private var freeSlots: [Int] = []
    /// Whether the last poll found no more ready descriptors to report.
    private(set) var isLastReady = true
    private var events = [lode_epoll_event](repeating: lode_epoll_event(), count: 256)

    /// - Parameters:
    ///   - queue: The queue on which everything runs.
    ///   - wake: Runs on the queue when any descriptor is ready.
    /// - Throws: `.unavailable` when the system has no descriptor left.
    init(queue: DispatchQueue, wake: @escaping @Sendable () -> Void) throws(LodestoneError) {
        epoll = lode_epoll_create()
        guard epoll >= 0 else { throw .system(epoll, "An event loop could not be created") }
        do throws(LodestoneError) {
            wakeup = try PollerWakeup(epoll)
        } catch {
            lode_socket_close(epoll)
            throw error
        }
        source = DispatchSource.makeReadSource(fileDescriptor: epoll, queue: queue)
        source.setEventHandler(handler: wake)
        source.setCancelHandler { [epoll] in lode_socket_close(epoll) }
        source.activate()
    }

    deinit {
        source.cancel()
    }

    /// Every registered descriptor.
    var registrations: [Registration] { slots.compactMap(\.registration) }

    /// Adds a registration, for hang-ups alone at first.
    func add(_ registration: Registration) throws(LodestoneError) {
        let slot = freeSlots.popLast() ?? slots.count
        if slot == slots.count { slots.append((nil, 0)) }
        let result = lode_epoll_add(epoll, registration.descriptor, 0, token(slot))
        guard result == 0 else {
            freeSlots.append(slot)
            throw .system(result, "A connection could not be registered")
        }
        slots[slot].registration = registration
        registration.slot = slot
    }

    /// Changes the events that `registration` is told about.
    func setInterest(_ interest: Readiness, of registration: Registration) {
        guard registration.slot >= 0, registration.interest != interest else { return }
        registration.interest = interest
        let result = lode_epoll_change(
            epoll,
            registration.descriptor,
            interest.rawValue,
            token(registration.slot)
        )
        precondition(result == 0, "a registered descriptor was closed elsewhere")
    }

    /// Ends `registration` and closes its descriptor.
    ///
    /// Nothing is reported about it from here on.
    func close(_ registration: Registration) {
        guard registration.slot >= 0 else { return }
        slots[registration.slot].registration = nil
        slots[registration.slot].generation &+= 1
        freeSlots.append(registration.slot)
        registration.slot = -1
        registration.pollable = nil
        _ = lode_epoll_remove(epoll, registration.descriptor)
        lode_socket_close(registration.descriptor)
    }

    /// Tells the owner of every ready descriptor.
    ///
    /// - Parameters:
    ///   - milliseconds: The longest wait for the first descriptor or the wakeup.
    ///   - woken: Runs once the wait is over, before any owner is told.
    /// - Returns: Whether any owner was told.
    func poll(waiting milliseconds: Int32 = 0, _ woken: () -> Void = {}) -> Bool {
        let count = events.withUnsafeMutableBufferPointer {
            lode_epoll_poll(epoll, $0.baseAddress, Int32($0.count), milliseconds)
        }
        woken()
        precondition(count >= 0, "the descriptor of a loop was closed elsewhere")
        for index in 0..<Int(count) {
            let event = events[index]
            isLastReady = index + 1 == Int(count)
            if event.token == PollerWakeup.token {
                wakeup.clear()
                continue
            }
            let slot = Int(event.token & 0xFFFF_FFFF)
            // An earlier event of the same batch may have closed the descriptor.
            guard slots[slot].generation == UInt32(event.token >> 32) else { continue }
            slots[slot].registration?.pollable?.ready(Readiness(rawValue: event.events))
        }
        return count > 0
    }

    private func token(_ slot: Int) -> UInt64 {
        UInt64(slots[slot].generation) << 32 | UInt64(slot)
    }
}

/// Wakes a poller that waits.
///
/// Threading: any thread may signal.
final class PollerWakeup: Sendable {
    /// The token of the wakeup, which no slot has.
    fileprivate static let token = UInt64.max
    private let descriptor: Int32

    fileprivate init(_ epoll: Int32) throws(LodestoneError) {
        descriptor = lode_wakeup_create()
        guard descriptor >= 0 else {
            throw .system(descriptor, "An event loop could not be created")
        }
        let result = lode_epoll_add(epoll, descriptor, UInt32(LODE_EPOLL_READ), Self.token)
        precondition(result == 0, "a new descriptor can be registered")
    }

    deinit { lode_socket_close(descriptor) }

    func signal() { lode_wakeup_signal(descriptor) }

    fileprivate func clear() { lode_wakeup_clear(descriptor) }
}
#endif
