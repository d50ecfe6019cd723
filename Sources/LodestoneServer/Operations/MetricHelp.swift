// SPDX-License-Identifier: Apache-2.0

/// The meaning of the families that the server counts.
package enum MetricHelp {
    /// The meanings, by the name of the family without `_total`.
    package static let texts: [String: String] = [
        "lodestone_requests": "Requests with their reply, by call and result.",
        "lodestone_request_duration_seconds":
            "Time from the request's arrival until its reply is sent, by call.",
        "lodestone_collection_requests": "Requests with their reply, by collection and result.",
        "lodestone_collection_request_duration_seconds":
            "Time from the request's arrival until its reply is sent, by collection.",
        "lodestone_search_duration_seconds": "Time of searches, by the way they found their hits.",
        "lodestone_filters": "Filters of searches, by the way they found their documents.",
        "lodestone_queue_wait_seconds": "Time that requests waited for a worker, by queue.",
        "lodestone_errors": "Errors in replies, by reason.",
        "lodestone_connections_accepted": "Connections accepted.",
        "lodestone_connections_refused": "Connections refused because there were too many.",
        "lodestone_denied": "Tokens that were missing or wrong, and calls that a role forbids.",
        "lodestone_malformed": "Frames and messages that could not be decoded.",
        "lodestone_inline": "Reads that ran on an event loop, by kind.",
        "lodestone_restarted": "Reads that began on an event loop and again on a worker, by kind.",
        "lodestone_recall_samples": "Searches that were repeated exactly.",
        "lodestone_recall_hits": "Hits of exact searches that the first search found, or missed.",
        "lodestone_recall_skipped": "Searches that were due but not compared: busy, or too slow.",
    ]
}
