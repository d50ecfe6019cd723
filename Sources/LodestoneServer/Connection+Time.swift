// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneWire
import Logging

/// The time limits of a connection; the server loop's tick checks them.
extension Connection {
    /// Ends the connection when it has exceeded one of its time limits.
    func tick(now: ContinuousClock.Instant) {
        switch phase {
        case .awaitingHello where openedAt.duration(to: now) > limits.helloTimeout:
            end(with: .helloTooLate(limits.helloTimeout))
        case .awaitingHello:
            endIfSlow(now)
        case .serving(let access), .draining(let access):
            if !endIfUnauthenticated(access) { endIfSlow(now) }
        case .ending:
            break
        }
        closeIfUnread(now)
        resumeIfDrained()
        for call in calls.expired(now) { handler.endIfWaiting(call, on: self) }
    }

    private func endIfSlow(_ now: ContinuousClock.Instant) {
        if let partialFrame, !isReadingSuspended {
            let time = partialFrame.since.duration(to: now)
            let silence = lastActivity.duration(to: now)
            if silence > limits.frameTimeout {
                end(with: .slowRead(partialFrame.byteCount, in: time))
                return
            }
            let counted = time - limits.frameTimeout
            let expected =
                Double(counted.milliseconds) / 1_000 * Double(limits.minFrameBytesPerSecond)
            if counted > .zero, Double(partialFrame.byteCount) < expected {
                end(with: .slowRead(partialFrame.byteCount, in: time))
            }
        } else if !calls.isEmpty || stream.unsentByteCount > 0 {
            lastActivity = now
        } else if lastActivity.duration(to: now) > limits.idleTimeout, case .serving = phase {
            reply(
                .goAway(GoAway(lastRequest: lastRequest, message: "The connection was idle.")),
                to: 0
            )
            end()
        }
    }

    private func closeIfUnread(_ now: ContinuousClock.Instant) {
        let unread = stream.unsentByteCount
        let isStalled =
            stream.stalledSince.map { $0.duration(to: now) > limits.unreadTimeout } ?? false
        // Two ticks in a row must be over the limit: a client that reads may get a single burst.
        let isOver = unread > limits.maxUnreadBytes
        if isStalled {
            closeUnread("it has read nothing for too long")
        } else if isOver && wasOverUnreadLimit {
            closeUnread("it has too much to read")
        }
        wasOverUnreadLimit = isOver
    }

    /// Closes a connection whose client does not read its replies.
    func closeUnread(_ reason: String) {
        handler.logger.info(
            "closing a connection that does not read its replies",
            metadata: [
                "peer": "\(stream.peer)", "client": "\(clientName)",
                "unreadBytes": "\(stream.unsentByteCount)", "reason": "\(reason)",
            ]
        )
        stream.reset()
    }
}
