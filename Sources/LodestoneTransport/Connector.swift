// SPDX-License-Identifier: Apache-2.0
import CLodestoneSystem
package import LodestoneCore
import LodestoneSystem

extension ByteStream {
    /// Connects without blocking, trying the addresses of a name one after the other.
    ///
    /// `completion` runs once, on the loop, with a stream that reads nothing before its `start`. It
    /// does not run once the attempt is cancelled. With `tls`, the stream begins with a handshake.
    ///
    /// - Returns: The attempt, which may be cancelled.
    @discardableResult
    package static func connect(
        to endpoint: Endpoint,
        on loop: EventLoop,
        timeout: Duration,
        tls: TLSSession? = nil,
        _ completion: @escaping @Sendable (Result<ByteStream, LodestoneError>) -> Void
    ) -> ConnectionAttempt {
        let connector = Connector(endpoint, loop: loop, tls: tls, completion)
        loop.async { connector.begin(timeout: timeout) }
        return ConnectionAttempt(loop: loop, connector: connector)
    }
}

/// An attempt to connect.
package struct ConnectionAttempt: Sendable {
    fileprivate let loop: EventLoop
    fileprivate let connector: Connector

    /// Ends the attempt; `completion` doesn't run any more.
    ///
    /// Any thread may call it.
    package func cancel() {
        loop.async { connector.cancel() }
    }
}

/// Finds the first address that accepts a connection.
///
/// Threading: belongs to its loop, after `init`.
fileprivate final class Connector: Pollable, @unchecked Sendable {
    // Unchecked: everything that varies is touched on the loop only.
    private let endpoint: Endpoint
    private let loop: EventLoop
    private let tls: TLSSession?
    private var completion: ((Result<ByteStream, LodestoneError>) -> Void)?
    private var addresses: ArraySlice<lode_address> = []
    private var registration: Registration?
    private var timer: ScheduledWork?
    private var lastError: LodestoneError?

    init(
        _ endpoint: Endpoint,
        loop: EventLoop,
        tls: TLSSession?,
        _ completion: @escaping @Sendable (Result<ByteStream, LodestoneError>) -> Void
    ) {
        self.endpoint = endpoint
        self.loop = loop
        self.tls = tls
        self.completion = completion
    }

    func begin(timeout: Duration) {
        guard completion != nil else { return }
        timer = loop.schedule(after: timeout) { self.timeOut() }
        do throws(LodestoneError) {
            if let literal = try endpoint.literalAddresses() {
                addresses = literal[...]
                tryNext()
            } else {
                lookUp()
            }
        } catch {
            finish(.failure(error))
        }
    }

    /// Looks the name up on another queue, since the lookup blocks.
    private func lookUp() {
        Endpoint.resolver.async { [self] in
            do throws(LodestoneError) {
                let found = try endpoint.resolvedAddresses()
                loop.async { [self] in
                    addresses = found[...]
                    tryNext()
                }
            } catch {
                loop.async { [self] in finish(.failure(error)) }
            }
        }
    }

    private func tryNext() {
        while completion != nil {
            guard var address = addresses.popFirst() else {
                finish(.failure(lastError ?? failure(-EADDRNOTAVAIL)))
                return
            }
            var isPending: Int32 = 0
            let descriptor = lode_socket_connect(&address, &isPending)
            guard descriptor >= 0 else {
                lastError = failure(descriptor)
                continue
            }
            do throws(LodestoneError) {
                let registration = try loop.register(descriptor, for: self)
                if isPending == 0 {
                    finish(.success(stream(registration)))
                } else {
                    self.registration = registration
                    loop.setInterest(.write, of: registration)
                }
                return
            } catch {
                lastError = error
            }
        }
    }

    func ready(_ readiness: Readiness) {
        guard let registration else { return }
        self.registration = nil
        let result = lode_socket_error(registration.descriptor)
        if result == 0, !readiness.contains(.hangup) {
            finish(.success(stream(registration)))
        } else {
            lastError = failure(result)
            loop.close(registration)
            tryNext()
        }
    }

    private func timeOut() {
        finish(
            .failure(
                LodestoneError(
                    .unavailable,
                    reason: .connectTimeout,
                    "\(endpoint) did not reply in time.",
                    recovery: "Check the address and the network, or allow more time.",
                    object: endpoint.description
                )
            )
        )
    }

    func loopEnded() { finish(.failure(.loopEnded)) }

    func cancel() {
        guard completion != nil else { return }
        completion = { _ in }
        finish(.failure(.loopEnded))
    }

    private func finish(_ result: Result<ByteStream, LodestoneError>) {
        guard let completion else {
            if case .success(let stream) = result { stream.close() }
            return
        }
        self.completion = nil
        timer?.cancel()
        if let registration { loop.close(registration) }
        registration = nil
        completion(result)
    }

    private func stream(_ registration: Registration) -> ByteStream {
        ByteStream(registration, loop: loop, peer: endpoint.description, tls: tls)
    }

    private func failure(_ result: Int32) -> LodestoneError {
        .system(result, "\(endpoint) can't be connected to", object: endpoint.description)
    }
}
