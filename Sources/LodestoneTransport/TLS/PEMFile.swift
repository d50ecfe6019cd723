// SPDX-License-Identifier: Apache-2.0
import COpenSSLTLS
import LodestoneCore
import LodestoneStructures
import LodestoneSystem

/// A file of certificates or of a private key, in PEM.
struct PEMFile {
    /// The largest file that is read: all authorities of a system have a fraction of it.
    private static let maxByteCount = 4 << 20

    let path: String
    private let bytes: [UInt8]

    /// Reads a file.
    ///
    /// Blocks while the disk is read.
    ///
    /// - Parameters:
    ///   - path: The path of the file.
    ///   - isSecret: Whether a file that everyone may read is refused.
    /// - Throws: `BAD_TLS_FILE`, with the problem and the step that solves it.
    init(_ path: String, isSecret: Bool = false) throws(LodestoneError) {
        self.path = path
        do throws(CheckedFile.Problem) {
            let file = try CheckedFile(path)
            let status = try file.check(
                isSecret: isSecret,
                maxByteCount: Self.maxByteCount,
                contents: "in PEM"
            )
            bytes = try Self.contents(file.descriptor, byteCount: Int(status.st_size))
        } catch {
            throw Self.bad(path, error.problem, error.recovery)
        }
    }

    private static func contents(_ descriptor: Int32, byteCount: Int) throws(CheckedFile.Problem)
        -> [UInt8]
    {
        var failure: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, count in
            while count < byteCount {
                let got = read(descriptor, buffer.baseAddress.map { $0 + count }, byteCount - count)
                if got < 0, errno == EINTR { continue }
                if got < 0 { failure = errno }
                guard got > 0 else { return }
                count += got
            }
        }
        guard failure == 0 else {
            throw CheckedFile.Problem(
                problem: "it can't be read: \(String(cString: strerror(failure)))",
                recovery: "Check the disk and the path."
            )
        }
        return bytes
    }

    /// The certificates in the file, in their order; each has one reference.
    ///
    /// - Throws: `BAD_TLS_FILE` when there is none, or when one is malformed.
    func certificates() throws(LodestoneError) -> [Certificate] {
        var found: [Certificate] = []
        let problem = withBIO { bio -> String? in
            while let certificate = PEM_read_bio_X509(bio, nil, noPassword, nil) {
                found.append(Certificate(certificate))
            }
            let code = ERR_peek_last_error()
            // This is how the reader says that the file ends.
            return ERR_GET_REASON(code) == PEM_R_NO_START_LINE ? nil : Self.text(of: code)
        }
        if let problem {
            throw Self.bad(
                path,
                "a certificate in it is malformed: \(problem)",
                "Write certificates in PEM."
            )
        }
        guard !found.isEmpty else {
            throw Self.bad(
                path,
                "it has no certificate",
                "Give a file in PEM, with lines -----BEGIN CERTIFICATE-----."
            )
        }
        return found
    }

    /// Makes the key in the file the key of a context.
    ///
    /// - Throws: `BAD_TLS_FILE` when there is no key, or when the certificate has another one.
    func useKey(in context: OpaquePointer, certificate: String) throws(LodestoneError) {
        let problem = withBIO { bio -> (String, String)? in
            guard let key = PEM_read_bio_PrivateKey(bio, nil, noPassword, nil) else {
                let code = ERR_peek_last_error()
                let isEncrypted =
                    ERR_GET_REASON(code) == PEM_R_BAD_PASSWORD_READ
                return isEncrypted
                    ? ("its key is encrypted", "Decrypt it: openssl pkey -in \(path) -out FILE")
                    : ("it has no private key: \(Self.text(of: code))", "Give a key in PEM.")
            }
            defer { EVP_PKEY_free(key) }
            // The call compares the key with the certificate, too.
            guard SSL_CTX_use_PrivateKey(context, key) == 1,
                SSL_CTX_check_private_key(context) == 1
            else {
                return (
                    "its key does not belong to the certificate in '\(certificate)'",
                    "Give the key with which the certificate was made."
                )
            }
            return nil
        }
        if let (problem, recovery) = problem { throw Self.bad(path, problem, recovery) }
    }

    private func withBIO<R>(_ body: (OpaquePointer) -> R) -> R {
        bytes.withUnsafeBytes { bytes in
            ERR_clear_error()
            guard let bio = BIO_new_mem_buf(bytes.baseAddress, Int32(bytes.count)) else {
                fatalError("OpenSSL has no memory for a file.")
            }
            defer { BIO_free(bio) }
            return body(bio)
        }
    }

    /// The text of OpenSSL for an error.
    static func text(of code: UInt) -> String {
        ERR_reason_error_string(code).map { String(cString: $0) } ?? "error \(code)"
    }

    /// The error for a file that can't be used.
    static func bad(_ path: String, _ problem: String, _ recovery: String) -> LodestoneError {
        LodestoneError(
            .failedPrecondition,
            reason: .badTLSFile,
            "The file '\(path)' can't be used for TLS: \(problem).",
            recovery: recovery,
            object: path
        )
    }
}

/// Gives OpenSSL no password: it would request one on the terminal, for which a server can't wait.
private func noPassword(
    _: UnsafeMutablePointer<CChar>?,
    _: Int32,
    _: Int32,
    _: UnsafeMutableRawPointer?
) -> Int32 { -1 }
