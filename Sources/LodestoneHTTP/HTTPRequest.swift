// SPDX-License-Identifier: Apache-2.0

/// A request without a body.
package struct HTTPRequest: Sendable, Equatable {
    /// The method, in upper case as sent.
    package let method: String
    /// The path of the target, without its query: `/metrics`.
    package let path: String
    /// The media types that the client accepts, as sent; empty when it named none.
    package let accept: String
    /// Whether the connection may stay open after the response.
    let keepsAlive: Bool
    /// Whether the client speaks HTTP/1.0, which has no persistent connections by itself.
    let isVersion10: Bool

    /// Whether the response has no body.
    var isHead: Bool { method == "HEAD" }
}

/// A response.
package struct HTTPResponse: Sendable, Equatable {
    /// The status with its phrase.
    package struct Status: Sendable, Equatable {
        package let code: Int
        package let phrase: String

        package static let ok = Status(code: 200, phrase: "OK")
        package static let badRequest = Status(code: 400, phrase: "Bad Request")
        package static let notFound = Status(code: 404, phrase: "Not Found")
        package static let notAllowed = Status(code: 405, phrase: "Method Not Allowed")
        package static let timeout = Status(code: 408, phrase: "Request Timeout")
        package static let bodyTooLarge = Status(code: 413, phrase: "Content Too Large")
        package static let targetTooLong = Status(code: 414, phrase: "URI Too Long")
        package static let headersTooLarge = Status(
            code: 431,
            phrase: "Request Header Fields Too Large"
        )
        package static let unavailable = Status(code: 503, phrase: "Service Unavailable")
        package static let badVersion = Status(code: 505, phrase: "HTTP Version Not Supported")
    }

    package let status: Status
    /// The media type of the body.
    package let contentType: String
    /// Further header fields.
    package let fields: [(name: String, value: String)]
    package let body: [UInt8]

    /// Creates a response.
    package init(
        _ status: Status,
        contentType: String = "text/plain; charset=utf-8",
        fields: [(name: String, value: String)] = [],
        body: [UInt8]
    ) {
        self.status = status
        self.contentType = contentType
        self.fields = fields
        self.body = body
    }

    /// Creates a response with one line of text.
    package init(_ status: Status, _ text: String, fields: [(name: String, value: String)] = []) {
        self.init(status, fields: fields, body: Array("\(text)\n".utf8))
    }

    package static func == (one: HTTPResponse, other: HTTPResponse) -> Bool {
        one.status == other.status && one.contentType == other.contentType
            && one.body == other.body
            && one.fields.elementsEqual(other.fields) { $0 == $1 }
    }

    /// The head, up to and including the empty line.
    func head(keepsAlive: Bool, isVersion10: Bool) -> [UInt8] {
        var lines = [
            "HTTP/1.1 \(status.code) \(status.phrase)", "Date: \(HTTPDate.now)",
            "Content-Type: \(contentType)", "Content-Length: \(body.count)",
            "Cache-Control: no-store", "X-Content-Type-Options: nosniff",
        ]
        lines += fields.map { "\($0.name): \($0.value)" }
        if !keepsAlive {
            lines.append("Connection: close")
        } else if isVersion10 {
            lines.append("Connection: keep-alive")
        }
        return Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8)
    }
}
