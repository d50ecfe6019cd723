// SPDX-License-Identifier: Apache-2.0
import CLodestoneProto
import LodestoneCore

// The encoding and decoding of the replies to snapshot, list_snapshots, erase and verify.

extension MessageWriter {
    mutating func snapshot(_ snapshot: SnapshotDescription) {
        text(1, snapshot.name)
        varint(2, snapshot.sequenceNumber)
        varint(3, snapshot.byteCount)
        signed(4, snapshot.createdAt)
    }

    mutating func receipt(_ receipt: EraseReceipt) {
        varint(1, receipt.sequenceNumber)
        for name in receipt.snapshots { text(2, name) }
    }

    mutating func report(_ report: VerifyReport) {
        varint(1, report.sequenceNumber)
        varint(2, report.batches)
        varint(3, report.rows)
        varint(4, report.vectors)
        varint(5, report.edges)
        for damage in report.damages { message(6, expecting: 256) { $0.damage(damage) } }
        varint(7, report.damageCount)
    }

    private mutating func damage(_ damage: Damage) {
        text(1, damage.kind)
        if let collection = damage.collection { text(2, collection) }
        text(3, damage.object)
        text(4, damage.message)
        text(5, damage.recovery)
        if damage.isRepaired { bool(6, true) }
    }
}

extension SnapshotDescription {
    init(_ message: UnsafePointer<CSnapshotDescription>) throws(LodestoneError) {
        let message = message.pointee
        self.init(
            name: try message.name.text("name"),
            sequenceNumber: message.sequence_number,
            byteCount: message.bytes,
            createdAt: message.created_us
        )
    }
}

extension EraseReceipt {
    init(_ message: Lodestone__V1__EraseReceipt) throws(LodestoneError) {
        var snapshots: [String] = []
        for index in 0..<message.n_snapshots {
            snapshots.append(try message.snapshots[index].text("snapshots"))
        }
        self.init(sequenceNumber: message.sequence_number, snapshots: snapshots)
    }
}

extension VerifyReport {
    init(_ message: Lodestone__V1__VerifyResponse) throws(LodestoneError) {
        self.init(
            sequenceNumber: message.sequence_number,
            batches: message.batches,
            rows: message.rows,
            vectors: message.vectors,
            edges: message.edges,
            damages: try list("damages", message.damages, message.n_damages) {
                (damage) throws(LodestoneError) in try Damage(damage.pointee)
            },
            damageCount: message.damage_count
        )
    }
}

extension Damage {
    fileprivate init(_ message: CDamage) throws(LodestoneError) {
        self.init(
            kind: try message.kind.text("kind"),
            collection: message.has_collection != 0
                ? try message.collection.text("collection") : nil,
            object: try message.object.text("object"),
            message: try message.message.text("message"),
            recovery: try message.recovery.text("recovery"),
            isRepaired: message.repaired != 0
        )
    }
}
