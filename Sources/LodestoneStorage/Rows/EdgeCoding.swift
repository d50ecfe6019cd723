// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore
import LodestoneStructures

/// The number of a hub: a document with more edges than its row holds.
///
/// It is the id of the row with which the document became a hub, so it is never given twice. A
/// replaced document that stays a hub keeps its number.
package struct HubNumber: Hashable, Sendable, CustomStringConvertible {
    let rawValue: UInt32

    init(rawValue: UInt32) { self.rawValue = rawValue }

    /// The number of a document that becomes a hub at a row.
    init(_ row: RowID) { rawValue = row.rawValue }

    /// The row at which the document became a hub.
    var firstRow: RowID { RowID(rawValue: rawValue) }

    /// The number in decimal digits.
    package var description: String { rawValue.description }
}

/// The limit on the edges that a row keeps.
///
/// All edges of a document with more are in the collection's table of edges (`HubTable`). A change
/// of one edge there costs the same for any number of edges.
package struct EdgesInRow: Sendable {
    /// The most edges.
    package var count: Int
    /// The most bytes of these edges.
    package var byteCount: Int

    package init(count: Int = Failpoint.fewer(64), byteCount: Int = 16 << 10) {
        self.count = count
        self.byteCount = byteCount
    }

    /// Whether edges of this count and size stay in the row.
    func keep(count: Int, byteCount: Int) -> Bool {
        count <= self.count && byteCount <= self.byteCount
    }

    /// Whether the edges of a hub move back into the row.
    ///
    /// The limit is half of the row's. So a few edges that are added and removed in turn don't move
    /// all edges each time.
    func takeBack(count: Int, byteCount: Int) -> Bool {
        count <= self.count / 2 && byteCount <= self.byteCount / 2
    }
}

/// The content of the edges column of a row.
enum StoredEdges {
    case list([Edge])
    case hub(HubNumber)

    /// The first bytes of the column when a hub has the edges: a count that no list can have.
    static let hubMark = [UInt8](repeating: 0xff, count: 9) + [1]

    /// The edges column of a hub's row.
    static func column(of hub: HubNumber) -> [UInt8] {
        var writer = ByteWriter()
        writer.bytes = hubMark
        writer.append(fixed: hub.rawValue)
        return writer.bytes
    }

    /// The edges column of a row that keeps its edges.
    static func column(of edges: [Edge]) -> [UInt8] {
        var writer = ByteWriter()
        writer.append(edges)
        return writer.bytes
    }

    init(_ column: UnsafeRawBufferPointer) throws(ByteReader.Malformed) {
        let mark = Self.hubMark.count
        var reader: ByteReader
        if column.count > mark, column.prefix(mark).elementsEqual(Self.hubMark) {
            reader = ByteReader(UnsafeRawBufferPointer(rebasing: column[mark...]))
            self = .hub(HubNumber(rawValue: try reader.fixed(UInt32.self)))
        } else {
            reader = ByteReader(column)
            self = .list(try reader.edges())
        }
    }
}

extension Edge {
    /// The weight and the metadata, encoded as in the table of edges.
    var storedContent: [UInt8] {
        var writer = ByteWriter()
        writer.appendContent(self)
        return writer.bytes
    }

    /// The bytes of the edge in the store.
    package var storedByteCount: Int {
        label.utf8.count + target.string.utf8.count + storedContent.count
    }

    /// - Parameters:
    ///   - name: Label and target.
    ///   - content: The bytes of `storedContent`.
    /// - Throws: `Malformed` for other bytes.
    init(_ name: EdgeName, content: UnsafeRawBufferPointer) throws(ByteReader.Malformed) {
        var reader = ByteReader(content)
        let weight = Float(bitPattern: try reader.fixed(UInt32.self))
        self.init(name.label, to: name.target, weight: weight, metadata: try reader.metadata())
    }
}

extension [Edge] {
    /// The edges after a removal and an addition.
    ///
    /// An added edge replaces the edge with the same label and target.
    func changed(
        removing isRemoved: (Edge) -> Bool,
        adding added: [Edge]
    ) -> [Edge] {
        var changed = filter { !isRemoved($0) }
        if added.isEmpty { return changed }
        var indexes: [EdgeName: Int] = [:]
        for (index, edge) in changed.enumerated() { indexes[EdgeName(edge)] = index }
        for edge in added {
            if let index = indexes[EdgeName(edge)] {
                changed[index] = edge
            } else {
                indexes[EdgeName(edge)] = changed.count
                changed.append(edge)
            }
        }
        return changed
    }

    /// The edges after an addition; an added edge replaces the edge with the same name.
    package func adding(_ added: [Edge]) -> [Edge] {
        changed(removing: { _ in false }, adding: added)
    }
}
