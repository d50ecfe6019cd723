// SPDX-License-Identifier: Apache-2.0
import CStemmer
import LodestoneCore
import Synchronization

/// A stemmer of the Snowball project for a language.
///
/// A stemmer of the library serves one thread at a time, so all collections of a language share a
/// pool of stemmers. A thread takes a stemmer from the pool for one word.
///
/// Threading: any thread; a lock is held for a moment.
final class SnowballStemmer: Sendable {
    /// The most bytes of a word that is stemmed; longer words stay unchanged.
    static let longest = 255
    /// The most idle stemmers that the pool keeps.
    private static let mostIdle = 16

    /// A stemmer of the library.
    // Unchecked because of the pointer: only the thread that took a stemmer from the pool uses it.
    private struct Stemmer: @unchecked Sendable {
        let handle: OpaquePointer
    }

    private let name: String
    /// Whether the library needs the old spelling of Romanian.
    private let usesCedillas: Bool
    private let idle = Mutex<[Stemmer]>([])

    private init(_ language: TextLanguage) {
        name = language.name
        usesCedillas = language == .romanian && !Self.knowsCommas(name)
    }

    /// Whether the library removes an ending with a comma from a Romanian word.
    private static func knowsCommas(_ name: String) -> Bool {
        guard let handle = sb_stemmer_new(name, nil) else { return true }
        defer { sb_stemmer_delete(handle) }
        let word = Array("informațiile".utf8)
        guard sb_stemmer_stem(handle, word, Int32(word.count)) != nil else { return true }
        return Int(sb_stemmer_length(handle)) < word.count - "iile".utf8.count
    }

    private static let all: [SnowballStemmer?] = TextLanguage.allCases.map { language in
        switch language {
        case .english, .none: nil
        default: SnowballStemmer(language)
        }
    }

    /// The stemmer of a language; `nil` for a language that needs none.
    static func of(_ language: TextLanguage) -> SnowballStemmer? { all[Int(language.rawValue)] }

    /// Whether this machine's library has the language.
    var isThere: Bool {
        guard let stemmer = make() else { return false }
        giveBack(stemmer)
        return true
    }

    /// Stems the lower-case word with accents in `buffer`, and folds the accents of the stem.
    func stem(_ buffer: inout WordBuffer) {
        guard buffer.count <= Self.longest else { return fold(&buffer, Array(buffer.word.bytes)) }
        guard let stemmer = idle.withLock({ $0.popLast() }) ?? make() else {
            preconditionFailure("libstemmer has no stemmer for \(name), or there is no memory")
        }
        defer { giveBack(stemmer) }
        let handle = stemmer.handle
        if usesCedillas { Romanian.useCedillas(&buffer) }
        guard let stem = sb_stemmer_stem(handle, buffer.bytes, Int32(buffer.count)) else {
            preconditionFailure("no memory for a stem")
        }
        let count = Int(sb_stemmer_length(handle))
        // A word stays unchanged if its stem would be empty.
        if count > 0 { fold(&buffer, UnsafeBufferPointer(start: stem, count: count)) }
    }

    private func fold(_ buffer: inout WordBuffer, _ stem: some Collection<UInt8>) {
        let isASCII = stem.allSatisfy { $0 < 0x80 }
        var folded: [UInt8] = []
        if !isASCII {
            for scalar in String(decoding: stem, as: UTF8.self).unicodeScalars {
                ScalarTable.folded[scalar].forEachScalar { value in
                    folded += Unicode.Scalar(value).flatMap { UTF8.encode($0) } ?? .init()
                }
            }
        }
        buffer.removeAll()
        if isASCII {
            buffer.append(contentsOf: stem)
        } else {
            buffer.append(contentsOf: folded)
        }
    }

    private func make() -> Stemmer? {
        sb_stemmer_new(name, nil).map { Stemmer(handle: $0) }
    }

    private func giveBack(_ stemmer: Stemmer) {
        let isKept = idle.withLock { idle in
            guard idle.count < Self.mostIdle else { return false }
            idle.append(stemmer)
            return true
        }
        if !isKept { sb_stemmer_delete(stemmer.handle) }
    }
}
