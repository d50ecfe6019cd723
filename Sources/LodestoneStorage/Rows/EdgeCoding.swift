// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore

/// Names the edges of a document that its row has no room for.
///
/// It is the number of the row at which they first were too many, so it is never given twice; the
/// document keeps it when it is replaced by another one with as many.
package typealias HubNumber = UInt32

/// How many edges a row keeps.
///
/// Those of a document with more lie in the collection's table of edges (`HubTable`), where one costs
/// the same whatever there are.
package struct EdgesInRow: Sendable {
    /// Edges at most.
    package var count: Int
    /// Bytes of these at most.
    package var byteCount: Int

    package init(count: Int = FaultPoint.fewer(64), byteCount: Int = 16 << 10) {
        self.count = count
        self.byteCount = byteCount
    }

    /// Whether a row keeps them.
    func keep(count: Int, byteCount: Int) -> Bool {
        count <= self.count && byteCount <= self.byteCount
    }

    /// Whether they go back into the row: half of what it keeps, so that a few edges that come and go
    /// don't move all of them each time.
    func takeBack(count: Int, byteCount: Int) -> Bool {
        count <= self.count / 2 && byteCount <= self.byteCount / 2
    }
}

/// What the edges column of a row says.
enum StoredEdges {
    case list([Edge])
    case hub(HubNumber)

    /// What the column begins with when the edges lie elsewhere: a count that no list can have.
    static let hubMark = [UInt8](repeating: 0xff, count: 9) + [1]

    /// The column of a row whose edges lie elsewhere.
    static func column(of hub: HubNumber) -> [UInt8] {
        var writer = ByteWriter()
        writer.bytes = hubMark
        writer.append(fixed: hub)
        return writer.bytes
    }

    /// The column of a row that keeps its edges.
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
            self = .hub(try reader.fixed(HubNumber.self))
        } else {
            reader = ByteReader(column)
            self = .list(try reader.edges())
        }
    }
}

extension Edge {
    /// Weight and metadata, in the bytes that the table of edges keeps.
    var storedContent: [UInt8] {
        var writer = ByteWriter()
        writer.appendContent(self)
        return writer.bytes
    }

    /// Bytes of the edge in the store.
    package var storedByteCount: Int {
        label.utf8.count + target.string.utf8.count + storedContent.count
    }

    /// - Parameters:
    ///   - name: Label and target.
    ///   - content: As `storedContent` made it.
    /// - Throws: `Malformed` for anything else.
    init(_ name: EdgeName, content: UnsafeRawBufferPointer) throws(ByteReader.Malformed) {
        var reader = ByteReader(content)
        let weight = Float(bitPattern: try reader.fixed(UInt32.self))
        self.init(name.label, to: name.target, weight: weight, metadata: try reader.metadata())
    }
}

extension [Edge] {
    /// The same after some were removed and others added or, where there is one of the same name,
    /// put in its place.
    func changed(
        removing isRemoved: (Edge) -> Bool,
        adding added: [Edge]
    ) -> [Edge] {
        var changed = filter { !isRemoved($0) }
        if added.isEmpty { return changed }
        var places: [EdgeName: Int] = [:]
        for (place, edge) in changed.enumerated() { places[EdgeName(edge)] = place }
        for edge in added {
            if let place = places[EdgeName(edge)] {
                changed[place] = edge
            } else {
                places[EdgeName(edge)] = changed.count
                changed.append(edge)
            }
        }
        return changed
    }

    /// The same after others were added or, where there is one of the same name, put in its place.
    package func adding(_ added: [Edge]) -> [Edge] {
        changed(removing: { _ in false }, adding: added)
    }
}
