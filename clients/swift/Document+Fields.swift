// SPDX-License-Identifier: Apache-2.0
public import LodestoneCore

extension Document {
    /// Creates a document whose metadata are the properties of a value.
    ///
    /// Structs become objects, arrays lists, dates timestamps; properties that are `nil` are left out.
    ///
    /// - Throws: `.invalidArgument` with the path of a property that metadata can't hold.
    public init(
        id: DocumentID,
        vector: [Float]? = nil,
        text: [TextField] = [],
        fields: some Encodable,
        edges: [Edge] = []
    ) throws(LodestoneError) {
        self.init(
            id: id,
            vector: vector,
            text: text,
            metadata: try Self.metadata(of: fields),
            edges: edges
        )
    }

    /// The metadata as a value of a type.
    ///
    /// - Throws: `.invalidArgument` with the path of a field that is missing or of another type.
    public func fields<T: Decodable>(as type: T.Type = T.self) throws(LodestoneError) -> T {
        do {
            return try T(from: FieldDecoder(.object(metadata)))
        } catch let error as DecodingError {
            let context = error.context
            throw .field(context.codingPath, context.debugDescription, of: id)
        } catch {
            throw .field([], "\(error)", of: id)
        }
    }

    private static func metadata(of fields: some Encodable) throws(LodestoneError) -> Metadata {
        let encoder = FieldEncoder()
        do {
            try fields.encode(to: encoder)
        } catch EncodingError.invalidValue(_, let context) {
            throw .field(context.codingPath, context.debugDescription)
        } catch {
            throw .field([], "\(error)")
        }
        guard case .object(let metadata) = encoder.value ?? .object([:]) else {
            throw .field([], "\(type(of: fields)) has no properties with names.")
        }
        return metadata
    }
}

extension DecodingError {
    fileprivate var context: Context {
        switch self {
        case .typeMismatch(_, let context), .valueNotFound(_, let context),
            .keyNotFound(_, let context), .dataCorrupted(let context):
            context
        @unknown default:
            Context(codingPath: [], debugDescription: "\(self)")
        }
    }
}

extension LodestoneError {
    fileprivate static func field(_ path: [any CodingKey], _ what: String, of id: DocumentID? = nil)
        -> LodestoneError
    {
        let name = path.map(\.stringValue).joined(separator: ".")
        return .invalid(
            "BAD_FIELD",
            "The field '\(name)': \(what)",
            recovery: "Give the type properties that fit the metadata.",
            field: name,
            object: id?.string
        )
    }
}
