// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneJSON

/// The conversion of JSON to values of metadata.
///
/// A value's depth is the number of messages that contain it on the wire; a server accepts at most
/// `Limits.maxNesting`. The depth is checked here, because a message beyond the limit would fail
/// with all lines of its batch.
enum MetadataMapping {
    /// The depth of a document's values: request, call, document, metadata, field, value.
    static let depthInDocument = 6
    /// The depth of an edge's values, one message deeper.
    static let depthInEdge = 7
    private static let maxDepth = Limits.standard.maxNesting

    /// The members of an object, without null.
    static func metadata(_ members: [JSONMember], in path: String, depth: Int)
        throws(MappingError) -> Metadata
    {
        var metadata: Metadata = [:]
        for member in members where member.value != .null {
            let path = path.isEmpty ? member.name : "\(path).\(member.name)"
            let value = try value(member.value, in: path, depth: depth)
            guard (1...256).contains(member.name.utf8.count) else {
                throw MappingError(
                    message: "a field's name has \(member.name.utf8.count) bytes; 1 to 256 are good"
                )
            }
            guard metadata.updateValue(value, forKey: member.name) == nil else {
                throw MappingError(message: "the field '\(path)' occurs twice")
            }
        }
        return metadata
    }

    /// Converts one value; an object with one member may be a typed value.
    static func value(_ json: JSONValue, in name: String, depth: Int) throws(MappingError) -> Value
    {
        guard depth <= maxDepth else {
            throw MappingError(message: "the field '\(name)' is nested deeper than a server takes")
        }
        switch json {
        case .null:
            throw MappingError(message: "the field '\(name)' has null in a list")
        case .bool(let flag): return .bool(flag)
        case .int(let number): return .int(number)
        case .double(let number), .betweenFloats(let number, _): return .double(number)
        case .beyondInt64(let digits, let number):
            throw MappingError(
                message: "the field '\(name)' is \(digits.prefix(40)), beyond the whole numbers "
                    + "from \(Int64.min) to \(Int64.max); as a double it is \(number)"
            )
        case .string(let text): return .string(text)
        case .array(let elements):
            var list: [Value] = []
            list.reserveCapacity(elements.count)
            for element in elements { list.append(try value(element, in: name, depth: depth + 2)) }
            return .list(list)
        case .object(let members):
            if members.count == 1, let typed = try typed(members[0], in: name, depth: depth) {
                return typed
            }
            return .object(try metadata(members, in: name, depth: depth + 3))
        }
    }

    /// The value of a typed value; `nil` for any other object.
    private static func typed(_ member: JSONMember, in name: String, depth: Int)
        throws(MappingError) -> Value?
    {
        switch (member.name, member.value) {
        case (TypedValue.timestamp, .string(let text)):
            do {
                return .timestamp(microseconds: try TimestampText.parse(text))
            } catch {
                throw MappingError(message: "the field '\(name)' is no time: \(error.message)")
            }
        case (TypedValue.double, .string("Infinity")): return .double(.infinity)
        case (TypedValue.double, .string("-Infinity")): return .double(-.infinity)
        case (TypedValue.object, .object(let members)):
            return .object(try metadata(members, in: name, depth: depth + 3))
        case (TypedValue.timestamp, let other):
            throw MappingError(
                message: "the field '\(name)' is no time: $timestamp is \(other.kind), not a string"
            )
        case (TypedValue.double, _):
            throw MappingError(
                message: "the field '\(name)': $double is neither \"Infinity\" nor \"-Infinity\""
            )
        case (TypedValue.object, let other):
            throw MappingError(message: "the field '\(name)': $object is \(other.kind)")
        default: return nil
        }
    }
}
