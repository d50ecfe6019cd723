// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore

/// What a server sends: the reply to one request, or a word of its own.
package struct Response: Sendable, Equatable {
    /// Of the request; 0 when the server speaks on its own.
    package var id: UInt64
    /// What it says.
    package var reply: Reply

    package init(id: UInt64, reply: Reply) {
        self.id = id
        self.reply = reply
    }
}

/// Every reply of the protocol.
package enum Reply: Sendable, Equatable {
    /// To any call that failed.
    case error(LodestoneError)
    /// To no call: the server is about to leave.
    case goAway(GoAway)
    case hello(HelloReply)
    case pong(sequenceNumber: UInt64)
    /// To every call that writes.
    case written(WriteReceipt)
    case collections([CollectionDescription])
    case collection(CollectionDescription)
    /// To get.
    case documents([Document])
    /// To scan.
    case page(ScanResponse)
    case counted(CountResponse)
    case search(SearchResponse)
    case walk(WalkResponse)
    /// To listEdges.
    case edges(ListEdgesResponse)
    case done(sequenceNumber: UInt64)
    /// To snapshot.
    case snapshot(SnapshotDescription)
    case snapshots([SnapshotDescription])
    /// To fetch a snapshot.
    case snapshotPart(SnapshotPart)
    /// To erase.
    case erased(EraseReceipt)
    /// To verify.
    case verified(VerifyReport)
    case stats(Stats)
}

/// What a server says of itself when a connection opens.
package struct HelloReply: Sendable, Equatable {
    /// The version that both ends speak from here on.
    package var protocolVersion: UInt32
    /// Lodestone's version.
    package var serverVersion: String
    /// Bytes of a frame's message that the server accepts, and that it sends at most.
    package var maxFrameBytes: Int
    /// Calls that may be under way on the connection.
    package var maxInFlight: Int
    /// Of the last batch.
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

/// The word of a server that is about to leave.
package struct GoAway: Sendable, Equatable {
    /// Requests with larger ids were not started and may be sent to another connection.
    package var lastRequest: UInt64
    /// Why.
    package var message: String

    package init(lastRequest: UInt64, message: String) {
        self.lastRequest = lastRequest
        self.message = message
    }
}
