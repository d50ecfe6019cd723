// SPDX-License-Identifier: Apache-2.0
import COpenSSL
import LodestoneStructures
import LodestoneSystem

/// The signature of requests to an S3 server: AWS Signature Version 4.
///
/// Threading: a value.
package struct RequestSigner: Sendable {
    private let credentials: S3Credentials
    private let region: String
    /// Host and port as the request names them.
    private let host: String

    package init(credentials: S3Credentials, region: String, host: String) {
        self.credentials = credentials
        self.region = region
        self.host = host
    }

    /// The headers that sign a request.
    ///
    /// - Parameters:
    ///   - method: The HTTP method.
    ///   - path: The path, which has no character that needs an escape.
    ///   - query: Names and values of the query, sorted by name.
    ///   - bodySum: The SHA-256 of the body, in hexadecimal digits.
    ///   - seconds: Seconds since 1970.
    /// - Returns: The headers, without that of the host.
    package func headers(
        _ method: String,
        path: String,
        query: [(name: String, value: String)],
        bodySum: String,
        at seconds: Int64
    ) -> [String] {
        let time = Self.timestamp(seconds)
        let day = String(time.prefix(8))
        var headers = [
            ("host", host), ("x-amz-content-sha256", bodySum), ("x-amz-date", time),
        ]
        if let token = credentials.sessionToken { headers.append(("x-amz-security-token", token)) }
        let names = headers.map(\.0).joined(separator: ";")
        let request = [
            method, path, Self.text(of: query),
            headers.map { "\($0.0):\($0.1)\n" }.joined(), names, bodySum,
        ].joined(separator: "\n")
        let scope = "\(day)/\(region)/s3/aws4_request"
        let sum = Hexadecimal.text(SHA256.digest(of: Array(request.utf8)))
        let text = "AWS4-HMAC-SHA256\n\(time)\n\(scope)\n\(sum)"
        var key = Array("AWS4\(credentials.secretKey)".utf8)
        for part in [day, region, "s3", "aws4_request"] { key = Self.hmac(key, part) }
        let signature = Hexadecimal.text(Self.hmac(key, text))
        return headers.dropFirst().map { "\($0.0): \($0.1)" } + [
            "authorization: AWS4-HMAC-SHA256 Credential=\(credentials.keyID)/\(scope), "
                + "SignedHeaders=\(names), Signature=\(signature)"
        ]
    }

    /// The query of a URL, with all but unreserved characters escaped.
    static func text(of query: [(name: String, value: String)]) -> String {
        query.map { "\(escaped($0.name))=\(escaped($0.value))" }.joined(separator: "&")
    }

    private static func escaped(_ text: String) -> String {
        text.utf8.map { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"),
                UInt8(ascii: "."), UInt8(ascii: "~"):
                String(UnicodeScalar(byte))
            default:
                "%" + Hexadecimal.text([byte]).uppercased()
            }
        }.joined()
    }

    static func hmac(_ key: [UInt8], _ text: String) -> [UInt8] {
        let text = Array(text.utf8)
        return [UInt8](unsafeUninitializedCapacity: SHA256.byteCount) { buffer, count in
            // OpenSSL fails here only without memory, or where an administrator forbids HMAC.
            guard
                EVP_Q_mac(
                    nil,
                    "HMAC",
                    nil,
                    "SHA256",
                    nil,
                    key,
                    key.count,
                    text,
                    text.count,
                    buffer.baseAddress,
                    SHA256.byteCount,
                    &count
                ) != nil
            else { fatalError("OpenSSL has no HMAC, or no memory for it.") }
        }
    }

    /// A time in the form `20261130T190214Z`.
    static func timestamp(_ seconds: Int64) -> String {
        var time = time_t(seconds)
        var parts = tm()
        gmtime_r(&time, &parts)
        func digits(_ value: Int32, _ count: Int) -> String {
            let text = String(value)
            return String(repeating: "0", count: max(0, count - text.utf8.count)) + text
        }
        return digits(parts.tm_year + 1900, 4) + digits(parts.tm_mon + 1, 2)
            + digits(parts.tm_mday, 2) + "T" + digits(parts.tm_hour, 2) + digits(parts.tm_min, 2)
            + digits(parts.tm_sec, 2) + "Z"
    }
}

/// The key of an S3 server.
package struct S3Credentials: Sendable {
    package var keyID: String
    package var secretKey: String
    package var sessionToken: String?

    package init(keyID: String, secretKey: String, sessionToken: String? = nil) {
        self.keyID = keyID
        self.secretKey = secretKey
        self.sessionToken = sessionToken
    }
}
