// SPDX-License-Identifier: Apache-2.0
package import LodestoneStructures

/// Sections in memory, as a file would have them.
package struct MemorySections: SectionSink, SectionSource {
    /// The sections in the order of writing.
    package private(set) var sections: [(tag: SectionTag, bytes: [UInt8])] = []
    private let opened = Opened()

    /// The bytes that `section` has returned, for this value and its copies.
    private final class Opened {
        var bytes: [VerifiedBytes] = []
    }

    /// Creates a value without sections.
    package init() {}

    /// Whether a reader has met damage in bytes that `section` has returned.
    package var isDamaged: Bool { opened.bytes.contains { $0.isDamaged } }

    /// Begins a section.
    package mutating func begin(_ tag: SectionTag) {
        sections.append((tag, []))
    }

    /// Adds bytes to the last section.
    package mutating func append(_ bytes: UnsafeRawBufferPointer) {
        sections[sections.count - 1].bytes += bytes
    }

    /// The section as it would be mapped; `damage` may change bytes after their checksum was taken.
    package func section<Element: BitwiseCopyable>(_ tag: SectionTag, of type: Element.Type)
        -> MappedArray<Element>?
    {
        guard let bytes = sections.first(where: { $0.tag == tag })?.bytes else { return nil }
        let memory = UnsafeMutableRawBufferPointer.allocate(
            byteCount: max(1, bytes.count),
            alignment: 64
        )
        memory.copyBytes(from: bytes)
        let readable = UnsafeRawBufferPointer(rebasing: memory[..<bytes.count])
        let blocks = (bytes.count + VerifiedBytes.blockBytes - 1) / VerifiedBytes.blockBytes
        let sums = (0..<blocks).map { block in
            let start = block * VerifiedBytes.blockBytes
            let end = min(bytes.count, start + VerifiedBytes.blockBytes)
            return Self.checksum(UnsafeRawBufferPointer(rebasing: readable[start..<end]))
        }
        for offset in damage[tag] ?? [] where offset < bytes.count { memory[offset] ^= 0x55 }
        let address = UInt(bitPattern: memory.baseAddress)
        let checked = VerifiedBytes(readable, sums: sums, checksum: Self.checksum) {
            UnsafeMutableRawPointer(bitPattern: address)?.deallocate()
        }
        opened.bytes.append(checked)
        return MappedArray(checked, 0..<bytes.count)
    }

    /// The bytes to change after their checksum was taken, by section.
    package var damage: [SectionTag: [Int]] = [:]

    /// Changes a byte so that the checksums still fit.
    package mutating func overwrite(_ section: Int, at offset: Int, with byte: UInt8) {
        sections[section].bytes[offset] = byte
    }

    /// Cuts a section, so that checksums still fit.
    package mutating func cut(_ section: Int, to count: Int) {
        sections[section].bytes.removeLast(sections[section].bytes.count - count)
    }

    private static let checksum: VerifiedBytes.Function = { bytes in
        bytes.reduce(2_166_136_261) { ($0 ^ UInt32($1)) &* 16_777_619 }
    }
}
