// SPDX-License-Identifier: Apache-2.0

/// The address at which a server listens.
public enum Endpoint: Sendable, Hashable {
    /// A TCP port; the host is a name or an address without brackets.
    case tcp(host: String, port: UInt16)
    /// A Unix socket at a path.
    case unix(path: String)

    /// The port of an endpoint without one.
    public static let defaultPort: UInt16 = 5633
    /// The port of the pages for machines, where their address has none.
    package static let defaultPagesPort: UInt16 = 5634
    /// The address of a server without another setting: this machine only.
    public static let standard = Endpoint.tcp(host: "127.0.0.1", port: defaultPort)

    /// The longest path that a Unix socket may have, in bytes; systems differ by a few.
    package static let maxPathByteCount = 103

    /// Reads `127.0.0.1:5633`, `localhost`, `[::1]:5633` or `unix:/run/lodestone.sock`.
    ///
    /// - Throws: `.invalidArgument` when `string` is none of these.
    public init(_ string: String) throws(LodestoneError) {
        try self.init(string, defaultPort: Self.defaultPort)
    }

    /// Reads the same, with another port where none is given.
    package init(_ string: String, defaultPort: UInt16) throws(LodestoneError) {
        if string.hasPrefix("unix:") {
            try self.init(path: string.dropFirst("unix:".count), of: string)
            return
        }
        let host: Substring
        let rest: Substring
        if string.hasPrefix("[") {
            guard let end = string.firstIndex(of: "]") else {
                throw Self.bad(string, "lacks the ']' after its IPv6 address")
            }
            host = string[string.index(after: string.startIndex)..<end]
            rest = string[string.index(after: end)...]
        } else {
            let colon = string.firstIndex(of: ":") ?? string.endIndex
            host = string[..<colon]
            rest = string[colon...]
        }
        guard !host.isEmpty, host.utf8.count <= 255 else {
            throw Self.bad(string, "names no host")
        }
        // A NUL would truncate the name in the resolver.
        guard host.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F && $0 != 0x2F }) else {
            throw Self.bad(string, "holds a character that no host name has")
        }
        guard !rest.isEmpty else {
            self = .tcp(host: String(host), port: defaultPort)
            return
        }
        let digits = rest.dropFirst()
        guard rest.first == ":", digits.utf8.allSatisfy({ 0x30...0x39 ~= $0 }),
            let port = UInt16(digits)
        else {
            throw Self.bad(string, "has no port from 0 to 65535 after the host")
        }
        self = .tcp(host: String(host), port: port)
    }

    private init(path: Substring, of string: String) throws(LodestoneError) {
        guard !path.isEmpty, !path.utf8.contains(0) else {
            throw Self.bad(string, "names no path")
        }
        guard path.utf8.count <= Self.maxPathByteCount else {
            throw .limit(
                "The path of a Unix socket",
                path.utf8.count,
                Self.maxPathByteCount,
                unit: "bytes"
            )
        }
        self = .unix(path: String(path))
    }

    private static func bad(_ string: String, _ what: String) -> LodestoneError {
        .invalid(
            .badEndpoint,
            "The address '\(string)' \(what).",
            recovery: "Write host:port, [ipv6]:port or unix:/path, as in 127.0.0.1:5633.",
            field: "endpoint",
            object: string
        )
    }

    /// Whether only programs on this machine can reach the endpoint.
    ///
    /// The text decides, without a lookup: `localhost`, `127.x.y.z`, `::1` and Unix sockets are
    /// local.
    public var isLoopback: Bool {
        switch self {
        case .unix: true
        case .tcp(let host, _):
            host == "localhost" || host == "::1" || Self.isLoopbackIPv4(host)
        }
    }

    private static func isLoopbackIPv4(_ host: String) -> Bool {
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127"
            && parts.allSatisfy { part in
                part.utf8.allSatisfy { 0x30...0x39 ~= $0 } && UInt8(part) != nil
            }
    }
}

extension Endpoint: CustomStringConvertible {
    /// The text that `init(_:)` reads.
    public var description: String {
        switch self {
        case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .unix(let path): "unix:\(path)"
        }
    }
}
