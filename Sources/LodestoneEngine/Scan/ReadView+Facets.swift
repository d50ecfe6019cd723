// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneMetadata
import LodestoneStorage
import LodestoneStructures

extension ReadView {
    /// The most frequent values of some fields.
    ///
    /// Field indexes have the counts. A field without an index, or with too long strings, is
    /// counted in the metadata of the rows in `allowed`.
    func facets(
        _ requests: [FacetRequest],
        of allowed: RowSet,
        _ context: CallContext
    ) throws(LodestoneError) -> [Facet] {
        var facets: [Facet?] = []
        for request in requests {
            facets.append(
                try version.fields.facet(of: request.path, among: allowed, limit: request.limit) {
                    () throws(LodestoneError) in try context.check()
                }
            )
        }
        let unknown = facets.indices.filter { facets[$0] == nil }
        guard !unknown.isEmpty else { return facets.compactMap { $0 } }
        var tables = unknown.map { FacetTable(path: requests[$0].path) }
        try FilterCache.read(allowed, of: self, context) { (row) throws(LodestoneError) in
            for position in tables.indices where !tables[position].add(row.metadata) {
                throw .tooManyValues(requests[unknown[position]].path)
            }
        }
        for (position, table) in zip(unknown, tables) {
            facets[position] = table.facet(limit: requests[position].limit)
        }
        return facets.compactMap { $0 }
    }
}

extension RequestValidation {
    /// The most facets of one query; `maxFacetsOfSearch` is the most of all queries of a search.
    private static let maxFacets = 32
    static let maxFacetsOfSearch = 1_024

    func facets(_ facets: [FacetRequest], _ field: @autoclosure () -> String)
        throws(LodestoneError)
    {
        try number(facets.count, in: 0...Self.maxFacets, field())
        for (index, facet) in facets.enumerated() {
            try path(facet.path, "\(field())[\(index)].path")
            try number(facet.limit, in: 1...limits.maxLimit, "\(field())[\(index)].limit")
        }
    }
}

extension LodestoneError {
    fileprivate static func tooManyValues(_ path: [String]) -> LodestoneError {
        LodestoneError(
            .resourceExhausted,
            reason: .tooManyValues,
            "'\(path.joined(separator: "."))' has more than \(FacetTable.maxValues) values, and no "
                + "index that knows them.",
            recovery: "Narrow the filter, or index the field: add_indexes of alter_collection.",
            field: "facets"
        )
    }
}
