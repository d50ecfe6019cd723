// SPDX-License-Identifier: Apache-2.0
import CLodestoneProto
import LodestoneCore

// The encoding and decoding of the reply to slow_requests.

extension MessageWriter {
    mutating func report(_ report: SlowRequests) {
        for request in report.latest { message(1, expecting: 512) { $0.slowRequest(request) } }
        for request in report.slowest { message(2, expecting: 512) { $0.slowRequest(request) } }
        for shape in report.shapes { message(3, expecting: 256) { $0.shape(shape) } }
        signed(4, report.since)
    }

    private mutating func slowRequest(_ request: SlowRequest) {
        text(1, request.call)
        if let collection = request.collection { text(2, collection) }
        text(3, request.query)
        if let path = request.path { text(4, path) }
        varint(5, request.duration.wholeMicroseconds)
        for step in request.steps { message(6) { $0.statistic(step) } }
        if let error = request.error { text(7, error) }
        text(8, request.client)
        text(9, request.peer)
        varint(10, request.request)
        if let trace = request.trace { text(11, trace.description) }
        signed(12, request.beganAt)
    }

    private mutating func shape(_ shape: QueryShape) {
        text(1, shape.shape)
        text(2, shape.collection)
        varint(3, shape.count)
        varint(4, shape.errorCount)
        varint(5, shape.total.wholeMicroseconds)
        varint(6, shape.p99.wholeMicroseconds)
        varint(7, shape.longest.wholeMicroseconds)
    }
}

extension SlowRequests {
    init(_ message: Lodestone__V1__SlowRequestsResponse) throws(LodestoneError) {
        self.init(
            latest: try list("latest", message.latest, message.n_latest) {
                (request) throws(LodestoneError) in try SlowRequest(request.pointee)
            },
            slowest: try list("slowest", message.slowest, message.n_slowest) {
                (request) throws(LodestoneError) in try SlowRequest(request.pointee)
            },
            shapes: try list("shapes", message.shapes, message.n_shapes) {
                (shape) throws(LodestoneError) in try QueryShape(shape.pointee)
            },
            since: message.since_us
        )
    }
}

extension SlowRequest {
    fileprivate init(_ message: CSlowRequest) throws(LodestoneError) {
        self.init(
            call: try message.call.text("call"),
            collection: message.has_collection != 0
                ? try message.collection.text("collection") : nil,
            query: try message.query.text("query"),
            path: message.has_path != 0 ? try message.path.text("path") : nil,
            duration: Duration(wholeMicroseconds: message.duration_us),
            steps: try list("steps", message.steps, message.n_steps) {
                (step) throws(LodestoneError) in try Statistic(step.pointee)
            },
            error: message.has_error != 0 ? try message.error.text("error") : nil,
            client: try message.client.text("client"),
            peer: try message.peer.text("peer"),
            request: message.request,
            trace: TraceParent(message.trace_parent),
            beganAt: message.began_us
        )
    }
}

extension QueryShape {
    fileprivate init(_ message: CQueryShape) throws(LodestoneError) {
        self.init(
            shape: try message.shape.text("shape"),
            collection: try message.collection.text("collection"),
            count: message.count,
            errorCount: message.error_count,
            total: Duration(wholeMicroseconds: message.total_us),
            p99: Duration(wholeMicroseconds: message.p99_us),
            longest: Duration(wholeMicroseconds: message.longest_us)
        )
    }
}

extension Duration {
    /// Whole microseconds, not negative.
    fileprivate var wholeMicroseconds: UInt64 {
        let (seconds, attoseconds) = components
        let (whole, overflows) = max(0, seconds).multipliedReportingOverflow(by: 1_000_000)
        guard !overflows else { return UInt64(Int64.max) }
        return UInt64(whole) + UInt64(max(0, attoseconds) / 1_000_000_000_000)
    }

    /// A duration of microseconds; those of an untrusted server may be too many.
    fileprivate init(wholeMicroseconds: UInt64) {
        self = .microseconds(Int64(clamping: wholeMicroseconds))
    }
}
