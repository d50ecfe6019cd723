// SPDX-License-Identifier: Apache-2.0
import LodestoneStructures

/// Some edges of one list that lie next to each other, in memory or in a base.
protocol EdgeRun {
    var count: Int { get }
    /// The parts of the edge at an index below `count`, which is not checked.
    func label(_ index: Int) -> LabelID
    func vertex(_ index: Int) -> VertexID
    func weight(_ index: Int) -> Float
}

/// A function of edges that is compiled for each form in which they lie.
protocol EdgeVisitor {
    func visit(_ edges: some EdgeRun)
}

extension UnsafeBufferPointer: EdgeRun where Element == Adjacency {
    @inline(__always) func label(_ index: Int) -> LabelID { self[index].label }
    @inline(__always) func vertex(_ index: Int) -> VertexID { self[index].vertex }
    @inline(__always) func weight(_ index: Int) -> Float { self[index].weight }
}

/// Edges in columns.
struct EdgeColumns<Label: FixedWidthInteger & BitwiseCopyable>: EdgeRun {
    let vertices: UnsafeBufferPointer<VertexID>
    let labels: UnsafeBufferPointer<Label>
    /// Empty when all weights are 1.
    let weights: UnsafeBufferPointer<Float>

    @inline(__always) var count: Int { vertices.count }
    @inline(__always) func label(_ index: Int) -> LabelID {
        LabelID(rawValue: UInt32(truncatingIfNeeded: labels[index]))
    }
    @inline(__always) func vertex(_ index: Int) -> VertexID { vertices[index] }
    @inline(__always) func weight(_ index: Int) -> Float { weights.isEmpty ? 1 : weights[index] }
}
