// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneCore
import LodestoneFiles
import LodestoneStructures
import TestSupport
import Testing

@Suite("Base file")
struct BaseFileTests {
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    private var path: String { directory.path + "/base" }

    /// The elements of the longer section; it has several blocks with a checksum.
    private static let numbers = ContiguousArray((0..<50_000).map { UInt32($0) })

    private func write() throws {
        var writer = try BaseFileWriter(path)
        try writer.write("AAAA", ContiguousArray([1, 2, 3] as [UInt8]))
        try writer.write("BBBB", Self.numbers)
        try writer.finish()
    }

    /// Writes the file with one byte changed.
    private func change(_ offset: Int) throws {
        var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        bytes[offset < 0 ? bytes.count + offset : offset] ^= 1
        try bytes.write(to: URL(fileURLWithPath: path))
    }

    @Test("A base file has the sections that were written, and no others")
    func sections() throws {
        try write()
        let base = try BaseFile.open(path)
        let bytes = try #require(base.section("AAAA", of: UInt8.self))
        #expect(Array(bytes.elements(0..<3)) == [1, 2, 3])
        let numbers = try #require(base.section("BBBB", of: UInt32.self))
        #expect(numbers.elements(0..<50_000).elementsEqual(Self.numbers))
        #expect(base.section("CCCC", of: UInt8.self) == nil)
        #expect(base.section("AAAA", of: UInt32.self) == nil)
        base.bytes.checkAll()
        #expect(!base.bytes.isDamaged)
    }

    @Test("A base file has its name only when it is complete")
    func name() throws {
        do {
            var writer = try BaseFileWriter(path)
            try writer.write("AAAA", ContiguousArray([1] as [UInt8]))
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path) == [])
        try write()
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path) == ["base"])
    }

    @Test(
        "A base file with a changed byte in its header or tail is not opened",
        arguments: [8, 40, -1]
    )
    func damagedHeader(offset: Int) throws {
        try write()
        try change(offset)
        let error = #expect(throws: LodestoneError.self) { try BaseFile.open(path) }
        #expect(error?.code == .dataLoss)
    }

    @Test("A base file that is cut off or missing is not opened", arguments: [nil, 0, 63, 100_000])
    func cut(byteCount: Int?) throws {
        try write()
        if let byteCount {
            let bytes = try Data(contentsOf: URL(fileURLWithPath: path)).prefix(byteCount)
            try bytes.write(to: URL(fileURLWithPath: path))
        } else {
            try FileManager.default.removeItem(atPath: path)
        }
        let error = #expect(throws: LodestoneError.self) { try BaseFile.open(path) }
        #expect(error?.code == .dataLoss)
    }

    @Test("A changed byte in the body of a base file is found when its block is first used")
    func damagedBody() throws {
        try write()
        // The place of the last number of the first block, behind a header and a section of 64
        // bytes.
        try change(64 + VerifiedBytes.blockBytes - 1)
        let base = try BaseFile.open(path)
        let numbers = try #require(base.section("BBBB", of: UInt32.self))
        _ = numbers.elements(40_000..<40_001)
        #expect(!base.bytes.isDamaged)
        _ = numbers.elements(0..<1)
        #expect(base.bytes.isDamaged)
    }
}
