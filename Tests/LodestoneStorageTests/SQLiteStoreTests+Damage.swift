// SPDX-License-Identifier: Apache-2.0
import CSQLite
import Foundation
import LodestoneCore
import LodestoneStructures
import LodestoneText
import LodestoneStorage
import TestSupport
import Testing

extension SQLiteStoreTests {
    @Test("A changed row is reported as damage by its id, and other rows are read")
    func damagedRow() throws {
        do {
            let store = try open()
            _ = try store.commit([
                collection(), batch([document, Document(id: "p2")], firstRow: 0),
            ])
            store.close()
        }
        try execute("UPDATE docs_1 SET metadata = x'00' WHERE row = 0")
        let store = try open()
        let reader = try store.beginRead(context: nil)
        defer { reader.end() }
        let error = #expect(throws: LodestoneError.self) { try reader.row(0, of: 1) }
        #expect(error?.code == .dataLoss && error?.object == "p1")
        #expect(try reader.row(1, of: 1)?.id == "p2")
    }

    @Test(
        "A changed log is reported as damage",
        arguments: [
            "DELETE FROM log WHERE seq = 2", "UPDATE log SET row_count = 2 WHERE seq = 2",
            "UPDATE log SET chain = chain + 1 WHERE seq = 3",
        ]
    )
    func damagedLog(sql: String) throws {
        do {
            let store = try open()
            _ = try store.commit([
                collection(), batch([document], firstRow: 0),
                batch([Document(id: "p2")], firstRow: 1),
            ])
            store.close()
        }
        try execute(sql)
        let error = #expect(throws: LodestoneError.self) { try open() }
        #expect(error?.code == .dataLoss)
    }

    @Test("Changed, truncated and missing vectors are reported as damage", arguments: [0, 1, 2, 3])
    func damagedVectors(kind: Int) throws {
        do {
            let store = try open()
            _ = try store.commit([
                collection(),
                batch([document], firstRow: 0, vectors: [1, 2], checksum: crc32c([1, 2])),
            ])
            store.close()
        }
        let file = URL(fileURLWithPath: directory.path + "/vectors-1-0.seg")
        var bytes = try Data(contentsOf: file)
        switch kind {
        case 0: bytes[bytes.count - 1] ^= 1
        case 1: bytes.removeLast()
        case 2: bytes[9] ^= 1
        default: break
        }
        if kind == 3 {
            try FileManager.default.removeItem(at: file)
        } else {
            try bytes.write(to: file)
        }
        let store = try open()
        let reader = try store.beginRead(context: nil)
        defer { reader.end() }
        let error = #expect(throws: LodestoneError.self) { try loggedVectors(reader) }
        #expect(error?.code == .dataLoss && error?.object == file.path)
    }
}
