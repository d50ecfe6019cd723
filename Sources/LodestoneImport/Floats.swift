// SPDX-License-Identifier: Apache-2.0

/// Converts little-endian numbers to float32.
///
/// Float16 is converted by shifts of its bits. Swift's `Float16` calls a function per element
/// without F16C, which a build for every x86-64 can't assume.
func floats(_ bytes: UnsafeRawBufferPointer, _ type: ElementType) -> [Float] {
    let count = bytes.count / type.byteCount
    return [Float](unsafeUninitializedCapacity: count) { output, initialized in
        switch type {
        case .float16:
            for index in 0..<count {
                let half = bytes.loadUnaligned(fromByteOffset: index * 2, as: UInt16.self)
                output[index] = float(half: UInt16(littleEndian: half))
            }
        case .float32:
            for index in 0..<count {
                let bits = bytes.loadUnaligned(fromByteOffset: index * 4, as: UInt32.self)
                output[index] = Float(bitPattern: UInt32(littleEndian: bits))
            }
        case .float64:
            for index in 0..<count {
                let bits = bytes.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self)
                output[index] = Float(Double(bitPattern: UInt64(littleEndian: bits)))
            }
        }
        initialized = count
    }
}

/// IEEE 754 binary16 to binary32, exact for every value.
///
/// The exponent is moved to its new bits, and corrected by a multiplication with 2^112, which also
/// normalizes small numbers. Infinities and NaN then get the largest exponent.
@inline(__always)
func float(half: UInt16) -> Float {
    let sign = UInt32(half & 0x8000) << 16
    let magnitude = UInt32(half & 0x7FFF) << 13
    let scaled = Float(bitPattern: magnitude) * 0x1p112
    let special: UInt32 = half & 0x7C00 == 0x7C00 ? 0x7F80_0000 : 0
    return Float(bitPattern: scaled.bitPattern | sign | special)
}
