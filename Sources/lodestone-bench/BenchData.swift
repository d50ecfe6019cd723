// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Foundation
import LodestoneCore
import LodestoneImport

/// The folder of the data.
struct DataOptions: ParsableArguments {
    @Option(
        name: .customLong("data"),
        help: "A folder with docs.jsonl.zst, docs.f16, edges.tsv.zst, queries.jsonl, queries.f16."
    )
    var folder: String

    @Option(help: "Elements of each vector.")
    var dimension = 384

    var data: BenchData { BenchData(folder: folder, dimension: dimension) }
}

/// A folder of documents, vectors and queries.
///
/// Its files are `docs.jsonl.zst`, `docs.f16`, `edges.tsv.zst`, `queries.jsonl` and `queries.f16`.
struct BenchData {
    let folder: String
    let dimension: Int

    /// Documents with vector, text and metadata, in batches.
    ///
    /// If `count` exceeds the folder's documents, they are repeated under other ids.
    func batches(of size: Int, count: Int?, randomIDs: Bool, withEdges: Bool) throws -> [[Document]]
    {
        let edges = withEdges ? try edgesBySource() : [:]
        var batches: [[Document]] = []
        var total = 0
        var copy = 0
        repeat {
            var reader = try DocumentReader(
                path: folder + "/docs.jsonl.zst",
                mapping: DocumentMapping(text: ["words", "definition"]),
                vectors: try VectorFile(path: folder + "/docs.f16", dimension: dimension)
            )
            let before = total
            while total < count ?? .max, let batch = try reader.next(size) {
                if let bad = batch.badLines.first { throw ValidationFailure(text: "\(bad)") }
                let documents = try batch.documents.prefix((count ?? .max) - total).map {
                    document in
                    var document = document
                    document.edges = try edges[document.id, default: []].map { edge in
                        var edge = edge
                        edge.target = try Self.id(edge.target, copy, isRandom: randomIDs)
                        return edge
                    }
                    document.id = try Self.id(document.id, copy, isRandom: randomIDs)
                    return document
                }
                total += documents.count
                if !documents.isEmpty { batches.append(documents) }
            }
            copy += 1
            if total == before { break }
        } while total < count ?? 0
        return batches
    }

    /// The id of a document in a copy of the data.
    ///
    /// A random id is sixteen hexadecimal digits, a function of the id and the copy.
    private static func id(_ id: DocumentID, _ copy: Int, isRandom: Bool) throws -> DocumentID {
        guard isRandom else { return copy == 0 ? id : try DocumentID("\(id.string)~\(copy)") }
        var mixed = id.string.utf8.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { hash, byte in
            (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3
        }
        mixed = mixed &+ UInt64(copy) &* 0x9e37_79b9_7f4a_7c15
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return try DocumentID(String(mixed ^ (mixed >> 31) | 1 << 63, radix: 16))
    }

    private func edgesBySource() throws -> [DocumentID: [Edge]] {
        var reader = try EdgeReader(path: folder + "/edges.tsv.zst")
        var edges: [DocumentID: [Edge]] = [:]
        while let batch = try reader.next(10_000) {
            for edge in batch.edges { edges[edge.source, default: []].append(edge.edge) }
        }
        return edges
    }

    /// The folder's queries.
    func queries(_ count: Int) throws -> BenchQueries {
        try BenchQueries(
            path: folder + "/queries.jsonl",
            vectors: folder + "/queries.f16",
            dimension: dimension,
            count: count
        )
    }
}

/// Sentences with their vectors, and the document of each sentence.
struct BenchQueries {
    let texts: [String]
    let vectors: [[Float]]
    let ids: [DocumentID]

    /// Reads the first `count` lines of a file of `{"query": …, "id": …}`, and as many vectors.
    init(path: String, vectors vectorPath: String, dimension: Int, count: Int) throws {
        struct Line: Decodable {
            let query: String
            let id: String
        }
        let file = try VectorFile(path: vectorPath, dimension: dimension)
        let lines = try String(contentsOfFile: path, encoding: .utf8)
            .split(separator: "\n").prefix(min(count, file.count))
            .map { try JSONDecoder().decode(Line.self, from: Data($0.utf8)) }
        texts = lines.map(\.query)
        ids = try lines.map { try DocumentID($0.id) }
        vectors = try file.read(0..<lines.count)
    }
}

/// The error for data that are not as expected.
struct ValidationFailure: Error, CustomStringConvertible {
    let text: String
    var description: String { text }
}

/// The exact result, by a plain loop in double precision: the `k` nearest by cosine.
func trueNeighbors(of query: [Float], among vectors: [[Float]], k: Int) -> [Int] {
    let length = query.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
    let distances = vectors.map { vector in
        var dot = 0.0
        var square = 0.0
        for index in query.indices {
            dot += Double(query[index]) * Double(vector[index])
            square += Double(vector[index]) * Double(vector[index])
        }
        return 1 - dot / (length * square.squareRoot())
    }
    return Array(
        distances.indices.sorted {
            distances[$0] != distances[$1] ? distances[$0] < distances[$1] : $0 < $1
        }.prefix(k)
    )
}
