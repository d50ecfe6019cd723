// SPDX-License-Identifier: Apache-2.0
import LodestoneCore

/// A line that was left out of an import, with the reason.
package struct BadLine: Error, Sendable, Equatable, CustomStringConvertible {
    /// The file's path as given by the user.
    package var file: String
    /// The number of the line, from 1.
    package var line: Int
    /// The fault of the line.
    package var reason: String

    package init(file: String, line: Int, reason: String) {
        self.file = file
        self.line = line
        self.reason = reason
    }

    package var description: String { "\(file):\(line): \(reason)" }
}

/// The lines of a text file, compressed or not, one at a time.
///
/// A line ends with LF or CRLF; the last line may lack it. A byte order mark is skipped. Threading:
/// one thread at a time.
final class LineReader {
    /// The longest line that is read; a server accepts no longer one.
    static let maxLineBytes = 16 << 20

    enum Line {
        /// The bytes without the line's end, valid until the next call.
        case bytes(UnsafeRawBufferPointer)
        /// A line of more than `maxLineBytes`, which was skipped.
        case tooLong(byteCount: Int)
    }

    /// The number of the last returned line, from 1.
    private(set) var lineNumber = 0
    private let reader: ByteReader
    // Owned memory, so that a line is returned without a copy; `deinit` frees it.
    private var buffer: UnsafeMutableRawBufferPointer
    private var start = 0
    private var end = 0
    private var isAtEnd = false

    init(path: String) throws(LodestoneError) {
        reader = try ByteReader(path: path)
        buffer = .allocate(byteCount: 1 << 18, alignment: 16)
    }

    deinit { buffer.deallocate() }

    /// The file's path as given by the user.
    var path: String { reader.file.path }

    /// The share of the file that has been read, 0 to 1.
    var fractionRead: Double {
        let total = reader.file.byteCount
        let ahead = isAtEnd || reader.isCompressed ? 0 : end - start
        return total == 0 ? 0 : min(1, Double(reader.consumedByteCount - ahead) / Double(total))
    }

    /// The next line; `nil` at the end.
    func next() throws(LodestoneError) -> Line? {
        var searched = 0
        var skipped = 0
        while true {
            if let newline = newline(from: start + searched) {
                return finish(upTo: newline, next: newline + 1, skipped: skipped)
            }
            searched = end - start
            if isAtEnd {
                guard searched > 0 || skipped > 0 else { return nil }
                return finish(upTo: end, next: end, skipped: skipped)
            }
            if searched > Self.maxLineBytes {
                skipped += searched
                start = end
                searched = 0
            }
            try fill()
        }
    }

    private func newline(from position: Int) -> Int? {
        let remaining = UnsafeRawBufferPointer(rebasing: buffer[position..<end])
        return remaining.firstIndex(of: UInt8(ascii: "\n")).map { position + $0 }
    }

    private func finish(upTo lineEnd: Int, next: Int, skipped: Int) -> Line {
        var first = start
        var last = lineEnd
        start = next
        lineNumber += 1
        if skipped > 0 { return .tooLong(byteCount: skipped + last - first) }
        if last > first, buffer[last - 1] == UInt8(ascii: "\r") { last -= 1 }
        if lineNumber == 1, last - first >= 3,
            buffer[first] == 0xEF, buffer[first + 1] == 0xBB, buffer[first + 2] == 0xBF
        {
            first += 3
        }
        guard last - first <= Self.maxLineBytes else { return .tooLong(byteCount: last - first) }
        return .bytes(UnsafeRawBufferPointer(rebasing: buffer[first..<last]))
    }

    /// Moves the rest of the buffer to the front, makes room, and reads more bytes after it.
    private func fill() throws(LodestoneError) {
        if start > 0 {
            let left = UnsafeRawBufferPointer(rebasing: buffer[start..<end])
            buffer.copyMemory(from: left)
            end -= start
            start = 0
        }
        if buffer.count - end < buffer.count / 4 {
            let larger = UnsafeMutableRawBufferPointer.allocate(
                byteCount: buffer.count * 2,
                alignment: 16
            )
            larger.copyMemory(from: UnsafeRawBufferPointer(rebasing: buffer[..<end]))
            buffer.deallocate()
            buffer = larger
        }
        let count = try reader.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[end...]))
        end += count
        isAtEnd = count == 0
    }
}
