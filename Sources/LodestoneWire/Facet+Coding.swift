// SPDX-License-Identifier: Apache-2.0
// The facets of counts and searches.
import CLodestoneProto
import LodestoneCore

extension MessageWriter {
    mutating func facetRequests(_ field: UInt8, _ facets: [FacetRequest]) {
        elements("facets", facets) { writer, facet in
            writer.message(field) { writer in
                for name in facet.path { writer.text(1, name) }
                writer.count(2, facet.limit, "limit")
            }
        }
    }

    mutating func facets(_ field: UInt8, _ facets: [Facet]) {
        for facet in facets {
            message(field) { writer in
                for name in facet.path { writer.text(1, name) }
                for value in facet.values {
                    writer.message(2) { writer in
                        writer.value(1, value.value)
                        writer.varint(2, UInt64(clamping: value.count))
                    }
                }
                writer.varint(3, UInt64(clamping: facet.distinctValues))
            }
        }
    }
}

extension FacetRequest {
    init(_ message: UnsafePointer<CFacetRequest>) throws(LodestoneError) {
        let message = message.pointee
        self.init(path: try texts("path", message.path, message.n_path))
        if message.has_limit != 0 { limit = Int(message.limit) }
    }
}

extension Facet {
    init(_ message: UnsafePointer<CFacet>) throws(LodestoneError) {
        let message = message.pointee
        self.init(
            path: try texts("path", message.path, message.n_path),
            values: try list("values", message.values, message.n_values) {
                (count) throws(LodestoneError) in
                let value = count.pointee.value
                return Count(
                    value: try within("value") { () throws(LodestoneError) in try Value(value) },
                    count: Int(clamping: count.pointee.count)
                )
            },
            distinctValues: Int(clamping: message.distinct_values)
        )
    }
}
