// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import LodestoneANN
import LodestoneCore

/// The index to measure, and the settings of its searches.
struct AnnStrategy: ParsableArguments {
    enum Name: String, CaseIterable, ExpressibleByArgument {
        case flat, lsh, hnsw
    }

    enum Quantization: String, CaseIterable, ExpressibleByArgument {
        case int8, int4, none

        var core: VectorQuantization {
            switch self {
            case .int8: .int8
            case .int4: .int4
            case .none: .none
            }
        }
    }

    @Option(name: .customLong("strategy"), help: "flat, lsh or hnsw.")
    var name: Name = .hnsw

    @Option(help: "hnsw: what a graph is walked over: int8, int4 or none.")
    var quantization: Quantization = .int8

    @Option(help: "hnsw: links chosen on each layer above the bottom.")
    var m = HNSWOptions().m

    @Option(name: .customLong("ef-construction"), help: "hnsw: beam width while building.")
    var efConstruction = HNSWOptions().efConstruction

    @Option(parsing: .upToNextOption, help: "hnsw: beam widths while searching.")
    var ef = [16, 25, 40, 64, 75, 96, 128, 192, 256]

    @Option(help: "lsh: hash tables.")
    var tables = LSHOptions().tables

    @Option(help: "lsh: hyperplanes of a table.")
    var hyperplanes = LSHOptions().hyperplanes

    @Option(parsing: .upToNextOption, help: "lsh: buckets looked at in a table.")
    var probes = [1, 2, 4, 8, 16, 32, 64]

    /// The strategy with the default settings of searches.
    var core: VectorIndexStrategy { core(probes: LSHOptions().probes) }

    private func core(probes: Int) -> VectorIndexStrategy {
        switch name {
        case .flat:
            .flatScan
        case .lsh:
            .lsh(LSHOptions(tables: tables, hyperplanes: hyperplanes, probes: probes))
        case .hnsw:
            .hnsw(
                inlineIndexing: false,
                HNSWOptions(
                    m: m,
                    efConstruction: efConstruction,
                    quantization: quantization.core
                )
            )
        }
    }

    /// The name in measurements: the strategy, and its quantization unless that is the usual one.
    var label: String { Self.label(name, quantization) }

    /// All names that measurements may have; other names are names of libraries.
    static var labels: Set<String> {
        Set(Name.allCases.flatMap { name in Quantization.allCases.map { label(name, $0) } })
    }

    private static func label(_ name: Name, _ quantization: Quantization) -> String {
        name == .hnsw && quantization != .int8 ? "hnsw-\(quantization)" : name.rawValue
    }

    /// The settings to search an index with.
    func settings(of index: any VectorIndex, dimension: Int, metric: Metric) throws -> [AnnSetting]
    {
        switch name {
        case .flat:
            return [AnnSetting(index: index)]
        case .lsh:
            return try probes.map { probes in
                let adapted = core(probes: probes)
                    .makeIndex(dimension: dimension, metric: metric, after: index)
                guard adapted.count == index.count else {
                    throw ValidationFailure(text: "An index of other probes must be built.")
                }
                return AnnSetting(parameter: ("probes", probes), index: adapted)
            }
        case .hnsw:
            return ef.map { AnnSetting(parameter: ("ef", $0), index: index, ef: $0) }
        }
    }
}
