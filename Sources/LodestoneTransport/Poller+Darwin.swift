// SPDX-License-Identifier: Apache-2.0
#if canImport(Darwin)
import CLodestoneSystem
import Dispatch
import LodestoneCore

/// Waits for descriptors: two dispatch sources for each, over kqueue, which makes them cheap.
///
/// Threading: belongs to its loop.
final class Poller: @unchecked Sendable {
    // Unchecked: the handlers of the sources run on the queue of the loop, like everything else.
    /// Whether `poll` can wait: it can't, since the sources report on the queue that it would
    /// block.
    static let canWait = false
    /// Whether the last poll found no more ready descriptors to report.
    private(set) var isLastReady = true

    let wakeup = PollerWakeup()
    private let queue: DispatchQueue
    private let wake: @Sendable () -> Void
    private var registered: [ObjectIdentifier: Registration] = [:]
    private var reported: [(registration: Registration, readiness: Readiness)] = []

    /// - Parameters:
    ///   - queue: The queue on which everything runs.
    ///   - wake: Runs on the queue when any descriptor is ready.
    /// - Throws: Nothing; on Linux it does.
    init(queue: DispatchQueue, wake: @escaping @Sendable () -> Void) throws(LodestoneError) {
        self.queue = queue
        self.wake = wake
    }

    /// Every registered descriptor.
    var registrations: [Registration] { Array(registered.values) }

    /// Adds a registration, for no events at first.
    func add(_ registration: Registration) throws(LodestoneError) {
        let sources = RegistrationSources(descriptor: registration.descriptor, queue: queue) {
            [weak self, unowned registration] readiness in
            guard let self else { return }
            reported.append((registration, readiness))
            wake()
        }
        registration.sources = sources
        registration.slot = 0
        registered[ObjectIdentifier(registration)] = registration
    }

    /// Changes the events that `registration` is told about.
    func setInterest(_ interest: Readiness, of registration: Registration) {
        guard registration.slot >= 0, registration.interest != interest else { return }
        registration.interest = interest
        registration.sources?.setInterest(interest)
    }

    /// Ends `registration` and closes its descriptor.
    ///
    /// Nothing is reported about it from here on.
    func close(_ registration: Registration) {
        guard registration.slot >= 0 else { return }
        registration.slot = -1
        registration.pollable = nil
        registration.sources?.cancelAndClose()
        registration.sources = nil
        registered[ObjectIdentifier(registration)] = nil
    }

    /// Tells the owner of every descriptor that was reported ready since the last call.
    ///
    /// - Returns: Whether any owner was told.
    func poll(waiting milliseconds: Int32 = 0, _ woken: () -> Void = {}) -> Bool {
        woken()
        guard !reported.isEmpty else { return false }
        let batch = reported
        reported = []
        for (index, (registration, readiness)) in batch.enumerated() {
            isLastReady = index + 1 == batch.count
            registration.pollable?.ready(readiness)
        }
        return true
    }
}

/// Wakes a waiting poller; this poller never waits.
struct PollerWakeup: Sendable {
    func signal() {}
}

/// The two sources of one descriptor.
///
/// A suspended source must not be released. The descriptor must stay open until both sources have
/// reported their cancellation.
///
/// Threading: belongs to its loop.
final class RegistrationSources {
    private let reader: any DispatchSourceRead
    private let writer: any DispatchSourceWrite
    private var interest: Readiness = []

    init(
        descriptor: Int32,
        queue: DispatchQueue,
        report: @escaping @Sendable (Readiness) -> Void
    ) {
        reader = DispatchSource.makeReadSource(fileDescriptor: descriptor, queue: queue)
        writer = DispatchSource.makeWriteSource(fileDescriptor: descriptor, queue: queue)
        let remaining = DispatchGroup()
        remaining.enter()
        remaining.enter()
        reader.setEventHandler { report(.read) }
        writer.setEventHandler { report(.write) }
        reader.setCancelHandler { remaining.leave() }
        writer.setCancelHandler { remaining.leave() }
        remaining.notify(queue: queue) { lode_socket_close(descriptor) }
    }

    /// Sources are made suspended, and are resumed while there is interest.
    func setInterest(_ wanted: Readiness) {
        if wanted.contains(.read) != interest.contains(.read) {
            if wanted.contains(.read) { reader.resume() } else { reader.suspend() }
        }
        if wanted.contains(.write) != interest.contains(.write) {
            if wanted.contains(.write) { writer.resume() } else { writer.suspend() }
        }
        interest = wanted
    }

    /// Ends both sources, then closes the descriptor.
    func cancelAndClose() {
        reader.cancel()
        writer.cancel()
        if !interest.contains(.read) { reader.resume() }
        if !interest.contains(.write) { writer.resume() }
    }
}
#endif
