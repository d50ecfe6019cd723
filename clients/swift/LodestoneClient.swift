// SPDX-License-Identifier: Apache-2.0
@_exported public import LodestoneCore
import LodestoneTransport
import LodestoneWire
import Synchronization

/// A client of a Lodestone server.
///
/// One client keeps one connection, which carries many calls at once; share it. When a connection
/// is lost, the next call makes a new one. While there is no server, calls wait for one until their
/// deadline, so a restart is no error.
///
/// The server accepts 64 calls at once unless it is set otherwise. Further calls wait for their
/// turn, in the order of their arrival; only ``ping(deadline:)``, ``collections(deadline:)``,
/// ``stats(deadline:)`` and ``Collection/describe(deadline:)`` pass them. Use a separate client for
/// bulk work, so that other calls need not wait behind it, for their turn or for large batches to
/// be sent.
///
/// A call ends by its deadline, a write 50 ms later at the latest, and when its task is cancelled.
/// The `outcome` of its error says whether anything was written. A write that was sent before its
/// task is cancelled waits for the server's reply on its outcome, at most for
/// ``Configuration/cancelGracePeriod``: 2 s unless it is set otherwise.
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
        /// The credential, where the server requires one; 3,072 bytes at most.
        public var token: String?
        /// Time for a connection to be made, and as much again for the server to say hello.
        public var connectTimeout: Duration
        /// The deadline of calls that name none; it spans all attempts at a call.
        public var deadline: Duration
        /// The policy for repeating calls that failed.
        public var retry: RetryPolicy
        /// How long a write whose task is cancelled waits for the server's reply on its outcome.
        ///
        /// With zero the write doesn't wait, and its outcome is then unknown.
        ///
        /// A server that runs replies within a round trip.
        public var cancelGracePeriod: Duration
        /// How long the client polls for an expected reply before it sleeps; zero: not at all.
        ///
        /// It polls where replies come one after the other at shorter intervals. Polling takes a
        /// core that others may need. Calls made one after the other are then twice as fast.
        public var busyPoll: Duration
        /// The name of this program in the server's log; 512 bytes at most.
        public var clientName: String

        /// Creates a configuration.
        public init(
            endpoint: Endpoint = .standard,
            token: String? = nil,
            connectTimeout: Duration = .seconds(5),
            deadline: Duration = .seconds(30),
            retry: RetryPolicy = .standard,
            cancelGracePeriod: Duration = .seconds(2),
            busyPoll: Duration = .microseconds(200),
            clientName: String = "lodestone-swift/\(LodestoneVersion.release)"
        ) {
            self.endpoint = endpoint
            self.token = token
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
        var isClosed = false
    }

    /// The least time between two servers in turn that leave before they have started a call.
    private static let leavingPause = Duration.milliseconds(20)

    private let configuration: Configuration
    private let loop: EventLoop
    private let loopExecutor: LoopExecutor
    private let history = ConnectionHistory()
    private let state = Mutex(State())

    private init(_ configuration: Configuration) throws(LodestoneError) {
        // Together they must fit the first frame, which the server keeps small.
        for (name, text, limit) in [
            ("token", configuration.token ?? "", 3_072),
            ("client_name", configuration.clientName, 512),
        ] where text.utf8.count > limit {
            throw .limit(name, text.utf8.count, limit, unit: "bytes")
        }
        self.configuration = configuration
        loop = try EventLoop(label: "lodestone.client", busyPoll: configuration.busyPoll)
        loopExecutor = LoopExecutor(loop)
    }

    deinit {
        loop.shutdown()
    }

    /// Connects to a server and checks that it replies.
    ///
    /// - Throws: `.unavailable` when the server can't be reached, `.unauthenticated` when it
    ///   doesn't accept the token, `.invalidArgument` when the token or the client's name is too
    ///   long. The call is tried once.
    public static func connect(_ configuration: Configuration) async throws(LodestoneError)
        -> LodestoneClient
    {
        let client = try LodestoneClient(configuration)
        do throws(LodestoneError) {
            // The deadline has time to connect, time to say hello, and a moment for the reply.
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

    /// Connects to a server at an address such as `localhost:5633` or `unix:/run/lodestone.sock`.
    ///
    /// - Throws: `.invalidArgument` when `endpoint` is no address; otherwise as
    ///   ``connect(_:)``.
    public static func connect(to endpoint: String, token: String? = nil)
        async throws(LodestoneError) -> LodestoneClient
    {
        try await connect(Configuration(endpoint: Endpoint(endpoint), token: token))
    }

    /// Closes the connection for good.
    ///
    /// Calls in flight fail with `.cancelled`; the outcome of writes among them is `.unknown`.
    public func close() async {
        let connection = state.withLock { state in
            defer { state.connection = nil }
            state.isClosed = true
            return state.connection
        }
        connection?.end(.clientClosed)
        await withCheckedContinuation { continuation in
            loop.shutdown { continuation.resume() }
        }
    }

    /// Accepts the server's store as it is, from the next call on.
    ///
    /// A client notices when a server comes back with less than it has acknowledged: another store
    /// behind the address, or a store that was set back. Until this method is called, calls then
    /// end with `.dataLoss` and the reason `SERVER_BEHIND`, so that no caller goes on unaware.
    public func acceptStore() {
        history.forgetSequenceNumber()
        history.recordOpening()
    }

    /// Runs tasks where the replies arrive.
    ///
    /// A task that makes many short calls, one after the other, saves two thread switches per call
    /// this way, at best half of its time. While the task computes, though, no other call of this
    /// client proceeds: use it for tasks that do little but call.
    ///
    /// Never block there, by a lock, a semaphore or a read of a file: this thread sends, receives
    /// and keeps deadlines. A task that blocks there until another call of this client ends
    /// never ends, and ``close()`` waits with it. Other calls end late. A reply that has arrived by
    /// then counts although its deadline has passed, because a reply says more.
    ///
    /// ```swift
    /// Task(executorPreference: client.executor) { ... }
    /// ```
    public var executor: any TaskExecutor { loopExecutor }

    // MARK: Attempts

    /// Makes a call, and repeats it where the policy says so.
    ///
    /// - Parameters:
    ///   - call: The call to make.
    ///   - requestID: The idempotency key, on every call that writes and on no other.
    ///   - deadline: `nil`: the configuration's deadline.
    ///   - retry: `nil`: the configuration's policy.
    ///   - result: The result in the reply; `nil` when the reply doesn't fit the call.
    /// - Returns: The value of `result` for the reply.
    /// - Throws: The error of the last attempt.
    func perform<R>(
        _ call: Call,
        requestID: RequestID? = nil,
        deadline: Duration? = nil,
        retry: RetryPolicy? = nil,
        _ result: (Reply) -> R?
    ) async throws(LodestoneError) -> R {
        let end = ContinuousClock.now.advanced(by: (deadline ?? configuration.deadline).bounded)
        let policy = retry ?? configuration.retry
        var attempt = 1
        // Once an attempt may have written something, no later one can say that nothing was.
        var outcome = LodestoneError.Outcome.notApplied
        // The reason why the call could not be sent so far, which says more than a passed deadline.
        var obstacle: LodestoneError?
        while true {
            if Task.isCancelled { throw .cancelled(outcome) }
            if ContinuousClock.now >= end { throw obstacle ?? .deadlineExceeded(outcome) }
            let connection = try connectionForCall()
            switch await connection.perform(call, requestID: requestID, deadline: end) {
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
                    // The next connection opens after a pause of its own, for all calls at once.
                    let pause = failure.isUnconnected || obstacle == nil ? .zero : Self.leavingPause
                    wait = max(pause, error.retryAfter ?? .zero)
                    obstacle = error
                } else {
                    wait = pause(after: failure, attempt: attempt, policy: policy)
                    attempt += 1
                    obstacle = nil
                }
                guard let wait, ContinuousClock.now.advanced(by: wait) < end else { throw error }
                do {
                    if wait > .zero { try await Task.sleep(for: wait, clock: .continuous) }
                } catch {
                    throw .cancelled(outcome)
                }
            }
        }
    }

    /// How long to wait before the next attempt; `nil` when there is to be none.
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

    /// The connection, or a new one when the last takes no more calls.
    private func connectionForCall() throws(LodestoneError) -> Connection {
        let (connection, isNew) = state.withLock { state -> (Connection?, Bool) in
            guard !state.isClosed else { return (nil, false) }
            if let connection = state.connection, connection.takesCalls {
                return (connection, false)
            }
            let connection = Connection(configuration, loop: loop, history: history)
            state.connection = connection
            return (connection, true)
        }
        guard let connection else { throw .clientClosed }
        if isNew { connection.begin(after: history.pauseBeforeOpening) }
        return connection
    }
}
