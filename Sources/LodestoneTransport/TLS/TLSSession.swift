// SPDX-License-Identifier: Apache-2.0
import CLodestoneSystem
import COpenSSLTLS
package import LodestoneCore
import LodestoneStructures
import LodestoneSystem
import Synchronization

/// The encryption of one connection, between the buffers of a `ByteStream` and its socket.
///
/// The loop receives; any thread sends, one at a time. OpenSSL allows one thread in a session, so a
/// lock guards both directions. It is held for one piece of output, or for the bytes of one read,
/// so neither direction waits long for the other.
///
/// Output is sealed in pieces: OpenSSL writes the records of a piece to memory, and one system call
/// sends them. The bytes of a piece stay in the buffer of the stream until the system has taken all
/// of its records. So the stream's count of unsent bytes keeps its meaning.
///
/// Threading: as above.
package final class TLSSession: @unchecked Sendable {
    // Unchecked: `lock` guards OpenSSL's state and all that varies, but for the atomics and
    // `peerIdentity`, which belongs to the loop.

    /// The outcome of a read.
    struct Received {
        /// The number of bytes that were appended to the input.
        var byteCount = 0
        /// Whether the socket may have more bytes.
        var mayHaveMore = false
        var end: InputEnd?
    }

    /// The reason why no more input comes.
    enum InputEnd {
        /// The other end has said that it sends no more.
        case finished
        /// The connection is lost: a negative errno, or 0 where the other end closed it.
        case lost(Int32)
        /// The two ends don't understand each other, or a record was not authentic.
        case failed(TLSFailure)
    }

    /// The next step of the code that sends.
    private enum Step {
        case repeated
        case ended(OutputState.Attempt)
    }

    /// The bytes that are sealed at once.
    private static let pieceByteCount = 64 << 10
    /// The records of answers that may wait for the socket; only a hostile peer causes more.
    private static let maxSealedByteCount = 256 << 10
    /// The least room for a read, which fits the longest record.
    private static let readByteCount = 16 << 10
    /// The memory for records that a connection keeps between two messages.
    private static let keptByteCount = 8 << 10

    let isServer: Bool
    /// Whether the handshake is over, so that data may be sent.
    var isEstablished: Bool { established.load(ordering: .acquiring) }
    /// The number of bytes of records that wait for the socket.
    var sealedByteCount: Int { sealedCount.load(ordering: .acquiring) }
    /// The number of bytes at the front of the stream's output that the system has taken already.
    var takenByteCount: Int { takenCount.load(ordering: .acquiring) }
    /// The identity of the client, if it has shown a certificate.
    ///
    /// On the loop only.
    private(set) var peerIdentity: PeerIdentity?

    private let ssl: OpaquePointer
    private let lock = Lock()
    private var sealed = ByteBuffer()
    /// The number of bytes at the front of the stream's output whose records are made.
    private var pieceCount = 0
    private var hasFailed = false
    private var hasFinished = false
    private let established = Atomic<Bool>(false)
    private let sealedCount = Atomic<Int>(0)
    private let takenCount = Atomic<Int>(0)
    private let cleartextReply: [UInt8]

    /// The socket that OpenSSL may read from once; -1 when it may not.
    private var readableDescriptor: Int32 = -1
    /// The outcome of that read: bytes, 0 at the end of the input, or a negative errno.
    private var readOutcome = 0
    /// The first byte that came from the other end.
    private var firstByte: UInt8?

    private init(_ context: TLSContext, cleartextReply: [UInt8]) {
        guard let ssl = SSL_new(context.pointer) else {
            fatalError("OpenSSL has no memory for a session.")
        }
        self.ssl = ssl
        self.cleartextReply = cleartextReply
        isServer = context.isServer
        SessionBIO.attach(self, to: ssl)
    }

    /// Creates the session of a connection that was accepted.
    ///
    /// - Parameters:
    ///   - context: The context of a server.
    ///   - cleartextReply: The reply to a frame in clear text.
    convenience init(accepting context: TLSContext, cleartextReply: [UInt8]) {
        self.init(context, cleartextReply: cleartextReply)
        SSL_set_accept_state(ssl)
    }

    /// Creates the session of a connection that is being made.
    ///
    /// - Parameters:
    ///   - context: The context of a client.
    ///   - serverName: The name or address that the server's certificate must have.
    /// - Throws: `TLS_CERTIFICATE` when no certificate can have the name.
    package convenience init(
        connectingWith context: TLSContext,
        to serverName: String
    ) throws(LodestoneError) {
        self.init(context, cleartextReply: [])
        SSL_set_connect_state(ssl)
        guard Self.expect(serverName, in: ssl) else {
            throw .invalid(
                .tlsCertificate,
                "No certificate can be for '\(serverName)'.",
                recovery: "Give the server's name or address, as its certificate has it.",
                field: "serverName"
            )
        }
        // The first message of the handshake goes to memory, until the stream begins.
        ERR_clear_error()
        SSL_do_handshake(ssl)
        noteSealed()
    }

    deinit { SSL_free(ssl) }

    /// Makes OpenSSL compare the server's certificate with a name or address.
    private static func expect(_ name: String, in ssl: OpaquePointer) -> Bool {
        // An empty name would switch the comparison off, a NUL would shorten the name, and a dot in
        // front would accept all names that end with it.
        guard !name.isEmpty, !name.utf8.contains(0), !name.hasPrefix(".") else { return false }
        let flags = X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT
        SSL_set_hostflags(ssl, UInt32(flags))
        if let address = a2i_IPADDRESS(name) {
            ASN1_OCTET_STRING_free(address)
            return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1
        }
        return SSL_set1_host(ssl, name) == 1 && lode_tls_name_server(ssl, name) == 1
    }

    // MARK: Input

    /// Reads from the socket with one system call, and appends the bytes in its records to `input`.
    ///
    /// On the loop only.
    ///
    /// - Parameters:
    ///   - descriptor: The socket.
    ///   - input: Receives the bytes.
    ///   - expectedByteCount: The number of bytes that the input needs in one piece.
    /// - Returns: The outcome.
    func receive(
        from descriptor: Int32,
        into input: inout ByteBuffer,
        expecting expectedByteCount: Int
    ) -> Received {
        lock.locked {
            readableDescriptor = descriptor
            readOutcome = -Int(EAGAIN)
            ERR_clear_error()
            var received = Received()
            if hasFailed {
                received.end = discardInput()
            } else {
                received.end = isEstablished ? nil : shakeHands()
                if isEstablished, received.end == nil {
                    received.end = decrypt(into: &input, expectedByteCount, &received.byteCount)
                }
            }
            received.mayHaveMore = readOutcome > 0
            readableDescriptor = -1
            noteSealed()
            return received
        }
    }

    /// Continues the handshake with the input that is there.
    private func shakeHands() -> InputEnd? {
        let result = SSL_do_handshake(ssl)
        guard result == 1 else { return inputEnd(after: result) }
        if !isServer, !hasSelectedProtocol {
            return fail(TLSFailure(isServer: false, problem: .otherProtocol))
        }
        if isServer, let pointer = SSL_get1_peer_certificate(ssl) {
            peerIdentity = Certificate(pointer).identity
        }
        established.store(true, ordering: .releasing)
        return nil
    }

    private var hasSelectedProtocol: Bool {
        var selected: UnsafePointer<UInt8>?
        var count: UInt32 = 0
        SSL_get0_alpn_selected(ssl, &selected, &count)
        return UnsafeBufferPointer(start: selected, count: Int(count))
            .elementsEqual(TLSContext.applicationProtocol.utf8)
    }

    private func decrypt(
        into input: inout ByteBuffer,
        _ expectedByteCount: Int,
        _ byteCount: inout Int
    ) -> InputEnd? {
        while true {
            let usual = input.capacity == 0 ? BufferPool.smallByteCount : Self.readByteCount
            var result: Int32 = 0
            var count = 0
            input.append(reserving: max(usual, expectedByteCount - input.count)) { room in
                result = SSL_read_ex(ssl, room.baseAddress, room.count, &count)
                return result == 1 ? count : 0
            }
            guard result == 1 else { return inputEnd(after: result) }
            byteCount += count
        }
    }

    /// The reason why OpenSSL reads no more; `nil` when it needs more bytes.
    private func inputEnd(after result: Int32) -> InputEnd? {
        switch SSL_get_error(ssl, result) {
        case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE:
            return nil
        case SSL_ERROR_ZERO_RETURN:
            return .finished
        default:
            if readOutcome <= 0, readOutcome != -Int(EAGAIN) { return .lost(Int32(readOutcome)) }
            let code = ERR_peek_error()
            let problem = TLSFailure.Problem(
                firstByte: isEstablished ? nil : firstByte,
                verification: SSL_get_verify_result(ssl),
                code: code,
                isServer: isServer
            )
            return fail(TLSFailure(isServer: isServer, problem: problem))
        }
    }

    /// Ends the encryption: nothing but the alert that OpenSSL has written is sent any more.
    private func fail(_ failure: TLSFailure) -> InputEnd {
        hasFailed = true
        // A frame begins with a length below 16 MiB, so its first byte is 0.
        if failure.problem == .cleartext, firstByte == 0 {
            sealed.append(contentsOf: cleartextReply)
        }
        return .failed(failure)
    }

    /// Reads input that nobody understands any more, as the last bytes are on their way.
    private func discardInput() -> InputEnd? {
        var scratch = [UInt8](repeating: 0, count: Self.readByteCount)
        readOutcome = lode_socket_receive(readableDescriptor, &scratch, scratch.count)
        if readOutcome > 0 || readOutcome == -Int(EAGAIN) { return nil }
        return readOutcome == 0 ? .finished : .lost(Int32(readOutcome))
    }

    /// Reads from the socket for OpenSSL, once per call of `receive`.
    ///
    /// - Returns: A number of bytes, 0 at the end, -1 after an error; `nil` when OpenSSL must
    ///   return.
    func readSocket(_ bytes: UnsafeMutablePointer<CChar>, _ count: Int) -> Int? {
        guard readableDescriptor >= 0 else { return nil }
        readOutcome = lode_socket_receive(readableDescriptor, bytes, count)
        readableDescriptor = -1
        if readOutcome > 0, firstByte == nil { firstByte = UInt8(bitPattern: bytes[0]) }
        if readOutcome == -Int(EAGAIN) { return nil }
        return max(readOutcome, -1)
    }

    // MARK: Output

    /// Keeps a record that OpenSSL has written.
    func keep(_ record: UnsafeRawBufferPointer) {
        sealed.append(record)
    }

    /// Seals and sends as much of `bytes` as the socket takes, and removes it.
    ///
    /// Before the handshake is over, and after a failure, no byte of `bytes` is sent.
    func send(_ bytes: inout ByteBuffer, to descriptor: Int32) -> OutputState.Attempt {
        var hasSentSome = false
        while true {
            let step = lock.locked { nextStep(&bytes, descriptor, &hasSentSome) }
            if case .ended(let attempt) = step { return attempt }
        }
    }

    private func nextStep(
        _ bytes: inout ByteBuffer,
        _ descriptor: Int32,
        _ hasSentSome: inout Bool
    ) -> Step {
        defer { noteSealed() }
        if !sealed.isEmpty {
            let sent = sealed.withUnsafeBytes {
                lode_socket_send(descriptor, $0.baseAddress, $0.count)
            }
            if sent == 0 || sent == -Int(EAGAIN) {
                return .ended(.blocked(hasSentSome: hasSentSome))
            }
            if sent < 0 { return .ended(.failed(Int32(sent))) }
            hasSentSome = true
            sealed.removeFirst(sent)
            return .repeated
        }
        bytes.removeFirst(pieceCount)
        pieceCount = 0
        if hasFailed { bytes.removeAll() }
        guard !bytes.isEmpty else {
            if sealed.capacity > Self.keptByteCount { sealed = ByteBuffer() }
            return .ended(.sentAll)
        }
        guard isEstablished else { return .ended(.waiting) }
        return sealPiece(of: bytes) ? .repeated : .ended(.failed(-EPROTO))
    }

    private func sealPiece(of bytes: borrowing ByteBuffer) -> Bool {
        ERR_clear_error()
        return bytes.withUnsafeBytes { bytes in
            // Memory takes every record, so OpenSSL never has to stop in the middle.
            SSL_write_ex(ssl, bytes.baseAddress, min(bytes.count, Self.pieceByteCount), &pieceCount)
        } == 1
    }

    /// Tells the other end that no more will come; `send` must follow.
    func finish() {
        lock.locked {
            guard isEstablished, !hasFailed, !hasFinished else { return }
            hasFinished = true
            ERR_clear_error()
            SSL_shutdown(ssl)
            noteSealed()
        }
    }

    /// Whether more answers of the handshake wait for the socket than an honest peer causes.
    var isFlooded: Bool { sealedByteCount > Self.maxSealedByteCount }

    private func noteSealed() {
        let count = sealed.count
        sealedCount.store(count, ordering: .releasing)
        takenCount.store(max(0, pieceCount - count), ordering: .releasing)
    }
}
