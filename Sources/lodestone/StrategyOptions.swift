// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import LodestoneClient
import LodestoneImport
import LodestoneJSON

/// A vector strategy by the name that users type.
enum StrategyName: String, ExpressibleByArgument, CaseIterable {
    case flat, lsh, hnsw
    case hnswInline = "hnsw-inline"
}

/// A quantization by the name that users type.
enum QuantizationName: String, ExpressibleByArgument, CaseIterable {
    case int8, none, int4

    var quantization: VectorQuantization {
        switch self {
        case .int8: .int8
        case .none: .none
        case .int4: .int4
        }
    }
}

/// The options of a vector strategy; an absent option has its default.
struct StrategyOptions: ParsableArguments {
    @Option(help: "hnsw: links of a node, 2 to 128. (default: 16)") var m: Int?
    @Option(help: "hnsw: beam width while building, up to 4096. (default: 200)")
    var efConstruction: Int?
    @Option(help: "hnsw: beam width of searches, up to 4096. (default: 64)") var efSearch: Int?
    @Option(help: "hnsw: the codes that a walk compares. (default: int8)")
    var quantization: QuantizationName?
    @Option(help: "lsh: hash tables, up to 256. (default: 8)") var tables: Int?
    @Option(help: "lsh: hyperplanes of a table, up to 32. (default: 16)") var hyperplanes: Int?
    @Option(help: "lsh: buckets looked at in a table, up to 4096. (default: 8)") var probes: Int?

    private var givesHNSW: Bool {
        m != nil || efConstruction != nil || efSearch != nil || quantization != nil
    }

    private var givesLSH: Bool { tables != nil || hyperplanes != nil || probes != nil }

    /// The strategy with a name and these options.
    func strategy(_ name: StrategyName) -> VectorIndexStrategy {
        switch name {
        case .flat:
            return .flatScan
        case .lsh:
            var lsh = LSHOptions()
            if let tables { lsh.tables = tables }
            if let hyperplanes { lsh.hyperplanes = hyperplanes }
            if let probes { lsh.probes = probes }
            return .lsh(lsh)
        case .hnsw, .hnswInline:
            var hnsw = HNSWOptions()
            if let m { hnsw.m = m }
            if let efConstruction { hnsw.efConstruction = efConstruction }
            if let efSearch { hnsw.efSearch = efSearch }
            if let quantization { hnsw.quantization = quantization.quantization }
            return .hnsw(inlineIndexing: name == .hnswInline, hnsw)
        }
    }

    /// Refuses options of other strategies, because they would have no effect.
    func check(_ name: StrategyName) throws {
        guard !givesLSH || name == .lsh else {
            throw ValidationError("--tables, --hyperplanes and --probes belong to lsh.")
        }
        guard !givesHNSW || name == .hnsw || name == .hnswInline else {
            throw ValidationError(
                "--m, --ef-construction, --ef-search and --quantization belong to hnsw."
            )
        }
    }
}

extension VectorIndexStrategy {
    /// The name that users type for the strategy.
    var typedName: String {
        if case .hnsw(inlineIndexing: true, _) = self { "hnsw-inline" } else { name }
    }

    /// The strategy with its options, for people.
    var summary: String {
        switch self {
        case .flatScan:
            typedName
        case .lsh(let lsh):
            "\(typedName) (\(lsh.tables) tables, \(lsh.hyperplanes) hyperplanes, "
                + "\(lsh.probes) probes)"
        case .hnsw(_, let hnsw):
            "\(typedName) (m \(hnsw.m), ef construction \(hnsw.efConstruction), "
                + "ef search \(hnsw.efSearch), \(hnsw.quantization))"
        }
    }
}

extension JSON {
    /// A strategy with its options.
    init(_ strategy: VectorIndexStrategy) {
        var members: [(String, JSON)] = [("name", .string(strategy.typedName))]
        switch strategy {
        case .flatScan:
            break
        case .lsh(let lsh):
            members += [
                ("tables", .int(lsh.tables)), ("hyperplanes", .int(lsh.hyperplanes)),
                ("probes", .int(lsh.probes)),
            ]
        case .hnsw(_, let hnsw):
            members += [
                ("m", .int(hnsw.m)), ("efConstruction", .int(hnsw.efConstruction)),
                ("efSearch", .int(hnsw.efSearch)),
                ("quantization", .string("\(hnsw.quantization)")),
            ]
        }
        self = .object(members)
    }

    /// The vector index of a collection, with its state.
    init(_ status: IndexStatus) {
        var members: [(String, JSON)] = [
            ("strategy", JSON(status.strategy)), ("state", .string(status.state.name)),
            ("indexedVectors", .int(status.indexedVectors)),
            ("scannedVectors", .int(status.scannedVectors)),
            ("progress", .double(status.progress)), ("bytes", .int(status.byteCount)),
            ("unreachableNodes", .int(status.unreachableNodes)),
        ]
        if let recall = status.selfRecall { members.append(("selfRecall", .double(recall))) }
        if !status.message.isEmpty { members.append(("message", .string(status.message))) }
        self = .object(members)
    }
}
