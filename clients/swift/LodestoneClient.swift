// SPDX-License-Identifier: Apache-2.0
@_exported public import LodestoneCore
import LodestoneTransport
import LodestoneWire
import Synchronization

/// A client of a Lodestone server.
///
/// A client has one connection, which carries many calls at once, so share the client. When the
/// connection is lost, the next call makes a new one. Without a server, calls wait for one until
/// their deadline, so a restart is no error.
///
/// By default the server accepts 64 calls at a time from a connection. Further calls wait for their
/// turn, in the order of their arrival; only ``ping(deadline:)``, ``collections(deadline:)``,
/// ``stats(deadline:)`` and ``Collection/describe(deadline:)`` pass them. Use a separate client for
/// bulk work, so that other calls don't wait for their turn behind it. The clients of a process
/// share threads, one per four processors, which decode replies. The decoding of a long reply
/// delays the other clients of its thread.
///
/// A call ends by its deadline, a write 50 ms later at the latest, and when its task is cancelled.
/// The `outcome` of its error says whether anything was written. A write that was sent before its
/// task is cancelled waits for the server's reply on its outcome, at most for
/// ``Configuration/cancelGracePeriod``: 2 s by default.
///
/// ```swift
/// let client = try await LodestoneClient.connect(to: "localhost:5633")
/// let papers = client.collection("papers")
/// try await papers.indexMany([Document(id: "a", vector: [0.1, 0.2], text: "On search")])
/// let result = try await papers.search(Query([.near([0.1, 0.2]), .matching("search")]))
/// await client.close()
/// ```
///
/// Threading: may be used from any number of tasks.
public final class LodestoneClient: Sendable {
    /// The server's address and the settings of the client.
    public struct Configuration: Sendable {
        /// The address of the server.
        public var endpoint: Endpoint
        /// The credential, if the server requires one; 3,072 bytes at most.
        public var token: String?
        /// The encryption; with `nil`, tokens and data travel in clear text.
        public var tls: TLS?
        /// The time for making a connection, and the time after that for the server's hello.
        public var connectTimeout: Duration
        /// The deadline of calls without their own; it covers all attempts of a call.
        public var deadline: Duration
        /// The policy for repeating calls that failed.
        public var retry: RetryPolicy
        /// The time for which a cancelled write waits for the server's reply on its outcome.
        ///
        /// With zero the write doesn't wait, and its outcome is unknown.
        ///
        /// A healthy server replies within a round trip.
        public var cancelGracePeriod: Duration
        /// The time for which the client polls for an expected reply before it sleeps; zero: no
        /// polling.
        ///
        /// It polls while replies come at shorter intervals. Polling makes calls that are made one
        /// after the other twice as fast, and takes a core that others may need.
        public var busyPoll: Duration
        /// The name of this program in the server's log; 512 bytes at most.
        public var clientName: String

        /// Creates a configuration.
        public init(
            endpoint: Endpoint = .standard,
            token: String? = nil,
            tls: TLS? = nil,
            connectTimeout: Duration = .seconds(5),
            deadline: Duration = .seconds(30),
            retry: RetryPolicy = .standard,
            cancelGracePeriod: Duration = .seconds(2),
            busyPoll: Duration = .microseconds(200),
            clientName: String = "lodestone-swift/\(LodestoneVersion.release)"
        ) {
            self.endpoint = endpoint
            self.token = token
            self.tls = tls
            self.connectTimeout = connectTimeout
            self.deadline = deadline
            self.retry = retry
            self.cancelGracePeriod = cancelGracePeriod
            self.busyPoll = busyPoll
            self.clientName = clientName
        }
    }

    private struct State {
        var connection: Connection?
        /// Earlier connections, which take no more calls and may still carry some.
        var leaving: [Connection] = []
        var isClosed = false

        mutating func takeConnections() -> [Connection] {
            defer { (connection, leaving) = (nil, []) }
            return leaving + (connection.map { [$0] } ?? [])
        }
    }

    /// The pause after a server has stopped without starting the call, if the attempt before was
    /// not started either.
    private static let leavingPause = Duration.milliseconds(20)

    private let configuration: Configuration
    private let encryption: Encryption?
    private let loop: SharedLoops.Share
    private let history = ConnectionHistory()
    private let state = Mutex(State())

    private init(
        _ configuration: Configuration,
        _ encryption: Encryption?,
        _ loops: SharedLoops
    ) throws(LodestoneError) {
        // Together they must fit the first frame, for which the server has a small limit.
        for (name, text, limit) in [
            ("token", configuration.token ?? "", 3_072),
            ("client_name", configuration.clientName, 512),
        ] where text.utf8.count > limit {
            throw .limit(name, text.utf8.count, limit, unit: "bytes")
        }
        self.configuration = configuration
        self.encryption = encryption
        loop = try loops.share(busyPoll: configuration.busyPoll)
    }

    deinit {
        for connection in state.withLock({ $0.takeConnections() }) { connection.end(.clientClosed) }
        loop.end()
    }

    /// Connects to a server and checks that it replies.
    ///
    /// - Throws: `.unavailable` when the server can't be reached, `.unauthenticated` when it
    ///   doesn't accept the token or a certificate is refused, `.failedPrecondition` when only one
    ///   end speaks TLS or a file of the encryption can't be used, `.invalidArgument` when the
    ///   token or the client's name is too long. The call is tried once.
    public static func connect(_ configuration: Configuration) async throws(LodestoneError)
        -> LodestoneClient
    {
        try await connect(configuration, loops: .process)
    }

    /// Connects to a server over one of `loops`; the clients of these loops share them.
    static func connect(_ configuration: Configuration, loops: SharedLoops)
        async throws(LodestoneError) -> LodestoneClient
    {
        var encryption: Encryption?
        if let tls = configuration.tls {
            encryption = try await .load(tls, for: configuration.endpoint)
        }
        let client = try LodestoneClient(configuration, encryption, loops)
        do throws(LodestoneError) {
            // The deadline covers the connection, the hello, and a moment for the reply.
            _ = try await client.perform(
                .ping,
                deadline: configuration.connectTimeout.bounded * 2 + .seconds(1),
                retry: RetryPolicy.none
            ) { reply in
                if case .pong(let sequenceNumber) = reply { sequenceNumber } else { nil }
            }
        } catch {
            await client.close()
            throw error
        }
        return client
    }

    /// Connects to a server at an address such as `localhost:5633`, `unix:/run/lodestone.sock` or,
    /// with encryption, `lodestones://db.example:5633`.
    ///
    /// - Throws: `.invalidArgument` when `endpoint` is no address; otherwise as
    ///   ``connect(_:)``.
    public static func connect(to endpoint: String, token: String? = nil)
        async throws(LodestoneError) -> LodestoneClient
    {
        try await connect(Configuration(address: endpoint, token: token))
    }

    /// Closes the connection for good.
    ///
    /// Calls in flight fail with `.cancelled`; the outcome of writes is `.unknown`.
    public func close() async {
        let connections = state.withLock { state in
            state.isClosed = true
            return state.takeConnections()
        }
        for connection in connections { connection.end(.clientClosed) }
        await withCheckedContinuation { continuation in
            loop.end { continuation.resume() }
        }
    }

    /// Accepts the server's store as it is, from the next call on.
    ///
    /// A client detects a server whose store lacks acknowledged batches: another store at the
    /// address, or an earlier state of the store. Calls then fail with `.dataLoss` and the reason
    /// `SERVER_BEHIND` until this method is called, so that every caller learns of the loss.
    public func acceptStore() {
        history.forgetSequenceNumber()
        history.recordOpening()
    }

    /// An executor on the event loop of this client.
    ///
    /// A task with many short calls, one after the other, saves two thread switches per call, at
    /// best half of its time. While the task computes, no other call proceeds, also of other
    /// clients of this process, which share the loop. So use the executor only for tasks that
    /// mostly make calls.
    ///
    /// Never block on it, by a lock, a semaphore or a read of a file: its thread sends, receives
    /// and checks deadlines. A task that blocks until another call on this loop ends never ends,
    /// and neither does ``close()``. Other calls end late; a reply that arrived meanwhile counts
    /// even after the deadline.
    ///
    /// ```swift
    /// Task(executorPreference: client.executor) { ... }
    /// ```
    public var executor: any TaskExecutor { loop.loop }

    // MARK: Attempts

    /// Makes a call, and repeats it by the policy.
    ///
    /// - Parameters:
    ///   - call: The call to make.
    ///   - requestID: The idempotency key; required for writes, `nil` for other calls.
    ///   - deadline: `nil`: the configuration's deadline.
    ///   - retry: `nil`: the configuration's policy.
    ///   - result: Returns the result in the reply; `nil` when the reply doesn't match the call.
    /// - Returns: The value of `result` for the reply.
    /// - Throws: The error of the last attempt.
    func perform<R>(
        _ call: Call,
        requestID: RequestID? = nil,
        deadline: Duration? = nil,
        retry: RetryPolicy? = nil,
        _ result: (Reply) -> R?
    ) async throws(LodestoneError) -> R {
        var now = MonotonicTime.now
        let end = now.advanced(by: (deadline ?? configuration.deadline).bounded)
        let policy = retry ?? configuration.retry
        var attempt = 1
        // If an attempt may have written something, no later attempt can exclude that.
        var outcome = LodestoneError.Outcome.notApplied
        // The reason why the call could not be sent, which is more useful than a passed deadline.
        var obstacle: LodestoneError?
        // The last connection, when it takes no more calls.
        var refusal: Connection?
        while true {
            if Task.isCancelled { throw .cancelled(outcome) }
            if now >= end { throw obstacle ?? .deadlineExceeded(outcome) }
            let connection: Connection
            do throws(LodestoneError) {
                connection = try connectionForCall(after: refusal)
            } catch {
                throw error.with(outcome: outcome)
            }
            switch await connection.perform(call, requestID: requestID, deadline: end, now: now) {
            case .refused:
                refusal = connection
            case .success(let reply):
                history.recordSuccess()
                guard let result = result(reply) else {
                    throw .unexpectedReply(
                        to: call.name,
                        outcome: requestID == nil ? .notApplied : .unknown
                    )
                }
                return result
            case .failure(let failure):
                if failure.error.outcome != .notApplied { outcome = failure.error.outcome }
                let error = failure.error.with(outcome: outcome)
                if error.code == .deadlineExceeded, !failure.wasSent, let obstacle {
                    throw obstacle
                }
                let wait: Duration?
                if failure.isUnsent, policy.maxAttempts > 1 {
                    // The next connection has its own pause, for all calls together.
                    let pause = failure.isUnconnected || obstacle == nil ? .zero : Self.leavingPause
                    wait = max(pause, error.retryAfter ?? .zero)
                    obstacle = error
                } else {
                    wait = pause(after: failure, attempt: attempt, policy: policy)
                    attempt += 1
                    obstacle = nil
                }
                guard let wait, MonotonicTime.now.advanced(by: wait) < end else { throw error }
                do {
                    if wait > .zero { try await Task.sleep(for: wait, clock: .continuous) }
                } catch {
                    throw .cancelled(outcome)
                }
            }
            now = .now
        }
    }

    /// The wait before the next attempt; `nil`: no further attempt.
    private func pause(after failure: CallFailure, attempt: Int, policy: RetryPolicy) -> Duration? {
        let error = failure.error
        let wait = policy.delay(after: error, attempt: attempt)
        if !failure.isCounted, !failure.isUnsent,
            error.code == .unavailable || error.code == .resourceExhausted
        {
            history.recordFailure()
        }
        return history.allowsRetry ? wait : nil
    }

    /// The connection, or a new one.
    ///
    /// - Parameter refusal: A connection that takes no more calls.
    /// - Returns: A connection that takes calls as far as is known.
    /// - Throws: `.cancelled` when the client is closed.
    private func connectionForCall(after refusal: Connection?) throws(LodestoneError)
        -> Connection
    {
        let (connection, isNew) = state.withLock { state -> (Connection?, Bool) in
            guard !state.isClosed else { return (nil, false) }
            if let connection = state.connection, connection !== refusal {
                return (connection, false)
            }
            let connection = Connection(
                configuration,
                encryption,
                loop: loop.loop,
                history: history
            )
            state.leaving.removeAll { $0.hasEnded }
            if let last = state.connection, !last.hasEnded { state.leaving.append(last) }
            state.connection = connection
            return (connection, true)
        }
        guard let connection else { throw .clientClosed }
        if isNew { connection.begin(after: history.pauseBeforeOpening) }
        return connection
    }
}
