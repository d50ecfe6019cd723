// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore
import LodestoneSystem

/// The address, bucket and key of an S3 server.
package struct S3Configuration: Sendable {
    /// `http://HOST:PORT` or `https://HOST`.
    package var endpoint: String
    package var region: String
    package var bucket: String
    /// The start of all names of objects; empty, or with a `/` at its end.
    package var prefix: String
    package var credentials: S3Credentials
    /// Whether data may leave this machine without TLS.
    package var allowsClearText = false
    /// The time after which a request without progress is sent again.
    package var stallSeconds = 30
    /// The time for which a request that fails is repeated.
    package var retryTime = Duration.seconds(60)

    /// Reads the settings of the AWS tools: variables of the environment, then the files in
    /// `~/.aws`.
    ///
    /// - Parameters:
    ///   - bucket: The bucket.
    ///   - prefix: The start of all names of objects.
    ///   - endpoint: The server; `nil`: `AWS_ENDPOINT_URL`, or Amazon's server of the region.
    ///   - environment: Returns the value of a variable.
    /// - Throws: `.unauthenticated` without a key; `BAD_ENDPOINT`; `BAD_NAME`.
    package init(
        bucket: String,
        prefix: String,
        endpoint: String?,
        environment: (String) -> String?
    ) throws(LodestoneError) {
        let profile = environment("AWS_PROFILE") ?? "default"
        let home = environment("HOME") ?? ""
        let file = Self.section(
            profile,
            of: environment("AWS_SHARED_CREDENTIALS_FILE") ?? "\(home)/.aws/credentials"
        )
        let settings = Self.section(
            profile == "default" ? profile : "profile \(profile)",
            of: environment("AWS_CONFIG_FILE") ?? "\(home)/.aws/config"
        )
        if let keyID = environment("AWS_ACCESS_KEY_ID"),
            let secret = environment("AWS_SECRET_ACCESS_KEY")
        {
            credentials = S3Credentials(
                keyID: keyID,
                secretKey: secret,
                sessionToken: environment("AWS_SESSION_TOKEN")
            )
        } else if let keyID = file["aws_access_key_id"],
            let secret = file["aws_secret_access_key"]
        {
            credentials = S3Credentials(
                keyID: keyID,
                secretKey: secret,
                sessionToken: file["aws_session_token"]
            )
        } else {
            throw LodestoneError(
                .unauthenticated,
                reason: .unauthenticated,
                "There is no key for the S3 server.",
                recovery: "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or fill in "
                    + "~/.aws/credentials."
            )
        }
        region =
            environment("AWS_REGION") ?? environment("AWS_DEFAULT_REGION") ?? settings["region"]
            ?? "us-east-1"
        var endpoint =
            endpoint ?? environment("AWS_ENDPOINT_URL_S3") ?? environment("AWS_ENDPOINT_URL")
            ?? "https://s3.\(region).amazonaws.com"
        while endpoint.hasSuffix("/") { endpoint.removeLast() }
        self.endpoint = endpoint
        self.bucket = bucket
        self.prefix = prefix.isEmpty || prefix.hasSuffix("/") ? prefix : prefix + "/"
        guard ObjectKey.isPlain(bucket), !bucket.contains("/"),
            prefix.isEmpty || ObjectKey.isPlain(String(self.prefix.dropLast()))
        else {
            throw .invalid(
                .badName,
                "The bucket '\(bucket)' or the prefix '\(prefix)' has characters other than letters, "
                    + "digits, '-', '_', '.' and '/'.",
                recovery: "Use a name of these characters."
            )
        }
    }

    /// The lines `name = value` of one section of an INI file; empty without the file.
    private static func section(_ wanted: String, of path: String) -> [String: String] {
        guard let file = fopen(path, "r") else { return [:] }
        defer { fclose(file) }
        var values: [String: String] = [:]
        var isWanted = false
        var line = [CChar](repeating: 0, count: 8_192)
        while fgets(&line, Int32(line.count), file) != nil {
            let bytes = line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
            let text = trimmed(String(decoding: bytes, as: UTF8.self))
            if text.hasPrefix("["), text.hasSuffix("]") {
                isWanted = trimmed(String(text.dropFirst().dropLast())) == wanted
            } else if isWanted, !text.hasPrefix("#"), let equals = text.firstIndex(of: "=") {
                let name = trimmed(String(text[..<equals]))
                values[name] = trimmed(String(text[text.index(after: equals)...]))
            }
        }
        return values
    }

    private static func trimmed(_ text: String) -> String {
        let start = text.drop { $0.isWhitespace }
        guard let last = start.lastIndex(where: { !$0.isWhitespace }) else { return "" }
        return String(start[...last])
    }

    /// Host and port as a request names them.
    ///
    /// - Throws: `BAD_ENDPOINT` for an address that is none of HTTP, or that sends data over a
    ///   network without TLS.
    func host() throws(LodestoneError) -> String {
        let scheme = ["https://", "http://"].first { endpoint.hasPrefix($0) }
        let host = scheme.map { String(endpoint.dropFirst($0.count)) } ?? ""
        let isPlain = host.utf8.allSatisfy { byte in
            (33..<127).contains(byte) && !"/?#@\\\"<>".utf8.contains(byte)
        }
        guard let scheme, !host.isEmpty, isPlain else {
            throw .invalid(
                .badEndpoint,
                "The S3 server '\(endpoint)' is not of the form https://HOST:PORT.",
                recovery: "Set --endpoint or AWS_ENDPOINT_URL to such an address."
            )
        }
        guard scheme == "https://" || allowsClearText || Self.isLoopback(host) else {
            throw .invalid(
                .badEndpoint,
                "The S3 server \(endpoint) would get all data without TLS, over a network.",
                recovery: "Use an https:// address, or permit it by --allow-clear-text."
            )
        }
        let port = scheme == "https://" ? ":443" : ":80"
        return host.hasSuffix(port) ? String(host.dropLast(port.count)) : host
    }

    private static func isLoopback(_ host: String) -> Bool {
        if host == "[::1]" || host.hasPrefix("[::1]:") { return true }
        let name = host.split(separator: ":").first.map(String.init) ?? ""
        let numbers = name.split(separator: ".", omittingEmptySubsequences: false)
        return name == "localhost"
            || (numbers.count == 4 && numbers[0] == "127"
                && numbers.allSatisfy { UInt8($0) != nil })
    }
}
