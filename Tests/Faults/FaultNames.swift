// SPDX-License-Identifier: Apache-2.0
public import ArgumentParser
import LodestoneStructures

extension Failpoint {
    /// The work of a program that comes to a failpoint.
    enum Work { case commit, checkpoint, compaction, index, snapshot, erasure, restore, backup }

    var work: Work {
        switch self {
        case .commitBeforeVectors, .commitAfterVectors, .commitInTransaction,
            .commitAfterFdatasync, .commitAfterCommit, .commitBeforeReply:
            .commit
        case .checkpointBefore, .checkpointAfter: .checkpoint
        case .compactionBeforeRename, .compactionBeforePointer, .compactionAfterVectors,
            .compactionBeforeRemoval, .compactionAfterPointer:
            .compaction
        case .indexBeforeFill: .index
        case .snapshotAfterCopy, .snapshotAfterDatabase, .snapshotBeforeRename,
            .snapshotAfterRename:
            .snapshot
        case .restoreAfterDatabase, .restoreBeforeRename, .restoreAfterRename: .restore
        case .backupBeforeEntry, .backupAfterEntry: .backup
        case .eraseBeforeCheckpoint, .eraseAfter: .erasure
        }
    }

    /// The failpoints of one kind of work, in its order.
    static func all(of work: Work) -> [Failpoint] { allCases.filter { $0.work == work } }

    /// The failpoints that a server comes to; backups and restores are the work of other programs.
    static let ofServers = allCases.filter { $0.work != .restore && $0.work != .backup }
}

extension Failpoint: ExpressibleByArgument {}

extension Mutation: ExpressibleByArgument {}

extension ExpressibleByArgument
where Self: CaseIterable & RawRepresentable, RawValue == FaultName {
    init?(argument: String) { self.init(name: argument) }

    static var allValueStrings: [String] { allCases.map(\.name) }
}
