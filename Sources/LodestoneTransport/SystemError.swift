// SPDX-License-Identifier: Apache-2.0
import CLodestoneSystem
import LodestoneCore
import LodestoneSystem

extension LodestoneError {
    /// The error for a failed system call, with the failure in words and the negative `errno`.
    static func system(_ errno: Int32, _ failure: String, object: String? = nil) -> LodestoneError {
        let (reason, recovery) = advice(for: -errno)
        return LodestoneError(
            .unavailable,
            reason: reason,
            "\(failure): \(systemText(-errno)).",
            recovery: recovery,
            object: object
        )
    }

    /// The error for a connection that ended although this end did not close it.
    static func connectionLost(_ peer: String, errno: Int32) -> LodestoneError {
        let cause = errno == 0 ? "the other end closed it" : systemText(-errno)
        return LodestoneError(
            .unavailable,
            reason: .connectionLost,
            "The connection to \(peer) was lost: \(cause).",
            recovery: "Connect again; writes under way may be repeated with their request ids.",
            object: peer
        )
    }

    /// The error for a call to a loop that has ended.
    static var loopEnded: LodestoneError {
        LodestoneError(
            .unavailable,
            reason: .shutDown,
            "This end has shut down.",
            recovery: "Nothing to do; connect again if the connection is still needed."
        )
    }

    private static func advice(for errno: Int32) -> (
        reason: Reason, recovery: String
    ) {
        switch errno {
        case EMFILE, ENFILE:
            (.tooManyFiles, "Raise the limit of open files (ulimit -n).")
        case EADDRINUSE:
            (.addressInUse, "Stop the program that listens there, or choose another address.")
        case EADDRNOTAVAIL:
            (.addressNotAvailable, "Choose an address of this machine.")
        case EACCES, EPERM:
            (.addressForbidden, "Check the permissions, or choose a port above 1023.")
        case ECONNREFUSED, ENOENT:
            (.connectionRefused, "Check the address, and that a server is running there.")
        case ENETUNREACH, EHOSTUNREACH:
            (.unreachable, "Check the address and the network.")
        default:
            (.system, "Check the address and the server, then try again.")
        }
    }

    private static func systemText(_ errno: Int32) -> String {
        var text = [CChar](repeating: 0, count: 128)
        lode_error_text(errno, &text, text.count)
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
