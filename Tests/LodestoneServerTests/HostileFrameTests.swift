// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneWire
import Testing

@Suite("Hostile frames")
struct HostileFrameTests {
    @Test(
        "A frame with an impossible length gets an error and closes the connection",
        arguments: [
            (0, true, "EMPTY_FRAME"), (0, false, "EMPTY_FRAME"),
            (4_097, false, "FRAME_TOO_LARGE"), (16 << 20 + 1, true, "FRAME_TOO_LARGE"),
            (0x7FFF_FFFF, true, "FRAME_TOO_LARGE"), (0xFFFF_FFFF, true, "FRAME_TOO_LARGE"),
            (0xFFFF_FFFF, false, "FRAME_TOO_LARGE"),
        ] as [(UInt32, Bool, String)]
    )
    func length(length: UInt32, hello: Bool, reason: String) async throws {
        try await withServer { server in
            let client = try hello ? server.connect() : server.connectSilently()
            try client.send(withUnsafeBytes(of: length.bigEndian) { Array($0) } + [1, 2, 3])
            #expect(try client.lastError()?.reason.rawValue == reason)
            #expect(try server.connect().call(.ping).error == nil)
        }
    }

    @Test("A frame nested thousands of levels deep is refused for its depth")
    func nestingBomb() async throws {
        try await withServer { server in
            let client = try server.connect()
            var filter: [UInt8] = []
            while filter.count < 30_000 { filter = field(4, filter) }
            let search = field(1, Array("a".utf8)) + field(2, field(2, filter))
            try client.send(frame(id: 9, field: 21, search))
            #expect(try client.reply(to: 9).error?.reason == .nestingTooDeep)
            #expect(try client.call(.ping).error == nil)
        }
    }

    @Test(
        "An invalid document id is refused with the reason",
        arguments: [
            (Array("a\0b".utf8), "BAD_ID"), ([0x61, 0xFF], "BAD_UTF8"), ([], "BAD_ID"),
            ([0xED, 0xA0, 0x80], "BAD_UTF8"), (Array(repeating: 0x61, count: 513), "LIMIT"),
        ] as [([UInt8], String)]
    )
    func ids(id: [UInt8], reason: String) async throws {
        try await withServer { server in
            let client = try server.connect()
            try client.send(frame(id: 5, field: 19, field(1, Array("a".utf8)) + field(2, id)))
            let error = try client.reply(to: 5).error
            #expect(error?.code == .invalidArgument)
            #expect(error?.reason.rawValue == reason)
            #expect(try client.call(.ping).error == nil)
        }
    }

    @Test("A malformed message gets an error, and the third one closes the connection")
    func malformed() async throws {
        try await withServer { server in
            let client = try server.connect()
            for _ in 1...3 {
                try client.send([0, 0, 0, 2, 0xFF, 0xFF])
                #expect(try client.receive()?.reply.error?.reason == .malformed)
            }
            #expect(try client.receive() == nil)
            #expect(try server.connect().call(.ping).error == nil)
        }
    }

    /// A frame with one request.
    private func frame(id: UInt8, field number: Int, _ call: [UInt8]) -> [UInt8] {
        let message = [0x08, id] + field(number, call)
        return withUnsafeBytes(of: UInt32(message.count).bigEndian) { Array($0) } + message
    }

    /// A protobuf field of bytes.
    private func field(_ number: Int, _ bytes: [UInt8]) -> [UInt8] {
        varint(number << 3 | 2) + varint(bytes.count) + bytes
    }

    private func varint(_ value: Int) -> [UInt8] {
        value < 0x80 ? [UInt8(value)] : [UInt8(value & 0x7F) | 0x80] + varint(value >> 7)
    }
}
