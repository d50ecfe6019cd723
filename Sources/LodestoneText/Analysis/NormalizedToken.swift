// SPDX-License-Identifier: Apache-2.0

/// A folded word of a text, in UTF-8, ready for a lookup.
///
/// It is valid only inside the closure that gets it, because a long word is in the analyzer's
/// buffer.
struct NormalizedToken {
    /// The number of bytes that fit `low` and `high`.
    static let shortCount = 16

    /// The first eight bytes, first one lowest; zeros after the end.
    let low: UInt64
    /// The next eight bytes.
    let high: UInt64
    /// The number of bytes, at least 1.
    let count: Int
    /// All bytes in words of eight, zeros after the end; only for more than `shortCount`.
    let long: UnsafePointer<UInt64>?

    init(low: UInt64, high: UInt64, count: Int) {
        self.low = low
        self.high = high
        self.count = count
        long = nil
    }

    /// The word in `words`: units of eight bytes, at least two, with zeros after the end.
    init(_ words: UnsafePointer<UInt64>, count: Int) {
        low = UInt64(littleEndian: words[0])
        high = UInt64(littleEndian: words[1])
        self.count = count
        long = count > Self.shortCount ? words : nil
    }

    /// The number of 64-bit units that hold a long word.
    var wordCount: Int { (count + 7) / 8 }

    /// The hash of the word; equal words have equal hashes for one seed.
    @inline(__always)
    func hash(seed: UInt64) -> UInt64 {
        var state = Self.mix(low ^ seed, high ^ Self.stir ^ UInt64(truncatingIfNeeded: count))
        if let long {
            var index = 2
            while index < wordCount {
                state = Self.mix(UInt64(littleEndian: long[index]) ^ state, Self.stir ^ seed)
                index += 1
            }
        }
        return Self.mix(state ^ Self.stir, seed | 1)
    }

    private static let stir: UInt64 = 0x9E37_79B9_7F4A_7C15

    @inline(__always)
    private static func mix(_ a: UInt64, _ b: UInt64) -> UInt64 {
        let product = a.multipliedFullWidth(by: b)
        return product.high ^ product.low
    }
}

extension NormalizedToken {
    /// Calls `body` with its bytes.
    @inline(__always)
    func withBytes<T>(_ body: (UnsafeBufferPointer<UInt8>) -> T) -> T {
        if let long {
            return body(
                UnsafeBufferPointer(
                    start: UnsafeRawPointer(long).assumingMemoryBound(to: UInt8.self),
                    count: count
                )
            )
        }
        return withUnsafeBytes(of: (low.littleEndian, high.littleEndian)) { bytes in
            body(UnsafeBufferPointer(rebasing: bytes.bindMemory(to: UInt8.self)[..<count]))
        }
    }

    /// The byte at `index`, which is less than `count`.
    @inline(__always)
    subscript(index: Int) -> UInt8 {
        let eight =
            if let long {
                UInt64(littleEndian: long[index / 8])
            } else {
                index < 8 ? low : high
            }
        return UInt8(truncatingIfNeeded: eight >> UInt64(index % 8 * 8))
    }

    /// Whether `bytes` begin with the word.
    @inline(__always)
    func isPrefix(of bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        guard bytes.count >= count else { return false }
        for index in 0..<count where bytes[index] != self[index] { return false }
        return true
    }

    /// The bytes of the word.
    var bytes: [UInt8] { withBytes { Array($0) } }
}

/// A growing buffer for a word of any length: bytes with zeros after the end.
///
/// Threading: one thread.
struct WordBuffer: ~Copyable {
    private var words: UnsafeMutablePointer<UInt64>
    private var capacity: Int
    /// The number of bytes.
    private(set) var count = 0

    init() {
        capacity = 16
        words = .allocate(capacity: capacity)
        words.initialize(repeating: 0, count: capacity)
    }

    deinit {
        words.deallocate()
    }

    mutating func removeAll() {
        words.update(repeating: 0, count: max(2, (count + 7) / 8))
        count = 0
    }

    mutating func append(_ byte: UInt8) {
        if count + 1 > capacity * 8 {
            let larger = UnsafeMutablePointer<UInt64>.allocate(capacity: capacity * 2)
            larger.initialize(repeating: 0, count: capacity * 2)
            larger.update(from: words, count: capacity)
            words.deallocate()
            words = larger
            capacity *= 2
        }
        bytes[count] = byte
        count += 1
    }

    mutating func append(contentsOf bytes: some Sequence<UInt8>) {
        for byte in bytes { append(byte) }
    }

    /// Removes bytes at the end.
    mutating func shorten(to newCount: Int) {
        while count > newCount {
            count -= 1
            bytes[count] = 0
        }
    }

    /// Replaces the content with a short or long word, byte by byte.
    mutating func set(_ word: NormalizedToken) {
        removeAll()
        for index in 0..<word.count { append(word[index]) }
    }

    /// The bytes; valid until the next change.
    var bytes: UnsafeMutablePointer<UInt8> {
        UnsafeMutableRawPointer(words).assumingMemoryBound(to: UInt8.self)
    }

    /// The bytes as a word; valid until the next change.
    var word: NormalizedToken { NormalizedToken(words, count: count) }
}
