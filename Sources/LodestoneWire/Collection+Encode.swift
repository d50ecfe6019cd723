// SPDX-License-Identifier: Apache-2.0
import LodestoneCore

extension MessageWriter {
    mutating func collectionOptions(_ field: UInt8, _ options: CollectionOptions) {
        message(field) { writer in
            writer.count(1, options.dimension, "dimension")
            writer.enumeration(2, options.metric)
            writer.vectorStrategy(3, options.vectorStrategy)
            writer.enumeration(4, options.textStrategy)
            writer.textOptions(5, options.text)
            writer.metadataIndexes(10, options.metadataIndexes)
        }
    }

    mutating func metadataIndexes(_ field: UInt8, _ indexes: [MetadataIndex]) {
        for index in indexes {
            message(field) { writer in
                for name in index.path { writer.text(1, name) }
            }
        }
    }

    private mutating func textOptions(_ field: UInt8, _ options: TextOptions) {
        // The defaults are not written, as in earlier releases.
        if options == TextOptions() { return }
        message(field) { writer in
            for field in options.fields {
                writer.message(1) { writer in
                    writer.text(1, field.name)
                    writer.double(2, field.weight)
                }
            }
            if let k1 = options.k1 { writer.double(2, k1) }
            writer.double(3, options.b)
            writer.double(4, options.exactWeight)
            writer.enumeration(5, options.language)
            writer.bool(6, options.keepsStopWords)
        }
    }

    mutating func vectorStrategy(_ field: UInt8, _ strategy: VectorIndexStrategy) {
        message(field) { writer in
            switch strategy {
            case .flatScan:
                writer.message(1) { _ in }
            case .lsh(let options):
                writer.message(2) { writer in
                    writer.count(1, options.tables, "tables")
                    writer.count(2, options.hyperplanes, "hyperplanes")
                    writer.count(3, options.probes, "probes")
                }
            case .hnsw(let inlineIndexing, let options):
                writer.message(3) { writer in
                    writer.bool(1, inlineIndexing)
                    writer.count(2, options.m, "m")
                    writer.count(3, options.efConstruction, "ef_construction")
                    writer.count(4, options.efSearch, "ef_search")
                    writer.enumeration(5, options.quantization)
                }
            }
        }
    }

    mutating func collectionDescription(_ field: UInt8, _ collection: CollectionDescription) {
        message(field) { writer in
            writer.text(1, collection.name)
            writer.collectionOptions(2, collection.options)
            writer.varint(3, UInt64(clamping: collection.documents))
            writer.varint(4, UInt64(clamping: collection.vectors))
            writer.varint(5, UInt64(clamping: collection.edges))
            writer.varint(6, collection.sequenceNumber)
            writer.varint(7, UInt64(clamping: collection.changesSinceBase))
            writer.varint(8, collection.baseByteCount)
            writer.indexStatus(9, collection.index)
            writer.metadataIndexes(10, collection.buildingIndexes)
            if collection.number > 0 { writer.varint(11, collection.number) }
        }
    }

    private mutating func indexStatus(_ field: UInt8, _ status: IndexStatus) {
        message(field) { writer in
            writer.vectorStrategy(1, status.strategy)
            writer.enumeration(2, status.state)
            writer.varint(3, UInt64(clamping: status.indexedVectors))
            writer.varint(4, UInt64(clamping: status.scannedVectors))
            writer.double(5, status.progress)
            writer.varint(6, status.byteCount)
            writer.varint(7, UInt64(clamping: status.unreachableNodes))
            if let recall = status.selfRecall { writer.double(8, recall) }
            if !status.message.isEmpty { writer.text(9, status.message) }
        }
    }
}
