// SPDX-License-Identifier: Apache-2.0
import CZstd
import LodestoneCore

/// Zstandard frames of whole arrays.
enum Compression {
    static func compress(_ bytes: UnsafeRawBufferPointer) throws(LodestoneError) -> [UInt8] {
        let bound = ZSTD_compressBound(bytes.count)
        var result = 0
        let output = [UInt8](unsafeUninitializedCapacity: bound) { buffer, count in
            // Vectors hardly compress, so the fastest level saves as much as a slower one.
            result = ZSTD_compress(buffer.baseAddress, bound, bytes.baseAddress, bytes.count, 1)
            count = ZSTD_isError(result) == 0 ? result : 0
        }
        guard ZSTD_isError(result) == 0 else {
            throw .broken("Zstandard: \(String(cString: ZSTD_getErrorName(result))).")
        }
        return output
    }

    /// Decompresses a frame of a known size.
    ///
    /// - Parameters:
    ///   - bytes: One frame of any origin.
    ///   - byteCount: The exact size of the content.
    ///   - name: The name of the object in errors.
    /// - Returns: The content.
    /// - Throws: `.dataLoss` for a damaged frame; `BAD_BACKUP` for another size.
    static func decompress(_ bytes: ArraySlice<UInt8>, to byteCount: Int, _ name: String)
        throws(LodestoneError) -> [UInt8]
    {
        // The frame is refused before memory is taken for content that it does not have.
        let stated = bytes.withUnsafeBytes {
            ZSTD_getFrameContentSize($0.baseAddress, $0.count)
        }
        guard stated == UInt64(byteCount) else {
            throw .hostileBackup(name, "its frame does not have the \(byteCount) bytes it says")
        }
        var result = 0
        let output = [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, count in
            result = bytes.withUnsafeBytes {
                ZSTD_decompress(buffer.baseAddress, byteCount, $0.baseAddress, $0.count)
            }
            count = result == byteCount ? byteCount : 0
        }
        guard result == byteCount else {
            let what = ZSTD_isError(result) == 0 ? "" : String(cString: ZSTD_getErrorName(result))
            throw .damagedBackup(name, "it can't be decompressed: \(what)")
        }
        return output
    }
}
