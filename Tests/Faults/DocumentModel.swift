// SPDX-License-Identifier: Apache-2.0
import LodestoneClient
import TestSupport

/// The identity of an edge among the edges of its source.
struct EdgeName: Hashable {
    var label: String
    var target: String
}

/// The expected state of a document: its version decides vector, text and metadata.
struct DocumentModel: Equatable {
    /// The number of the version, counted over all documents of the writer.
    var version: Int
    /// The batch that wrote this version.
    var batch: Int
    /// The weights of the edges.
    var edges: [EdgeName: Float]
}

/// The content of every document, made from the seed of the run.
struct Content: Sendable {
    static let (usualDimension, usualWords, usualVocabulary) = (16, 30, 16)
    static let labels = ["cites", "follows", "likes", "near"]
    private static let fewWords = [
        "amber", "basalt", "compass", "delta", "ember", "flint", "granite", "harbor", "iron",
        "jetty", "keel", "lantern", "magnet", "north", "ore", "pole",
    ]
    private static let syllables = ["ba", "dor", "fen", "gil", "hom", "kur", "lis", "mat", "nev"]

    let seed: UInt64
    /// The elements per vector.
    let dimension: Int
    /// The most words of a text.
    let longestText: Int
    /// The words of the texts.
    let words: [String]

    init(
        seed: UInt64,
        dimension: Int = usualDimension,
        longestText: Int = usualWords,
        vocabulary: Int = usualVocabulary
    ) {
        self.seed = seed
        self.dimension = dimension
        self.longestText = longestText
        let more = (0..<max(0, vocabulary - Self.fewWords.count)).map { number in
            var word = ""
            var rest = number + Self.syllables.count * Self.syllables.count
            while rest > 0 {
                word += Self.syllables[rest % Self.syllables.count]
                rest /= Self.syllables.count
            }
            return word
        }
        words = Self.fewWords + more
    }

    /// The number for one version of one document.
    private func key(_ id: String, _ version: Int) -> UInt64 {
        // FNV-1a; `Hasher` differs from run to run.
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in "\(seed)/\(id)/\(version)".utf8 {
            hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3
        }
        return hash
    }

    func vector(_ id: String, _ version: Int) -> [Float] {
        var random = SeededGenerator(seed: key(id, version))
        return (0..<dimension).map { _ in Float.random(in: -1...1, using: &random) }
    }

    /// The word that only this version of this document has.
    func token(_ id: String, _ version: Int) -> String {
        "k" + String(key(id, version), radix: 36)
    }

    /// A word that many documents have.
    func word(using random: inout SeededGenerator) -> String {
        words[Int.random(in: 0..<words.count, using: &random)]
    }

    /// The word before the token, with which the text begins.
    func firstWord(_ id: String, _ version: Int) -> String {
        var random = generator(id, version)
        _ = wordCount(using: &random)
        return word(using: &random)
    }

    private func generator(_ id: String, _ version: Int) -> SeededGenerator {
        SeededGenerator(seed: ~key(id, version))
    }

    private func wordCount(using random: inout SeededGenerator) -> Int {
        Int.random(in: 1...longestText, using: &random)
    }

    func document(_ id: String, _ model: DocumentModel) throws(LodestoneError) -> Document {
        var random = generator(id, model.version)
        let words = (0..<wordCount(using: &random)).map { _ in word(using: &random) }
        var edges: [Edge] = []
        for (name, weight) in model.edges {
            edges.append(Edge(name.label, to: try DocumentID(name.target), weight: weight))
        }
        return Document(
            id: try DocumentID(id),
            vector: vector(id, model.version),
            text: [
                TextField(name: "title", text: "\(words[0]) \(token(id, model.version))"),
                TextField(name: "body", text: words.joined(separator: " ")),
            ],
            metadata: [
                "version": .int(Int64(model.version)),
                "batch": .int(Int64(model.batch)),
                "weight": .double(Double.random(in: 0...1, using: &random)),
                "even": .bool(model.version.isMultiple(of: 2)),
                "words": .list(words.prefix(3).map { .string($0) }),
            ],
            edges: edges.sorted { ($0.label, $0.target) < ($1.label, $1.target) }
        )
    }
}
