// SPDX-License-Identifier: Apache-2.0
import LodestoneCore

/// Checks of hybrid results in cases that the sentences don't test.
struct RelevanceRobustness {
    let target: any BenchTarget
    let benchQueries: BenchQueries
    /// The codes per number of copies, and the most queries.
    let count: Int
    /// Makes a hybrid query.
    let query: (_ text: String, _ vector: [Float]) -> Query

    private static let commonWords = [
        "time", "person", "large", "small", "act", "quality", "year", "city", "use", "make", "part",
        "work", "place", "group", "state", "body", "water", "form", "line",
    ]

    /// Runs all checks.
    ///
    /// - Parameter batches: The content of the collection; some documents are written again, with
    ///   codes.
    /// - Returns: The name of each check, and the share of right results, 0 to 1.
    /// - Throws: The error of a call.
    func run(_ batches: [[Document]]) async throws -> [(name: String, share: Double)] {
        var shares = [("same ten with limit 300", try await sameWithMore())]
        let right = try await whereVectorIsRight()
        let texts = benchQueries.texts
        let others = right.map { texts[($0 + texts.count / 2 + 1) % texts.count] }
        shares.append(("vector's best in three, other words", try await inThree(right, others)))
        let words = Self.commonWords
        let common = right.map { index in
            [index, index / 7 + 5, index / 3 + 11].map { words[$0 % words.count] }
                .joined(separator: " ")
        }
        shares.append(("vector's best in three, common words", try await inThree(right, common)))
        for copies in [1, 2, 5] {
            shares.append(("planted in \(copies)", try await planted(copies, batches)))
        }
        return shares
    }

    private func search(_ queries: [Query]) async throws -> [[DocumentID]] {
        var results: [[DocumentID]] = []
        for first in stride(from: 0, to: queries.count, by: 50) {
            let part = Array(queries[first..<min(first + 50, queries.count)])
            results += try await target.search("bench", part).map { $0.hits.map(\.id) }
        }
        return results
    }

    private func sameWithMore() async throws -> Double {
        let some = benchQueries.texts.indices.prefix(count)
        func queries(_ limit: Int) -> [Query] {
            some.map { index in
                var query = query(benchQueries.texts[index], benchQueries.vectors[index])
                query.limit = limit
                return query
            }
        }
        let few = try await search(queries(10))
        let many = try await search(queries(300))
        let same = zip(few, many).count { $0.prefix(10) == $1.prefix(10) }
        return Double(same) / Double(some.count)
    }

    /// The queries for which the vector alone ranks the right document first.
    private func whereVectorIsRight() async throws -> [Int] {
        let nearest = try await search(benchQueries.vectors.map { Query([.near($0)], limit: 1) })
        let right = nearest.indices.filter { nearest[$0].first == benchQueries.ids[$0] }
        return Array(right.prefix(count))
    }

    private func inThree(_ indices: [Int], _ texts: [String]) async throws -> Double {
        let queries = zip(indices, texts).map { query($1, benchQueries.vectors[$0]) }
        let results = try await search(queries)
        let found = zip(indices, results).count { index, ids in
            ids.prefix(3).contains(benchQueries.ids[index])
        }
        return Double(found) / Double(indices.count)
    }

    /// Writes codes into documents, `copies` documents per code, and searches for each code.
    ///
    /// Each search has the vector of a query that is unrelated to the code.
    private func planted(_ copies: Int, _ batches: [[Document]]) async throws -> Double {
        let documents = batches.flatMap(\.self)
        var queries: [Query] = []
        var expected: [Set<DocumentID>] = []
        var changed: [Document] = []
        for code in 0..<count {
            // The documents are far from each other, and different for each number of copies.
            let own = (0..<copies).map { copy in
                (code * 40_503 + copy * 7_919 + copies * 611_953) % documents.count
            }
            let word = "KX\(copies)Q\(1_000 + code)"
            var ids: Set<DocumentID> = []
            for index in own where ids.insert(documents[index].id).inserted {
                var document = documents[index]
                guard let last = document.text.indices.last else { continue }
                document.text[last].text += "; part \(word)"
                changed.append(document)
            }
            let other = (code * 6_007 + copies) % benchQueries.vectors.count
            queries.append(query(word, benchQueries.vectors[other]))
            expected.append(ids)
        }
        try await target.index("bench", changed)
        let results = try await search(queries)
        let found = zip(expected, results).reduce(0) {
            $0 + $1.0.intersection($1.1.prefix(10)).count
        }
        return Double(found) / Double(expected.reduce(0) { $0 + $1.count })
    }
}
