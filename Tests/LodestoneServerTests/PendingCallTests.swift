// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import Testing

@testable import LodestoneServer

@Suite("Calls of a connection")
struct PendingCallTests {
    private func call(_ id: UInt64, _ kind: CallKind) -> PendingCall {
        PendingCall(
            id: id,
            kind: kind,
            read: nil,
            client: "",
            trace: nil,
            collection: nil,
            access: .unlimited,
            namedCount: 0,
            collectionMetrics: nil,
            context: CallContext(),
            acceptedAt: .now,
            byteCount: 0
        )
    }

    @Test("A description in flight takes no room from searches of its connection")
    func descriptions() throws {
        let calls = PendingCalls(limit: 2)
        let first = call(1, .search)
        try calls.insert(first)
        try calls.insert(call(2, .search))
        let description = call(3, .describeCollection)
        try calls.insert(description)
        #expect(throws: LodestoneError.self) { try calls.insert(call(4, .search)) }
        _ = calls.remove(first)
        try calls.insert(call(5, .search))
        try calls.insert(call(6, .stats))
        #expect(throws: LodestoneError.self) { try calls.insert(call(7, .listCollections)) }
        _ = calls.remove(description)
        try calls.insert(call(8, .listCollections))
    }
}
