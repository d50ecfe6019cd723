// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore

/// A request on the wire: one call, with the fields of every call.
package struct Request: Sendable, Equatable {
    /// The id, chosen by the client: not 0, and not in use by another request of the connection.
    package var id: UInt64
    /// The milliseconds that were left when the request was sent; 0: the server's default.
    package var deadlineMilliseconds: UInt32
    /// The idempotency key of a write; `nil` for calls that only read.
    package var requestID: RequestID?
    /// The trace that the request belongs to; `nil`: none.
    package var trace: TraceParent?
    /// The call.
    package var call: Call

    package init(
        id: UInt64,
        deadlineMilliseconds: UInt32,
        requestID: RequestID? = nil,
        trace: TraceParent? = nil,
        call: Call
    ) {
        self.id = id
        self.deadlineMilliseconds = deadlineMilliseconds
        self.requestID = requestID
        self.trace = trace
        self.call = call
    }

    /// Creates a request with the time left, at least a millisecond; `nil`: the server's default.
    package init(
        id: UInt64,
        deadline: Duration? = nil,
        requestID: RequestID? = nil,
        trace: TraceParent? = nil,
        call: Call
    ) {
        let milliseconds = deadline.map { UInt32(clamping: max(1, $0.milliseconds)) }
        self.init(
            id: id,
            deadlineMilliseconds: milliseconds ?? 0,
            requestID: requestID,
            trace: trace,
            call: call
        )
    }

    /// The time left when the request was sent; `nil`: the server's default.
    package var deadline: Duration? {
        deadlineMilliseconds == 0 ? nil : .milliseconds(Int64(deadlineMilliseconds))
    }
}

/// Every call of the protocol.
///
/// A case with more than 32 bytes of values lies behind a reference. Each call passes many
/// functions as a value, and without references the rarest case made every copy large.
package enum Call: Sendable, Equatable {
    /// Opens a connection; the first call on it.
    indirect case hello(Hello)
    /// Checks whether the server is there.
    case ping
    indirect case createCollection(name: String, CollectionOptions)
    indirect case alterCollection(name: String, CollectionChange)
    case dropCollection(name: String)
    case listCollections
    case describeCollection(name: String)
    indirect case indexMany(IndexManyRequest)
    indirect case dropMany(DropManyRequest)
    case get(GetRequest)
    indirect case scan(ScanRequest)
    indirect case count(CountRequest)
    case search(SearchRequest)
    case walk(WalkRequest)
    indirect case listEdges(ListEdgesRequest)
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
    case slowRequests(limit: Int)
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
