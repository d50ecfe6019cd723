// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStructures

/// The damages that a verification can report, each with its message.
extension Damage {
    private static let restore = "Stop writing, keep a copy of the directory, restore a snapshot."
    private static let writeAgain = "Write the document again, or restore a snapshot."

    static func log(_ object: String, _ message: String) -> Damage {
        Damage(kind: "log", object: object, message: message, recovery: restore)
    }

    /// The damage of a page or table that SQLite can't read.
    static func database(_ what: String, _ error: LodestoneError, _ record: CollectionRecord?)
        -> Damage
    {
        Damage(
            kind: "database",
            collection: record?.name,
            object: what,
            message: error.message,
            recovery: restore
        )
    }

    static func row(_ number: RowID, _ error: LodestoneError, _ record: CollectionRecord)
        -> Damage
    {
        Damage(
            kind: "row",
            collection: record.name,
            object: error.object ?? "row \(number)",
            message: error.message,
            recovery: writeAgain
        )
    }

    static func missingRows(_ rows: Range<RowID>, _ record: CollectionRecord) -> Damage {
        let text =
            rows.count == 1
            ? "row \(rows.lowerBound)" : "rows \(rows.lowerBound) to \(rows.upperBound - 1)"
        return Damage(
            kind: "row",
            collection: record.name,
            object: text,
            message: "The log says that \(text) of '\(record.name)' was written; it is missing.",
            recovery: restore
        )
    }

    static func extraRow(_ number: RowID, _ record: CollectionRecord) -> Damage {
        Damage(
            kind: "row",
            collection: record.name,
            object: "row \(number)",
            message: "Row \(number) of '\(record.name)' is there; the log says that it is not.",
            recovery: restore
        )
    }

    static func strangeHub(
        _ hub: HubNumber,
        _ owner: RowID?,
        _ record: CollectionRecord
    ) -> Damage {
        let whose = owner.map { "row \($0)" } ?? "a row that is not known"
        return Damage(
            kind: "row",
            collection: record.name,
            object: "hub \(hub)",
            message: "Edges of \(whose) of '\(record.name)' are there; no row names them.",
            recovery: restore
        )
    }

    static func repeatedID(_ row: StoredRow, _ record: CollectionRecord) -> Damage {
        Damage(
            kind: "row",
            collection: record.name,
            object: row.id.string,
            message: "Row \(row.row) of '\(record.name)' has the id of an earlier row.",
            recovery: writeAgain
        )
    }

    static func vectors(_ path: String, _ what: String, _ record: CollectionRecord) -> Damage {
        Damage(
            kind: "vectors",
            collection: record.name,
            object: path,
            message: "The vector segment \(path) is damaged: \(what).",
            recovery: "Write the documents of these rows again, or restore a snapshot."
        )
    }

    static func base(_ path: String, _ what: String, _ record: CollectionRecord) -> Damage {
        Damage(
            kind: "base",
            collection: record.name,
            object: path,
            message: "The base \(path) is damaged: \(what).",
            recovery: "Nothing is lost: it is made again from the rows."
        )
    }

    static func words(_ object: String, _ message: String, _ record: CollectionRecord) -> Damage {
        Damage(
            kind: "words",
            collection: record.name,
            object: object,
            message: message,
            recovery: "Write the document again, or restore a snapshot: words are taken from rows."
        )
    }
}
