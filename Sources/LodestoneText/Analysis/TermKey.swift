// SPDX-License-Identifier: Apache-2.0

/// A folded word or stem that owns its bytes.
///
/// A word of up to 16 bytes, as nearly all are, needs no allocation.
struct TermKey: Hashable {
    /// The first eight bytes, as in `NormalizedToken`.
    private let low: UInt64
    private let high: UInt64
    /// The number of bytes, at least 1.
    let count: Int
    /// All bytes of a word of more than 16 bytes, in units of eight.
    private let long: ContiguousArray<UInt64>?

    init(_ word: NormalizedToken) {
        low = word.low
        high = word.high
        count = word.count
        long = word.long.map {
            ContiguousArray(UnsafeBufferPointer(start: $0, count: word.wordCount))
        }
    }

    /// A word by its bytes.
    init(bytes: some Sequence<UInt8>) {
        var buffer = WordBuffer()
        buffer.append(contentsOf: bytes)
        self.init(buffer.word)
    }

    /// Calls `body` with the word.
    @inline(__always)
    func withWord<T>(_ body: (NormalizedToken) -> T) -> T {
        guard let long else { return body(NormalizedToken(low: low, high: high, count: count)) }
        return long.withUnsafeBufferPointer { words in
            guard let start = words.baseAddress else { preconditionFailure("a long word is empty") }
            return body(NormalizedToken(start, count: count))
        }
    }

    /// The bytes of the word.
    var bytes: [UInt8] { withWord { word in word.withBytes { Array($0) } } }
}
