// SPDX-License-Identifier: Apache-2.0
import LodestoneCore

/// The input of an encrypted stream.
extension ByteStream {
    /// Whether bytes are encrypted on their way.
    package var isEncrypted: Bool { tls != nil }

    /// Whether the handshake is over, if there is one.
    package var isEstablished: Bool { tls?.isEstablished ?? true }

    /// The identity of a client that has shown a valid certificate.
    ///
    /// On the loop only.
    package var peerIdentity: PeerIdentity? {
        assert(loop.isCurrent)
        return tls?.peerIdentity
    }

    /// Reads as `readOnce` does.
    func readOnce(_ tls: TLSSession) -> Bool {
        let wasEstablished = tls.isEstablished
        let received = tls.receive(
            from: registration.descriptor,
            into: &input,
            expecting: expectedByteCount
        )
        // Answers of the handshake have to leave, and after it the output that has waited.
        if tls.sealedByteCount > 0 || tls.isEstablished != wasEstablished { loop.touch(self) }
        if received.byteCount > 0 { deliver() }
        guard phase != .closed else { return false }
        switch received.end {
        case nil:
            guard tls.isFlooded else { return received.mayHaveMore }
            end(TLSFailure(isServer: tls.isServer, problem: .flooded).error(peer: peer))
        case .finished:
            inputHasEnded = true
            loop.touch(self)
            if phase == .open { handler?.inputEnded(on: self) }
        case .lost(let errno):
            end(.connectionLost(peer, errno: errno))
        case .failed(let failure):
            fail(failure.error(peer: peer))
        }
        return false
    }

    /// Tells the handler that the encryption has failed, and closes once the last bytes are sent.
    ///
    /// They tell the other end why. They leave before the handler is told, which may close at once.
    private func fail(_ error: LodestoneError) {
        let told = handler
        handler = nil
        input.removeAll()
        phase = .closing
        finishOutput()
        endRound()
        // Nobody watches the stream any more, so the other end must not keep it by reading nothing.
        if phase != .closed {
            loop.schedule(after: Self.lingerTime) { [weak self] in self?.end(nil) }
        }
        guard let told else { return }
        loop.async { told.closed(self, error: error) }
    }

    /// Closes an ending stream whose handshake is not over in `time`.
    func limitHandshake(to time: Duration) {
        guard !isEstablished else { return }
        loop.schedule(after: time) { [weak self] in
            guard let self, !isEstablished else { return }
            end(nil)
        }
    }
}
