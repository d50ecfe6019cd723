// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneCore
import LodestoneImport

/// A folder of documents, vectors and questions: `docs.jsonl.zst`, `docs.f16`, `edges.tsv.zst`,
/// `queries.jsonl`, `queries.f16`.
struct BenchData {
    let folder: String
    let dimension: Int

    /// Documents with vector, text and metadata, in batches.
    func batches(of size: Int, limit: Int?, randomIDs: Bool, withEdges: Bool) throws -> [[Document]]
    {
        let vectors = try VectorFile(path: folder + "/docs.f16", dimension: dimension)
        var reader = try DocumentReader(
            path: folder + "/docs.jsonl.zst",
            mapping: DocumentMapping(text: ["words", "definition"]),
            vectors: vectors
        )
        let edges = withEdges ? try edgesBySource() : [:]
        var batches: [[Document]] = []
        var count = 0
        while let batch = try reader.next(size) {
            if let bad = batch.badLines.first { throw ValidationFailure(text: "\(bad)") }
            var documents = batch.documents
            if let limit { documents = Array(documents.prefix(limit - count)) }
            for index in documents.indices {
                documents[index].edges = edges[documents[index].id] ?? []
                if randomIDs { documents[index].id = try Self.randomID(count + index) }
            }
            count += documents.count
            if !documents.isEmpty { batches.append(documents) }
            if let limit, count >= limit { break }
        }
        return batches
    }

    /// Sixteen hexadecimal digits that only the number decides.
    private static func randomID(_ number: Int) throws -> DocumentID {
        var mixed = UInt64(number) &* 0x9e37_79b9_7f4a_7c15
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

    /// The questions' sentences and vectors.
    func questions(_ count: Int) throws -> (texts: [String], vectors: [[Float]]) {
        let file = try VectorFile(path: folder + "/queries.f16", dimension: dimension)
        let vectors = try file.read(0..<min(count, file.count))
        struct Line: Decodable { let query: String }
        let lines = try String(contentsOfFile: folder + "/queries.jsonl", encoding: .utf8)
            .split(separator: "\n").prefix(vectors.count)
        let texts = try lines.map {
            try JSONDecoder().decode(Line.self, from: Data($0.utf8)).query
        }
        return (texts, vectors)
    }
}

/// The data is not what it should be.
struct ValidationFailure: Error, CustomStringConvertible {
    let text: String
    var description: String { text }
}

/// The exact answer, by the plainest loop in double precision: the ten nearest by cosine.
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
