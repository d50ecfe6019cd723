// SPDX-License-Identifier: Apache-2.0
import LodestoneCore

/// JSON to be printed, its fields in the order given.
enum JSON {
    case bool(Bool)
    case number(String)
    case string(String)
    case array([JSON])
    case object([(String, JSON)])

    static func int(_ number: some BinaryInteger) -> JSON { .number("\(number)") }

    /// A number; `null` when it is not finite, which JSON can't say.
    static func double(_ number: Double) -> JSON { .number(number.isFinite ? "\(number)" : "null") }

    static func float(_ number: Float) -> JSON { .number(number.isFinite ? "\(number)" : "null") }

    /// On one line.
    var text: String {
        var text = ""
        write(to: &text)
        return text
    }

    private func write(to text: inout String) {
        switch self {
        case .bool(let flag): text += flag ? "true" : "false"
        case .number(let number): text += number
        case .string(let string): Self.write(string, to: &text)
        case .array(let elements):
            text += "["
            for (index, element) in elements.enumerated() {
                if index > 0 { text += "," }
                element.write(to: &text)
            }
            text += "]"
        case .object(let members):
            text += "{"
            for (index, member) in members.enumerated() {
                if index > 0 { text += "," }
                Self.write(member.0, to: &text)
                text += ":"
                member.1.write(to: &text)
            }
            text += "}"
        }
    }

    private static func write(_ string: String, to text: inout String) {
        text += "\""
        for scalar in string.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            case "\0"..<" ":
                let digits = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: text.unicodeScalars.append(scalar)
            }
        }
        text += "\""
    }
}

extension JSON {
    /// A failed command.
    init(_ error: LodestoneError) {
        var members: [(String, JSON)] = [
            ("code", .string(error.code.name)), ("reason", .string(error.reason)),
            ("message", .string(error.message)), ("recovery", .string(error.recovery)),
            ("outcome", .string("\(error.outcome)")),
        ]
        if let field = error.field { members.append(("field", .string(field))) }
        if let object = error.object { members.append(("object", .string(object))) }
        self = .object([("error", .object(members))])
    }

    /// What a write did.
    init(_ receipt: WriteReceipt) {
        self = .object([
            ("sequenceNumber", .int(receipt.sequenceNumber)),
            ("inserted", .int(receipt.inserted)), ("replaced", .int(receipt.replaced)),
            ("dropped", .int(receipt.dropped)),
        ])
    }

    /// A collection.
    init(_ collection: CollectionDescription) {
        self = .object([
            ("name", .string(collection.name)),
            ("dimension", .int(collection.options.dimension)),
            ("metric", .string("\(collection.options.metric)")),
            ("documents", .int(collection.documents)), ("vectors", .int(collection.vectors)),
            ("edges", .int(collection.edges)),
            ("sequenceNumber", .int(collection.sequenceNumber)),
            ("changesSinceBase", .int(collection.changesSinceBase)),
            ("baseBytes", .int(collection.baseByteCount)),
            ("index", JSON(collection.index)),
            ("textStrategy", .string("\(collection.options.textStrategy)")),
            ("text", JSON(collection.options.text)),
            ("metadataIndexes", JSON(collection.options.metadataIndexes)),
            ("buildingIndexes", JSON(collection.buildingIndexes)),
        ])
    }

    /// Fields of the metadata.
    init(_ indexes: [MetadataIndex]) {
        self = .array(indexes.map { index in .array(index.path.map { .string($0) }) })
    }

    /// How text is ranked.
    init(_ options: TextOptions) {
        let weights = options.fields.map { ($0.name, JSON.double($0.weight)) }
        self = .object([
            ("fields", .object(weights)), ("k1", .double(options.effectiveK1)),
            ("b", .double(options.b)), ("exactWeight", .double(options.exactWeight)),
            ("language", .string(options.language.name)),
            ("keepsStopWords", .bool(options.keepsStopWords)),
        ])
    }

    /// A document, with what it brought along.
    init(_ document: Document) {
        var members: [(String, JSON)] = [("id", .string(document.id.string))]
        members.append(("text", .object(document.text.map { ($0.name, .string($0.text)) })))
        members.append(("metadata", JSON(document.metadata)))
        if let vector = document.vector {
            members.append(("vector", .array(vector.map(JSON.float))))
        }
        if !document.edges.isEmpty {
            let edges = document.edges.map { edge in
                JSON.object([
                    ("label", .string(edge.label)), ("target", .string(edge.target.string)),
                    ("weight", .float(edge.weight)),
                ])
            }
            members.append(("edges", .array(edges)))
        }
        self = .object(members)
    }

    /// Metadata, its fields in the order of their names.
    init(_ metadata: Metadata) {
        self = .object(metadata.sorted { $0.key < $1.key }.map { ($0.key, JSON($0.value)) })
    }

    /// One value; a point in time is its microseconds since 1970.
    init(_ value: Value) {
        switch value {
        case .bool(let flag): self = .bool(flag)
        case .int(let number): self = .int(number)
        case .double(let number): self = .double(number)
        case .string(let text): self = .string(text)
        case .timestamp(let microseconds): self = .int(microseconds)
        case .list(let elements): self = .array(elements.map { JSON($0) })
        case .object(let metadata): self = JSON(metadata)
        }
    }
}
