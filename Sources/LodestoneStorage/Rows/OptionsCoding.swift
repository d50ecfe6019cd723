// SPDX-License-Identifier: Apache-2.0
import LodestoneCore

/// The bytes in which the store keeps a collection's options: dimension, metric, strategies.
///
/// Quantization came last: bytes without it mean int8.
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
            writer.append(varint: UInt64(hnsw.quantization.rawValue))
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
                    tables: try reader.number(in: LSHOptions.tablesRange),
                    hyperplanes: try reader.number(in: LSHOptions.hyperplanesRange),
                    probes: try reader.number(in: LSHOptions.probesRange)
                )
            )
        case let kind where kind == 2 || kind == 3:
            strategy = .hnsw(
                inlineIndexing: kind == 3,
                HNSWOptions(
                    m: try reader.number(in: HNSWOptions.mRange),
                    efConstruction: try reader.number(in: HNSWOptions.efRange),
                    efSearch: try reader.number(in: HNSWOptions.efRange),
                    quantization: reader.isAtEnd ? .int8 : try reader.quantization()
                )
            )
        default:
            throw ByteReader.Malformed()
        }
        // What no store would have accepted was not written by one.
        if case .hnsw(_, let hnsw) = strategy, hnsw.efConstruction < hnsw.m {
            throw ByteReader.Malformed()
        }
        guard dimension > 0 || strategy == .flatScan else { throw ByteReader.Malformed() }
        return CollectionOptions(
            dimension: dimension,
            metric: metric,
            vectorStrategy: strategy,
            textStrategy: text
        )
    }
}

extension ByteReader {
    /// A number that may come from a snapshot of a stranger.
    fileprivate mutating func number(in range: ClosedRange<Int>) throws(Malformed) -> Int {
        let value = Int(truncatingIfNeeded: try varint())
        guard range.contains(value) else { throw Malformed() }
        return value
    }

    fileprivate mutating func quantization() throws(Malformed) -> VectorQuantization {
        let value = Int32(truncatingIfNeeded: try varint())
        guard let quantization = VectorQuantization(rawValue: value) else { throw Malformed() }
        return quantization
    }
}
