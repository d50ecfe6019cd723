// SPDX-License-Identifier: Apache-2.0
import LodestoneStructures
import LodestoneSystem
import Testing

@testable import LodestoneTransport

@Suite("Output state")
struct OutputStateTests {
    @Test("A flush while the loop sends is told of the end, even if the socket is never full")
    func flushWhileSending() throws {
        var descriptors: [Int32] = [-1, -1]
        try #require(socketpair(AF_UNIX, streamKind, 0, &descriptors) == 0)
        defer { for descriptor in descriptors { close(descriptor) } }
        var output = OutputState(descriptor: descriptors[0], pool: BufferPool())
        output.buffer.append(contentsOf: [1, 2, 3])

        var outgoing = ByteBuffer()
        let next = output.next(&outgoing, after: nil, hasRoom: false)
        let descriptor = try #require(next)
        // The loop has the bytes in hand, so a flush by another thread sends nothing.
        output.transmit()
        output.tellWhenSent()
        let before = output.takeEvents()
        #expect(before == [])

        let attempt = OutputState.send(&outgoing, to: descriptor)
        let rest = output.next(&outgoing, after: attempt, hasRoom: false)
        let events = output.takeEvents()
        #expect(rest == nil && events == .drained)
    }

    @Test("A flush that sends everything makes no event")
    func flushOfAll() throws {
        var descriptors: [Int32] = [-1, -1]
        try #require(socketpair(AF_UNIX, streamKind, 0, &descriptors) == 0)
        defer { for descriptor in descriptors { close(descriptor) } }
        var output = OutputState(descriptor: descriptors[0], pool: BufferPool())
        output.buffer.append(contentsOf: [1, 2, 3])
        output.transmit()
        output.tellWhenSent()
        let events = output.takeEvents()
        let unsent = output.unsentByteCount
        #expect(events == [] && unsent == 0)
    }

    private var streamKind: Int32 {
        #if canImport(Glibc)
        Int32(SOCK_STREAM.rawValue)
        #else
        SOCK_STREAM
        #endif
    }
}
