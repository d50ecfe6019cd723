// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStructures

/// The rows of one collection and their words, on one connection.
struct RowTable {
    let collection: CollectionNumber
    let connection: SQLiteConnection
    /// The maker of words; `nil` where no tables of words change with the rows.
    var words: WordMaker?
    /// The limit on the edges that a row keeps when it is written.
    var room = EdgesInRow()

    private var columns: String { "row, id, text, metadata, edges, sum" }

    /// Adds rows: the first with the number `first`, the others with the numbers that follow.
    ///
    /// - Parameters:
    ///   - rows: The rows with all their edges.
    ///   - first: The number of the first row.
    ///   - added: The words of each row; `nil` where the store keeps none.
    ///   - hubs: The hubs of documents that were removed in the same batch. The hubs that it still
    ///     has afterwards belong to no document.
    /// - Throws: The errors of SQLite.
    func insert(
        _ rows: [EncodedRow],
        from first: RowID,
        words added: [DocumentWords?]?,
        _ hubs: inout [DocumentID: HubNumber]
    ) throws(LodestoneError) {
        if rows.isEmpty { return }
        let statement = try SQLiteConnection.orFail { () throws(SQLiteConnection.Failure) in
            try connection.statement(
                "INSERT INTO docs_\(collection)(\(columns)) VALUES(?1, ?2, ?3, ?4, ?5, ?6)"
            )
        }
        var number = first
        for index in rows.indices {
            var row = rows[index]
            if !row.keepsEdges(room) { row = try moveEdges(of: row, number, &hubs) }
            try SQLiteConnection.orFail { () throws(SQLiteConnection.Failure) in
                try insert(row, as: number, with: statement)
                if let added, let words = added[index] { try insert(words, of: number) }
            }
            number += 1
        }
    }

    private func insert(
        _ row: EncodedRow,
        as number: RowID,
        with statement: SQLiteStatement
    ) throws(SQLiteConnection.Failure) {
        try row.withColumns { (columns) throws(SQLiteConnection.Failure) in
            // The bytes stay valid until after the step; SQLite does not read them later.
            defer { statement.reset() }
            statement.bind(number, at: 1)
            statement.bind(lent: columns.id, at: 2)
            statement.bind(lent: columns.text, at: 3)
            statement.bind(lent: columns.metadata, at: 4)
            statement.bind(lent: columns.edges, at: 5)
            statement.bind(columns.checksum(seed: RowChecksum.seed(row: number)), at: 6)
            _ = try statement.step()
        }
    }

    /// Adds the words of a row.
    func insert(_ words: DocumentWords, of number: RowID)
        throws(SQLiteConnection.Failure)
    {
        for (table, column, text) in Self.columns(of: words) {
            let statement = try connection.statement(
                "INSERT INTO \(table)_\(collection)(rowid, \(column)) VALUES(?1, ?2)"
            )
            statement.bind(number, at: 1)
            statement.bind(text: text, at: 2)
            try statement.run()
        }
    }

    private func remove(_ words: DocumentWords, of number: RowID)
        throws(SQLiteConnection.Failure)
    {
        for (table, column, text) in Self.columns(of: words) {
            let name = "\(table)_\(collection)"
            let statement = try connection.statement(
                "INSERT INTO \(name)(\(name), rowid, \(column)) VALUES('delete', ?1, ?2)"
            )
            statement.bind(number, at: 1)
            statement.bind(text: text, at: 2)
            try statement.run()
        }
    }

    private static func columns(of words: DocumentWords) -> [(
        table: String, column: String, text: String
    )] {
        [("text", "text", words.stems), ("forms", "form", words.forms)]
    }

    /// Fills empty tables with the words of all rows.
    ///
    /// Damaged rows get no words: such a row can only be removed, and its removal removes no words.
    func insertAllWords() throws(LodestoneError) {
        guard let words else { return }
        try forEachResult(context: nil) { (number, row) throws(LodestoneError) in
            guard case .success(let row) = row, let words = words.words(of: row.text)
            else { return }
            try SQLiteConnection.orFail { () throws(SQLiteConnection.Failure) in
                try insert(words, of: number)
            }
        }
    }

    /// Removes a row and its words.
    ///
    /// FTS5 removes words from an index only if it gets exactly the words that were added. So the
    /// words are made from the row's text in the same transaction.
    ///
    /// - Returns: The texts of the row, none if it is damaged; and its hub, which keeps its edges.
    func remove(_ number: RowID) throws(LodestoneError) -> (
        text: [TextField], hub: (id: DocumentID, number: HubNumber)?
    ) {
        var text: [TextField] = []
        var hub: (id: DocumentID, number: HubNumber)?
        do throws(LodestoneError) {
            if let row = try read(number) {
                text = row.text
                hub = row.hub.map { (row.id, $0) }
            }
        } catch {
            guard error.reason == .corruptRow else { throw error }
            hub = try findHub(ofDamaged: number, error.object ?? "")
        }
        let words = words?.words(of: text)
        try SQLiteConnection.orFail { () throws(SQLiteConnection.Failure) in
            if let words { try remove(words, of: number) }
            let statement = try connection.statement(
                "DELETE FROM docs_\(collection) WHERE row = ?1"
            )
            statement.bind(number, at: 1)
            try statement.run()
        }
        return (text, hub)
    }

    func read(_ number: RowID, context: CallContext? = nil) throws(LodestoneError)
        -> StoredRow?
    {
        guard let statement = try find(number, context: context) else { return nil }
        defer { statement.reset() }
        return try decode(statement)
    }

    /// A statement at a row, which the caller resets; `nil` when there is no such row.
    func find(_ number: RowID, context: CallContext? = nil) throws(LodestoneError)
        -> SQLiteStatement?
    {
        try SQLiteConnection.orFail(context) { () throws(SQLiteConnection.Failure) in
            let statement = try connection.statement(
                "SELECT \(columns) FROM docs_\(collection) WHERE row = ?1"
            )
            statement.bind(number, at: 1)
            return try statement.step() ? statement : nil
        }
    }

    func forEach(
        after: RowID?,
        context: CallContext?,
        _ body: (StoredRow) throws(LodestoneError) -> Bool
    ) throws(LodestoneError) {
        let statement = try SQLiteConnection.orFail(context) {
            () throws(SQLiteConnection.Failure) in
            let statement = try connection.statement(
                "SELECT \(columns) FROM docs_\(collection) WHERE row > ?1 ORDER BY row"
            )
            statement.bind(after.map { Int64($0.rawValue) } ?? -1, at: 1)
            return statement
        }
        defer { statement.reset() }
        while try SQLiteConnection.orFail(
            context,
            { () throws(SQLiteConnection.Failure) in try statement.step() }
        ) {
            guard try body(try decode(statement)) else { return }
        }
    }

    /// Decodes the row at the statement after a comparison with its checksum.
    func decode(_ statement: SQLiteStatement) throws(LodestoneError) -> StoredRow {
        let number = statement.row(at: 0)
        var sum = RowChecksum.seed(row: number)
        var byteCount = 0
        for column: Int32 in 1...4 {
            sum = statement.withBytes(at: column) { bytes in
                byteCount += bytes.count
                return RowChecksum.extend(sum, bytes)
            }
        }
        guard Checksum.isRight(sum, UInt32(truncatingIfNeeded: statement.int(at: 5))) else {
            throw damaged(number, statement)
        }
        do throws(ByteReader.Malformed) {
            let id = try statement.withBytes(at: 1) { (bytes) throws(ByteReader.Malformed) in
                guard let id = String(validating: bytes, as: UTF8.self) else {
                    throw ByteReader.Malformed()
                }
                return DocumentID(trusted: id)
            }
            let edges = try statement.withBytes(at: 4) { (bytes) throws(ByteReader.Malformed) in
                try StoredEdges(bytes)
            }
            var stored = StoredRow(
                row: number,
                id: id,
                text: try statement.withBytes(at: 2) { (bytes) throws(ByteReader.Malformed) in
                    var reader = ByteReader(bytes)
                    return try reader.textFields()
                },
                metadata: try statement.withBytes(at: 3) { (bytes) throws(ByteReader.Malformed) in
                    var reader = ByteReader(bytes)
                    return try reader.metadata()
                },
                edges: [],
                byteCount: byteCount
            )
            switch edges {
            case .list(let edges): stored.edges = edges
            case .hub(let hub): stored.hub = hub
            }
            return stored
        } catch {
            throw damaged(number, statement)
        }
    }

    func damaged(_ number: RowID, _ statement: SQLiteStatement) -> LodestoneError {
        let id = statement.withBytes(at: 1) { String(decoding: $0.prefix(64), as: UTF8.self) }
        return LodestoneError(
            .dataLoss,
            reason: .corruptRow,
            "Row \(number) of collection \(collection), document '\(id)', fails its checksum.",
            recovery: "Write the document again, or restore a snapshot.",
            object: id
        )
    }
}
