// SPDX-License-Identifier: Apache-2.0
import CLodestoneSystem
import Foundation
import Logging

/// The program that started the server and waits for its state, such as systemd with `Type=notify`.
///
/// It names a socket in `NOTIFY_SOCKET`. Each message is one datagram of lines `NAME=VALUE`, as
/// sd_notify(3) defines them. Without the variable nobody waits, and nothing is sent.
///
/// `tell` blocks for at most 5 s: call it on a thread of its own.
struct Supervisor: Sendable {
    enum State {
        /// The server accepts connections at the address.
        case ready(at: String)
        /// The server finishes the calls in flight, and ends.
        case stopping

        fileprivate var message: String {
            switch self {
            case .ready(let address): "READY=1\nSTATUS=Listening on \(address)"
            case .stopping: "STOPPING=1\nSTATUS=Finishing the calls in flight"
            }
        }
    }

    private let address: String?
    private let logger: Logger

    init(environment: [String: String], logger: Logger) {
        address = environment["NOTIFY_SOCKET"].flatMap { $0.isEmpty ? nil : $0 }
        self.logger = logger
    }

    /// Tells the state; the server goes on if that fails.
    func tell(_ state: State) {
        guard let address else { return }
        let code =
            address.hasPrefix("/") || address.hasPrefix("@")
            ? lode_supervisor_tell(address, state.message) : -EAFNOSUPPORT
        guard code != 0 else { return }
        logger.warning(
            "the supervisor can't be told the server's state",
            metadata: [
                "NOTIFY_SOCKET": "\(address)", "error": "\(String(cString: strerror(-code)))",
            ]
        )
    }
}
