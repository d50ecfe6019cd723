// SPDX-License-Identifier: Apache-2.0

/// The reader of requests: RFC 9112, without bodies.
///
/// It is strict, because every sender is a program. Lines end with CR and LF. Names of fields are
/// tokens. Field values have no control characters and no continuation lines.
struct HTTPParser {
    /// The state after some bytes.
    enum Progress: Equatable {
        /// More bytes are needed.
        case incomplete
        /// A request, and the number of bytes up to its end.
        case request(HTTPRequest, byteCount: Int)
    }

    /// A request that is refused; the connection ends with the response.
    struct Refusal: Error {
        let response: HTTPResponse

        init(_ status: HTTPResponse.Status, _ text: String) {
            response = HTTPResponse(status, text)
        }
    }

    /// The empty lines that may come before a request.
    private static let maxEmptyLines = 2

    let limits: HTTPLimits

    /// Reads a request from the first bytes of a connection.
    func next(in bytes: UnsafeRawBufferPointer) throws(Refusal) -> Progress {
        var reader = LineReader(bytes: bytes)
        var emptyLines = 0
        while emptyLines < Self.maxEmptyLines, reader.skipEmptyLine() { emptyLines += 1 }
        let tooLong = Refusal(
            .targetTooLong,
            "The request line is longer than \(limits.maxLineBytes) bytes."
        )
        guard let line = try reader.line(upTo: limits.maxLineBytes, orElse: tooLong) else {
            return .incomplete
        }
        let (method, target, version) = try Self.requestLine(line)
        var fields = Fields()
        let start = reader.position
        var count = 0
        while true {
            let room = limits.maxHeaderBytes - (reader.position - start)
            let tooLarge = Refusal(
                .headersTooLarge,
                "The header fields are longer than \(limits.maxHeaderBytes) bytes."
            )
            guard let line = try reader.line(upTo: room, orElse: tooLarge) else {
                return .incomplete
            }
            if line.isEmpty { break }
            count += 1
            guard count <= limits.maxHeaderCount else {
                throw Refusal(
                    .headersTooLarge,
                    "The request has more than \(limits.maxHeaderCount) header fields."
                )
            }
            try fields.add(line)
        }
        let request = try fields.request(method, path: Self.path(of: target), version)
        return .request(request, byteCount: reader.position)
    }

    // MARK: The request line

    private enum Version { case http10, http11 }

    private static func requestLine(_ line: UnsafeRawBufferPointer) throws(Refusal)
        -> (method: String, target: String, version: Version)
    {
        let parts = line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
        guard parts.count == 3, (1...16).contains(parts[0].count),
            parts[0].allSatisfy(HTTPBytes.isToken), !parts[1].isEmpty,
            parts[1].allSatisfy({ $0 > 0x20 && $0 < 0x7F })
        else { throw Refusal(.badRequest, "The request line is not: METHOD TARGET HTTP/1.1") }
        let version: Version
        switch String(decoding: parts[2], as: UTF8.self) {
        case "HTTP/1.1": version = .http11
        case "HTTP/1.0": version = .http10
        case let other where other.hasPrefix("HTTP/"):
            throw Refusal(.badVersion, "Send the request as HTTP/1.1.")
        default: throw Refusal(.badRequest, "The request line ends with no version.")
        }
        let method = String(decoding: parts[0], as: UTF8.self)
        return (method, String(decoding: parts[1], as: UTF8.self), version)
    }

    /// The path of a target, which may be a whole URL.
    private static func path(of target: String) -> String {
        var rest = target[...]
        if !rest.hasPrefix("/"), let scheme = rest.firstRange(of: "://") {
            rest = rest[scheme.upperBound...]
            rest = rest[(rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex)...]
        }
        let path = rest.prefix { $0 != "?" && $0 != "#" }
        return path.isEmpty ? "/" : String(path)
    }

    // MARK: The header fields

    /// The header fields that matter.
    private struct Fields {
        private static let names: Set<String> = [
            "host", "accept", "connection", "content-length", "transfer-encoding",
        ]

        private var hosts = 0
        private var accept: [String] = []
        private var connection: [String] = []
        private var contentLength: String?

        mutating func add(_ line: UnsafeRawBufferPointer) throws(Refusal) {
            guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon > line.startIndex,
                line[..<colon].allSatisfy(HTTPBytes.isToken)
            else { throw Refusal(.badRequest, "A header field is not: NAME: VALUE") }
            let name = String(decoding: line[..<colon], as: UTF8.self).lowercased()
            guard Self.names.contains(name) else { return }
            let value = String(decoding: HTTPBytes.trimmed(line[(colon + 1)...]), as: UTF8.self)
            switch name {
            case "host": hosts += 1
            case "accept": accept.append(value)
            case "connection":
                connection += value.lowercased().split(separator: ",").map(HTTPBytes.trimmed)
            case "content-length":
                guard !value.isEmpty, value.utf8.allSatisfy({ 0x30...0x39 ~= $0 }),
                    contentLength == nil || contentLength == value
                else { throw Refusal(.badRequest, "Content-Length is not one whole number.") }
                contentLength = value
            default: throw Refusal(.bodyTooLarge, "No request here has a body.")
            }
        }

        func request(_ method: String, path: String, _ version: Version) throws(Refusal)
            -> HTTPRequest
        {
            guard hosts == 1 || hosts == 0 && version == .http10 else {
                throw Refusal(.badRequest, "A request has one Host field; this has \(hosts).")
            }
            guard contentLength?.utf8.allSatisfy({ $0 == UInt8(ascii: "0") }) ?? true else {
                throw Refusal(.bodyTooLarge, "No request here has a body.")
            }
            let wantsClose = connection.contains("close")
            return HTTPRequest(
                method: method,
                path: path,
                accept: accept.joined(separator: ","),
                keepsAlive: version == .http11
                    ? !wantsClose : connection.contains("keep-alive") && !wantsClose,
                isVersion10: version == .http10
            )
        }
    }
}

/// The lines of some bytes.
private struct LineReader {
    let bytes: UnsafeRawBufferPointer
    private(set) var position = 0

    init(bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
    }

    /// Skips a line without bytes, if the next one is such a line.
    mutating func skipEmptyLine() -> Bool {
        guard bytes.count >= position + 2, bytes[position] == HTTPBytes.cr,
            bytes[position + 1] == HTTPBytes.lf
        else { return false }
        position += 2
        return true
    }

    /// The next line without its end; `nil` when its end has not arrived.
    mutating func line(upTo maxBytes: Int, orElse tooLong: HTTPParser.Refusal)
        throws(HTTPParser.Refusal) -> UnsafeRawBufferPointer?
    {
        let start = position
        var end = start
        while end < bytes.count, bytes[end] != HTTPBytes.cr {
            let byte = bytes[end]
            guard byte >= 0x20 && byte != 0x7F || byte == HTTPBytes.tab else {
                throw HTTPParser.Refusal(.badRequest, "A line has a control character.")
            }
            end += 1
            guard end - start <= maxBytes else { throw tooLong }
        }
        guard end + 1 < bytes.count else { return nil }
        guard bytes[end + 1] == HTTPBytes.lf else {
            throw HTTPParser.Refusal(.badRequest, "A line has a CR without LF.")
        }
        position = end + 2
        return UnsafeRawBufferPointer(rebasing: bytes[start..<end])
    }
}

/// The classes of bytes in a request.
enum HTTPBytes {
    static let cr = UInt8(ascii: "\r")
    static let lf = UInt8(ascii: "\n")
    static let tab = UInt8(ascii: "\t")

    /// Whether a byte may be in a method or in the name of a field.
    static func isToken(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
    }

    /// Bytes without the spaces and tabs around them.
    static func trimmed(_ bytes: Slice<UnsafeRawBufferPointer>) -> Slice<UnsafeRawBufferPointer> {
        let isSpace: (UInt8) -> Bool = { $0 == UInt8(ascii: " ") || $0 == tab }
        var rest = bytes.drop(while: isSpace)
        while let last = rest.last, isSpace(last) { rest = rest.dropLast() }
        return rest
    }

    /// Text without the spaces and tabs around it.
    static func trimmed(_ text: Substring) -> String {
        let isSpace: (Character) -> Bool = { $0 == " " || $0 == "\t" }
        var rest = text.drop(while: isSpace)
        while let last = rest.last, isSpace(last) { rest = rest.dropLast() }
        return String(rest)
    }
}
