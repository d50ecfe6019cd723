// SPDX-License-Identifier: Apache-2.0
import CCurl
import LodestoneCore
import LodestoneStructures
import Synchronization

/// One request of HTTP.
struct HTTPRequest: Sendable {
    var method: String
    var url: String
    var headers: [String]
    var body: [UInt8] = []
    /// The bytes of a reply that are kept; a longer reply ends the request.
    var maxReplyBytes: Int
    /// The time after which a request without progress ends.
    var stallSeconds: Int
}

/// The reply to a request.
struct HTTPReply: Sendable {
    var status: Int
    var body: [UInt8]
}

/// The failure of a request that got no whole reply.
enum HTTPFailure: Error {
    /// The call is over.
    case isOver
    /// The reply is longer than permitted.
    case isTooLong
    /// The connection failed; another attempt may succeed.
    case connection(String)
}

/// Connections to one server, which requests use again.
///
/// Threading: any thread; a connection serves one thread at a time.
final class HTTPPool: Sendable {
    private static let isReady = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK

    private let idle = Mutex<[HTTPConnection]>([])

    func send(_ request: HTTPRequest, context: CallContext) throws(HTTPFailure) -> HTTPReply {
        guard Self.isReady, let connection = idle.withLock({ $0.popLast() }) ?? HTTPConnection()
        else { throw .connection("libcurl has no memory") }
        let reply = try connection.send(request, context: context)
        // A connection whose request failed is closed with its object.
        idle.withLock { $0.append(connection) }
        return reply
    }
}

/// A handle of libcurl, which keeps its connection open.
///
/// Threading: one thread at a time. Unchecked, because a C handle is not `Sendable`.
private final class HTTPConnection: @unchecked Sendable {
    /// The state of a transfer, which the callbacks of libcurl change.
    private final class Transfer {
        let context: CallContext
        let limit: Int
        var body: [UInt8] = []
        var isTooLong = false

        init(_ context: CallContext, limit: Int) {
            self.context = context
            self.limit = limit
        }
    }

    private let handle: UnsafeMutableRawPointer

    init?() {
        guard let handle = curl_easy_init() else { return nil }
        self.handle = handle
    }

    deinit { curl_easy_cleanup(handle) }

    func send(_ request: HTTPRequest, context: CallContext) throws(HTTPFailure) -> HTTPReply {
        if context.isOver { throw .isOver }
        let transfer = Transfer(context, limit: request.maxReplyBytes)
        var headers: UnsafeMutablePointer<curl_slist>?
        // Without these two lines libcurl would wait for a `100 Continue`, and name a form.
        for header in request.headers + ["expect:", "content-type: application/octet-stream"] {
            headers = curl_slist_append(headers, header)
        }
        defer { curl_slist_free_all(headers) }
        curl_easy_reset(handle)
        set(CURLOPT_NOSIGNAL, 1)
        set(CURLOPT_CONNECTTIMEOUT, min(10, request.stallSeconds))
        set(CURLOPT_LOW_SPEED_LIMIT, 1)
        set(CURLOPT_LOW_SPEED_TIME, request.stallSeconds)
        set(CURLOPT_NOPROGRESS, 0)
        set(CURLOPT_TCP_KEEPALIVE, 1)
        request.url.withCString { _ = lode_curl_set_pointer(handle, CURLOPT_URL, $0) }
        "http,https".withCString { _ = lode_curl_set_pointer(handle, CURLOPT_PROTOCOLS_STR, $0) }
        request.method.withCString {
            _ = lode_curl_set_pointer(handle, CURLOPT_CUSTOMREQUEST, $0)
        }
        _ = lode_curl_set_pointer(handle, CURLOPT_HTTPHEADER, headers)
        let pointer = Unmanaged.passUnretained(transfer).toOpaque()
        _ = lode_curl_set_pointer(handle, CURLOPT_WRITEDATA, pointer)
        _ = lode_curl_set_pointer(handle, CURLOPT_XFERINFODATA, pointer)
        _ = lode_curl_set_write(handle) { bytes, size, count, pointer in
            guard let pointer, let bytes else { return 0 }
            let transfer = Unmanaged<Transfer>.fromOpaque(pointer).takeUnretainedValue()
            let total = size * count
            guard transfer.body.count + total <= transfer.limit else {
                transfer.isTooLong = true
                return 0
            }
            transfer.body.append(contentsOf: UnsafeRawBufferPointer(start: bytes, count: total))
            return total
        }
        _ = lode_curl_set_progress(handle) { pointer, _, _, _, _ in
            guard let pointer else { return 0 }
            let transfer = Unmanaged<Transfer>.fromOpaque(pointer).takeUnretainedValue()
            return transfer.context.isOver ? 1 : 0
        }
        // The body stays in place until the end of the transfer.
        let result = request.body.withUnsafeBytes { body in
            if let base = body.baseAddress, !body.isEmpty {
                let count = curl_off_t(body.count)
                _ = lode_curl_set_large(handle, CURLOPT_POSTFIELDSIZE_LARGE, count)
                _ = lode_curl_set_pointer(handle, CURLOPT_POSTFIELDS, base)
            }
            return withExtendedLifetime(transfer) { curl_easy_perform(handle) }
        }
        if context.isOver { throw .isOver }
        if transfer.isTooLong { throw .isTooLong }
        guard result == CURLE_OK else {
            throw .connection(String(cString: curl_easy_strerror(result)))
        }
        var status = 0
        _ = lode_curl_status(handle, &status)
        return HTTPReply(status: status, body: transfer.body)
    }

    private func set(_ option: CURLoption, _ value: Int) {
        _ = lode_curl_set_long(handle, option, value)
    }
}
