// SPDX-License-Identifier: Apache-2.0
@_exported public import LodestoneCore
import LodestoneTransport
import LodestoneWire
import Synchronization

/// A client of a Lodestone server.
///
/// One client keeps one connection, which carries many calls at once; share it. A connection that
/// is lost is made again by the next call; while there is no server, calls wait for one until their
/// deadline, so that a restart is no error. Calls beyond what the server takes at once, 64 unless it is
/// set otherwise, wait their turn, first come, first served; only ``ping(deadline:)``,
/// ``collections(deadline:)``, ``stats(deadline:)`` and ``Collection/describe(deadline:)`` pass them.
/// Bulk work wants a client of its own, so that other calls need not wait behind it, for their turn or
/// for large batches to be sent.
///
/// A call ends by its deadline, a write 50 ms later at the latest, and when its task is cancelled; its
/// error says, as `outcome`, whether anything was written. A write that was sent before its task is
/// cancelled waits for the server's word on that, ``Configuration/cancelPatience`` at most: 2 s unless
/// it is set otherwise.
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
    /// Where the server is and how to talk to it.
    public struct Configuration: Sendable {
        /// Where the server listens.
        public var endpoint: Endpoint
        /// The credential, where the server asks for one; 3,072 bytes at most.
        public var token: String?
        /// Time for a connection to be made, and as much again for the server to say hello.
        public var connectTimeout: Duration
        /// The deadline of calls that name none; it spans all attempts at a call.
        public var deadline: Duration
        /// When calls that failed are made again.
        public var retry: RetryPolicy
        /// How long a write whose task is cancelled waits for the server's word on what became of it;
        /// zero: not at all, and its outcome is then unknown.
        ///
        /// A server that is there answers within a round trip.
        public var cancelPatience: Duration
        /// How long the client looks for a reply that it expects by then before it sleeps; zero: not
        /// at all.
        ///
        /// It does so where replies come one after the other at shorter intervals, and takes a core
        /// meanwhile that others may have: calls made one after the other are twice as fast.
        public var busyPoll: Duration
        /// Names this program in the server's log; 512 bytes at most.
        public var clientName: String

        /// Creates a configuration.
        public init(
            endpoint: Endpoint = .standard,
            token: String? = nil,
            connectTimeout: Duration = .seconds(5),
            deadline: Duration = .seconds(30),
            retry: RetryPolicy = .standard,
            cancelPatience: Duration = .seconds(2),
            busyPoll: Duration = .microseconds(200),
            clientName: String = "lodestone-swift/\(LodestoneVersion.release)"
        ) {
            self.endpoint = endpoint
            self.token = token
            self.connectTimeout = connectTimeout
            self.deadline = deadline
            self.retry = retry
            self.cancelPatience = cancelPatience
            self.busyPoll = busyPoll
            self.clientName = clientName
        }
    }

    private struct State {
        var connection: Connection?
        var isClosed = false
    }

    /// The least time between two servers in turn that leave before they have begun a call.
    private static let leavingPause = Duration.milliseconds(20)

    private let configuration: Configuration
    private let loop: EventLoop
    private let loopExecutor: LoopExecutor
    private let history = History()
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

    /// Connects to a server and checks that it answers.
    ///
    /// - Throws: `.unavailable` when it can't be reached, `.unauthenticated` when it doesn't accept
    ///   the token, `.invalidArgument` when that or the client's name is too long. It is tried once.
    public static func connect(_ configuration: Configuration) async throws(LodestoneError)
        -> LodestoneClient
    {
        let client = try LodestoneClient(configuration)
        do throws(LodestoneError) {
            // Once to connect, once to say hello, and a moment for the answer.
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
    /// Calls under way fail with `.cancelled`; those that write with the outcome `.unknown`.
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

    /// Takes the server's store as it is, from the next call on.
    ///
    /// A client notices when a server comes back with less than it has acknowledged: another store
    /// behind the address, or one that was set back. Calls then end with `.dataLoss` and the reason
    /// `SERVER_BEHIND`, so that nobody goes on as if nothing had happened, until this is called.
    public func acceptStore() {
        history.forgetSequenceNumber()
        history.recordOpening()
    }

    /// Runs tasks where the replies arrive.
    ///
    /// A task that makes many short calls, one after the other, saves two thread switches a call
    /// this way, at best half of its time. While it computes, though, no other call of this client
    /// gets on: for tasks that do little but call.
    ///
    /// Never block there, by a lock, a semaphore or a read of a file: the thread is the one that sends,
    /// receives and keeps deadlines. One that waits there for another call of this client waits for
    /// ever, and ``close()`` waits with it. Other calls end late; a reply that has come by then counts,
    /// although its deadline has passed, because it says more than that.
    ///
    /// ```swift
    /// Task(executorPreference: client.executor) { ... }
    /// ```
    public var executor: any TaskExecutor { loopExecutor }

    // MARK: Attempts

    /// Makes a call, again where the policy says so.
    ///
    /// - Parameters:
    ///   - call: What to ask.
    ///   - requestID: On every call that writes, and on no other.
    ///   - deadline: `nil`: the configuration's.
    ///   - retry: `nil`: the configuration's.
    ///   - result: What the reply means; `nil` when it doesn't fit.
    /// - Returns: What `result` makes of the reply.
    /// - Throws: What ended the last attempt.
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
        // Why the call could not be sent so far, which says more than that its time is up.
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
