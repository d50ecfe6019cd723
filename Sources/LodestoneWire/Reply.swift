// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore

/// A message of a server: the reply to one request, or a message without a request.
package struct Response: Sendable, Equatable {
    /// The id of the request; 0 for a message without a request.
    package var id: UInt64
    /// The reply.
    package var reply: Reply

    package init(id: UInt64, reply: Reply) {
        self.id = id
        self.reply = reply
    }
}

/// Every reply of the protocol.
///
/// A case with more than 32 bytes of values lies behind a reference, as in `Call`.
package enum Reply: Sendable, Equatable {
    /// The reply to any call that failed.
    indirect case error(LodestoneError)
    /// The server is about to stop; this message belongs to no request.
    case goAway(GoAway)
    indirect case hello(HelloReply)
    case pong(sequenceNumber: UInt64)
    /// The reply to every call that writes.
    indirect case written(WriteReceipt)
    case collections([CollectionDescription])
    indirect case collection(CollectionDescription)
    /// The reply to get.
    case documents([Document])
    /// The reply to scan.
    case page(ScanResponse)
    indirect case counted(CountResponse)
    case search(SearchResponse)
    case walk(WalkResponse)
    /// The reply to listEdges.
    case edges(ListEdgesResponse)
    case done(sequenceNumber: UInt64)
    /// The reply to snapshot.
    indirect case snapshot(SnapshotDescription)
    case snapshots([SnapshotDescription])
    /// The reply to the fetch of a snapshot.
    case snapshotPart(SnapshotPart)
    /// The reply to erase.
    indirect case erased(EraseReceipt)
    /// The reply to verify.
    indirect case verified(VerifyReport)
    indirect case stats(Stats)
    indirect case slowRequests(SlowRequests)
}

/// The server's description of itself when a connection opens.
package struct HelloReply: Sendable, Equatable {
    /// The version of the protocol that both ends use from now on.
    package var protocolVersion: UInt32
    /// Lodestone's version.
    package var serverVersion: String
    /// The most bytes of a frame's message that the server accepts and sends.
    package var maxFrameBytes: Int
    /// The most calls in flight on the connection.
    package var maxInFlight: Int
    /// The sequence number of the last batch.
    package var sequenceNumber: UInt64

    package init(
        protocolVersion: UInt32 = LodestoneVersion.wireProtocol,
        serverVersion: String = LodestoneVersion.release,
        maxFrameBytes: Int,
        maxInFlight: Int,
        sequenceNumber: UInt64
    ) {
        self.protocolVersion = protocolVersion
        self.serverVersion = serverVersion
        self.maxFrameBytes = maxFrameBytes
        self.maxInFlight = maxInFlight
        self.sequenceNumber = sequenceNumber
    }
}

/// The message of a server that is about to stop.
package struct GoAway: Sendable, Equatable {
    /// Requests with larger ids were not started and may be sent to another connection.
    package var lastRequest: UInt64
    /// The reason.
    package var message: String

    package init(lastRequest: UInt64, message: String) {
        self.lastRequest = lastRequest
        self.message = message
    }
}
