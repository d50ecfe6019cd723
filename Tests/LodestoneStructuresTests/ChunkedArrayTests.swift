// SPDX-License-Identifier: Apache-2.0
import LodestoneStructures
import Testing

@Suite("Chunked array")
struct ChunkedArrayTests {
    @Test("A chunked array holds appended and changed elements across chunk borders")
    func contents() {
        var array = ChunkedArray<Int>()
        for value in 0..<1_000 {
            array.append(value)
        }
        #expect(array.count == 1_000)
        for index in [0, 255, 256, 511, 512, 999] {
            array[index] += 10_000
        }
        for index in 0..<1_000 {
            let isChanged = [0, 255, 256, 511, 512, 999].contains(index)
            #expect(array[index] == (isChanged ? index + 10_000 : index))
        }
    }

    @Test("A chunked array grows to a count and never shrinks to one")
    func growth() {
        var array = ChunkedArray<String>()
        array.grow(to: 300, with: "x")
        array.grow(to: 20, with: "y")
        #expect(array.count == 300)
        #expect((0..<300).allSatisfy { array[$0] == "x" })
    }

    @Test("Copies of a chunked array stay as they are while it changes")
    func copies() {
        var array = ChunkedArray<[Int]>()
        array.grow(to: 600, with: [])
        var copies: [ChunkedArray<[Int]>] = []
        for index in 0..<600 {
            copies.append(array)
            array[index].append(index)
            array.append([index])
        }
        for (number, copy) in copies.enumerated() {
            #expect(copy.count == 600 + number)
            for index in 0..<600 {
                #expect(copy[index] == (index < number ? [index] : []))
            }
        }
    }
}
