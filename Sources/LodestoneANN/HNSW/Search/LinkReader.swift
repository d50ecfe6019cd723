// SPDX-License-Identifier: Apache-2.0

/// The access of a search to the links of one level.
protocol LinkReader {
    /// The links, which end at the first `none` or after `length`.
    func links(of node: NodeID) -> UnsafePointer<NodeID>
    /// The length of a list, in node ids.
    var length: Int { get }
    /// The address of a node's list, to prefetch it.
    func address(of node: NodeID) -> UnsafePointer<NodeID>
}

/// The lists of level 0 of a graph that no thread changes.
struct FrozenLinks: LinkReader {
    private let start: UnsafePointer<NodeID>
    let length: Int

    init(_ graph: HNSWGraph) {
        start = graph.links
        length = graph.listLength
    }

    @inline(__always) func links(of node: NodeID) -> UnsafePointer<NodeID> {
        start + Int(node) &* length
    }
    @inline(__always) func address(of node: NodeID) -> UnsafePointer<NodeID> { links(of: node) }
}

/// The lists of a level above 0 of a graph that no thread changes.
struct FrozenUpperLinks: LinkReader {
    let graph: HNSWGraph
    let level: Int

    @inline(__always) var length: Int { graph.options.m }

    @inline(__always) func links(of node: NodeID) -> UnsafePointer<NodeID> {
        graph.upperList(node, level)
    }
    @inline(__always) func address(of node: NodeID) -> UnsafePointer<NodeID> { links(of: node) }
}
