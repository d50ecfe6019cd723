// SPDX-License-Identifier: Apache-2.0
import CVectorKernels
import LodestoneCore
import LodestoneStructures
import TestSupport
import Testing

@testable import LodestoneANN

@Suite("Sign codes")
struct SignCodeTests {
    private let dimension = 192

    @Test(
        "Sign codes of every instruction set keep the nodes that the scalar definition keeps",
        arguments: [192, 256, 385, 784]
    )
    func kernels(dimension: Int) throws {
        let scene = Scene(100, dimension: dimension, metric: .euclidean)
        let graph = try #require(scene.built().graph)
        let definition = try #require(lode_code_kernels_for(Int32(LODE_ISA_SCALAR.rawValue)))
        for set in [LODE_ISA_AVX2, LODE_ISA_AVX512] {
            guard let kernels = lode_code_kernels_for(Int32(set.rawValue)) else { continue }
            for count in [0, 1, 3, 4, 5, 99] {
                let nodes = Array(graph.nodes.prefix(count).reversed())
                let expected = try Keeping(graph, scene, definition.pointee).kept(nodes, 0.5)
                let found = try Keeping(graph, scene, kernels.pointee).kept(nodes, 0.5)
                #expect(found == expected, "set \(set.rawValue)")
                #expect(count < 99 || 0 < found.count && found.count < count)
            }
        }
    }

    @Test(
        "Sign codes keep nodes within the bound, and few of those far beyond it",
        arguments: Metric.allCases
    )
    func estimates(metric: Metric) throws {
        let scene = Scene(500, dimension: dimension, metric: metric)
        let graph = try #require(scene.built().graph)
        let keeping = Keeping(graph, scene, lode_code_kernels_best().pointee)
        for share in [0.04, 0.1, 0.25] {
            let nodes = Array(graph.nodes)
            let kept = Set(try keeping.kept(nodes, share))
            let near = keeping.nearest(nodes, share)
            // An error of two deviations to one side has a probability of 0.023.
            #expect(Double(near.count { kept.contains($0) }) >= 0.93 * Double(near.count))
            #expect(Double(kept.count) < (share + 0.6) * Double(nodes.count), "\(kept.count)")
        }
    }

    @Test("A search with sign codes finds what one without them finds", arguments: Metric.allCases)
    func recall(metric: Metric) throws {
        let scene = Scene(900, dimension: dimension, metric: metric)
        let index = try scene.built()
        let plain = scene.opened(try sections(of: index).without("HNSB"))
        #expect(index.graph?.signs != nil && plain.graph?.signs == nil)
        #expect(try scene.recall(index) >= scene.recall(plain) - 0.01)
        var allowed = RowSet(count: 900)
        for row in stride(from: 0, to: 900, by: 3) { allowed.insert(RowID(row)) }
        #expect(
            try scene.recall(index, allowed: allowed)
                >= scene.recall(plain, allowed: allowed) - 0.01
        )
        let query = scene.memory.rows[17]
        let computed = try scene.search(index, query).computed
        #expect(try computed < scene.search(plain, query).computed)
    }

    @Test("An index of a base with sign codes gives the answers of the index that wrote it")
    func opens() throws {
        let scene = Scene(400, dimension: dimension)
        let index = try scene.built()
        let opened = scene.opened(try sections(of: index))
        #expect(opened.graph?.signs != nil)
        for query in scene.memory.rows.prefix(20) {
            let found = try scene.search(opened, query).neighbors
            #expect(try found == scene.search(index, query).neighbors)
        }
    }

    @Test("The next base after one without sign codes has them")
    func older() throws {
        let scene = Scene(450, dimension: dimension)
        let index = try scene.built()
        let written = try sections(of: index)
        let older = scene.opened(written.without("HNSB"))
        let next = try scene.compacted(older) { $0 != 17 && $0 != 400 }
        let rows = (0..<450).filter { $0 != 17 && $0 != 400 }
        let graph = try #require(next.graph)
        let signs = try #require(graph.signs)
        let stride = try #require(graph.codec.shape.signs).stride
        let bytes = try #require(written.sections.first { $0.tag == "HNSB" }).bytes
        for (node, row) in rows.enumerated() {
            let code = UnsafeBufferPointer(start: signs + node * stride, count: stride)
            #expect(code.elementsEqual(bytes[Int(row) * stride..<(Int(row) + 1) * stride]))
        }
    }

    @Test("A damaged sign code makes an index scan instead of trusting it")
    func damage() throws {
        let scene = Scene(450, dimension: dimension)
        var sections = try sections(of: scene.built())
        sections.damage = ["HNSB": [1_000]]
        let opened = scene.opened(sections)
        #expect(opened.graph == nil)
        let result = try scene.search(opened, scene.memory.rows[3])
        #expect(result.neighbors.first?.row == 3)
        #expect(sections.isDamaged)
    }

    private func sections(of index: HNSWBatchIndex) throws -> MemorySections {
        var sections = MemorySections()
        try index.write(to: &sections)
        return sections
    }

    /// The nodes that sign codes keep for one query.
    private struct Keeping {
        let graph: HNSWGraph
        let scratch: HNSWScratch
        let kernels: lode_code_kernels
        let query: EncodedQuery
        let keys: [UInt32]

        init(_ graph: HNSWGraph, _ scene: Scene, _ kernels: lode_code_kernels) {
            self.graph = graph
            self.kernels = kernels
            scratch = HNSWScratch(graph.codec, nodes: graph.count, kernels: kernels)
            var random = SeededGenerator(seed: 5)
            let vector = Scene.clustered(1, scene.dimension, &random)[0]
            query = graph.codec.encodeQuery(vector, into: scratch.query, scratch.codec)
            let nodes = Array(graph.nodes)
            var keys = [UInt32](repeating: 0, count: nodes.count)
            graph.codec.shape.keys(kernels)(
                graph.codec.shape.layout(graph.records),
                query.kernel,
                nodes,
                nodes.count,
                &keys
            )
            self.keys = keys
        }

        /// The key that a share of all nodes doesn't exceed.
        private func bound(_ share: Double) -> UInt32 {
            keys.sorted()[Int(share * Double(keys.count))]
        }

        func nearest(_ nodes: [NodeID], _ share: Double) -> [NodeID] {
            let bound = bound(share)
            return nodes.filter { keys[Int($0)] <= bound }
        }

        func kept(_ nodes: [NodeID], _ share: Double) throws -> [NodeID] {
            let signs = try #require(graph.signs)
            let shape = try #require(graph.codec.shape.signs)
            let filter = SignFilter(
                shape.layout(signs),
                query.kernel,
                length: query.length,
                kernels
            )
            var nodes = nodes
            let count = nodes.count
            let kept = nodes.withUnsafeMutableBufferPointer { buffer in
                buffer.baseAddress.map { filter.keep($0, count, nearerThan: bound(share)) } ?? 0
            }
            return Array(nodes.prefix(kept))
        }
    }
}

extension MemorySections {
    /// The same without a section.
    fileprivate func without(_ tag: SectionTag) -> MemorySections {
        var rest = MemorySections()
        for section in sections where section.tag != tag {
            rest.begin(section.tag)
            section.bytes.withUnsafeBytes { rest.append($0) }
        }
        return rest
    }
}
