// SPDX-License-Identifier: Apache-2.0
import LodestoneClient
import LodestoneImport
import LodestoneJSON

extension Facet {
    /// The facets as a table for people.
    var table: String {
        var table = Table("#documents", MetadataIndex(path: path).text)
        for value in values {
            table.add(grouped(value.count), Table.printable(Self.text(value.value)))
        }
        let remaining = distinctValues - values.count
        return table.text + (remaining > 0 ? "\nand \(grouped(remaining)) more values" : "")
    }

    private static func text(_ value: Value) -> String {
        guard case .timestamp(let microseconds) = value else { return JSON(value).text }
        return TimestampText.format(microseconds: microseconds)
    }
}

extension JSON {
    /// The values of a field.
    init(_ facet: Facet) {
        self = .object([
            ("path", .array(facet.path.map(JSON.string))),
            (
                "values",
                .array(
                    facet.values.map { count in
                        .object([("value", JSON(count.value)), ("count", .int(count.count))])
                    }
                )
            ),
            ("distinctValues", .int(facet.distinctValues)),
        ])
    }
}
