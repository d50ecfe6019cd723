// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneEngine
import TestSupport

/// A random collection, the filters of credentials for it, and questions to it.
///
/// Words, ids and values are few, so that documents that a credential hides and documents that it
/// shows have much in common.
struct SecuredCollection {
    static let words = [
        "search", "searching", "searched", "seed", "sea", "see", "graph", "graphs", "grape",
        "tree", "trees", "the", "of", "C++", "x-ray", "wi-fi", "中文", "中", "running", "runs",
    ]
    static let typos = ["serch", "graf", "grahp", "tre", "runing", "sead", "xray"]
    static let labels = ["cites", "likes", "has"]
    static let owners = ["a", "b", "c"]
    static let fields = ["title", "body", "note"]
    /// The document that every credential sees.
    ///
    /// It names all ids and labels first, so that two stores number them alike.
    static let root: DocumentID = "root"

    private(set) var random: SeededGenerator
    let options: CollectionOptions
    let ids: [DocumentID]

    init(seed: UInt64) {
        random = SeededGenerator(seed: seed)
        var random = random
        // With many documents, the sample of ordinary ones lacks some, and the root is a hub.
        let isLarge = Int.random(in: 0..<15, using: &random) == 0
        let count = Int.random(in: isLarge ? 100...160 : 4...30, using: &random)
        ids = (0..<count).map { DocumentID(stringLiteral: "d\($0)") }
        let isFTS5 = Int.random(in: 0..<3, using: &random) == 0
        let hasFields = !isFTS5 && Bool.random(using: &random)
        let strategies: [VectorIndexStrategy] = [
            .flatScan, .flatScan, .lsh(LSHOptions(tables: 4, hyperplanes: 3, probes: 4)),
            .hnsw(inlineIndexing: true, HNSWOptions()),
        ]
        let indexes = ["owner", "n", "tags"].filter { _ in Bool.random(using: &random) }
        options = CollectionOptions(
            dimension: Int.random(in: 0..<4, using: &random) == 0 ? 0 : 3,
            metric: Metric.allCases.randomElement(using: &random) ?? .cosine,
            vectorStrategy: .flatScan,
            textStrategy: isFTS5 ? .fts5 : .postings,
            text: TextOptions(
                fields: hasFields
                    ? [TextFieldOptions("title", weight: 3), TextFieldOptions("body")] : [],
                language: Int.random(in: 0..<3, using: &random) == 0 ? .none : .english
            ),
            metadataIndexes: indexes.map { MetadataIndex($0) }
        )
        strategy = strategies.randomElement(using: &random) ?? .flatScan
        self.random = random
    }

    /// The strategy of a second collection with the same documents, whose hits are not exact.
    let strategy: VectorIndexStrategy

    mutating func chance(_ one: Int) -> Bool { Int.random(in: 0..<one, using: &random) == 0 }

    mutating func number(_ range: ClosedRange<Int>) -> Int { .random(in: range, using: &random) }

    mutating func pick<T>(_ list: [T]) -> T { list[number(0...(list.count - 1))] }

    // MARK: Documents

    mutating func document(_ id: DocumentID) -> Document {
        var document = Document(id: id)
        if options.dimension > 0, !chance(5) { document.vector = vector() }
        for field in Self.fields where !chance(3) {
            let count = number(0...(chance(6) ? 60 : 8))
            let text = (0..<count).map { _ in pick(Self.words) }.joined(separator: " ")
            document.text.append(TextField(name: field, text: text))
        }
        if !chance(8) { document.metadata["owner"] = .string(pick(Self.owners)) }
        if !chance(6) { document.metadata["n"] = .int(Int64(number(0...5))) }
        if chance(2) {
            let tags = (0..<number(0...3)).map { _ in Value.string(pick(["x", "y", "z"])) }
            document.metadata["tags"] = .list(tags)
        }
        if chance(9) {
            document.metadata["owner"] = .string(
                pick(Self.owners) + String(repeating: "long", count: 80)
            )
        }
        document.edges = edges(number(0...3))
        return document
    }

    mutating func vector() -> [Float] {
        // Few values make ties.
        let vector = (0..<3).map { _ in Float(number(-2...2)) }
        return vector.allSatisfy { $0 == 0 } ? [1, 0, 0] : vector
    }

    mutating func edges(_ count: Int) -> [Edge] {
        var edges: [Edge] = []
        for _ in 0..<count {
            let edge = Edge(pick(Self.labels), to: pick(ids), weight: Float(number(0...3)))
            if !edges.contains(where: { $0.label == edge.label && $0.target == edge.target }) {
                edges.append(edge)
            }
        }
        return edges
    }

    var rootDocument: Document {
        Document(
            id: Self.root,
            edges: Self.labels.flatMap { label in ids.map { Edge(label, to: $0) } }
        )
    }

    // MARK: Filters

    /// A filter of a credential, which shows the root.
    mutating func visibility() -> Filter {
        switch number(0...9) {
        case 0: .or([.equal(path: ["owner"], "a"), .ids([Self.root])])
        case 1: .and([])
        case 2: .ids([Self.root] + ids.filter { _ in chance(2) })
        case 3: .or([.ids([Self.root]), .and([filter(), filter()])])
        default: .or([filter(), .ids([Self.root])])
        }
    }

    mutating func filter() -> Filter {
        switch number(0...9) {
        case 0, 1: .equal(path: ["owner"], .string(pick(Self.owners)))
        case 2: .oneOf(path: ["owner"], [.string(pick(Self.owners)), .string(pick(Self.owners))])
        case 3: .range(path: ["n"], lower: .init(.int(Int64(number(0...4)))), upper: nil)
        case 4: .contains(path: ["tags"], .string(pick(["x", "y"])))
        case 5: .exists(path: ["n"], chance(2))
        case 6: .not(filter())
        case 7: .and([filter(), filter()])
        case 8: .or([filter(), filter()])
        default: .contains(path: ["owner"], "along")
        }
    }

    // MARK: Questions

    mutating func query() -> Query {
        var sources: [Source] = []
        for _ in 0..<number(1...3) { sources.append(source()) }
        let fusions: [Fusion] = [
            .weightedScores(), .weightedScores(), .weightedScores(.minMax), .reciprocalRank(),
        ]
        var query = Query(
            sources,
            filter: chance(2) ? nil : filter(),
            fusion: pick(fusions),
            limit: number(1...12),
            include: [.explain]
        )
        if chance(2) { query.include.insert(.sourceScores) }
        if chance(3) { query.include.formUnion(.document) }
        if chance(2) { query.highlight = Highlight(fragmentSize: 20, before: "<", after: ">") }
        if chance(3) { query.facets = facets() }
        return query
    }

    mutating func facets() -> [FacetRequest] {
        ["owner", "n", "tags"].map { FacetRequest(path: [$0], limit: number(1...4)) }
    }

    private mutating func source() -> Source {
        let weight: Float? = chance(4) ? Float(number(0...3)) : nil
        var source: Source
        switch number(0...9) {
        case 0...2 where options.dimension > 0: source = .near(vector(), exact: true)
        case 3: source = Source(.walk(walk()))
        case 4: source = Source(.walkFromHits(walk()))
        case 5, 6:
            source = .matching(syntax(), mode: .querySyntax, fuzzy: chance(5) ? Fuzziness() : nil)
        default:
            let words = (0..<number(1...4)).map { _ in
                chance(4) ? pick(Self.typos) : pick(Self.words)
            }
            source = .matching(
                words.joined(separator: " "),
                fuzzy: chance(3) ? Fuzziness(.auto, maxExpansions: number(1...4)) : nil
            )
        }
        source.weight = weight
        if chance(3) { source.candidates = number(1...6) }
        return source
    }

    private mutating func syntax() -> String {
        func word(_ self: inout SecuredCollection) -> String { self.pick(Self.words) }
        let (one, two, three) = (word(&self), word(&self), word(&self))
        return switch number(0...13) {
        case 0: "\(one) AND \(two)"
        case 1: "\(one) OR \(two)"
        case 2: "\(one) NOT \(two)"
        case 3: "NOT \(one)"
        case 4: "\"\(one) \(two)\""
        case 5: "\(pick(["se", "gr", "t", "run", "w"]))*"
        case 6: "*\(pick(["ear", "ap", "re", "n"]))*"
        case 7: "\(pick(Self.typos))~"
        case 8: "\(pick(Self.typos))~2 OR \(one)"
        case 9: "title:\(one)"
        case 10: "body:(\(one) OR \(two))"
        case 11: "(\(one) OR \(two)) AND NOT \(three)"
        case 12: "\(pick(["se", "gr"]))* AND \(one)"
        default: "title:\(pick(["se", "gr"]))* OR \(one)"
        }
    }

    mutating func walk() -> Walk {
        Walk(
            from: (0..<number(1...3)).map { _ in chance(3) ? Self.root : pick(ids) },
            labels: chance(2) ? [] : [pick(Self.labels)],
            direction: pick(Direction.allCases),
            depth: number(1...4),
            budget: WalkBudget(
                nodes: chance(3) ? number(1...6) : 10_000,
                edges: chance(3) ? number(1...20) : 1_000_000
            )
        )
    }
}
