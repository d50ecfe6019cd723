// SPDX-License-Identifier: Apache-2.0
#if canImport(Darwin)
import CLodestoneSystem
import Dispatch
import LodestoneCore

/// Watches descriptors: two dispatch sources for each, over kqueue, which makes them cheap.
///
/// Threading: belongs to its loop.
final class Poller: @unchecked Sendable {
    // Unchecked: the handlers of the sources run on the queue of the loop, like everything else.
    /// Whether `poll` can wait: it can't, since the sources report on the queue that it would
    /// block.
    static let canWait = false
    /// Whether the last poll found no more ready descriptors to report.
    private(set) var isAtLast = true

    let bell = PollerWakeup()
    private let queue: DispatchQueue
    private let wake: @Sendable () -> Void
    private var all: [ObjectIdentifier: Registration] = [:]
    private var reported: [(watch: Registration, readiness: Readiness)] = []

    /// - Parameters:
    ///   - queue: The queue on which everything runs.
    ///   - wake: Runs on the queue when any descriptor is ready.
    /// - Throws: Nothing; on Linux it does.
    init(queue: DispatchQueue, wake: @escaping @Sendable () -> Void) throws(LodestoneError) {
        self.queue = queue
        self.wake = wake
    }

    /// Every descriptor watched.
    var watches: [Registration] { Array(all.values) }

    /// Watches `watch.descriptor`, for nothing at first.
    func add(_ watch: Registration) throws(LodestoneError) {
        let sources = WatchSources(descriptor: watch.descriptor, queue: queue) {
            [weak self, unowned watch] readiness in
            guard let self else { return }
            reported.append((watch, readiness))
            wake()
        }
        watch.sources = sources
        watch.slot = 0
        all[ObjectIdentifier(watch)] = watch
    }

    /// Changes the events that `watch` is told about.
    func setInterest(_ interest: Readiness, of watch: Registration) {
        guard watch.slot >= 0, watch.interest != interest else { return }
        watch.interest = interest
        watch.sources?.setInterest(interest)
    }

    /// Ends `watch` and closes its descriptor.
    ///
    /// Nothing is reported about it from here on.
    func close(_ watch: Registration) {
        guard watch.slot >= 0 else { return }
        watch.slot = -1
        watch.pollable = nil
        watch.sources?.cancelAndClose()
        watch.sources = nil
        all[ObjectIdentifier(watch)] = nil
    }

    /// Tells the owner of every descriptor that was reported ready since the last call.
    ///
    /// - Returns: Whether any owner was told.
    func poll(waiting milliseconds: Int32 = 0, _ woken: () -> Void = {}) -> Bool {
        woken()
        guard !reported.isEmpty else { return false }
        let batch = reported
        reported = []
        for (place, (watch, readiness)) in batch.enumerated() {
            isAtLast = place + 1 == batch.count
            watch.pollable?.ready(readiness)
        }
        return true
    }
}

/// The bell that wakes a waiting poller; this poller never waits.
struct PollerWakeup: Sendable {
    func ring() {}
}

/// The two sources of one descriptor.
///
/// A suspended source must not be released. The descriptor must stay open until both sources have
/// reported their cancellation.
///
/// Threading: belongs to its loop.
final class WatchSources {
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
