// SPDX-License-Identifier: Apache-2.0
import LodestoneCore

/// The bytes in which the store keeps a collection's options: dimension, metric, strategies.
enum OptionsCoding {
    static func encode(_ options: CollectionOptions) -> [UInt8] {
        var writer = ByteWriter()
        writer.append(varint: UInt64(options.dimension))
        writer.append(varint: UInt64(options.metric.rawValue))
        writer.append(varint: UInt64(options.textStrategy.rawValue))
        switch options.vectorStrategy {
        case .flatScan:
            writer.append(varint: 0)
        case .lsh(let lsh):
            writer.append(varint: 1)
            for value in [lsh.tables, lsh.hyperplanes, lsh.probes] {
                writer.append(varint: UInt64(value))
            }
        case .hnsw(let inline, let hnsw):
            writer.append(varint: inline ? 3 : 2)
            for value in [hnsw.m, hnsw.efConstruction, hnsw.efSearch] {
                writer.append(varint: UInt64(value))
            }
        }
        return writer.bytes
    }

    static func decode(_ bytes: UnsafeRawBufferPointer) throws(ByteReader.Malformed)
        -> CollectionOptions
    {
        var reader = ByteReader(bytes)
        let dimension = Int(truncatingIfNeeded: try reader.varint())
        guard let metric = Metric(rawValue: Int32(truncatingIfNeeded: try reader.varint())),
            let text = TextIndexStrategy(rawValue: Int32(truncatingIfNeeded: try reader.varint()))
        else { throw ByteReader.Malformed() }
        let strategy: VectorIndexStrategy
        switch try reader.varint() {
        case 0:
            strategy = .flatScan
        case 1:
            strategy = .lsh(
                LSHOptions(
                    tables: try reader.number(),
                    hyperplanes: try reader.number(),
                    probes: try reader.number()
                )
            )
        case let kind where kind == 2 || kind == 3:
            strategy = .hnsw(
                inlineIndexing: kind == 3,
                HNSWOptions(
                    m: try reader.number(),
                    efConstruction: try reader.number(),
                    efSearch: try reader.number()
                )
            )
        default:
            throw ByteReader.Malformed()
        }
        return CollectionOptions(
            dimension: dimension,
            metric: metric,
            vectorStrategy: strategy,
            textStrategy: text
        )
    }
}

extension ByteReader {
    fileprivate mutating func number() throws(Malformed) -> Int {
        Int(truncatingIfNeeded: try varint())
    }
}
