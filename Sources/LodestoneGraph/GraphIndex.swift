// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore

/// The edges of a collection in memory, found from both of their ends.
///
/// An edge is known by its source, label and target. Outgoing links keep the order in which they
/// were written; incoming links are in order of their source, so that a walk against the edges
/// does not depend on the history of the collection. A link takes 12 bytes at each of its ends.
///
/// Threading: a value. A reader takes a copy, which stays as it is while the writer goes on; the
/// writer then copies what it changes, some KiB at a time.
package struct GraphIndex: Sendable {
    private(set) var outgoing = LinkLists()
    private(set) var incoming = LinkLists()

    /// Edges.
    package private(set) var edgeCount = 0

    /// Creates an index without edges.
    package init() {}

    init(outgoing: LinkLists, incoming: LinkLists, edgeCount: Int) {
        self.outgoing = outgoing
        self.incoming = incoming
        self.edgeCount = edgeCount
    }

    /// The links that leave `source`, in the order in which they were written.
    package func links(from source: NodeNumber) -> [Link] {
        outgoing.links(of: source)
    }

    /// Whether any link leaves or enters `node`.
    package func hasLinks(_ node: NodeNumber) -> Bool {
        outgoing.list(of: node).count > 0 || incoming.list(of: node).count > 0
    }

    /// More than the largest node with a link.
    package var nodeBound: Int { max(outgoing.nodeCount, incoming.nodeCount) }

    /// The nodes with a link to `node`, each once, ascending.
    package func sources(to node: NodeNumber) -> [NodeNumber] {
        var sources: [NodeNumber] = []
        for link in incoming.links(of: node) where link.node != sources.last {
            sources.append(link.node)
        }
        return sources
    }

    /// Whether every link is entered at both of its ends, as far as sums over all of them tell.
    ///
    /// - Complexity: O(links).
    package var isFoundFromBothEnds: Bool {
        var balance: UInt64 = 0
        for node in 0..<NodeNumber(nodeBound) {
            for link in outgoing.links(of: node) {
                balance &+= Self.hash(source: node, target: link.node, link)
            }
            for link in incoming.links(of: node) {
                balance &-= Self.hash(source: link.node, target: node, link)
            }
        }
        return balance == 0
    }

    private static func hash(source: NodeNumber, target: NodeNumber, _ link: Link) -> UInt64 {
        UInt64(source).mixed(with: UInt64(target)).mixed(with: UInt64(link.label))
            .mixed(with: UInt64(link.weight.bitPattern))
    }

    /// Replaces every link that leaves `source`.
    ///
    /// Of links with the same label and target the last one counts, in the place of the first.
    ///
    /// - Complexity: a search in the incoming links of the target of each link, old and new.
    package mutating func setLinks(from source: NodeNumber, _ links: ArraySlice<Link>) {
        if outgoing.list(of: source).count > 0 { removeOutgoing(of: source) }
        if links.isEmpty { return }
        /// Those so far, once one of them was there twice.
        var distinct: [Link]?
        for (place, link) in zip(links.indices, links) {
            if addIncoming(link, from: source) {
                distinct?.append(link)
                continue
            }
            var before = distinct ?? Array(links[..<place])
            if let index = before.firstIndex(where: { $0.isSameEdge(as: link) }) {
                before[index].weight = link.weight
            }
            distinct = before
        }
        if let distinct {
            outgoing.set(distinct, of: source)
            edgeCount += distinct.count
        } else {
            outgoing.set(links, of: source)
            edgeCount += links.count
        }
    }

    /// Replaces every link that leaves `source`.
    package mutating func setLinks(from source: NodeNumber, _ links: [Link]) {
        setLinks(from: source, links[...])
    }

    /// Adds a link, or gives an existing one with the same label and target another weight.
    ///
    /// - Complexity: a search in the incoming links of the target and, when it exists, in the
    ///   outgoing ones of `source`.
    package mutating func addLink(from source: NodeNumber, _ link: Link) {
        let list = outgoing.list(of: source)
        if addIncoming(link, from: source) {
            outgoing.insert(link, at: Int(list.count), of: source)
            edgeCount += 1
        } else if let index = outgoing.index(of: link, in: list) {
            outgoing.setWeight(link.weight, at: index, of: source)
        }
    }

    /// Removes a link.
    ///
    /// - Returns: Whether there was one.
    @discardableResult
    package mutating func removeLink(from source: NodeNumber, label: UInt32, to target: NodeNumber)
        -> Bool
    {
        guard removeIncoming(Link(label: label, node: target), from: source) else { return false }
        let link = Link(label: label, node: target)
        if let index = outgoing.index(of: link, in: outgoing.list(of: source)) {
            outgoing.remove(at: index, of: source)
        }
        edgeCount -= 1
        return true
    }

    /// Removes every link that leaves or enters `node`.
    ///
    /// - Returns: The other nodes whose outgoing links changed, ascending.
    /// - Complexity: proportional to the links of `node` and of the nodes returned.
    @discardableResult
    package mutating func drop(_ node: NodeNumber) -> [NodeNumber] {
        removeOutgoing(of: node)
        // What enters from `node` itself went with what leaves it.
        let sources = sources(to: node)
        for source in sources {
            let links = outgoing.links(of: source)
            let kept = links.filter { $0.node != node }
            outgoing.set(kept, of: source)
            edgeCount -= links.count - kept.count
        }
        incoming.set([], of: node)
        return sources
    }

    private mutating func removeOutgoing(of source: NodeNumber) {
        let links = outgoing.links(of: source)
        for link in links {
            removeIncoming(link, from: source)
        }
        outgoing.set([], of: source)
        edgeCount -= links.count
    }

    /// Enters an outgoing link of `source` at its target; false when it was there, whose weight
    /// then changed.
    private mutating func addIncoming(_ link: Link, from source: NodeNumber) -> Bool {
        let entry = Link(label: link.label, node: source, weight: link.weight)
        let place = incoming.place(of: entry, in: incoming.list(of: link.node))
        if place.isPresent {
            incoming.setWeight(link.weight, at: place.index, of: link.node)
        } else {
            incoming.insert(entry, at: place.index, of: link.node)
        }
        return !place.isPresent
    }

    @discardableResult
    private mutating func removeIncoming(_ link: Link, from source: NodeNumber) -> Bool {
        let entry = Link(label: link.label, node: source)
        let place = incoming.place(of: entry, in: incoming.list(of: link.node))
        if place.isPresent {
            incoming.remove(at: place.index, of: link.node)
        }
        return place.isPresent
    }
}

extension LinkLists {
    fileprivate func index(of wanted: Link, in list: List) -> Int? {
        (0..<Int(list.count)).first { link($0, of: list).isSameEdge(as: wanted) }
    }

    /// Where `wanted` is in a list of incoming links, or belongs.
    fileprivate func place(of wanted: Link, in list: List) -> (index: Int, isPresent: Bool) {
        let count = Int(list.count)
        // Nodes written in the order of their numbers, as an import does, belong at the end.
        if count == 0 || Link.precedes(link(count - 1, of: list), wanted) { return (count, false) }
        var low = 0
        var high = count - 1
        while low < high {
            let middle = (low + high) / 2
            if Link.precedes(link(middle, of: list), wanted) {
                low = middle + 1
            } else {
                high = middle
            }
        }
        return (low, link(low, of: list).isSameEdge(as: wanted))
    }
}
