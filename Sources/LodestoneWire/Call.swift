// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore

/// A request on the wire: one call, and what applies to every call.
package struct Request: Sendable, Equatable {
    /// Chosen by the client, not 0, and not in use by another request of the connection.
    package var id: UInt64
    /// Time left when it was sent; `nil`: the server's default.
    package var deadline: Duration?
    /// Names a write for good; `nil` for calls that only read.
    package var requestID: RequestID?
    /// What is asked.
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
    /// Asks whether the server is there.
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
    /// Erases what was dropped or replaced in a collection, or in all.
    case erase(collection: String?)
    case verify
    case stats
    /// Asks that the request with this id of the same connection ends; has no reply of its own.
    case cancel(id: UInt64)
}

/// How a client opens a connection.
package struct Hello: Sendable, Equatable {
    /// `LodestoneVersion.wireProtocol` of the client.
    package var protocolVersion: UInt32
    /// The credential; `nil` where the server asks for none.
    package var token: [UInt8]?
    /// For the server's log.
    package var clientName: String
    /// The last sequence number that this client was given; a server behind it has lost data.
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
