// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneClient
import Testing

/// One case of Tests/Conformance/cases.json.
struct ConformanceCase: Sendable, CustomTestStringConvertible {
    let json: JSON

    var testDescription: String { json["name"]?.string ?? "a case without a name" }

    static let all: [ConformanceCase] = {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../Conformance/cases.json")
        do {
            return try JSONDecoder().decode([JSON].self, from: Data(contentsOf: file))
                .map { ConformanceCase(json: $0) }
        } catch {
            Issue.record("cases.json: \(error)")
            return []
        }
    }()
}

/// JSON that keeps whole numbers apart from others.
enum JSON: Decodable, Sendable, Equatable {
    case null
    case bool(Bool)
    case int(Int64)
    case double(Double)
    case string(String)
    case array([JSON])
    case object([String: JSON])

    struct Malformed: Error {
        let what: String
        init(_ what: String) { self.what = what }
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let bool = try? container.decode(Bool.self) {
            self = .bool(bool)
        } else if let int = try? container.decode(Int64.self) {
            self = .int(int)
        } else if let double = try? container.decode(Double.self) {
            self = .double(double)
        } else if let string = try? container.decode(String.self) {
            self = .string(string)
        } else if let array = try? container.decode([JSON].self) {
            self = .array(array)
        } else {
            self = .object(try container.decode([String: JSON].self))
        }
    }

    subscript(name: String) -> JSON? {
        if case .object(let fields) = self { fields[name] } else { nil }
    }

    var string: String? { if case .string(let string) = self { string } else { nil } }
    var bool: Bool? { if case .bool(let bool) = self { bool } else { nil } }
    var int: Int? { if case .int(let int) = self { Int(int) } else { nil } }
    var array: [JSON]? { if case .array(let array) = self { array } else { nil } }

    /// A number, which may be spelled as text when it is none that JSON has.
    var number: Double? {
        switch self {
        case .int(let int): Double(int)
        case .double(let double): double
        case .string("NaN"): .nan
        case .string("Infinity"): .infinity
        case .string("-Infinity"): -.infinity
        default: nil
        }
    }

    func text(_ name: String) throws -> String {
        guard let text = self[name]?.string else { throw Malformed("\(name) is no text: \(self)") }
        return text
    }

    /// The elements of a list; of an absent one, none.
    func list<Element>(_ name: String, _ read: (JSON) throws -> Element) throws -> [Element] {
        try (self[name]?.array ?? []).map(read)
    }
}

/// The values of a case as types of the client.
extension JSON {
    var documentID: DocumentID {
        get throws {
            guard let string else { throw Malformed("no id: \(self)") }
            return try DocumentID(string)
        }
    }

    var vector: [Float] {
        get throws {
            try (array ?? []).map { element in
                guard let number = element.number else { throw Malformed("no number: \(element)") }
                return Float(number)
            }
        }
    }

    var value: Value {
        get throws {
            switch self {
            case .bool(let bool): return .bool(bool)
            case .int(let int): return .int(int)
            case .string(let string): return .string(string)
            case .array(let elements): return .list(try elements.map { try $0.value })
            case .object(let fields):
                if let double = fields["double"]?.number { return .double(double) }
                if case .int(let time) = fields["timestamp"] {
                    return .timestamp(microseconds: time)
                }
                if let object = fields["object"] { return .object(try object.metadata) }
                throw Malformed("no value: \(self)")
            case .null, .double: throw Malformed("no value: \(self)")
            }
        }
    }

    /// The members of an object in the order of their names, or of a list of pairs in its own.
    var members: [(name: String, inner: JSON)] {
        get throws {
            switch self {
            case .object(let fields):
                return fields.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
            case .array(let pairs):
                return try pairs.map { pair in
                    guard let pair = pair.array, pair.count == 2, let name = pair[0].string else {
                        throw Malformed("no pair: \(pair)")
                    }
                    return (name, pair[1])
                }
            default: throw Malformed("no members: \(self)")
            }
        }
    }

    var metadata: Metadata {
        get throws {
            Metadata(uniqueKeysWithValues: try members.map { ($0.name, try $0.inner.value) })
        }
    }

    var edge: Edge {
        get throws {
            Edge(
                try text("label"),
                to: try DocumentID(try text("target")),
                weight: Float(self["weight"]?.number ?? 1),
                metadata: try self["metadata"]?.metadata ?? [:]
            )
        }
    }

    var sourcedEdge: SourcedEdge {
        get throws { SourcedEdge(from: try DocumentID(try text("source")), try edge) }
    }

    var document: Document {
        get throws {
            Document(
                id: try DocumentID(try text("id")),
                vector: try self["vector"]?.vector,
                text: try (self["text"]?.members ?? []).map {
                    TextField(name: $0.name, text: $0.inner.string ?? "")
                },
                metadata: try self["metadata"]?.metadata ?? [:],
                edges: try list("edges") { try $0.edge }
            )
        }
    }

    var collectionOptions: CollectionOptions {
        get throws {
            let metrics: [String: Metric] = [
                "cosine": .cosine, "euclidean": .euclidean, "dot_product": .dotProduct,
            ]
            let metric = self["metric"]?.string ?? "cosine"
            guard let metric = metrics[metric] else { throw Malformed("no metric: \(metric)") }
            let name = self["language"]?.string ?? "english"
            guard let language = TextLanguage.allCases.first(where: { $0.name == name }) else {
                throw Malformed("no language: \(name)")
            }
            return CollectionOptions(
                dimension: self["dimension"]?.int ?? 0,
                metric: metric,
                vectorStrategy: try vectorStrategy ?? .flatScan,
                textStrategy: self["text_strategy"]?.string == "fts5" ? .fts5 : .postings,
                text: TextOptions(language: language),
                metadataIndexes: try indexes("metadata_indexes")
            )
        }
    }

    /// The names of several fields.
    var paths: [[String]] { (array ?? []).map(\.path) }

    /// The fields that a list names.
    func indexes(_ name: String) throws -> [MetadataIndex] {
        try list(name) { MetadataIndex(path: $0.path) }
    }

    /// The names of a field.
    var path: [String] { (array ?? []).compactMap(\.string) }

    /// The strategy of the field `vector_strategy`, if it is there.
    var vectorStrategy: VectorIndexStrategy? {
        get throws {
            guard let strategy = self["vector_strategy"] else { return nil }
            if strategy["flat"] != nil { return .flatScan }
            if let json = strategy["lsh"] {
                var lsh = LSHOptions()
                if let tables = json["tables"]?.int { lsh.tables = tables }
                if let hyperplanes = json["hyperplanes"]?.int { lsh.hyperplanes = hyperplanes }
                if let probes = json["probes"]?.int { lsh.probes = probes }
                return .lsh(lsh)
            }
            guard let json = strategy["hnsw"] else { throw Malformed("no strategy: \(strategy)") }
            let quantizations: [String: VectorQuantization] = [
                "int8": .int8, "none": .none, "int4": .int4,
            ]
            var hnsw = HNSWOptions()
            if let m = json["m"]?.int { hnsw.m = m }
            if let ef = json["ef_construction"]?.int { hnsw.efConstruction = ef }
            if let ef = json["ef_search"]?.int { hnsw.efSearch = ef }
            if let name = json["quantization"]?.string {
                guard let quantization = quantizations[name] else { throw Malformed(name) }
                hnsw.quantization = quantization
            }
            return .hnsw(inlineIndexing: json["inline"]?.bool ?? false, hnsw)
        }
    }

    var include: Include? {
        get throws {
            guard let names = self["include"]?.array else { return nil }
            let parts: [String: Include] = [
                "text": .text, "metadata": .metadata, "vector": .vector, "edges": .edges,
                "source_scores": .sourceScores, "explain": .explain,
            ]
            var include: Include = []
            for name in names {
                guard let part = parts[name.string ?? ""] else { throw Malformed("\(name)") }
                include.insert(part)
            }
            return include
        }
    }
}
