// SPDX-License-Identifier: Apache-2.0
import LodestoneCore

/// Compares the edges of hubs with their checksums and sums, and hubs with the rows that name them.
struct HubCheck {
    private let record: CollectionRecord
    /// `nil`: no document of the collection has been a hub.
    private let table: HubTable?
    private var named: Set<HubNumber> = []
    /// Rows of which it is not known what they name.
    private var damaged: Set<RowNumber> = []

    init(_ record: CollectionRecord, _ table: HubTable?) {
        self.record = record
        self.table = table
    }

    /// Takes in a row that is as it was written, and counts its edges.
    ///
    /// - Returns: Whether its edges are, too.
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
            // A hub is the number of the row that first was one: a later row may get it yet.
            guard hub.number <= row.row else { throw hub.damaged("hub \(hub.number) is none yet") }
            report.edges += try table.forEachOfAll(of: hub) { (_, _) in }
            return true
        } catch {
            guard error.code == .dataLoss else { throw error }
            report.note(.row(row.row, error, record))
            return false
        }
    }

    /// Leaves out a row that is damaged.
    mutating func ignore(_ row: RowNumber) {
        damaged.insert(row)
    }

    /// Notes the hubs that no row names, once every row has been taken in.
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
