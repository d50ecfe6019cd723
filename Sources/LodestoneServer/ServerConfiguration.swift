// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore
import LodestoneEngine
import LodestoneTransport

/// What a server is told when it starts; none of it changes afterwards.
package struct ServerConfiguration: Sendable {
    /// Where to listen.
    ///
    /// Port 0 takes any free port.
    package var endpoint: Endpoint
    /// Permissions of the file of a Unix socket.
    package var socketMode: UInt32
    /// The credentials; `nil`: everyone who can connect may do everything.
    package var tokens: TokenTable?
    /// Whether tokens and data may travel unencrypted beyond this machine.
    package var allowsCleartext: Bool
    /// What requests and connections may ask for.
    package var limits: Limits
    /// Event loops that connections are spread over.
    package var eventLoops: Int
    /// Searches, walks and reads that run at once.
    package var readWorkers: Int
    /// How long other connections may be expected to keep a read waiting whose own connection has
    /// others waiting; beyond that it is refused.
    package var maxQueueWait: Duration
    /// How long a search may keep an event loop; one that takes longer is begun again on a worker.
    package var maxSearchTimeOnLoop: Duration
    /// How long a loop looks for a request that is expected before it sleeps: `BusyPoll`.
    package var busyPoll: Duration
    /// Bytes that connections and calls may take, beyond what collections do: a third for requests
    /// under way, a third for answers while they are made, of which one may take five eighths, a
    /// sixth for frames on their way in and a sixth for replies that clients have not read.
    package var memoryBudget: Int
    /// Requests that take longer are logged.
    package var slowRequest: Duration
    /// How long requests under way may go on once the server is asked to stop.
    package var drainTimeout: Duration

    /// Creates a configuration; the defaults are the documented ones.
    package init(
        endpoint: Endpoint = .standard,
        socketMode: UInt32 = 0o600,
        tokens: TokenTable? = nil,
        allowsCleartext: Bool = false,
        limits: Limits = .standard,
        eventLoops: Int = Self.defaultEventLoops,
        readWorkers: Int = Self.defaultReadWorkers,
        maxQueueWait: Duration = .seconds(1),
        maxSearchTimeOnLoop: Duration = .microseconds(500),
        busyPoll: Duration = BusyPoll.defaultLimit,
        memoryBudget: Int = MemoryShares.calls,
        slowRequest: Duration = .seconds(1),
        drainTimeout: Duration = .seconds(30)
    ) {
        self.endpoint = endpoint
        self.socketMode = socketMode
        self.tokens = tokens
        self.allowsCleartext = allowsCleartext
        self.limits = limits
        self.eventLoops = eventLoops
        self.readWorkers = readWorkers
        self.maxQueueWait = maxQueueWait
        self.maxSearchTimeOnLoop = maxSearchTimeOnLoop
        self.busyPoll = busyPoll
        self.memoryBudget = memoryBudget
        self.slowRequest = slowRequest
        self.drainTimeout = drainTimeout
    }

    /// One for every four cores, 1 to 16: two loops on two cores were slower than one, since
    /// clients and searches need cores too.
    package static var defaultEventLoops: Int {
        min(max(1, Processors.count / 4), 16)
    }

    /// Two for every core, as many as a pool may have at most.
    package static var defaultReadWorkers: Int {
        min(2 * Processors.count, BlockingPool.maxWidth)
    }

    /// Checks what must hold before a port is opened.
    ///
    /// - Throws: `.failedPrecondition` when the address can be reached from other machines and the
    ///   configuration would leave the data open to them.
    package func checkExposure() throws(LodestoneError) {
        guard !endpoint.isLoopback else { return }
        guard tokens != nil else {
            throw LodestoneError(
                .failedPrecondition,
                reason: "NO_TOKENS",
                "\(endpoint) can be reached from other machines, and no token file is given.",
                recovery: "Give a token file with --token-file, or listen on 127.0.0.1 or a Unix "
                    + "socket.",
                object: "\(endpoint)"
            )
        }
        guard allowsCleartext else {
            throw LodestoneError(
                .failedPrecondition,
                reason: "CLEARTEXT",
                "\(endpoint) can be reached from other machines; this release does not encrypt.",
                recovery:
                    "Listen on 127.0.0.1 or a Unix socket behind a TLS proxy or a tunnel; on a "
                    + "network that you trust, give --allow-cleartext.",
                object: "\(endpoint)"
            )
        }
    }
}
