// SPDX-License-Identifier: Apache-2.0
import LodestoneWire

/// A received request, with its connection.
struct IncomingCall {
    let request: Request
    let kind: CallKind
    let frameByteCount: Int
    let connection: Connection
    let access: Access

    func reply(_ reply: Reply) { connection.reply(reply, to: request.id) }
}
