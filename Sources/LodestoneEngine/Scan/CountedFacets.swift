// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneMetadata
import LodestoneStorage
import LodestoneStructures

/// The facets of one call: one count per filter, path and limit.
struct CountedFacets {
    private struct Key: Hashable {
        let filter: FilterKey?
        let path: [ByteString]
        let limit: Int

        init(_ request: FacetRequest, _ filter: FilterKey?) {
            self.filter = filter
            path = request.path.map { ByteString($0) }
            limit = request.limit
        }
    }

    private var counted: [Key: Facet] = [:]

    /// The facets of the documents that pass `filter`, in the order of `requests`.
    ///
    /// `rows` returns the rows of those documents; it is called only when a facet must be counted.
    mutating func facets(
        _ requests: [FacetRequest],
        matching filter: Filter?,
        in view: ReadView,
        _ context: CallContext,
        rows: () throws(LodestoneError) -> RowSet
    ) throws(LodestoneError) -> [Facet] {
        let filter = filter.map(FilterKey.init)
        let keys = requests.map { Key($0, filter) }
        var missing: [Key: FacetRequest] = [:]
        for (key, request) in zip(keys, requests) where counted[key] == nil {
            missing[key] = request
        }
        if !missing.isEmpty {
            let order = Array(missing)
            let found = try view.facets(order.map(\.value), of: rows(), context)
            for (position, facet) in zip(order, found) {
                try context.charge(wire: 0, memory: 2 * facet.byteCount)
                counted[position.key] = facet
            }
        }
        let facets = keys.compactMap { counted[$0] }
        try context.charge(
            wire: facets.reduce(0) { $0 + $1.leastWireByteCount },
            memory: facets.count * MemoryLayout<Facet>.stride
        )
        return facets
    }
}

extension Facet {
    /// An estimate of the bytes of memory.
    fileprivate var byteCount: Int {
        values.count * MemoryLayout<Count>.stride + leastWireByteCount
    }

    /// A lower bound of the facet's bytes in a message: those of its strings.
    fileprivate var leastWireByteCount: Int {
        values.reduce(0) { sum, count in
            if case .string(let text) = count.value { sum + text.utf8.count } else { sum }
        }
    }
}
