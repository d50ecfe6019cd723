// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStructures

/// Compares the edges of hubs with their checksums, and hubs with the rows that name them.
struct HubCheck {
    private let record: CollectionRecord
    /// The table of edges; `nil` when no document of the collection has been a hub.
    private let table: HubTable?
    private var named: Set<HubNumber> = []
    /// The damaged rows, whose hubs are unknown.
    private var damaged: Set<RowID> = []

    init(_ record: CollectionRecord, _ table: HubTable?) {
        self.record = record
        self.table = table
    }

    /// Adds an intact row and counts its edges.
    ///
    /// - Returns: Whether its edges are intact, too.
    mutating func take(_ row: StoredRow, _ report: inout VerifyReport) throws(LodestoneError)
        -> Bool
    {
        guard let hub = Hub(row) else {
            report.edges += UInt64(row.edges.count)
            return true
        }
        named.insert(hub.number)
        do throws(LodestoneError) {
            guard let table else { throw hub.damaged("there is no table of edges") }
            // A hub has the number of the row at which the document became a hub, never that of a
            // later row.
            guard hub.number.firstRow <= row.row else {
                throw hub.damaged("hub \(hub.number) is none yet")
            }
            report.edges += try table.forEachOfAll(of: hub) { (_, _) in }
            return true
        } catch {
            guard error.code == .dataLoss else { throw error }
            report.note(.row(row.row, error, record))
            return false
        }
    }

    /// Excludes a damaged row.
    mutating func ignore(_ row: RowID) {
        damaged.insert(row)
    }

    /// Reports the hubs that no row names; call it after the last row.
    func finish(_ report: inout VerifyReport) throws(LodestoneError) {
        guard let table else { return }
        do throws(LodestoneError) {
            try SQLiteConnection.orFail(table.context) { () throws(SQLiteConnection.Failure) in
                try table.forEachHub { (hub) throws(SQLiteConnection.Failure) in
                    if named.contains(hub) { return true }
                    let owner = try table.owner(of: hub)
                    if let owner, damaged.contains(owner) { return true }
                    report.note(.strangeHub(hub, owner, record))
                    return true
                }
            }
        } catch {
            guard error.code == .dataLoss else { throw error }
            report.note(.database("the edges of hubs", error, record))
        }
    }
}
