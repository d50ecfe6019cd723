// SPDX-License-Identifier: Apache-2.0
public import LodestoneCore

extension Document {
    /// Creates a document whose metadata are the properties of a value.
    ///
    /// Structs become objects, and arrays lists. Dates become timestamps, rounded to microseconds.
    /// URLs and `Decimal` become strings, and `Data` base64. A `Value` or `Metadata` stays
    /// unchanged, for fields of any type. Properties that are `nil` are left out, and `fields(as:)`
    /// restores them as `nil`. An element of a list and an entry of a dictionary can't be `nil`.
    ///
    /// - Throws: `.invalidArgument` with the path of a property that metadata can't have, or when a
    ///   name in the type's `DocumentFields.fields` differs from the encoded name.
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
            metadata: try Self.metadata(of: fields, id),
            edges: edges
        )
    }

    /// The metadata as a value of a type.
    ///
    /// - Throws: `.invalidArgument` with the path of a field that is missing or of another type.
    public func fields<T: Decodable>(as type: T.Type = T.self) throws(LodestoneError) -> T {
        do {
            return try FieldDecoder(.object(metadata)).decode(type)
        } catch let error as DecodingError {
            let context = error.context
            throw .field(context.codingPath, context.debugDescription, of: id)
        } catch {
            throw .field([], "\(error)", of: id)
        }
    }

    private static func metadata(of fields: some Encodable, _ id: DocumentID)
        throws(LodestoneError) -> Metadata
    {
        let value: Value?
        do {
            let encoder = FieldEncoder()
            try encoder.encode(fields)
            value = try encoder.value()
        } catch EncodingError.invalidValue(_, let context) {
            throw .field(context.codingPath, context.debugDescription, of: id)
        } catch {
            throw .field([], "\(error)", of: id)
        }
        guard case .object(let metadata) = value ?? .object([:]) else {
            throw .field([], "\(type(of: fields)) has no properties with names.", of: id)
        }
        if let fields = fields as? any DocumentFields { try fields.checkNames(in: metadata) }
        return metadata
    }
}

extension DocumentFields {
    fileprivate func checkNames(in metadata: Metadata) throws(LodestoneError) {
        try Self.fields.check(self, encodedAs: metadata)
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
    fileprivate static func field(_ path: [any CodingKey], _ problem: String, of id: DocumentID)
        -> LodestoneError
    {
        let name = path.map(\.stringValue).joined(separator: ".")
        return .invalid(
            .badField,
            "The field '\(name)' of document '\(id)': \(problem)",
            recovery: "Give the type properties that fit the metadata.",
            field: name,
            object: id.string
        )
    }
}
