// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneJSON

/// The options of a collection in the first line of a dump.
///
/// All options are written, defaults included, so that a release with other defaults creates the
/// same collection.
extension CollectionOptions {
    var dumped: JSON {
        .object([
            ("dimension", .int(dimension)), ("metric", .string("\(metric)")),
            ("vectorStrategy", vectorStrategy.dumped),
            ("textStrategy", .string("\(textStrategy)")), ("text", text.dumped),
            (
                "metadataIndexes",
                .array(metadataIndexes.map { .array($0.path.map(JSON.string)) })
            ),
        ])
    }

    init?(dumped fields: JSONFields) {
        guard let dimension = fields.int("dimension"),
            let metric = fields.choice("metric", Metric.self),
            let strategy = fields.object("vectorStrategy"),
            let vectorStrategy = VectorIndexStrategy(dumped: strategy),
            let textStrategy = fields.choice("textStrategy", TextIndexStrategy.self),
            let textFields = fields.object("text"), let text = TextOptions(dumped: textFields),
            let indexes = fields.array("metadataIndexes")
        else { return nil }
        var metadataIndexes: [MetadataIndex] = []
        for index in indexes {
            guard case .array(let names) = index else { return nil }
            var path: [String] = []
            for name in names {
                guard case .string(let text) = name else { return nil }
                path.append(text)
            }
            metadataIndexes.append(MetadataIndex(path: path))
        }
        self.init(
            dimension: dimension,
            metric: metric,
            vectorStrategy: vectorStrategy,
            textStrategy: textStrategy,
            text: text,
            metadataIndexes: metadataIndexes
        )
    }
}

extension VectorIndexStrategy {
    fileprivate var dumped: JSON {
        switch self {
        case .flatScan:
            .object([("name", .string(name))])
        case .lsh(let options):
            .object([
                ("name", .string(name)), ("tables", .int(options.tables)),
                ("hyperplanes", .int(options.hyperplanes)), ("probes", .int(options.probes)),
            ])
        case .hnsw(let inlineIndexing, let options):
            .object([
                ("name", .string(name)), ("inlineIndexing", .bool(inlineIndexing)),
                ("m", .int(options.m)), ("efConstruction", .int(options.efConstruction)),
                ("efSearch", .int(options.efSearch)),
                ("quantization", .string("\(options.quantization)")),
            ])
        }
    }

    fileprivate init?(dumped fields: JSONFields) {
        switch fields.string("name") {
        case "flat": self = .flatScan
        case "lsh":
            guard let tables = fields.int("tables"), let hyperplanes = fields.int("hyperplanes"),
                let probes = fields.int("probes")
            else { return nil }
            self = .lsh(LSHOptions(tables: tables, hyperplanes: hyperplanes, probes: probes))
        case "hnsw":
            guard let inlineIndexing = fields.bool("inlineIndexing"), let m = fields.int("m"),
                let efConstruction = fields.int("efConstruction"),
                let efSearch = fields.int("efSearch"),
                let quantization = fields.choice("quantization", VectorQuantization.self)
            else { return nil }
            self = .hnsw(
                inlineIndexing: inlineIndexing,
                HNSWOptions(
                    m: m,
                    efConstruction: efConstruction,
                    efSearch: efSearch,
                    quantization: quantization
                )
            )
        default: return nil
        }
    }
}

extension TextOptions {
    fileprivate var dumped: JSON {
        let fields = fields.map { field in
            JSON.object([("name", .string(field.name)), ("weight", .double(field.weight))])
        }
        var members: [(String, JSON)] = [("fields", .array(fields))]
        if let k1 { members.append(("k1", .double(k1))) }
        members += [
            ("b", .double(b)), ("exactWeight", .double(exactWeight)),
            ("language", .string(language.name)), ("keepsStopWords", .bool(keepsStopWords)),
        ]
        return .object(members)
    }

    fileprivate init?(dumped fields: JSONFields) {
        guard let list = fields.array("fields"), let b = fields.double("b"),
            let exactWeight = fields.double("exactWeight"),
            let language = fields.choice("language", TextLanguage.self),
            let keepsStopWords = fields.bool("keepsStopWords")
        else { return nil }
        var textFields: [TextFieldOptions] = []
        for field in list {
            guard case .object(let members) = field else { return nil }
            let field = JSONFields(members)
            guard let name = field.string("name"), let weight = field.double("weight") else {
                return nil
            }
            textFields.append(TextFieldOptions(name, weight: weight))
        }
        self.init(
            fields: textFields,
            k1: fields.double("k1"),
            b: b,
            exactWeight: exactWeight,
            language: language,
            keepsStopWords: keepsStopWords
        )
    }
}
