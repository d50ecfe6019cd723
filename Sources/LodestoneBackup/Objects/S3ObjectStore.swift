// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore
import LodestoneStructures
import LodestoneSystem

/// Objects in a bucket of an S3 server: `s3://BUCKET/PREFIX`.
///
/// The bucket is a part of the path, because servers other than Amazon's need that. No object is
/// larger than a log entry, so none is sent in several parts.
package final class S3ObjectStore: ObjectStore {
    package let url: String
    private let configuration: S3Configuration
    private let signer: RequestSigner
    private let pool = HTTPPool()
    /// The largest reply that is no object: a list, or the description of an error.
    private static let maxReplyBytes = 4 << 20

    package init(_ configuration: S3Configuration) throws(LodestoneError) {
        self.configuration = configuration
        url = "s3://\(configuration.bucket)/\(configuration.prefix)".trimmingSlash
        signer = RequestSigner(
            credentials: configuration.credentials,
            region: configuration.region,
            host: try configuration.host()
        )
    }

    package func get(_ key: String, maxBytes: Int, prefixBytes: Int?, context: CallContext)
        throws(LodestoneError) -> [UInt8]?
    {
        var request = S3Request("GET", try path(key))
        request.maxReplyBytes = max(maxBytes, 64 << 10)
        if let prefixBytes { request.headers = ["range: bytes=0-\(prefixBytes - 1)"] }
        let reply = try send(request, context)
        switch reply.status {
        case 200, 206:
            let bytes = prefixBytes.map { Array(reply.body.prefix($0)) } ?? reply.body
            guard bytes.count <= maxBytes else { throw tooLong(key, maxBytes) }
            return bytes
        case 404 where reply.s3Code != "NoSuchBucket": return nil
        default: throw error(reply, "GET of \(key)")
        }
    }

    package func put(_ key: String, _ bytes: [UInt8], ifAbsent: Bool, context: CallContext)
        throws(LodestoneError) -> Bool
    {
        var request = S3Request("PUT", try path(key))
        request.body = bytes
        if ifAbsent { request.headers = ["if-none-match: *"] }
        let reply = try send(request, context)
        switch reply.status {
        case 200, 201, 204: return true
        // 409: another request writes an object of the name at this moment.
        case 412 where ifAbsent, 409 where ifAbsent: return false
        default: throw error(reply, "PUT of \(key)")
        }
    }

    package func list(_ prefix: String, after last: String?, limit: Int, context: CallContext)
        throws(LodestoneError) -> [ObjectInfo]
    {
        var request = S3Request("GET", "/\(configuration.bucket)")
        request.query = [
            ("list-type", "2"), ("max-keys", "\(limit)"),
            ("prefix", configuration.prefix + prefix),
        ]
        if let last { request.query.append(("start-after", configuration.prefix + last)) }
        let reply = try send(request, context)
        guard reply.status == 200 else { throw error(reply, "the list of \(prefix)") }
        var list = ObjectList(reply.body)
        var objects: [ObjectInfo] = []
        while var object = list.next() {
            guard object.key.utf8.starts(with: configuration.prefix.utf8) else { continue }
            object.key = String(object.key.dropFirst(configuration.prefix.count))
            if ObjectKey.isPlain(object.key) { objects.append(object) }
        }
        guard !(list.isCut && objects.isEmpty) else {
            throw unavailable("\(url) has a list that can't be read.")
        }
        return objects
    }

    package func delete(_ key: String, context: CallContext) throws(LodestoneError) {
        let reply = try send(S3Request("DELETE", try path(key)), context)
        guard [200, 202, 204, 404].contains(reply.status) else {
            throw error(reply, "DELETE of \(key)")
        }
    }

    private func path(_ key: String) throws(LodestoneError) -> String {
        guard ObjectKey.isPlain(key) else { throw .broken("The object name '\(key)' is no path.") }
        return "/\(configuration.bucket)/\(configuration.prefix)\(key)"
    }

    // MARK: Requests

    private struct S3Request {
        var method: String
        var path: String
        var query: [(name: String, value: String)] = []
        var headers: [String] = []
        var body: [UInt8] = []
        var maxReplyBytes = S3ObjectStore.maxReplyBytes

        init(_ method: String, _ path: String) {
            self.method = method
            self.path = path
        }
    }

    /// Sends a request, and again with growing pauses when the server fails or can't be reached.
    private func send(_ request: S3Request, _ context: CallContext) throws(LodestoneError)
        -> HTTPReply
    {
        let end = ContinuousClock.now.advanced(by: configuration.retryTime)
        let query = RequestSigner.text(of: request.query)
        let url = "\(configuration.endpoint)\(request.path)\(query.isEmpty ? "" : "?\(query)")"
        let sum = Hexadecimal.text(SHA256.digest(of: request.body))
        var pause = 100
        while true {
            try context.check()
            let signed = signer.headers(
                request.method,
                path: request.path,
                query: request.query,
                bodySum: sum,
                at: Int64(time(nil))
            )
            let failure: LodestoneError
            do throws(HTTPFailure) {
                let reply = try pool.send(
                    HTTPRequest(
                        method: request.method,
                        url: url,
                        headers: signed + request.headers,
                        body: request.body,
                        maxReplyBytes: request.maxReplyBytes,
                        stallSeconds: configuration.stallSeconds
                    ),
                    context: context
                )
                guard reply.status >= 500 || reply.status == 429 || reply.status == 408 else {
                    return reply
                }
                failure = error(reply, "\(request.method) of \(request.path)")
            } catch {
                switch error {
                case .isOver:
                    try context.check()
                    continue
                case .isTooLong: throw tooLong(request.path, request.maxReplyBytes)
                case .connection(let what):
                    failure = unavailable(
                        "The S3 server \(configuration.endpoint) does not reply: \(what)."
                    )
                }
            }
            guard ContinuousClock.now < end else { throw failure }
            // A random part, so that several requests do not come at the same moment again.
            let wait = Duration.milliseconds(pause + .random(in: 0...pause))
            try sleep(until: min(.now.advanced(by: wait), end), context)
            pause = min(2 * pause, 5_000)
        }
    }

    private func sleep(until end: ContinuousClock.Instant, _ context: CallContext)
        throws(LodestoneError)
    {
        while ContinuousClock.now < end {
            try context.check()
            usleep(20_000)
        }
    }

    // MARK: Errors

    private func error(_ reply: HTTPReply, _ what: String) -> LodestoneError {
        let code = reply.s3Code ?? "no code"
        let message = "The S3 server answered \(reply.status) (\(code)) to \(what) at \(url)."
        switch reply.status {
        case 401, 403:
            return LodestoneError(
                .permissionDenied,
                reason: .role,
                message,
                recovery: "Check the key, its rights on the bucket, the region, and this machine's "
                    + "clock.",
                object: url
            )
        case 404:
            return LodestoneError(
                .notFound,
                reason: .noBackup,
                message,
                recovery: "Create the bucket, or check its name.",
                object: url
            )
        case 500..., 429, 408: return unavailable(message)
        default:
            return LodestoneError(
                .failedPrecondition,
                reason: .ioError,
                message,
                recovery: "Check the address of the server; it must offer Amazon's S3 protocol.",
                object: url
            )
        }
    }

    private func unavailable(_ message: String) -> LodestoneError {
        LodestoneError(
            .unavailable,
            reason: .connectionLost,
            message,
            recovery: "Start the backup again; nothing that is complete is lost.",
            retryAfter: .seconds(10),
            object: url
        )
    }

    private func tooLong(_ what: String, _ limit: Int) -> LodestoneError {
        .hostileBackup(url, "'\(what)' has more bytes than the limit of \(limit)")
    }
}

extension String {
    fileprivate var trimmingSlash: String { hasSuffix("/") ? String(dropLast()) : self }
}

extension HTTPReply {
    /// The code of an error in XML.
    fileprivate var s3Code: String? {
        XMLText.content(of: "Code", in: body[...]).map {
            String(decoding: $0.prefix(60), as: UTF8.self)
        }
    }
}
