// SPDX-License-Identifier: Apache-2.0
import CLodestoneSystem
import CSQLite
import LodestoneCore
import LodestoneStructures

/// A document with more edges than its row holds.
struct Hub {
    let number: HubNumber
    /// The current row of the document.
    let row: RowID
    let id: DocumentID

    func damaged(_ what: String) -> LodestoneError {
        LodestoneError(
            .dataLoss,
            reason: .corruptRow,
            "The edges of row \(row), document '\(id)', are damaged: \(what).",
            recovery: "Write the document again, or restore a snapshot.",
            object: id.string
        )
    }
}

/// The summary of a hub's edges, in a row of its own before them.
///
/// It is written with every change of the edges, so the document's row and the other edges stay as
/// they are.
struct HubHeader {
    /// The current row of the document.
    var row: RowID
    var count: UInt64 = 0
    /// Bytes of labels and targets.
    var nameByteCount: UInt64 = 0
    /// Bytes of weights and metadata.
    var contentByteCount: UInt64 = 0
    /// The sum of the checksums of all edges.
    ///
    /// It differs when an edge is missing or is an earlier version.
    var sum: UInt64 = 0
    /// The arrival of the next edge, above the arrivals of all edges.
    var nextArrival: UInt64 = 0

    mutating func add(_ edge: HubTable.StoredEdge) {
        count &+= 1
        nameByteCount &+= edge.nameByteCount
        contentByteCount &+= UInt64(edge.content.count)
        sum &+= UInt64(edge.sum)
    }

    mutating func remove(_ edge: HubTable.StoredEdge) {
        count &-= 1
        nameByteCount &-= edge.nameByteCount
        contentByteCount &-= UInt64(edge.content.count)
        sum &-= UInt64(edge.sum)
    }

    /// Whether both have the same counts and the same sum.
    func hasSameEdges(as other: HubHeader) -> Bool {
        count == other.count && nameByteCount == other.nameByteCount
            && contentByteCount == other.contentByteCount && sum == other.sum
    }

    var bytes: [UInt8] {
        var writer = ByteWriter()
        writer.append(fixed: row.rawValue)
        for field in [count, nameByteCount, contentByteCount, sum] { writer.append(fixed: field) }
        return writer.bytes
    }

    init(row: RowID) { self.row = row }

    init?(_ bytes: [UInt8], nextArrival: UInt64) {
        guard bytes.count == 36 else { return nil }
        row = RowID(rawValue: bytes.fixed(UInt32.self, at: 0))
        count = bytes.fixed(UInt64.self, at: 4)
        nameByteCount = bytes.fixed(UInt64.self, at: 12)
        contentByteCount = bytes.fixed(UInt64.self, at: 20)
        sum = bytes.fixed(UInt64.self, at: 28)
        self.nextArrival = nextArrival
    }
}

/// The edges of a collection's hubs, in the table `edges_N` of one connection.
///
///     hub      the number of the hub
///     label    the edge's label; empty in the header
///     target   the edge's target; empty in the header
///     arrival  rises in the order of writing; in the header the next edge's arrival
///     content  weight and metadata; in the header the row of the document, and sums over all edges
///     sum      CRC-32C of all other columns
///
/// The first hub of a collection creates the table.
struct HubTable {
    /// An edge as the table has it.
    struct StoredEdge {
        var name: EdgeName
        var arrival: UInt64
        var content: [UInt8]
        /// The checksum as it is stored.
        var sum: UInt32

        init(_ edge: Edge, arrival: UInt64, of hub: HubNumber) {
            name = EdgeName(edge)
            self.arrival = arrival
            content = edge.storedContent
            sum = 0
            sum = computedSum(of: hub)
        }

        fileprivate init(name: EdgeName, arrival: UInt64, content: [UInt8], sum: UInt32) {
            self.name = name
            self.arrival = arrival
            self.content = content
            self.sum = sum
        }

        func computedSum(of hub: HubNumber) -> UInt32 {
            var sum = RowChecksum.seed(hub: hub)
            sum = withUnsafeBytes(of: arrival.littleEndian) {
                lode_crc32c(sum, $0.baseAddress, $0.count)
            }
            for part in [name.label, name.target.string] {
                var part = part
                part.withUTF8 { sum = RowChecksum.extend(sum, UnsafeRawBufferPointer($0)) }
            }
            content.withUnsafeBytes { sum = RowChecksum.extend(sum, $0) }
            return sum
        }

        /// Whether the edge matches its checksum.
        ///
        /// An arrival of `Int64.max` or more is damage, too: no store counts that far.
        func isRight(in hub: HubNumber) -> Bool {
            Checksum.isRight(computedSum(of: hub), sum) && arrival < UInt64(Int64.max)
        }

        var nameByteCount: UInt64 {
            UInt64(name.label.utf8.count + name.target.string.utf8.count)
        }

        func edge() throws(ByteReader.Malformed) -> Edge {
            let result = content.withUnsafeBytes { bytes in
                Result { () throws(ByteReader.Malformed) in try Edge(name, content: bytes) }
            }
            return try result.get()
        }
    }

    let collection: CollectionNumber
    let connection: SQLiteConnection
    var context: CallContext?

    private var table: String { "edges_\(collection)" }
    private static let headerName = EdgeName(label: "", target: DocumentID(trusted: ""))

    /// Creates the table if it is missing.
    func create() throws(LodestoneError) {
        try orFail { () throws(SQLiteConnection.Failure) in
            try connection.execute(Schema.createEdges(collection))
        }
    }

    /// Whether any document of the collection has been a hub.
    func exists() throws(SQLiteConnection.Failure) -> Bool {
        let statement = try connection.statement(
            "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1"
        )
        defer { statement.reset() }
        statement.bind(text: table, at: 1)
        return try statement.step()
    }

    // MARK: Reading

    /// The header of a hub.
    ///
    /// - Throws: `.dataLoss` when the header is missing, fails its checksum, or belongs to another
    ///   document.
    func header(of hub: Hub) throws(LodestoneError) -> HubHeader {
        let stored = try orFail { () throws(SQLiteConnection.Failure) in
            try edge(Self.headerName, of: hub.number)
        }
        guard let stored else { throw hub.damaged("they are missing") }
        guard stored.isRight(in: hub.number),
            let header = HubHeader(stored.content, nextArrival: stored.arrival)
        else { throw hub.damaged("their sum fails its checksum") }
        guard header.row == hub.row else {
            throw hub.damaged("they are those of row \(header.row)")
        }
        return header
    }

    /// The row that the header of a hub names; `nil` when the header is missing or damaged.
    func owner(of hub: HubNumber) throws(SQLiteConnection.Failure) -> RowID? {
        guard let stored = try edge(Self.headerName, of: hub), stored.isRight(in: hub) else {
            return nil
        }
        return HubHeader(stored.content, nextArrival: stored.arrival)?.row
    }

    /// Calls `body` with each hub number, ascending, until it returns false.
    ///
    /// - Throws: The errors of `body`; `SQLITE_CORRUPT` for a value that is not the number of a
    ///   hub.
    func forEachHub(
        _ body: (HubNumber) throws(SQLiteConnection.Failure) -> Bool
    ) throws(SQLiteConnection.Failure) {
        var next = try hub(after: nil)
        while let number = next, try body(number) { next = try hub(after: number) }
    }

    /// The next hub number after `number`; the first one for `nil`.
    private func hub(after number: HubNumber?) throws(SQLiteConnection.Failure) -> HubNumber? {
        let statement = try connection.statement(
            """
            SELECT hub, typeof(hub) = 'integer' FROM \(table)
            WHERE hub > ?1 ORDER BY hub LIMIT 1
            """
        )
        defer { statement.reset() }
        statement.bind(number.map { Int64($0.rawValue) } ?? .min, at: 1)
        guard try statement.step() else { return nil }
        guard statement.int(at: 1) == 1, let hub = UInt32(exactly: statement.int(at: 0)) else {
            throw SQLiteConnection.Failure(
                code: SQLITE_CORRUPT,
                message: "\(table) has a hub that is no number of a row"
            )
        }
        return HubNumber(rawValue: hub)
    }

    private func edge(_ name: EdgeName, of hub: HubNumber) throws(SQLiteConnection.Failure)
        -> StoredEdge?
    {
        let statement = try connection.statement(
            """
            SELECT arrival, content, sum FROM \(table)
            WHERE hub = ?1 AND label = ?2 AND target = ?3
            """
        )
        defer { statement.reset() }
        statement.bind(hub.rawValue, at: 1)
        statement.bind(blob: name.label, at: 2)
        statement.bind(blob: name.target.string, at: 3)
        guard try statement.step() else { return nil }
        return StoredEdge(
            name: name,
            arrival: UInt64(bitPattern: statement.int(at: 0)),
            content: statement.withBytes(at: 1) { Array($0) },
            sum: UInt32(truncatingIfNeeded: statement.int(at: 2))
        )
    }

    /// Reads edges in the order of label and target, until `body` returns false.
    ///
    /// The method does not compare the checksums of the edges; `body` must.
    ///
    /// - Parameters:
    ///   - hub: The hub of the edges.
    ///   - label: The only label to read; `nil`: all labels.
    ///   - position: The name after which the edges begin; `nil`: before the first edge.
    ///   - body: Gets each edge.
    /// - Throws: The errors of `body`; `.dataLoss` for a label or target that is not text.
    func forEachStored(
        of hub: Hub,
        label: String? = nil,
        after position: EdgeName? = nil,
        _ body: (StoredEdge) throws(LodestoneError) -> Bool
    ) throws(LodestoneError) {
        let statement = try orFail { () throws(SQLiteConnection.Failure) in
            let condition =
                label == nil ? "(label, target) > (?2, ?3)" : "label = ?2 AND target > ?3"
            let statement = try connection.statement(
                """
                SELECT label, target, arrival, content, sum FROM \(table)
                WHERE hub = ?1 AND \(condition) ORDER BY label, target
                """
            )
            statement.bind(hub.number.rawValue, at: 1)
            // The name of the header sorts before all others.
            statement.bind(blob: label ?? position?.label ?? "", at: 2)
            statement.bind(blob: position?.target.string ?? "", at: 3)
            return statement
        }
        defer { statement.reset() }
        while try orFail({ () throws(SQLiteConnection.Failure) in try statement.step() }) {
            let names = (0..<2).compactMap { column in
                statement.withBytes(at: column) { String(validating: $0, as: UTF8.self) }
            }
            guard names.count == 2 else { throw hub.damaged("a name is no text") }
            let stored = StoredEdge(
                name: EdgeName(label: names[0], target: DocumentID(trusted: names[1])),
                arrival: UInt64(bitPattern: statement.int(at: 2)),
                content: statement.withBytes(at: 3) { Array($0) },
                sum: UInt32(truncatingIfNeeded: statement.int(at: 4))
            )
            guard try body(stored) else { return }
        }
    }

    /// Reads edges in the order of label and target, and compares each with its checksum.
    ///
    /// - Throws: `.dataLoss` for the first edge that fails its checksum.
    func forEach(
        of hub: Hub,
        label: String? = nil,
        after position: EdgeName? = nil,
        _ body: (StoredEdge, Edge) throws(LodestoneError) -> Bool
    ) throws(LodestoneError) {
        try forEachStored(of: hub, label: label, after: position) {
            (stored) throws(LodestoneError) in
            guard stored.isRight(in: hub.number), let edge = try? stored.edge() else {
                throw hub.damaged(
                    "'\(stored.name.label)' to '\(stored.name.target)' fails its checksum"
                )
            }
            return try body(stored, edge)
        }
    }

    /// Reads all edges of a hub, in the order of label and target.
    ///
    /// - Returns: The number of edges.
    /// - Throws: `.dataLoss` when an edge is missing or fails its checksum.
    @discardableResult
    func forEachOfAll(
        of hub: Hub,
        _ body: (StoredEdge, Edge) throws(LodestoneError) -> Void
    ) throws(LodestoneError) -> UInt64 {
        let header = try header(of: hub)
        var found = HubHeader(row: hub.row)
        try forEach(of: hub) { (stored, edge) throws(LodestoneError) in
            found.add(stored)
            guard stored.arrival < header.nextArrival else {
                throw hub.damaged("one comes after the last one")
            }
            try body(stored, edge)
            return true
        }
        guard found.hasSameEdges(as: header) else {
            throw hub.damaged("there are \(found.count) instead of the \(header.count) written")
        }
        return header.count
    }

    /// All edges of a hub, in the order of writing.
    ///
    /// - Throws: `.dataLoss` when an edge is missing or fails its checksum.
    func edges(of hub: Hub) throws(LodestoneError) -> [Edge] {
        var edges: [(arrival: UInt64, edge: Edge)] = []
        try forEachOfAll(of: hub) { (stored, edge) in edges.append((stored.arrival, edge)) }
        edges.sort { $0.arrival < $1.arrival }
        return edges.map(\.edge)
    }

    // MARK: Writing

    /// Writes the header of a hub after its edges have changed.
    func write(_ header: HubHeader, of hub: HubNumber) throws(LodestoneError) {
        var stored = StoredEdge(
            name: Self.headerName,
            arrival: header.nextArrival,
            content: header.bytes,
            sum: 0
        )
        stored.sum = stored.computedSum(of: hub)
        try write(stored, of: hub)
    }

    private func write(_ stored: StoredEdge, of hub: HubNumber) throws(LodestoneError) {
        try orFail { () throws(SQLiteConnection.Failure) in
            let statement = try connection.statement(
                """
                INSERT OR REPLACE INTO \(table)(hub, label, target, arrival, content, sum)
                VALUES(?1, ?2, ?3, ?4, ?5, ?6)
                """
            )
            statement.bind(hub.rawValue, at: 1)
            statement.bind(blob: stored.name.label, at: 2)
            statement.bind(blob: stored.name.target.string, at: 3)
            statement.bind(Int64(bitPattern: stored.arrival), at: 4)
            statement.bind(stored.content, at: 5)
            statement.bind(stored.sum, at: 6)
            try statement.run()
        }
    }

    /// Adds an edge, or replaces the edge with the same name.
    func put(_ edge: Edge, into hub: Hub, _ header: inout HubHeader) throws(LodestoneError) {
        let before = try stored(EdgeName(edge), of: hub)
        let arrival = before?.arrival ?? header.nextArrival
        if let before { header.remove(before) } else { header.nextArrival += 1 }
        let stored = StoredEdge(edge, arrival: arrival, of: hub.number)
        header.add(stored)
        try write(stored, of: hub.number)
    }

    /// Removes the edge with a name, if there is one.
    func remove(_ name: EdgeName, from hub: Hub, _ header: inout HubHeader) throws(LodestoneError) {
        guard let before = try stored(name, of: hub) else { return }
        header.remove(before)
        try delete(name, from: hub.number)
    }

    private func delete(_ name: EdgeName, from hub: HubNumber) throws(LodestoneError) {
        try orFail { () throws(SQLiteConnection.Failure) in
            let statement = try connection.statement(
                "DELETE FROM \(table) WHERE hub = ?1 AND label = ?2 AND target = ?3"
            )
            statement.bind(hub.rawValue, at: 1)
            statement.bind(blob: name.label, at: 2)
            statement.bind(blob: name.target.string, at: 3)
            try statement.run()
        }
    }

    /// The stored edge with a name, compared with its checksum; `nil` if there is none.
    private func stored(_ name: EdgeName, of hub: Hub) throws(LodestoneError) -> StoredEdge? {
        let stored = try orFail { () throws(SQLiteConnection.Failure) in
            try edge(name, of: hub.number)
        }
        if let stored, !stored.isRight(in: hub.number) {
            throw hub.damaged("'\(name.label)' to '\(name.target)' fails its checksum")
        }
        return stored
    }

    /// Removes a hub with all its edges.
    func removeAll(of hub: HubNumber) throws(LodestoneError) {
        try orFail { () throws(SQLiteConnection.Failure) in
            let statement = try connection.statement("DELETE FROM \(table) WHERE hub = ?1")
            statement.bind(hub.rawValue, at: 1)
            try statement.run()
        }
    }

    /// Replaces all edges of a hub, and writes only those that differ.
    ///
    /// Unchanged edges keep their arrival numbers; the others follow them. Damaged edges are
    /// written again.
    ///
    /// - Parameters:
    ///   - hub: The hub with its new row; it may have no edges yet.
    ///   - edges: All edges of the hub; if several have the same name, the last one counts.
    /// - Throws: The errors of SQLite.
    /// - Complexity: O(edges before and after) to read, O(those that differ) to write.
    func replace(_ hub: Hub, with edges: [Edge]) throws(LodestoneError) {
        var wanted: [EdgeName: (index: Int, edge: Edge)] = [:]
        for (index, edge) in edges.enumerated() {
            let name = EdgeName(edge)
            wanted[name] = (wanted[name]?.index ?? index, edge)
        }
        var header = HubHeader(row: hub.row)
        var lost: [EdgeName] = []
        var kept: Set<EdgeName> = []
        do throws(LodestoneError) {
            try forEachStored(of: hub) { (stored) in
                guard let edge = wanted[stored.name]?.edge else {
                    lost.append(stored.name)
                    return true
                }
                guard stored.content == edge.storedContent, stored.isRight(in: hub.number) else {
                    return true
                }
                header.add(stored)
                header.nextArrival = max(header.nextArrival, stored.arrival &+ 1)
                kept.insert(stored.name)
                return true
            }
        } catch {
            guard error.reason == .corruptRow else { throw error }
            // An edge with an undecodable name can't be removed by name, so all edges are removed.
            try removeAll(of: hub.number)
            (header, lost, kept) = (HubHeader(row: hub.row), [], [])
        }
        for name in lost { try delete(name, from: hub.number) }
        let others = wanted.filter { !kept.contains($0.key) }.values
        for (_, edge) in others.sorted(by: { $0.index < $1.index }) {
            let stored = StoredEdge(edge, arrival: header.nextArrival, of: hub.number)
            header.nextArrival += 1
            header.add(stored)
            try write(stored, of: hub.number)
        }
        try write(header, of: hub.number)
    }

    private func orFail<T>(_ body: () throws(SQLiteConnection.Failure) -> T)
        throws(LodestoneError) -> T
    {
        try SQLiteConnection.orFail(context, body)
    }
}
