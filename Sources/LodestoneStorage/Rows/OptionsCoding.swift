// SPDX-License-Identifier: Apache-2.0
import CLodestoneSystem
import LodestoneCore
import LodestoneStructures

/// The encoding of a collection's options: dimension, metric, strategies, text, indexed fields.
///
/// Later releases added quantization, text and the indexed fields, in this order. Bytes without
/// them mean int8, the default text options, and no indexed fields.
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
        encode(options.text, to: &writer)
        if !options.metadataIndexes.isEmpty {
            writer.append(varint: UInt64(options.metadataIndexes.count))
            for index in options.metadataIndexes {
                writer.append(varint: UInt64(index.path.count))
                for name in index.path { writer.append(string: name) }
            }
        }
        return writer.bytes
    }

    private static func encode(_ text: TextOptions, to writer: inout ByteWriter) {
        writer.append(varint: UInt64(text.fields.count))
        for field in text.fields {
            writer.append(string: field.name)
            writer.append(fixed: field.weight.bitPattern)
        }
        writer.append(varint: text.k1 == nil ? 0 : 1)
        if let k1 = text.k1 { writer.append(fixed: k1.bitPattern) }
        writer.append(fixed: text.b.bitPattern)
        writer.append(fixed: text.exactWeight.bitPattern)
        writer.append(varint: UInt64(text.language.rawValue))
        writer.append(varint: text.keepsStopWords ? 1 : 0)
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
        // No store accepts such options, so no store wrote these bytes.
        if case .hnsw(_, let hnsw) = strategy, hnsw.efConstruction < hnsw.m {
            throw ByteReader.Malformed()
        }
        let textOptions = reader.isAtEnd ? TextOptions() : try reader.textOptions()
        let metadataIndexes = reader.isAtEnd ? [] : try reader.metadataIndexes()
        guard dimension > 0 || strategy == .flatScan, reader.isAtEnd else {
            throw ByteReader.Malformed()
        }
        return CollectionOptions(
            dimension: dimension,
            metric: metric,
            vectorStrategy: strategy,
            textStrategy: text,
            text: textOptions,
            metadataIndexes: metadataIndexes
        )
    }
}

/// The encoding of a row in the table of collections: its options end with the CRC-32C of the row.
///
/// Rows of earlier releases have no checksum and are decoded without one.
extension OptionsCoding {
    static func encode(rowOf record: CollectionRecord) -> [UInt8] {
        var writer = ByteWriter(bytes: encode(record.options))
        let sum = writer.bytes.withUnsafeBytes { bytes in
            Self.sum(record.number, Array(record.name.utf8), bytes)
        }
        writer.append(fixed: sum)
        return writer.bytes
    }

    static func decode(
        _ bytes: UnsafeRawBufferPointer,
        rowOf number: CollectionNumber,
        name: [UInt8]
    ) throws(ByteReader.Malformed) -> CollectionRecord {
        var options = bytes
        if bytes.count > 4 {
            let rest = UnsafeRawBufferPointer(rebasing: bytes.dropLast(4))
            let written = UInt32(
                littleEndian: bytes.loadUnaligned(fromByteOffset: rest.count, as: UInt32.self)
            )
            // A wrong checksum stays at the end of the bytes, and `decode` refuses these four
            // bytes.
            if Checksum.isRight(sum(number, name, rest), written) { options = rest }
        }
        return CollectionRecord(
            number: number,
            name: String(decoding: name, as: UTF8.self),
            options: try decode(options)
        )
    }

    private static func sum(
        _ number: CollectionNumber,
        _ name: [UInt8],
        _ options: UnsafeRawBufferPointer
    ) -> UInt32 {
        let sum = withUnsafeBytes(of: UInt64(number).littleEndian) {
            lode_crc32c(0, $0.baseAddress, $0.count)
        }
        let named = name.withUnsafeBytes { lode_crc32c(sum, $0.baseAddress, $0.count) }
        return lode_crc32c(named, options.baseAddress, options.count)
    }
}

extension ByteReader {
    fileprivate mutating func metadataIndexes() throws(Malformed) -> [MetadataIndex] {
        var indexes: [MetadataIndex] = []
        let count = try count()
        guard count <= MetadataIndex.maxCount else { throw Malformed() }
        for _ in 0..<count {
            var path: [String] = []
            let depth = try self.count()
            guard (1...Limits.standard.maxNesting).contains(depth) else { throw Malformed() }
            for _ in 0..<depth { path.append(try string()) }
            indexes.append(MetadataIndex(path: path))
        }
        return indexes
    }

    /// Reads a number that may come from a snapshot of unknown origin.
    fileprivate mutating func number(in range: ClosedRange<Int>) throws(Malformed) -> Int {
        let value = Int(truncatingIfNeeded: try varint())
        guard range.contains(value) else { throw Malformed() }
        return value
    }

    private mutating func number(in range: ClosedRange<Double>) throws(Malformed) -> Double {
        let value = Double(bitPattern: try fixed(UInt64.self))
        guard range.contains(value) else { throw Malformed() }
        return value
    }

    fileprivate mutating func textOptions() throws(Malformed) -> TextOptions {
        var options = TextOptions()
        for _ in 0..<(try number(in: 0...TextOptions.maxFields)) {
            let name = try string()
            let isThere = options.fields.contains { $0.name.hasSameBytes(as: name) }
            guard !isThere else { throw Malformed() }
            let weight = try number(in: TextFieldOptions.weights)
            options.fields.append(TextFieldOptions(name, weight: weight))
        }
        if try number(in: 0...1) == 1 { options.k1 = try number(in: TextOptions.k1Range) }
        options.b = try number(in: TextOptions.bRange)
        options.exactWeight = try number(in: TextOptions.exactWeightRange)
        let language = Int32(truncatingIfNeeded: try number(in: 0...Int(Int32.max)))
        guard let language = TextLanguage(rawValue: language) else { throw Malformed() }
        options.language = language
        options.keepsStopWords = try number(in: 0...1) == 1
        return options
    }

    fileprivate mutating func quantization() throws(Malformed) -> VectorQuantization {
        let value = Int32(truncatingIfNeeded: try varint())
        guard let quantization = VectorQuantization(rawValue: value) else { throw Malformed() }
        return quantization
    }
}
