// SPDX-License-Identifier: Apache-2.0
import LodestoneEngine
import LodestoneHTTP
import Synchronization

/// Whether the server should get requests, and the checks behind that.
struct Readiness: Sendable, Equatable {
    /// One check; `failure` has the reason when it fails.
    struct Check: Sendable, Equatable {
        let name: String
        let failure: String?
    }

    let checks: [Check]

    var isReady: Bool { checks.allSatisfy { $0.failure == nil } }

    /// The response to a probe: one line per check, or JSON for clients that prefer it.
    func response(asJSON: Bool) -> HTTPResponse {
        let status: HTTPResponse.Status = isReady ? .ok : .unavailable
        guard asJSON else {
            let lines = checks.map { "\n\($0.name): \($0.failure ?? "ok")" }
            return HTTPResponse(status, (isReady ? "ready" : "not ready") + lines.joined())
        }
        // The names and reasons are constants without characters that JSON escapes.
        let items = checks.map { check in
            let failure = check.failure.map { ",\"reason\":\"\($0)\"" } ?? ""
            return "{\"name\":\"\(check.name)\",\"ok\":\(check.failure == nil)\(failure)}"
        }
        let body = "{\"ready\":\(isReady),\"checks\":[\(items.joined(separator: ","))]}\n"
        return HTTPResponse(status, contentType: "application/json", body: Array(body.utf8))
    }
}

/// Compares the sequence number of this process with that of the store.
///
/// Another process may commit at any moment, so a server that is behind for an instant is healthy.
///
/// Threading: any thread.
final class LagCheck: Sendable {
    /// The time behind the store from which on the server is not ready.
    private static let tolerance = Duration.seconds(5)

    private let behindSince = Mutex<ContinuousClock.Instant?>(nil)

    /// The reason why the server is not caught up; `nil` when it is.
    func failure(of engine: Engine) -> String? {
        let isCaughtUp: Bool
        do {
            isCaughtUp = try engine.isCaughtUp()
        } catch {
            return "The store can't be read."
        }
        let now = ContinuousClock.now
        let time = behindSince.withLock { since in
            since = isCaughtUp ? nil : since ?? now
            return since.map { $0.duration(to: now) } ?? .zero
        }
        return time > Self.tolerance ? "Searches lack the last batches of other processes." : nil
    }
}
