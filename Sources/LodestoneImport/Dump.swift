// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore
package import LodestoneJSON

/// The first line of a dump: the description of the collection.
///
/// A dump is JSON lines. The first and the last are objects with one member, `lodestone`. Between
/// them is one document per line, in the order of writing. The edges of a document with many edges
/// follow it in separate lines:
///
///     {"lodestone":{"dump":2,"collection":"foods","sequenceNumber":7,"documents":2,"options":{…}}}
///     {"id":"a","text":{"title":"…"},"metadata":{…},"vector":{"$float32":"…"},"edges":[…]}
///     {"id":"b","text":{},"metadata":{}}
///     {"source":"b","edges":[…]}
///     {"lodestone":{"end":true,"documents":2,"edgeLines":1,"sequenceNumber":7}}
///
/// Form 1, of earlier releases, has no lines of edges. A dump without its last line is incomplete.
/// Values without a form in JSON are typed values (`TypedValue`), so that an import restores every
/// bit.
package struct DumpHeader: Sendable, Equatable {
    /// The form of dumps that this release writes.
    package static let version = 2
    /// The forms that this release reads.
    static let versions = 1...2

    /// The form of the dump.
    package private(set) var form = Self.version

    /// The collection's name.
    package var collection: String
    /// The options of the collection.
    package var options: CollectionOptions
    /// The number of documents when the dump began.
    package var documents: Int
    /// The sequence number of the collection when the dump began.
    package var sequenceNumber: UInt64

    /// Creates the header of a dump of a collection.
    package init(_ description: CollectionDescription) {
        collection = description.name
        options = description.options
        documents = description.documents
        sequenceNumber = description.sequenceNumber
    }

    /// The first line.
    package var json: JSON {
        .object([
            (
                DumpLine.name,
                .object([
                    ("dump", .int(form)), ("collection", .string(collection)),
                    ("sequenceNumber", .int(sequenceNumber)), ("documents", .int(documents)),
                    ("options", options.dumped),
                ])
            )
        ])
    }

    /// The last line.
    ///
    /// - Parameters:
    ///   - documents: The number of lines of documents.
    ///   - edgeLines: The number of lines of edges.
    ///   - sequenceNumber: The sequence number of the collection when the dump ended.
    /// - Returns: The line.
    package static func end(documents: Int, edgeLines: Int = 0, sequenceNumber: UInt64) -> JSON {
        .object([
            (
                DumpLine.name,
                .object([
                    ("end", .bool(true)), ("documents", .int(documents)),
                    ("edgeLines", .int(edgeLines)), ("sequenceNumber", .int(sequenceNumber)),
                ])
            )
        ])
    }

    /// The header of a file, if it is a dump.
    ///
    /// - Throws: `BAD_FILE` for a dump that this release can't read.
    package static func read(_ path: String) throws(LodestoneError) -> DumpHeader? {
        let lines = try LineReader(path: path)
        guard case .bytes(let bytes) = try lines.next(),
            let members = try? JSONParser.object(in: bytes),
            case .header(let header) = try DumpLine(members, path: path)
        else { return nil }
        return header
    }
}

/// The first or the last line of a dump.
enum DumpLine {
    static let name = "lodestone"
    /// The first member of a line of edges: the source of the edges.
    static let source = "source"

    case header(DumpHeader)
    case end(documents: Int, edgeLines: Int)

    /// Reads a first or last line; `nil` for any other line.
    ///
    /// - Throws: `BAD_FILE` for a malformed first or last line.
    init?(_ members: [JSONMember], path: String) throws(LodestoneError) {
        guard members.count == 1, members[0].name == Self.name,
            case .object(let inner) = members[0].value
        else { return nil }
        let fields = JSONFields(inner)
        if fields["end"] == .bool(true), let documents = fields.int("documents") {
            self = .end(documents: documents, edgeLines: fields.int("edgeLines") ?? 0)
            return
        }
        guard let version = fields.int("dump") else { return nil }
        guard DumpHeader.versions.contains(version) else {
            let known = DumpHeader.versions
            throw .badFile(
                path,
                "is a dump of form \(version); this release reads forms \(known.lowerBound) to "
                    + "\(known.upperBound)",
                recovery: "Import it with the release that wrote it, or a later one."
            )
        }
        guard let name = fields.string("collection"), let documents = fields.int("documents"),
            let number = fields.int("sequenceNumber"),
            case .object(let members)? = fields["options"],
            let options = CollectionOptions(dumped: JSONFields(members))
        else {
            throw .badFile(
                path,
                "begins like a dump, but its options can't be read",
                recovery: "Export the collection again with this release."
            )
        }
        self = .header(
            DumpHeader(
                form: version,
                collection: name,
                options: options,
                documents: documents,
                sequenceNumber: UInt64(clamping: number)
            )
        )
    }
}

extension DumpHeader {
    fileprivate init(
        form: Int,
        collection: String,
        options: CollectionOptions,
        documents: Int,
        sequenceNumber: UInt64
    ) {
        self.form = form
        self.collection = collection
        self.options = options
        self.documents = documents
        self.sequenceNumber = sequenceNumber
    }
}

/// The members of an object by name; the last one counts if a name repeats.
struct JSONFields {
    private let values: [String: JSONValue]

    init(_ members: [JSONMember]) {
        values = Dictionary(members.map { ($0.name, $0.value) }) { $1 }
    }

    subscript(name: String) -> JSONValue? { values[name] }

    func string(_ name: String) -> String? {
        if case .string(let text)? = values[name] { text } else { nil }
    }

    func int(_ name: String) -> Int? {
        if case .int(let number)? = values[name] { Int(exactly: number) } else { nil }
    }

    func bool(_ name: String) -> Bool? {
        if case .bool(let flag)? = values[name] { flag } else { nil }
    }

    func double(_ name: String) -> Double? {
        switch values[name] {
        case .int(let number): Double(number)
        case .double(let number), .betweenFloats(let number, _): number
        default: nil
        }
    }

    func array(_ name: String) -> [JSONValue]? {
        if case .array(let elements)? = values[name] { elements } else { nil }
    }

    func object(_ name: String) -> JSONFields? {
        if case .object(let members)? = values[name] { JSONFields(members) } else { nil }
    }

    /// The case of a type by the name in a field.
    func choice<Case: CaseIterable>(_ name: String, _ type: Case.Type) -> Case? {
        guard let text = string(name) else { return nil }
        return type.allCases.first { "\($0)" == text }
    }
}
