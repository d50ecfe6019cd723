// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Foundation
import LodestoneANN
import LodestoneImport
import LodestoneStructures

/// The vectors to index, and the vectors of the queries.
struct AnnVectors: ParsableArguments {
    @Option(help: "A folder with docs.f16 and queries.f16.")
    var data: String?

    @Option(help: "A file of vectors (.npy, .f16, .f32).")
    var vectors: String?

    @Option(help: "A file of queries.")
    var queries: String?

    @Option(help: "So many vectors around random centers instead, made from a seed.")
    var synthetic: Int?

    @Option(help: "Elements of each vector.")
    var dimension = 384

    @Option(help: "Queries to leave out at the beginning: those that settings were tried with.")
    var skip = 0

    @Option(help: "Queries.")
    var count = 2_000

    func load() throws -> (AnnRows, [[Float]]) {
        if let synthetic {
            var random = ClusteredVectors(dimension: dimension, seed: 1)
            let rows = AnnRows(count: synthetic, dimension: dimension) { random.write($0) }
            let queries = (0..<count).map { _ in
                Array(unsafeUninitializedCapacity: dimension) { vector, written in
                    random.write(vector)
                    written = dimension
                }
            }
            return (rows, queries)
        }
        guard let rowPath = vectors ?? data.map({ $0 + "/docs.f16" }),
            let queryPath = queries ?? data.map({ $0 + "/queries.f16" })
        else { throw ValidationError("Give --data, --vectors with --queries, or --synthetic.") }
        let queryFile = try VectorFile(path: queryPath, dimension: dimension)
        let end = min(queryFile.count, skip + count)
        return (
            try AnnRows(VectorFile(path: rowPath, dimension: dimension)),
            try queryFile.read(min(skip, end)..<end)
        )
    }

    /// The rows whose documents are verbs; `nil` unless a folder of documents was given.
    func verbs() throws -> RowSet? {
        guard let data, vectors == nil, synthetic == nil else { return nil }
        var reader = try DocumentReader(
            path: data + "/docs.jsonl.zst",
            mapping: DocumentMapping(text: [])
        )
        let documents = try reader.readAll()
        var rows = RowSet(count: documents.count)
        for (row, document) in documents.enumerated() where document.metadata["pos"] == "v" {
            rows.insert(RowID(row))
        }
        return rows
    }
}

/// Contiguous vectors in memory, in the layout of a segment.
// Unchecked: no thread changes them after `init`.
final class AnnRows: @unchecked Sendable {
    let dimension: Int
    let count: Int
    private let elements: UnsafeMutableBufferPointer<Float>

    /// Creates rows; `write` fills each in place.
    ///
    /// A copy of a million rows takes long, and its memory would count as the index's.
    init(
        count: Int,
        dimension: Int,
        write: (UnsafeMutableBufferPointer<Float>) throws -> Void
    ) rethrows {
        self.dimension = dimension
        self.count = count
        elements = .allocate(capacity: count * dimension)
        for row in 0..<count {
            let range = row * dimension..<(row + 1) * dimension
            try write(UnsafeMutableBufferPointer(rebasing: elements[range]))
        }
    }

    /// Reads the rows of a file.
    convenience init(_ file: VectorFile) throws {
        var next = 0
        var some: ArraySlice<[Float]> = []
        try self.init(count: file.count, dimension: file.dimension) { vector in
            if some.isEmpty {
                some = try file.read(next..<min(next + 4_096, file.count))[...]
                next += some.count
            }
            _ = vector.initialize(fromContentsOf: some.removeFirst())
        }
    }

    deinit { elements.deallocate() }

    /// Calls `body` with the bytes of all rows.
    func withData<Result>(_ body: (Data) throws -> Result) rethrows -> Result {
        guard let base = elements.baseAddress else { return try body(Data()) }
        let byteCount = elements.count * MemoryLayout<Float>.stride
        return try body(Data(bytesNoCopy: base, count: byteCount, deallocator: .none))
    }

    /// The first `count` rows, or all, with row ids from `firstRow` on; there must be some.
    func block(firstRow: RowID = .first, count: Int? = nil) -> VectorBlock {
        VectorBlock(
            base: UnsafePointer(elements.baseAddress.unsafelyUnwrapped),
            firstRow: firstRow,
            count: count ?? self.count,
            owner: self
        )
    }

    var table: VectorTable { table(of: count) }

    /// A table of the first `count` rows.
    func table(of count: Int) -> VectorTable {
        var table = VectorTable(dimension: dimension)
        if count > 0 { table.append(block(count: count)) }
        return table
    }
}

/// Vectors around random centers; like the vectors of texts, most lie near some others.
struct ClusteredVectors {
    private var random: SplitMix64
    /// The centers, one after the other.
    private let centers: [Float]
    private static let centerCount = 1_000

    init(dimension: Int, seed: UInt64) {
        var random = SplitMix64(state: seed)
        centers = Array(
            unsafeUninitializedCapacity: Self.centerCount * dimension
        ) { centers, written in
            centers.initialize(repeating: 0)
            random.addNormal(to: centers)
            written = centers.count
        }
        self.random = random
    }

    /// Writes the next vector.
    mutating func write(_ vector: UnsafeMutableBufferPointer<Float>) {
        let center = Int.random(in: 0..<Self.centerCount, using: &random) * vector.count
        _ = vector.initialize(fromContentsOf: centers[center..<center + vector.count])
        random.addNormal(to: vector)
    }
}

/// The generator of Steele, Lea and Flood (2014): the same numbers on every machine.
struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// Adds a normally distributed number to each (Box and Muller): one random number gives two.
    mutating func addNormal(to numbers: UnsafeMutableBufferPointer<Float>) {
        for index in stride(from: 0, to: numbers.count, by: 2) {
            let bits = next()
            // Each has 24 bits: the radius is computed from a number above 0 and at most 1, the
            // angle is uniform.
            let radius = (-2 * logf(Float(bits >> 40 &+ 1) * 0x1p-24)).squareRoot()
            let angle = Float(bits & 0xFF_FFFF) * (2 * .pi * 0x1p-24)
            numbers[index] += radius * cosf(angle)
            if index + 1 < numbers.count { numbers[index + 1] += radius * sinf(angle) }
        }
    }
}
