// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Foundation
import LodestoneCore
import LodestoneImport

/// The texts to search, from a folder or made by Zipf's law.
struct TextCorpus {
    let texts: [String]
    private let sentences: [String]

    var count: Int { texts.count }

    init(data: String?, synthetic: Int?) throws {
        if let synthetic {
            var words = ZipfWords(seed: 1)
            texts = (0..<synthetic).map { _ in words.sentence(20...60) }
            sentences = (0..<10_000).map { _ in words.sentence(8...12) }
            return
        }
        let folder = data ?? ""
        var reader = try DocumentReader(
            path: folder + "/docs.jsonl.zst",
            mapping: DocumentMapping(text: ["words", "definition"])
        )
        texts = try reader.readAll().map { document in
            document.text.map(\.text).joined(separator: " ")
        }
        struct Line: Decodable { let query: String }
        sentences = try String(contentsOfFile: folder + "/queries.jsonl", encoding: .utf8)
            .split(separator: "\n")
            .map { try JSONDecoder().decode(Line.self, from: Data($0.utf8)).query }
    }

    /// Some of the documents.
    func documents(_ range: Range<Int>) throws -> [Document] {
        try range.map { Document(id: try DocumentID("\($0)"), text: texts[$0]) }
    }

    /// Makes queries of every kind.
    ///
    /// The kinds are the sentences, two words of one document, three words in a row, and words with
    /// one letter changed.
    func queries(_ count: Int) throws -> TextQueries {
        var random = SplitMix64(state: 7)
        var queries = TextQueries()
        queries[.ranked] = Array(sentences.prefix(count))
        while queries[.phrase].count < count {
            let text = texts[Int.random(in: 0..<texts.count, using: &random)]
            let words = text.split { !($0.isASCII && $0.isLetter) }.map { $0.lowercased() }
            guard words.count >= 5 else { continue }
            let at = Int.random(in: 0...words.count - 3, using: &random)
            queries[.phrase].append(words[at..<at + 3].joined(separator: " "))
            let (one, other) = (words[at], words[(at + 3) % words.count])
            queries[.boolean].append("\(one) \(other)")
            var letters = Array(words.max { $0.count < $1.count } ?? one)
            let index = Int.random(in: 0..<letters.count, using: &random)
            letters[index] = Character(UnicodeScalar(UInt8.random(in: 97...122, using: &random)))
            queries[.fuzzy].append(String(letters))
        }
        return queries
    }
}

/// Queries by their kind, as plain words.
struct TextQueries {
    enum Kind: String, ExpressibleByArgument, CaseIterable {
        case ranked, boolean, phrase, fuzzy

        func source(_ words: String) -> Source {
            switch self {
            case .ranked:
                .matching(words)
            case .boolean:
                .matching(
                    words.split(separator: " ").joined(separator: " AND "),
                    mode: .querySyntax
                )
            case .phrase:
                .matching("\"\(words)\"", mode: .querySyntax)
            case .fuzzy:
                .matching(words, fuzzy: .edits(1))
            }
        }
    }

    private var lists: [Kind: [String]] = [:]

    subscript(kind: Kind) -> [String] {
        get { lists[kind, default: []] }
        _modify { yield &lists[kind, default: []] }
    }
}

/// Texts and queries in a temporary folder, for peers.
final class TextFolder {
    let path = TextFolder.temporaryPath()

    static func temporaryPath() -> String {
        NSTemporaryDirectory() + "lodestone-text-\(UUID().uuidString)"
    }

    init(_ corpus: TextCorpus, _ queries: TextQueries) throws {
        try FileManager.default.createDirectory(
            atPath: path,
            withIntermediateDirectories: true
        )
        try write(corpus.texts, "documents")
        for kind in TextQueries.Kind.allCases { try write(queries[kind], kind.rawValue) }
    }

    private func write(_ lines: [String], _ name: String) throws {
        let text = lines.map { $0.replacingOccurrences(of: "\n", with: " ") + "\n" }.joined()
        try text.write(toFile: "\(path)/\(name).txt", atomically: false, encoding: .utf8)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// Words whose frequency is the inverse of their rank (Zipf's law), drawn one by one.
struct ZipfWords {
    private var random: SplitMix64
    private let words: [String]
    /// The share of all draws that fall on a word or on one before it.
    private let shares: [Double]
    private static let wordCount = 200_000

    init(seed: UInt64) {
        random = SplitMix64(state: seed)
        var total = 0.0
        var shares: [Double] = []
        for rank in 1...Self.wordCount {
            total += 1 / Double(rank)
            shares.append(total)
        }
        self.shares = shares.map { $0 / total }
        words = (0..<Self.wordCount).map(Self.word)
    }

    /// The letters for a number, consonant and vowel in turns; no stemmer knows their endings.
    private static func word(_ number: Int) -> String {
        let (consonants, vowels) = (Array("bcdfghjklmnpqrtvwxz"), Array("aeiou"))
        var remaining = number
        var word = ""
        repeat {
            word.append(consonants[remaining % consonants.count])
            remaining /= consonants.count
            word.append(vowels[remaining % vowels.count])
            remaining /= vowels.count
        } while remaining > 0
        return word + "k"
    }

    mutating func sentence(_ length: ClosedRange<Int>) -> String {
        let count = Int.random(in: length, using: &random)
        return (0..<count).map { _ in draw() }.joined(separator: " ")
    }

    private mutating func draw() -> String {
        let target = Double.random(in: 0..<1, using: &random)
        var (low, high) = (0, shares.count - 1)
        while low < high {
            let middle = (low + high) / 2
            if shares[middle] < target { low = middle + 1 } else { high = middle }
        }
        return words[low]
    }
}
