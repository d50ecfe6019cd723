// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneCore
import Testing

@testable import LodestoneImport

/// The little-endian bytes of float32 numbers.
func bytes(_ numbers: [Float]) -> [UInt8] {
    numbers.flatMap { number in
        (0..<4).map { UInt8(truncatingIfNeeded: number.bitPattern >> ($0 * 8)) }
    }
}

func bytes(of path: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
}

@Suite("Vector file")
struct VectorFileTests {
    let scratch: Scratch

    init() throws { scratch = try Scratch() }

    private func npy(
        _ name: String = "a.npy",
        descr: String = "<f4",
        order: String = "False",
        shape: String = "(2, 3)",
        body: [UInt8]? = nil,
        version: UInt8 = 1
    ) throws -> String {
        let text = "{'descr': '\(descr)', 'fortran_order': \(order), 'shape': \(shape), }\n"
        var file: [UInt8] = [0x93] + Array("NUMPY".utf8) + [version, 0]
        file += [UInt8(text.utf8.count), 0] + (version == 1 ? [] : [0, 0])
        file += Array(text.utf8) + (body ?? bytes([1, 2, 3, 4, 5, 6]))
        return try scratch.file(name, file)
    }

    @Test("Every float16 becomes the float32 of the same value")
    func everyHalf() {
        #if arch(arm64) || os(Linux)
        let wrong = (0...UInt16.max).filter { half in
            let (got, expected) = (float(half: half), Float(Float16(bitPattern: half)))
            return got.bitPattern != expected.bitPattern && !(got.isNaN && expected.isNaN)
        }
        #expect(wrong.isEmpty)
        #endif
    }

    @Test("A .npy file of each version is read", arguments: [UInt8(1), 2, 3])
    func versions(_ version: UInt8) throws {
        let file = try VectorFile(path: try npy(version: version))
        #expect(file.count == 2)
        #expect(file.dimension == 3)
        #expect(try file.read(0..<2) == [[1, 2, 3], [4, 5, 6]])
        #expect(try file.read(1..<2) == [[4, 5, 6]])
    }

    @Test("Elements of float16 and float64 become float32")
    func otherTypes() throws {
        let halves = try npy(descr: "<f2", shape: "(1, 2)", body: [0x00, 0x3C, 0x00, 0xC0])
        #expect(try VectorFile(path: halves).read(0..<1) == [[1, -2]])
        let doubles = [0.5, -3].flatMap { (number: Double) in
            (0..<8).map { UInt8(truncatingIfNeeded: number.bitPattern >> ($0 * 8)) }
        }
        let path = try npy(descr: "<f8", shape: "(2, 1)", body: doubles)
        #expect(try VectorFile(path: path).read(0..<2) == [[0.5], [-3]])
    }

    @Test("A raw matrix has the dimension given by the caller")
    func raw() throws {
        let path = try scratch.file("a.f32", bytes([1, 2, 3, 4]))
        #expect(try VectorFile(path: path, dimension: 2).read(0..<2) == [[1, 2], [3, 4]])
        #expect(failure { _ = try VectorFile(path: path) }?.message.contains("dimension") == true)
        let odd = failure { _ = try VectorFile(path: path, dimension: 3) }
        #expect(odd?.message.contains("16 bytes") == true)
    }

    @Test(
        "A .npy file of another type, order or shape is refused with what was found",
        arguments: [
            ("<i4", "False", "(2, 3)", "'<i4'"), (">f4", "False", "(2, 3)", "'>f4'"),
            ("|O", "False", "(2, 3)", "'|O'"), ("<f4", "True", "(2, 3)", "Fortran"),
            ("<f4", "False", "(6,)", "(6,)"), ("<f4", "False", "(1, 2, 3)", "(1, 2, 3)"),
            ("<f4", "False", "(2, 4)", "2 x 4"), ("<f4", "False", "(1, 3)", "1 x 3"),
            ("<f4", "False", "(4611686018427387904, 4611686018427387904)", "24 bytes"),
        ]
    )
    func refused(_ descr: String, _ order: String, _ shape: String, _ word: String) throws {
        let path = try npy(descr: descr, order: order, shape: shape)
        let error = failure { _ = try VectorFile(path: path) }
        #expect(error?.code == .invalidArgument)
        #expect(error?.message.contains(word) == true)
        #expect(error?.recovery.isEmpty == false)
    }

    @Test("A .npy file truncated at any byte is refused")
    func truncated() throws {
        let whole = try bytes(of: try npy())
        for count in 0..<whole.count {
            let path = try scratch.file("cut.npy", whole.prefix(count))
            #expect(failure { _ = try VectorFile(path: path) }?.code == .invalidArgument)
        }
    }

    @Test("A vector file of another dimension than expected is refused with both")
    func wrongDimension() throws {
        let path = try npy()
        let error = failure { _ = try VectorFile(path: path, dimension: 4) }
        #expect(error?.message.contains("3 elements; 4 are expected") == true)
    }

    @Test("A vector file with another extension is refused")
    func ending() throws {
        let path = try scratch.file("a.bin", bytes([1]))
        #expect(failure { _ = try VectorFile(path: path, dimension: 1) }?.code == .invalidArgument)
    }
}
