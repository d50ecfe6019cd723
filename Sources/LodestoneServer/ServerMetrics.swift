// SPDX-License-Identifier: Apache-2.0
import Metrics

/// The counters of the server, for the metrics backend of the program.
struct ServerMetrics: Sendable {
    private struct PerCall: Sendable {
        let succeeded: Counter
        let failed: Counter
        let duration: Timer
    }

    /// One element per kind of call, at the kind's number: every call is counted here.
    private let calls: [PerCall]
    /// Connections accepted.
    let accepted = Counter(label: "lodestone_connections_total")
    /// Connections refused because there were too many.
    let turnedAway = Counter(label: "lodestone_connections_refused_total")
    /// Tokens that were missing or wrong, and calls that a role does not allow.
    let denied = Counter(label: "lodestone_denied_total")
    /// Frames that could not be decoded.
    let malformed = Counter(label: "lodestone_malformed_total")

    init() {
        calls = CallKind.allCases.map { kind in
            let call = ("call", kind.name)
            return PerCall(
                succeeded: Counter(
                    label: "lodestone_requests_total",
                    dimensions: [call, ("result", "ok")]
                ),
                failed: Counter(
                    label: "lodestone_requests_total",
                    dimensions: [call, ("result", "error")]
                ),
                duration: Timer(
                    label: "lodestone_request_seconds",
                    dimensions: [call]
                )
            )
        }
    }

    /// Counts a call that has its reply.
    func record(_ kind: CallKind, failed: Bool, duration: Duration) {
        let call = calls[kind.rawValue]
        (failed ? call.failed : call.succeeded).increment()
        let (seconds, attoseconds) = duration.components
        call.duration.recordNanoseconds(seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
    }
}
