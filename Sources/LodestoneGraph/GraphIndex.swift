// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore

/// The edges of a collection in memory, found from both of their ends.
///
/// An edge is known by its source, label and target. Outgoing links keep the order in which they
/// were written; incoming links are in order of their source, so that a walk against the edges
/// does not depend on the history of the collection. A link takes 12 bytes at each of its ends.
///
/// Threading: a value. A reader takes a copy, which stays as it is while the writer goes on; the
/// writer then copies the lists it changes, 256 nodes' list headers at a time.
package struct GraphIndex: Sendable {
    struct Node {
        var outgoing: ContiguousArray<Link> = []
        var incoming: ContiguousArray<Link> = []
    }

    private(set) var nodes = ChunkedArray<Node>()

    /// Edges.
    package private(set) var edgeCount = 0

    /// Creates an index without edges.
    package init() {}

    /// The links that leave `source`, in the order in which they were written.
    package func links(from source: NodeNumber) -> [Link] {
        source < nodes.count ? Array(nodes[Int(source)].outgoing) : []
    }

    /// The nodes with a link to `node`, each once, ascending.
    package func sources(to node: NodeNumber) -> [NodeNumber] {
        guard node < nodes.count else { return [] }
        var sources: [NodeNumber] = []
        for link in nodes[Int(node)].incoming where link.node != sources.last {
            sources.append(link.node)
        }
        return sources
    }

    /// Replaces every link that leaves `source`. Of links with the same label and target the last
    /// one counts, in the place of the first.
    ///
    /// - Complexity: O(links, old and new) searches in the incoming links of their targets.
    package mutating func setLinks(from source: NodeNumber, _ links: [Link]) {
        removeOutgoing(of: source)
        guard !links.isEmpty else { return }
        prepare(source)
        nodes[Int(source)].outgoing.reserveCapacity(links.count)
        for link in links {
            addLink(from: source, link)
        }
    }

    /// Adds a link, or gives an existing one with the same label and target another weight.
    ///
    /// - Complexity: a search in the incoming links of the target and, when it exists, in the
    ///   outgoing ones of `source`.
    package mutating func addLink(from source: NodeNumber, _ link: Link) {
        prepare(max(source, link.node))
        let incoming = Link(label: link.label, node: source, weight: link.weight)
        let place = nodes[Int(link.node)].incoming.place(of: incoming)
        guard place.isPresent else {
            nodes[Int(link.node)].incoming.insert(incoming, at: place.index)
            nodes[Int(source)].outgoing.append(link)
            edgeCount += 1
            return
        }
        nodes[Int(link.node)].incoming[place.index].weight = link.weight
        if let index = nodes[Int(source)].outgoing.firstIndex(where: { $0.isSameEdge(as: link) }) {
            nodes[Int(source)].outgoing[index].weight = link.weight
        }
    }

    /// Removes a link.
    ///
    /// - Returns: Whether there was one.
    @discardableResult
    package mutating func removeLink(from source: NodeNumber, label: UInt32, to target: NodeNumber)
        -> Bool
    {
        guard source < nodes.count, target < nodes.count,
            removeIncoming(Link(label: label, node: source), of: target)
        else { return false }
        let link = Link(label: label, node: target)
        nodes[Int(source)].outgoing.removeAll { $0.isSameEdge(as: link) }
        edgeCount -= 1
        return true
    }

    /// Removes every link that leaves or enters `node`.
    ///
    /// - Returns: The other nodes whose outgoing links changed, ascending.
    /// - Complexity: proportional to the links of `node` and of the nodes returned.
    @discardableResult
    package mutating func drop(_ node: NodeNumber) -> [NodeNumber] {
        guard node < nodes.count else { return [] }
        removeOutgoing(of: node)
        // What enters from `node` itself went with what leaves it.
        let sources = sources(to: node)
        for source in sources {
            nodes[Int(source)].outgoing.removeAll { $0.node == node }
        }
        edgeCount -= nodes[Int(node)].incoming.count
        nodes[Int(node)].incoming = []
        return sources
    }

    private mutating func prepare(_ node: NodeNumber) {
        nodes.grow(to: Int(node) + 1, with: Node())
    }

    private mutating func removeOutgoing(of source: NodeNumber) {
        guard source < nodes.count, !nodes[Int(source)].outgoing.isEmpty else { return }
        let links = nodes[Int(source)].outgoing
        nodes[Int(source)].outgoing = []
        for link in links {
            removeIncoming(Link(label: link.label, node: source), of: link.node)
        }
        edgeCount -= links.count
    }

    @discardableResult
    private mutating func removeIncoming(_ link: Link, of target: NodeNumber) -> Bool {
        let place = nodes[Int(target)].incoming.place(of: link)
        guard place.isPresent else { return false }
        nodes[Int(target)].incoming.remove(at: place.index)
        return true
    }
}

extension ContiguousArray<Link> {
    /// Where `link` is in a list of incoming links, or belongs.
    fileprivate func place(of link: Link) -> (index: Int, isPresent: Bool) {
        // Nodes written in the order of their numbers, as an import does, belong at the end.
        if let last, Link.precedes(last, link) { return (count, false) }
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if Link.precedes(self[middle], link) {
                low = middle + 1
            } else {
                high = middle
            }
        }
        return (low, low < count && self[low].isSameEdge(as: link))
    }
}
