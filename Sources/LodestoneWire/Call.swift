// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore

/// A request on the wire: one call, with the fields of every call.
package struct Request: Sendable, Equatable {
    /// The id, chosen by the client: not 0, and not in use by another request of the connection.
    package var id: UInt64
    /// The time that was left when the request was sent; `nil`: the server's default.
    package var deadline: Duration?
    /// The idempotency key of a write; `nil` for calls that only read.
    package var requestID: RequestID?
    /// The call.
    package var call: Call

    package init(id: UInt64, deadline: Duration? = nil, requestID: RequestID? = nil, call: Call) {
        self.id = id
        self.deadline = deadline
        self.requestID = requestID
        self.call = call
    }
}

/// Every call of the protocol.
package enum Call: Sendable, Equatable {
    /// Opens a connection; the first call on it.
    case hello(Hello)
    /// Checks whether the server is there.
    case ping
    case createCollection(name: String, CollectionOptions)
    case alterCollection(name: String, CollectionChange)
    case dropCollection(name: String)
    case listCollections
    case describeCollection(name: String)
    case indexMany(IndexManyRequest)
    case dropMany(DropManyRequest)
    case get(GetRequest)
    case scan(ScanRequest)
    case count(CountRequest)
    case search(SearchRequest)
    case walk(WalkRequest)
    case listEdges(ListEdgesRequest)
    case buildIndex(collection: String)
    case compact(collection: String)
    case snapshot(name: String)
    case deleteSnapshot(name: String)
    case fetchSnapshot(name: String, offset: UInt64, maxBytes: Int)
    case listSnapshots
    /// Erases the documents that were dropped or replaced, in one collection or in all.
    case erase(collection: String?)
    case verify
    case stats
    /// Cancels the request with this id on the same connection; has no reply of its own.
    case cancel(id: UInt64)
}

/// The opening of a connection by a client.
package struct Hello: Sendable, Equatable {
    /// `LodestoneVersion.wireProtocol` of the client.
    package var protocolVersion: UInt32
    /// The credential; `nil` where the server requires none.
    package var token: [UInt8]?
    /// The client's name, for the server's log.
    package var clientName: String
    /// The last sequence number that this client received; a server behind it has lost data.
    package var lastSequenceNumber: UInt64?

    package init(
        protocolVersion: UInt32 = LodestoneVersion.wireProtocol,
        token: [UInt8]? = nil,
        clientName: String,
        lastSequenceNumber: UInt64? = nil
    ) {
        self.protocolVersion = protocolVersion
        self.token = token
        self.clientName = clientName
        self.lastSequenceNumber = lastSequenceNumber
    }
}
