// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneCore
import Synchronization

/// The latest slow requests, the slowest requests of all, and all reads by their shape.
///
/// The lists have a bounded number of requests, and the text of each is bounded.
///
/// Threading: any thread. A request that is not slow takes one lock, that of the shapes.
final class SlowLog: Sendable {
    private struct State {
        /// The latest slow requests; a ring.
        var latest: [SlowRequest] = []
        /// The index of the ring's oldest element, once it is full.
        var oldest = 0
        /// The slowest requests, slowest first.
        var slowest: [SlowRequest] = []

        mutating func add(_ request: SlowRequest) {
            if latest.count < SlowRequests.standardLimit {
                latest.append(request)
            } else {
                latest[oldest] = request
                oldest = (oldest + 1) % latest.count
            }
        }

        /// Adds a request to the slowest.
        ///
        /// - Returns: The time that a later one must exceed.
        mutating func rank(_ request: SlowRequest) -> Duration {
            let index = slowest.firstIndex { $0.duration < request.duration } ?? slowest.count
            slowest.insert(request, at: index)
            if slowest.count > SlowRequests.standardLimit { slowest.removeLast() }
            let isFull = slowest.count == SlowRequests.standardLimit
            return isFull ? slowest[slowest.count - 1].duration : .zero
        }
    }

    private let thresholdNanoseconds: Atomic<Int64>
    private let state = Mutex(State())
    private let shapes = QueryShapes()
    /// The time that a request must exceed to be one of the slowest, in nanoseconds.
    private let floor = Atomic<Int64>(0)
    private let since = SlowLog.microseconds(of: .now)

    /// - Parameter threshold: The time from which on a request is slow.
    init(threshold: Duration) {
        thresholdNanoseconds = Atomic(threshold.nanoseconds)
    }

    /// The time from which on a request is slow.
    var threshold: Duration {
        get { .nanoseconds(thresholdNanoseconds.load(ordering: .relaxed)) }
        set { thresholdNanoseconds.store(newValue.nanoseconds, ordering: .relaxed) }
    }

    /// Notes a request that has its reply.
    ///
    /// - Returns: The request, if it is slow.
    func note(
        _ call: PendingCall,
        _ reason: LodestoneError.Reason?,
        nanoseconds: Int64,
        peer: String
    ) -> SlowRequest? {
        if let read = call.read {
            shapes.note(
                read,
                call.collection ?? "",
                isError: reason != nil,
                nanoseconds: nanoseconds
            )
        }
        let isSlow = nanoseconds > thresholdNanoseconds.load(ordering: .relaxed)
        guard isSlow || nanoseconds > floor.load(ordering: .relaxed) else { return nil }
        let request = SlowRequest(call, reason, nanoseconds: nanoseconds, peer: peer)
        let least = state.withLock { state in
            if isSlow { state.add(request) }
            return state.rank(request)
        }
        floor.store(least.nanoseconds, ordering: .relaxed)
        return isSlow ? request : nil
    }

    /// The requests so far, at most `limit` per list.
    func report(limit: Int) -> SlowRequests {
        let (latest, slowest) = state.withLock { state in
            let ordered = state.latest[state.oldest...] + state.latest[..<state.oldest]
            return (Array(ordered.reversed().prefix(limit)), Array(state.slowest.prefix(limit)))
        }
        return SlowRequests(
            latest: latest,
            slowest: slowest,
            shapes: shapes.all(limit: limit),
            since: since
        )
    }

    static func microseconds(of date: Date) -> Int64 {
        Int64(date.timeIntervalSince1970 * 1_000_000)
    }
}

extension SlowRequest {
    fileprivate init(
        _ call: PendingCall,
        _ reason: LodestoneError.Reason?,
        nanoseconds: Int64,
        peer: String
    ) {
        let trace = call.context.traceReport
        self.init(
            call: call.kind.name,
            collection: call.collection?.printable,
            query: call.read.map { QueryText.text(of: $0) } ?? "",
            path: trace.path,
            duration: .nanoseconds(nanoseconds),
            steps: trace.steps,
            error: reason?.rawValue,
            client: call.client,
            peer: peer,
            request: call.id,
            trace: call.trace,
            beganAt: SlowLog.microseconds(of: .now) - nanoseconds / 1_000
        )
    }
}

extension CallContext {
    /// The path and the steps of the call, for a report.
    fileprivate var traceReport: (path: String?, steps: [Statistic]) {
        guard let path = trace.searchPath else { return (nil, []) }
        var steps = SearchStep.allCases.map { step in
            Statistic("\(step)", Double(trace.nanoseconds(of: step)) / 1e9, unit: "s")
        }
        steps += [
            Statistic("visited", Double(trace.visitedNodes), unit: "1"),
            Statistic("computed", Double(trace.computedDistances), unit: "1"),
            Statistic("scanned", Double(trace.scannedRows), unit: "1"),
        ]
        return (path.name, steps)
    }
}
