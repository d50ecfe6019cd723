// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore
package import LodestoneCredentials
import LodestoneEngine
import LodestoneTransport

/// The settings of a server, fixed when it starts.
package struct ServerConfiguration: Sendable {
    /// The address to listen at.
    ///
    /// For port 0 the system chooses a free port.
    package var endpoint: Endpoint
    /// Permissions of the file of a Unix socket.
    package var socketMode: UInt32
    /// The credentials at the start; with `nil`, every client that can connect may make every call.
    package var credentials: Credentials?
    /// The audit log, if there is one.
    package var auditLog: AuditLog?
    /// The certificate and the key; with `nil`, connections are in clear text.
    package var tls: TLSFiles?
    /// Whether tokens and data may travel unencrypted beyond this machine.
    package var allowsCleartext: Bool
    /// The limits of requests and connections.
    package var limits: Limits
    /// The number of event loops that share the connections.
    package var eventLoops: Int
    /// The most searches, walks and reads that run at once.
    package var readWorkers: Int
    /// The longest expected wait for reads of other connections.
    ///
    /// Beyond it, a read is refused if earlier reads of its connection are waiting.
    package var maxQueueWait: Duration
    /// The longest time that a search may run on an event loop; a longer one restarts on a worker.
    package var maxSearchTimeOnLoop: Duration
    /// The time that a loop polls for an expected request before it sleeps: `BusyPoll`.
    package var busyPoll: Duration
    /// The bytes that connections and calls may take, in addition to the collections' memory.
    ///
    /// Requests in flight have a third. Replies in the making have a third, and one reply may take
    /// five eighths of that. Incoming frames have a sixth, and replies that clients have not read
    /// have a sixth.
    package var memoryBudget: Int
    /// Requests that take longer are logged.
    package var slowRequest: Duration
    /// The least time between two searches of a collection that are repeated exactly.
    ///
    /// They measure the recall of its index; `nil`: none is repeated.
    package var recallSampling: Duration?
    /// The time that a drain leaves to requests in flight.
    package var drainTimeout: Duration

    /// Creates a configuration; the defaults are the documented ones.
    package init(
        endpoint: Endpoint = .standard,
        socketMode: UInt32 = 0o600,
        credentials: Credentials? = nil,
        auditLog: AuditLog? = nil,
        tls: TLSFiles? = nil,
        allowsCleartext: Bool = false,
        limits: Limits = .standard,
        eventLoops: Int = Self.defaultEventLoops,
        readWorkers: Int = Self.defaultReadWorkers,
        maxQueueWait: Duration = .seconds(1),
        maxSearchTimeOnLoop: Duration = .microseconds(500),
        busyPoll: Duration = BusyPoll.defaultLimit,
        memoryBudget: Int = MemoryShares.calls,
        slowRequest: Duration = .seconds(1),
        recallSampling: Duration? = nil,
        drainTimeout: Duration = .seconds(30)
    ) {
        self.endpoint = endpoint
        self.socketMode = socketMode
        self.credentials = credentials
        self.auditLog = auditLog
        self.tls = tls
        self.allowsCleartext = allowsCleartext
        self.limits = limits
        self.eventLoops = eventLoops
        self.readWorkers = readWorkers
        self.maxQueueWait = maxQueueWait
        self.maxSearchTimeOnLoop = maxSearchTimeOnLoop
        self.busyPoll = busyPoll
        self.memoryBudget = memoryBudget
        self.slowRequest = slowRequest
        self.recallSampling = recallSampling
        self.drainTimeout = drainTimeout
    }

    /// One loop per four cores, 1 to 16.
    ///
    /// Measured (two cores): two loops are slower than one, because clients and searches need
    /// cores, too.
    package static var defaultEventLoops: Int {
        min(max(1, Processors.count / 4), 16)
    }

    /// Two workers per core, up to the most that a pool may have.
    package static var defaultReadWorkers: Int {
        min(2 * Processors.count, BlockingPool.maxWidth)
    }

    /// Checks the conditions under which a port may be opened.
    ///
    /// - Throws: `.failedPrecondition` when the address can be reached from other machines and the
    ///   configuration would leave the data open to them.
    package func checkExposure() throws(LodestoneError) {
        guard !endpoint.isLoopback else { return }
        // A client that must show a certificate has proved more than a token does.
        guard credentials != nil || tls?.clientCA != nil else {
            throw LodestoneError(
                .failedPrecondition,
                reason: .noTokens,
                "\(endpoint) can be reached from other machines, and no token file is given.",
                recovery: "Give a token file with --token-file, or the authority of clients' "
                    + "certificates with --tls-client-ca, or listen on 127.0.0.1 or a Unix socket.",
                object: "\(endpoint)"
            )
        }
        guard tls != nil || allowsCleartext else {
            throw LodestoneError(
                .failedPrecondition,
                reason: .cleartext,
                "\(endpoint) can be reached from other machines, and no certificate is given to "
                    + "encrypt with.",
                recovery: "Give a certificate and its key with --tls-certificate and --tls-key, or "
                    + "listen on 127.0.0.1 or a Unix socket; on a network that you trust, give "
                    + "--allow-cleartext.",
                object: "\(endpoint)"
            )
        }
    }
}
