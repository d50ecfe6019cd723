// SPDX-License-Identifier: Apache-2.0
public import LodestoneCore

/// The name of a section of a base file: four ASCII letters.
public struct SectionTag: Hashable, Sendable, ExpressibleByStringLiteral, CustomStringConvertible {
    /// The letters; the first one is in the lowest byte.
    public let code: UInt32

    /// - Parameter value: Four ASCII letters.
    public init(stringLiteral value: StaticString) {
        precondition(value.utf8CodeUnitCount == 4 && value.isASCII, "A tag has four letters.")
        code = value.withUTF8Buffer { letters in
            letters.reversed().reduce(0) { $0 << 8 | UInt32($1) }
        }
    }

    /// A tag with a code that was read from a file.
    public init(code: UInt32) {
        self.code = code
    }

    /// The letters of the tag.
    public var description: String {
        String(
            decoding: (0..<4).map { UInt8(truncatingIfNeeded: code >> ($0 * 8)) },
            as: UTF8.self
        )
    }
}

/// The receiver of the sections of a derived index, one at a time.
public protocol SectionSink {
    /// Ends the previous section, and begins another one at a multiple of 64 bytes.
    mutating func begin(_ tag: SectionTag) throws(LodestoneError)
    /// Adds bytes to the current section.
    mutating func append(_ bytes: UnsafeRawBufferPointer) throws(LodestoneError)
}

extension SectionSink {
    /// Writes a whole section.
    public mutating func write<Element: BitwiseCopyable>(
        _ tag: SectionTag,
        _ elements: ContiguousArray<Element>
    ) throws(LodestoneError) {
        try begin(tag)
        let result = elements.withUnsafeBytes { bytes in
            Result { () throws(LodestoneError) in try append(bytes) }
        }
        try result.get()
    }
}

/// The sections of a derived index's base.
public protocol SectionSource {
    /// A section; `nil` when the file lacks it, or its size is not a whole number of elements.
    func section<Element: BitwiseCopyable>(_ tag: SectionTag, of type: Element.Type)
        -> MappedArray<Element>?
}
