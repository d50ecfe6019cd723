// SPDX-License-Identifier: Apache-2.0
import COpenSSLTLS

/// The way in which OpenSSL reaches a session's socket: it reads from it, and writes to memory.
///
/// OpenSSL's own ways write each record with a system call of its own, and raise SIGPIPE.
enum SessionBIO {
    /// The functions for all sessions; made once and kept.
    nonisolated(unsafe) private static let method: OpaquePointer = {
        // Unsafe, because the compiler doesn't know that OpenSSL only reads from a method.
        guard let method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "lodestone"),
            BIO_meth_set_read(method, readSocket) == 1,
            BIO_meth_set_write(method, keepRecord) == 1,
            BIO_meth_set_ctrl(method, control) == 1
        else { fatalError("OpenSSL has no memory for a transport.") }
        return method
    }()

    /// Connects OpenSSL's part of a session with the session, which must outlive it.
    static func attach(_ session: TLSSession, to ssl: OpaquePointer) {
        guard let bio = BIO_new(method) else { fatalError("OpenSSL has no memory for a session.") }
        BIO_set_data(bio, Unmanaged.passUnretained(session).toOpaque())
        BIO_set_init(bio, 1)
        // The call takes over the one reference, for both directions.
        SSL_set_bio(ssl, bio, bio)
    }
}

// OpenSSL calls these functions inside of its own, which only methods of the session call. So the
// session is alive, and its lock is held.

private func session(of bio: OpaquePointer?) -> TLSSession? {
    guard let bio, let data = BIO_get_data(bio) else { return nil }
    return Unmanaged<TLSSession>.fromOpaque(data).takeUnretainedValue()
}

private func readSocket(
    _ bio: OpaquePointer?,
    _ bytes: UnsafeMutablePointer<CChar>?,
    _ count: Int32
) -> Int32 {
    guard let bytes, let session = session(of: bio) else { return -1 }
    lode_tls_clear_retry(bio)
    let received = session.readSocket(bytes, Int(count))
    if received == nil { lode_tls_retry_read(bio) }
    return Int32(received ?? -1)
}

private func keepRecord(
    _ bio: OpaquePointer?,
    _ bytes: UnsafePointer<CChar>?,
    _ count: Int32
) -> Int32 {
    guard let bytes, count > 0, let session = session(of: bio) else { return -1 }
    session.keep(UnsafeRawBufferPointer(start: bytes, count: Int(count)))
    return count
}

private func control(
    _: OpaquePointer?,
    _ command: Int32,
    _: Int,
    _: UnsafeMutableRawPointer?
) -> Int {
    // Records are in memory, so a flush has nothing to do.
    command == BIO_CTRL_FLUSH ? 1 : 0
}
