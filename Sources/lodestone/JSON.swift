// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneImport
import LodestoneJSON

extension JSON {
    /// The error of a failed command.
    init(_ error: LodestoneError) {
        var members: [(String, JSON)] = [
            ("code", .string(error.code.name)), ("reason", .string(error.reason.rawValue)),
            ("message", .string(error.message)), ("recovery", .string(error.recovery)),
            ("outcome", .string("\(error.outcome)")),
        ]
        if let field = error.field { members.append(("field", .string(field))) }
        if let object = error.object { members.append(("object", .string(object))) }
        self = .object([("error", .object(members))])
    }

    /// The effects of a write.
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
            ("name", .string(collection.name)), ("number", .int(collection.number)),
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

    /// The options for text.
    init(_ options: TextOptions) {
        let weights = options.fields.map { ($0.name, JSON.double($0.weight)) }
        self = .object([
            ("fields", .object(weights)), ("k1", .double(options.effectiveK1)),
            ("b", .double(options.b)), ("exactWeight", .double(options.exactWeight)),
            ("language", .string(options.language.name)),
            ("keepsStopWords", .bool(options.keepsStopWords)),
        ])
    }
}
