// SPDX-License-Identifier: Apache-2.0

/// The two spellings of Romanian.
///
/// Old encodings had `ş` and `ţ` with a cedilla. The current spelling has a comma, `ș` and `ț`.
///
/// Words in the index have the comma. libstemmer 2.2 knows only endings with a cedilla, and version
/// 3 only those with a comma, so a stemmer gets the spelling that it knows.
enum Romanian {
    private static let commas: [(comma: (UInt8, UInt8), cedilla: (UInt8, UInt8))] = [
        ((0xC8, 0x99), (0xC5, 0x9F)),
        ((0xC8, 0x9B), (0xC5, 0xA3)),
    ]

    /// Replaces cedillas by commas, so that both spellings are equal.
    static func unify(_ word: inout WordBuffer) {
        replace(&word) { bytes in commas.first { $0.cedilla == bytes }?.comma }
    }

    /// Replaces commas by cedillas.
    static func useCedillas(_ word: inout WordBuffer) {
        replace(&word) { bytes in commas.first { $0.comma == bytes }?.cedilla }
    }

    private static func replace(
        _ word: inout WordBuffer,
        _ other: ((UInt8, UInt8)) -> (UInt8, UInt8)?
    ) {
        let bytes = word.bytes
        var index = 1
        while index < word.count {
            if bytes[index - 1] >= 0xC5, let pair = other((bytes[index - 1], bytes[index])) {
                (bytes[index - 1], bytes[index]) = pair
            }
            index += 1
        }
    }
}
