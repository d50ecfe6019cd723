// SPDX-License-Identifier: Apache-2.0

/// The trace that a request belongs to, in the form of W3C's `traceparent`.
///
/// Clients send `TraceParent.current` with each request; the server's log and its slow requests
/// name it.
public struct TraceParent: Sendable, Hashable, CustomStringConvertible {
    /// The trace of the current task; `nil`: none.
    @TaskLocal public static var current: TraceParent?

    /// The length of the text.
    package static let byteCount = 55

    /// The text: `00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01`.
    public let description: String

    /// Reads a text; `nil` when it has another form, or an id of zeros.
    public init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard bytes.count == Self.byteCount else { return nil }
        for (index, byte) in bytes.enumerated() {
            let isHyphen = index == 2 || index == 35 || index == 52
            let isHex = (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte)
            guard isHyphen ? byte == UInt8(ascii: "-") : isHex else { return nil }
        }
        let zero = UInt8(ascii: "0")
        guard bytes[3..<35].contains(where: { $0 != zero }),
            bytes[36..<52].contains(where: { $0 != zero }),
            bytes[0] != UInt8(ascii: "f") || bytes[1] != UInt8(ascii: "f")
        else { return nil }
        description = text
    }

    /// The id of the whole trace, 32 hexadecimal digits.
    public var traceID: String { String(description.dropFirst(3).prefix(32)) }
}
