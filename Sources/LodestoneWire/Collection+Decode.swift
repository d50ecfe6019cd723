// SPDX-License-Identifier: Apache-2.0
import CLodestoneProto
import LodestoneCore

extension CollectionOptions {
    /// Decodes options; an absent option has its default.
    init(_ message: UnsafePointer<CCollectionOptions>) throws(LodestoneError) {
        let message = message.pointee
        self.init(dimension: Int(message.dimension))
        if message.has_metric != 0 {
            metric = try enumCase("metric", message.metric.rawValue)
        }
        if let strategy = message.vector_strategy {
            vectorStrategy = try within("vector_strategy") { () throws(LodestoneError) in
                try VectorIndexStrategy(strategy)
            }
        }
        if message.has_text_strategy != 0 {
            textStrategy = try enumCase("text_strategy", message.text_strategy.rawValue)
        }
        if let options = message.text {
            text = try within("text") { () throws(LodestoneError) in try TextOptions(options) }
        }
        metadataIndexes = try list(
            "metadata_indexes",
            message.metadata_indexes,
            message.n_metadata_indexes
        ) { (index) throws(LodestoneError) in try MetadataIndex(index) }
    }
}

extension MetadataIndex {
    fileprivate init(_ message: UnsafePointer<CMetadataIndex>) throws(LodestoneError) {
        self.init(path: try texts("path", message.pointee.path, message.pointee.n_path))
    }
}

extension CollectionChange {
    init(_ message: CAlterCollectionRequest) throws(LodestoneError) {
        self.init()
        if let strategy = message.vector_strategy {
            vectorStrategy = try within("vector_strategy") { () throws(LodestoneError) in
                try VectorIndexStrategy(strategy)
            }
        }
        addedIndexes = try list("add_indexes", message.add_indexes, message.n_add_indexes) {
            (index) throws(LodestoneError) in try MetadataIndex(index)
        }
        droppedIndexes = try list("drop_indexes", message.drop_indexes, message.n_drop_indexes) {
            (index) throws(LodestoneError) in try MetadataIndex(index)
        }
    }
}

extension TextOptions {
    fileprivate init(_ message: UnsafePointer<CTextOptions>) throws(LodestoneError) {
        let message = message.pointee
        self.init()
        fields = try list("fields", message.fields, message.n_fields, limit: Self.maxFields) {
            (field) throws(LodestoneError) in
            let field = field.pointee
            var options = TextFieldOptions(try field.name.text("name"))
            if field.has_weight != 0 { options.weight = field.weight }
            return options
        }
        if message.has_k1 != 0 { k1 = message.k1 }
        if message.has_b != 0 { b = message.b }
        if message.has_exact_weight != 0 { exactWeight = message.exact_weight }
        if message.has_language != 0 {
            language = try enumCase("language", message.language.rawValue)
        }
        keepsStopWords = message.keeps_stop_words != 0
    }
}

extension VectorIndexStrategy {
    init(_ message: UnsafePointer<CVectorStrategy>) throws(LodestoneError) {
        let message = message.pointee
        switch message.kind_case {
        case LODESTONE__V1__VECTOR_STRATEGY__KIND_FLAT:
            self = .flatScan
        case LODESTONE__V1__VECTOR_STRATEGY__KIND_LSH:
            let lsh = message.lsh.pointee
            var options = LSHOptions()
            if lsh.has_tables != 0 { options.tables = Int(lsh.tables) }
            if lsh.has_hyperplanes != 0 { options.hyperplanes = Int(lsh.hyperplanes) }
            if lsh.has_probes != 0 { options.probes = Int(lsh.probes) }
            self = .lsh(options)
        case LODESTONE__V1__VECTOR_STRATEGY__KIND_HNSW:
            let hnsw = message.hnsw.pointee
            var options = HNSWOptions()
            if hnsw.has_m != 0 { options.m = Int(hnsw.m) }
            if hnsw.has_ef_construction != 0 {
                options.efConstruction = Int(hnsw.ef_construction)
            }
            if hnsw.has_ef_search != 0 { options.efSearch = Int(hnsw.ef_search) }
            if hnsw.has_quantization != 0 {
                options.quantization = try enumCase("quantization", hnsw.quantization.rawValue)
            }
            self = .hnsw(inlineIndexing: hnsw.inline_indexing != 0, options)
        default:
            throw .malformed("The kind of the vector strategy is unknown to this release.")
        }
    }
}

extension CollectionDescription {
    init(_ message: UnsafePointer<CCollectionDescription>) throws(LodestoneError) {
        let message = message.pointee
        let options = try required("options", message.options)
        self.init(
            name: try message.name.text("name"),
            options: try within("options") { () throws(LodestoneError) in
                try CollectionOptions(options)
            },
            documents: Int(clamping: message.documents),
            vectors: Int(clamping: message.vectors),
            edges: Int(clamping: message.edges),
            sequenceNumber: message.sequence_number,
            changesSinceBase: Int(clamping: message.changes_since_base),
            baseByteCount: message.base_bytes,
            number: message.number
        )
        if let status = message.index {
            index = try within("index") { () throws(LodestoneError) in try IndexStatus(status) }
        }
        buildingIndexes = try list(
            "building_indexes",
            message.building_indexes,
            message.n_building_indexes
        ) { (index) throws(LodestoneError) in try MetadataIndex(index) }
    }
}

extension IndexStatus {
    fileprivate init(_ message: UnsafePointer<CIndexStatus>) throws(LodestoneError) {
        let message = message.pointee
        let strategy = try required("strategy", message.strategy)
        self.init(
            strategy: try within("strategy") { () throws(LodestoneError) in
                try VectorIndexStrategy(strategy)
            },
            state: try enumCase("state", message.state.rawValue),
            indexedVectors: Int(clamping: message.indexed_vectors),
            scannedVectors: Int(clamping: message.scanned_vectors),
            progress: message.progress,
            byteCount: message.bytes,
            unreachableNodes: Int(clamping: message.unreachable_nodes),
            selfRecall: message.has_self_recall != 0 ? message.self_recall : nil,
            message: message.has_message != 0 ? try message.message.text("message") : ""
        )
    }
}
