// SPDX-License-Identifier: Apache-2.0
import LodestoneCore

/// The tables of format 7.
///
/// Vectors are in segments next to the database file.
///
///     meta         what the store is
///     collections  name and options of each collection, which end in the row's checksum
///     log          one row per batch: its changes, and the location of its vectors
///     bases        the base of each collection, and the locations of the vectors before it
///     requests     the receipt of each request id
///     docs_N       the documents of collection N, one row per version
///     edges_N      the edges of hubs, if there was a hub (`HubTable`)
///     text_N       the words of texts (FTS5, contentless, stems), if the collection keeps them
///                  there
///     forms_N      the same words, unstemmed and without their positions
///
/// `log.chain` is the CRC-32C of its row, continued from the chain of the row before. So a missing
/// or changed row changes the chain of every later row.
///
/// `meta.anchor` is the sequence number after which the chain begins, with the value from which the
/// chain continues. Of the rows up to the anchor, the log has only the kept rows: those with
/// changes that the base of their collection lacks. The chain of a kept row is a CRC-32C of this
/// row alone. `meta.kept` has the number of kept rows and the sum of their checksums.
///
/// `docs_N.sum` is the CRC-32C of its row.
///
/// A store of an earlier format is upgraded when it is opened. The earlier formats differ:
///
///     1        no bases; the log was never cut
///     2        no changes of a collection's options
///     up to 3  FTS5 itself cut and stemmed words
///     4        no `meta.analysis`, which says by what rules and libraries words were made
///              (`WordAnalysis.fingerprint`)
///     5        no kept rows: the log began with the first row that some base lacked
///     up to 6  rows had all their edges; such a row keeps them until it changes
enum Schema {
    /// The layout that this release reads and writes.
    static let format: Int64 = 7
    /// The first format with bases.
    static let formatOfBases: Int64 = 2
    /// The first format whose words are those of a `WordAnalysis`.
    static let formatOfWords: Int64 = 4
    /// The first format that records the analysis of its words.
    static let formatOfAnalysis: Int64 = 5
    /// The first format with tables of edges.
    static let formatOfHubs: Int64 = 7
    /// "LODE" in ASCII, which distinguishes a store from other programs' databases.
    static let applicationID = 0x4c4f_4445

    static func create(format: Int64 = format) -> String {
        """
        CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;
        CREATE TABLE collections(
            number INTEGER PRIMARY KEY, name BLOB NOT NULL UNIQUE, options BLOB NOT NULL);
        CREATE TABLE log(
            seq INTEGER PRIMARY KEY, collection INTEGER NOT NULL, kind INTEGER NOT NULL,
            first_row INTEGER NOT NULL, row_count INTEGER NOT NULL, vector_count INTEGER NOT NULL,
            segment INTEGER NOT NULL, offset INTEGER NOT NULL, vector_sum INTEGER NOT NULL,
            detail BLOB NOT NULL, chain INTEGER NOT NULL);
        CREATE INDEX log_by_collection ON log(collection, seq);
        CREATE TABLE requests(
            id BLOB PRIMARY KEY, seq INTEGER NOT NULL, fingerprint INTEGER NOT NULL,
            inserted INTEGER NOT NULL, replaced INTEGER NOT NULL, dropped INTEGER NOT NULL,
            time INTEGER NOT NULL) WITHOUT ROWID;
        \(format < formatOfBases ? "" : addBases)
        PRAGMA application_id = \(applicationID);
        PRAGMA user_version = \(format);
        """
    }

    /// The statement that creates the table of bases in a schema of the connection.
    static func createBases(in schema: String = "main") -> String {
        """
        CREATE TABLE \(schema).bases(
            collection INTEGER PRIMARY KEY, seq INTEGER NOT NULL, next_row INTEGER NOT NULL,
            file TEXT NOT NULL, runs BLOB NOT NULL, sum INTEGER NOT NULL);
        """
    }

    /// The tables and values that format 2 adds to format 1.
    private static let addBases = """
        \(createBases())
        INSERT INTO meta(key, value)
            VALUES('next_collection', (SELECT coalesce(max(collection), 0) + 1 FROM log));
        """

    /// The statements that upgrade a store of an earlier format, except for its words.
    ///
    /// The words of a store without `meta.analysis` are not recorded as made by this release's
    /// analysis.
    static func upgrade(from earlier: Int64) -> String {
        """
        \(earlier < formatOfBases ? addBases : "")
        \(earlier < formatOfAnalysis ? "DELETE FROM meta WHERE key = 'analysis';" : "")
        PRAGMA user_version = \(format);
        """
    }

    static func createCollection(
        _ number: CollectionNumber,
        _ text: TextIndexStrategy,
        format: Int64 = format
    ) -> String {
        let rows = """
            CREATE TABLE docs_\(number)(
                row INTEGER PRIMARY KEY, id BLOB NOT NULL, text BLOB NOT NULL,
                metadata BLOB NOT NULL, edges BLOB NOT NULL, sum INTEGER NOT NULL);
            """
        return text == .fts5 ? rows + createWords(number, format: format) : rows
    }

    /// The statement that creates a collection's table of edges, unless there is one.
    static func createEdges(_ number: CollectionNumber) -> String {
        """
        CREATE TABLE IF NOT EXISTS edges_\(number)(
            hub INTEGER NOT NULL, label BLOB NOT NULL, target BLOB NOT NULL,
            arrival INTEGER NOT NULL, content BLOB NOT NULL, sum INTEGER NOT NULL,
            PRIMARY KEY(hub, label, target)) WITHOUT ROWID;
        """
    }

    /// The prefixes in the names of the tables of words, before the collection's number.
    static let wordTables = ["text", "forms"]

    /// The statements that create the tables of words; `DocumentWords` has the words, with spaces
    /// between.
    static func createWords(_ number: CollectionNumber, format: Int64 = format) -> String {
        guard format >= formatOfWords else {
            return """
                CREATE VIRTUAL TABLE text_\(number) USING fts5(
                    text, content='', tokenize='porter unicode61');
                """
        }
        return """
            CREATE VIRTUAL TABLE text_\(number) USING fts5(
                text, content='', tokenize='ascii');
            CREATE VIRTUAL TABLE forms_\(number) USING fts5(
                form, content='', columnsize=0, detail=none, tokenize='ascii');
            """
    }

    static func dropWords(_ number: CollectionNumber) -> String {
        wordTables.map { "DROP TABLE IF EXISTS \($0)_\(number);" }.joined()
    }

    static func dropCollection(_ number: CollectionNumber) -> String {
        """
        DROP TABLE docs_\(number); DROP TABLE IF EXISTS edges_\(number); \(dropWords(number))
        DELETE FROM bases WHERE collection = \(number);
        """
    }

    /// Statements for every connection.
    ///
    /// Automatic checkpoints are off: the SQLite of Debian 12 may corrupt a store when two
    /// connections write or checkpoint at the same instant, so the store checkpoints by itself,
    /// between commits.
    static func configure(_ durability: Durability) -> String {
        let isFull = durability == .full && !Planted.skipsDiskWait
        return """
            PRAGMA wal_autocheckpoint = 0;
            PRAGMA journal_size_limit = \(SQLiteStore.checkpointBytes);
            PRAGMA synchronous = \(isFull ? "FULL" : "NORMAL");
            PRAGMA mmap_size = 0;
            PRAGMA cell_size_check = ON;
            PRAGMA secure_delete = OFF;
            PRAGMA temp_store = MEMORY;
            PRAGMA cache_size = -16384;
            """
    }

    /// The kind of change in a log row.
    enum LogKind: Int64 {
        case createCollection = 1
        case dropCollection = 2
        case rows = 3
        case alterCollection = 4
    }
}
