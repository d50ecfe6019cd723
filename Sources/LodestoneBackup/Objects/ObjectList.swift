// SPDX-License-Identifier: Apache-2.0
import LodestoneSystem

/// The objects in the reply to a list request of version 2.
struct ObjectList {
    private var rest: ArraySlice<UInt8>
    /// Whether the server has more objects than the reply.
    let isCut: Bool

    init(_ reply: [UInt8]) {
        rest = reply[...]
        isCut = XMLText.content(of: "IsTruncated", in: rest)?.elementsEqual("true".utf8) ?? false
    }

    /// The next object; `nil` after the last one, and for XML that is no list.
    mutating func next() -> ObjectInfo? {
        guard let element = XMLText.content(of: "Contents", in: rest) else { return nil }
        rest = rest[element.endIndex...]
        guard let key = XMLText.content(of: "Key", in: element),
            let size = XMLText.content(of: "Size", in: element),
            let byteCount = UInt64(String(decoding: size, as: UTF8.self)),
            let time = XMLText.content(of: "LastModified", in: element)
        else { return nil }
        return ObjectInfo(
            // Names of ours have no characters that XML escapes; others are ignored.
            key: String(decoding: key, as: UTF8.self),
            byteCount: byteCount,
            modifiedAt: Self.seconds(String(decoding: time, as: UTF8.self))
        )
    }

    /// Seconds since 1970 of a time such as `2026-11-30T19:02:14.000Z`; now, when it is none.
    static func seconds(_ text: String) -> Int64 {
        let numbers = text.split { !("0"..."9").contains($0) }.prefix(6).compactMap { Int32($0) }
        guard numbers.count == 6 else { return Int64(time(nil)) }
        var parts = tm()
        (parts.tm_year, parts.tm_mon, parts.tm_mday) = (
            numbers[0] &- 1900, numbers[1] &- 1, numbers[2]
        )
        (parts.tm_hour, parts.tm_min, parts.tm_sec) = (numbers[3], numbers[4], numbers[5])
        return Int64(timegm(&parts))
    }
}

/// Reads single elements of XML that has no attributes on them.
enum XMLText {
    /// The bytes between the first `<name>` and the next `</name>`.
    static func content(of name: String, in xml: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        guard let open = xml.firstRange(of: Array("<\(name)>".utf8)) else { return nil }
        let rest = xml[open.upperBound...]
        guard let close = rest.firstRange(of: Array("</\(name)>".utf8)) else { return nil }
        return rest[..<close.lowerBound]
    }
}
