// SPDX-License-Identifier: Apache-2.0
import LodestoneStructures
import Testing

@Suite("Byte buffer")
struct ByteBufferTests {
    private func bytes(_ buffer: borrowing ByteBuffer) -> [UInt8] {
        buffer.withUnsafeBytes { Array($0) }
    }

    @Test("A byte buffer holds appended and not yet removed bytes, in any order of both")
    func queue() {
        var generator = SystemRandomNumberGenerator()
        var buffer = ByteBuffer()
        var model: [UInt8] = []
        for _ in 0..<2_000 {
            let added = (0..<Int.random(in: 0..<700)).map { _ in
                UInt8.random(in: .min ... .max, using: &generator)
            }
            buffer.append(contentsOf: added)
            model += added
            let gone = Int.random(in: 0...model.count)
            buffer.removeFirst(gone)
            model.removeFirst(gone)
            #expect(buffer.count == model.count)
            guard bytes(buffer) == model else {
                Issue.record("the bytes differ")
                return
            }
        }
    }

    @Test("A byte buffer does not grow while bytes come and go")
    func steadyMemory() {
        var buffer = ByteBuffer()
        buffer.append(contentsOf: [UInt8](repeating: 0, count: 1_000))
        for _ in 0..<10_000 {
            buffer.append(contentsOf: [UInt8](repeating: 1, count: 100))
            buffer.removeFirst(100)
        }
        #expect(buffer.count == 1_000)
        #expect(buffer.capacity < 8_192)
    }

    @Test("A byte buffer is written in place")
    func inPlace() {
        var buffer = ByteBuffer()
        buffer.append(7)
        buffer.append(reserving: 10) { room in
            #expect(room.count >= 10)
            room[0] = 8
            room[1] = 9
            return 2
        }
        #expect(bytes(buffer) == [7, 8, 9])
    }

    @Test("A truncated byte buffer keeps its first bytes")
    func truncation() {
        var buffer = ByteBuffer()
        buffer.append(contentsOf: [0, 1, 2, 3])
        buffer.removeFirst(1)
        buffer.truncate(to: 2)
        #expect(bytes(buffer) == [1, 2])
        buffer[1] = 9
        buffer.append(contentsOf: [4])
        #expect(bytes(buffer) == [1, 9, 4])
    }

    @Test("An empty byte buffer returns large memory to the pool, which reuses it")
    func pool() {
        let pool = BufferPool()
        var buffer = ByteBuffer(pool: pool)
        let large = [UInt8](repeating: 3, count: 1 << 20)
        buffer.append(contentsOf: large)
        let capacity = buffer.capacity
        buffer.releaseIfEmpty()
        #expect(buffer.capacity == capacity)
        buffer.removeFirst(buffer.count)
        buffer.releaseIfEmpty()
        #expect(buffer.capacity == 0)
        var other = ByteBuffer(pool: pool)
        other.reserve(100_000)
        #expect(other.capacity == capacity)
        other.append(contentsOf: [1])
        #expect(bytes(other) == [1])
    }
}
