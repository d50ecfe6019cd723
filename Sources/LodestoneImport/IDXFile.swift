// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore

/// An array of bytes in the IDX format of the MNIST data sets.
///
/// | bytes | content |
/// | --- | --- |
/// | 2 | zero |
/// | 1 | the elements' type: 8 is a byte without sign, the only one read here |
/// | 1 | dimensions, 1 to 4 here |
/// | 4 each | their sizes, big-endian |
/// | all others | the elements, the last dimension fastest |
package struct IDXFile: Sendable {
    /// The sizes of the dimensions; the first is the number of items.
    package let sizes: [Int]
    private let elements: ArraySlice<UInt8>

    /// Reads the array from the bytes of a file.
    ///
    /// - Parameters:
    ///   - bytes: The whole file.
    ///   - name: The name of the file, for messages.
    /// - Throws: `.invalidArgument` for an unsupported type, unsupported dimensions, or a wrong
    ///   length.
    package init(_ bytes: [UInt8], name: String) throws(LodestoneError) {
        let recovery = "Give a whole IDX file of bytes, decompressed."
        guard bytes.count >= 4, bytes[0] == 0, bytes[1] == 0, (1...4).contains(bytes[3]) else {
            throw .badFile(name, "does not start like an IDX file", recovery: recovery)
        }
        guard bytes[2] == 8 else {
            throw .badFile(name, "has elements of type \(bytes[2]); 8 is read", recovery: recovery)
        }
        let start = 4 + 4 * Int(bytes[3])
        guard bytes.count >= start else {
            throw .badFile(name, "ends inside its header", recovery: recovery)
        }
        let sizes = stride(from: 4, to: start, by: 4).map { index in
            bytes[index..<index + 4].reduce(0) { $0 << 8 | Int($1) }
        }
        var expected = 1
        for size in sizes {
            let (product, overflow) = expected.multipliedReportingOverflow(by: size)
            expected = overflow ? .max : product
        }
        guard bytes.count - start == expected else {
            throw .badFile(
                name,
                "has \(bytes.count - start) elements; its header announces \(sizes)",
                recovery: recovery
            )
        }
        self.sizes = sizes
        elements = bytes[start...]
    }

    /// The number of items.
    package var count: Int { sizes[0] }

    /// The elements of one item, in order.
    package subscript(item: Int) -> ArraySlice<UInt8> {
        precondition(item >= 0 && item < count, "item out of range")
        let size = elements.count / count
        return elements[elements.startIndex + item * size..<elements.startIndex + (item + 1) * size]
    }
}
