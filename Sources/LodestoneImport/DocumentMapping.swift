// SPDX-License-Identifier: Apache-2.0
import LodestoneCore

/// Why an object can't become a document.
struct MappingError: Error, Equatable {
    var message: String
}

extension DocumentMapping {
    /// Turns the members of one object into a document.
    func document(_ members: [JSONMember]) throws(MappingError) -> Document {
        var fields: [String: JSONValue] = [:]
        for member in members {
            guard fields.updateValue(member.value, forKey: member.name) == nil else {
                throw MappingError(message: "the field '\(member.name)' occurs twice")
            }
        }
        var document = Document(id: try documentID(fields[id]))
        if let text {
            for name in text {
                guard let value = fields[name], value != .null else { continue }
                document.text.append(TextField(name: name, text: try joined(value, in: name)))
            }
        }
        for member in members where member.name != id && member.value != .null {
            if member.name == vector, case .array(let elements) = member.value {
                document.vector = try numbers(elements)
                continue
            }
            if let text {
                if text.contains(member.name) { continue }
            } else if case .string(let string) = member.value {
                document.text.append(TextField(name: member.name, text: string))
                continue
            }
            document.metadata[member.name] = try value(member.value, in: member.name)
        }
        return try checked(document)
    }

    private func documentID(_ value: JSONValue?) throws(MappingError) -> DocumentID {
        let string: String
        switch value {
        case .string(let text): string = text
        case .int(let number): string = String(number)
        case nil: throw MappingError(message: "the field '\(id)', which is the id, is missing")
        case .some(let other):
            throw MappingError(
                message: "the field '\(id)' is \(other.kind); an id is a string or a whole number"
            )
        }
        do {
            return try DocumentID(string)
        } catch {
            throw MappingError(message: error.message)
        }
    }

    private func joined(_ value: JSONValue, in name: String) throws(MappingError) -> String {
        switch value {
        case .string(let text):
            return text
        case .array(let elements):
            var parts: [String] = []
            for element in elements {
                guard case .string(let part) = element else {
                    throw MappingError(
                        message: "the text field '\(name)' has \(element.kind) in its array"
                    )
                }
                parts.append(part)
            }
            return parts.joined(separator: ", ")
        default:
            throw MappingError(
                message: "the text field '\(name)' is \(value.kind); text is a string or an array "
                    + "of strings"
            )
        }
    }

    private func numbers(_ elements: [JSONValue]) throws(MappingError) -> [Float] {
        var vector: [Float] = []
        vector.reserveCapacity(elements.count)
        for (index, element) in elements.enumerated() {
            let number: Float
            switch element {
            case .int(let whole): number = Float(whole)
            case .double(let double): number = Float(double)
            default:
                throw MappingError(
                    message: "element \(index) of the vector is \(element.kind), not a number"
                )
            }
            guard number.isFinite else {
                throw MappingError(message: "element \(index) of the vector is out of range")
            }
            vector.append(number)
        }
        return vector
    }

    private func value(_ json: JSONValue, in name: String) throws(MappingError) -> Value {
        switch json {
        case .null:
            throw MappingError(message: "the field '\(name)' has null in a list")
        case .bool(let flag): return .bool(flag)
        case .int(let number): return .int(number)
        case .double(let number): return .double(number)
        case .string(let text): return .string(text)
        case .array(let elements):
            var list: [Value] = []
            for element in elements { list.append(try value(element, in: name)) }
            return .list(list)
        case .object(let members):
            var object: Metadata = [:]
            for member in members where member.value != .null {
                let path = "\(name).\(member.name)"
                let old = object.updateValue(try value(member.value, in: path), forKey: member.name)
                guard old == nil else {
                    throw MappingError(message: "the field '\(path)' occurs twice")
                }
            }
            return .object(object)
        }
    }

    /// Looks at what one document would make a server refuse a whole batch for.
    private func checked(_ document: Document) throws(MappingError) -> Document {
        for field in document.text where !(1...64).contains(field.name.utf8.count) {
            throw MappingError(
                message: "a text field's name has \(field.name.utf8.count) bytes; 1 to 64 are good"
            )
        }
        for name in document.metadata.keys where !(1...256).contains(name.utf8.count) {
            throw MappingError(
                message: "a field's name has \(name.utf8.count) bytes; 1 to 256 are good"
            )
        }
        return document
    }
}
