// SPDX-License-Identifier: Apache-2.0
import CSQLite
import LodestoneCore

/// The database of an archive, which is checked before anything in it is used.
///
/// It is opened read-only and immutable: no recovery, no locks, no other files. The schema must be,
/// word for word, the one that this release creates. So foreign views, triggers and tables are
/// found before any statement could run them.
struct RestoredDatabase {
    let connection: SQLiteConnection
    let format: Int64
    let sequenceNumber: UInt64
    /// The fingerprint of the analysis that made the words.
    let analysis: UInt64
    let collections: [CollectionRecord]

    /// Opens the file at `path` by SQLite alone, and checks it.
    init(_ path: String, context: CallContext?, fault: (SnapshotFault) -> LodestoneError)
        throws(LodestoneError)
    {
        do throws(SQLiteConnection.Failure) {
            connection = try SQLiteConnection(immutable: path)
            connection.work(for: context)
            try connection.execute("PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0")
            let application = try Self.int("PRAGMA application_id", connection)
            format = try Self.int("PRAGMA user_version", connection)
            guard application == Schema.applicationID, format > 0 else {
                throw SQLiteConnection.Failure(
                    code: SQLITE_NOTADB,
                    message: "not a Lodestone store"
                )
            }
            guard format <= Schema.format else {
                throw SQLiteConnection.Failure(
                    code: SQLITE_NOTADB,
                    message: "the store has format \(format); this release reads up to "
                        + "\(Schema.format)"
                )
            }
        } catch {
            throw Self.error(error, context, fault)
        }
        try Self.checkSchema(connection, format, context, fault)
        do throws(SQLiteConnection.Failure) {
            // An empty table of bases, for the queries that read it.
            if format < Schema.formatOfBases {
                try connection.execute(Schema.createBases(in: "temp"))
            }
            let statement = try connection.statement("PRAGMA quick_check(1)")
            defer { statement.reset() }
            guard try statement.step() else {
                throw SQLiteConnection.Failure(code: SQLITE_CORRUPT, message: "no answer")
            }
            let answer = statement.withBytes(at: 0) { String(decoding: $0, as: UTF8.self) }
            guard answer == "ok" else {
                throw SQLiteConnection.Failure(code: SQLITE_CORRUPT, message: answer)
            }
            sequenceNumber = UInt64(
                bitPattern: try Self.int("SELECT max(seq) FROM log", connection)
            )
            let analysis = try Self.int(
                "SELECT value FROM meta WHERE key = 'analysis'",
                connection
            )
            self.analysis = UInt64(bitPattern: analysis)
        } catch {
            throw Self.error(error, context, fault)
        }
        collections = try SchemaReader.collections(connection)
    }

    private static func checkSchema(
        _ connection: SQLiteConnection,
        _ format: Int64,
        _ context: CallContext?,
        _ fault: (SnapshotFault) -> LodestoneError
    ) throws(LodestoneError) {
        let found: Set<[String]>
        do throws(SQLiteConnection.Failure) {
            found = try SchemaReader.schema(connection)
        } catch {
            throw Self.error(error, context, fault)
        }
        // The tables name the collections; each collection has a fixed set of schema objects.
        let tables = Set(found.filter { $0[0] == "table" }.map { $0[1] })
        var strategies: [CollectionNumber: TextIndexStrategy] = [:]
        for table in tables where table.hasPrefix("docs_") {
            guard let number = CollectionNumber(table.dropFirst(5)), "docs_\(number)" == table
            else { continue }
            strategies[number] = tables.contains("text_\(number)") ? .fts5 : .postings
        }
        let hubs = strategies.keys.filter { number in
            format >= Schema.formatOfHubs && tables.contains("edges_\(number)")
        }
        let expected = try SchemaReader.expectedSchema(strategies, hubs: Set(hubs), format: format)
        if let stranger = Self.first(of: found.subtracting(expected)) {
            throw fault(
                .hostile(
                    "its database has the \(stranger[0].prefix(20)) '\(stranger[1].prefix(60))', "
                        + "which no store has like this"
                )
            )
        }
        if let missing = Self.first(of: expected.subtracting(found)) {
            throw fault(.hostile("its database lacks the \(missing[0]) '\(missing[1])'"))
        }
        var named: [CollectionNumber: TextIndexStrategy] = [:]
        for record in try SchemaReader.collections(connection) {
            named[record.number] = record.options.textStrategy
        }
        guard named == strategies else {
            throw fault(.hostile("its database has tables of other collections than it names"))
        }
    }

    /// The first of the objects in their order, so that the error is always the same.
    private static func first(of objects: Set<[String]>) -> [String]? {
        objects.min { $0.lexicographicallyPrecedes($1) }
    }

    private static func int(_ sql: String, _ connection: SQLiteConnection)
        throws(SQLiteConnection.Failure) -> Int64
    {
        let statement = try connection.statement(sql)
        defer { statement.reset() }
        return try statement.step() ? statement.int(at: 0) : 0
    }

    /// The error for a failure of SQLite on a foreign file.
    ///
    /// It is a fault of the file, unless the call was cancelled or reached its deadline.
    private static func error(
        _ failure: SQLiteConnection.Failure,
        _ context: CallContext?,
        _ fault: (SnapshotFault) -> LodestoneError
    ) -> LodestoneError {
        let error = failure.asLodestoneError(context: context)
        switch error.code {
        case .cancelled, .deadlineExceeded, .resourceExhausted: return error
        default: return fault(.damaged("SQLite says of its database: \(failure.message)"))
        }
    }
}
