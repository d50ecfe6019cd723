// SPDX-License-Identifier: Apache-2.0
import LodestoneCore

/// Options and descriptions of collections.
extension RandomMessages {
    mutating func strategy() -> VectorIndexStrategy {
        switch below(3) {
        case 0: .flatScan
        case 1: .lsh(LSHOptions(tables: count(), hyperplanes: count(), probes: count()))
        default:
            .hnsw(
                inlineIndexing: flag(),
                HNSWOptions(
                    m: count(),
                    efConstruction: count(),
                    efSearch: count(),
                    quantization: VectorQuantization.allCases[below(3)]
                )
            )
        }
    }

    mutating func options() -> CollectionOptions {
        CollectionOptions(
            dimension: count(),
            metric: Metric.allCases[below(3)],
            vectorStrategy: strategy(),
            textStrategy: TextIndexStrategy.allCases[below(2)],
            text: textOptions(),
            metadataIndexes: indexes()
        )
    }

    mutating func indexes() -> [MetadataIndex] {
        many(3) { random in MetadataIndex(path: random.many(3) { $0.text() }) }
    }

    mutating func textOptions() -> TextOptions {
        if flag() { return TextOptions() }
        return TextOptions(
            fields: (0..<below(TextOptions.maxFields)).map { _ in
                TextFieldOptions(text(), weight: Double(below(100)) / 8)
            },
            k1: flag() ? Double(below(100)) / 8 : nil,
            b: Double(below(8)) / 8,
            exactWeight: Double(below(100)) / 16,
            language: TextLanguage.allCases[below(TextLanguage.allCases.count)],
            keepsStopWords: flag()
        )
    }

    mutating func description() -> CollectionDescription {
        CollectionDescription(
            name: text(),
            options: options(),
            documents: count(),
            vectors: count(),
            edges: count(),
            sequenceNumber: number(),
            changesSinceBase: count(),
            baseByteCount: number(),
            index: indexStatus(),
            buildingIndexes: indexes(),
            number: number()
        )
    }

    mutating func indexStatus() -> IndexStatus {
        IndexStatus(
            strategy: strategy(),
            state: IndexStatus.State.allCases[below(3)],
            indexedVectors: count(),
            scannedVectors: count(),
            progress: Double(below(99)) / 98,
            byteCount: number(),
            unreachableNodes: count(),
            selfRecall: maybe { Double($0.below(99)) / 98 },
            message: text()
        )
    }
}
