// SPDX-License-Identifier: Apache-2.0

/// Makes one letter of the ways to write it, as FTS5's `unicode61` does: lower case, without the
/// mark when it is a Latin letter with one mark.
enum LetterFolding {
    /// U+00C0 to U+024F; a dot where the letter keeps its form.
    private static let latin: StaticString = """
        aaaaaa.ceeeeiiii.nooooo..uuuuy..aaaaaa.ceeeeiiii.nooooo..uuuuy.y\
        aaaaaaccccccccdd..eeeeeeeeeegggggggghh..iiiiiiiii...jjkk.llllll.\
        ...nnnnnn...oooooo..rrrrrrsssssssstttt..uuuuuuuuuuuuwwyyyzzzzzzs\
        ................................oo.............uu...............\
        .............aaiioouu.................ggkkoo....j...gg..nn......\
        aaaaeeeeiiiioooorrrruuuusstt..hh......aaee....oo..yy............\
        ................
        """
    /// U+1E00 to U+1EFF.
    private static let latinAdditional: StaticString = """
        aabbbbbb..dddddddddd....eeee..ffgghhhhhhhhhhii..kkkkkkll..llllmm\
        mmmmnnnnnnnn........pppprrrr..rrssss......ttttttttuuuuuu....vvvv\
        wwwwwwwwwwxxxxyyzzzzzzhtwy.s....aaaa....................eeeeee..\
        ........iiiioooo....................uuuu..........yyyyyyyy......
        """

    /// The form of a letter or digit outside ASCII in the index.
    static func fold(_ scalar: Unicode.Scalar) -> Unicode.Scalar {
        let letter: UInt8 =
            switch scalar.value {
            case 0xC0..<0x250: latin.utf8Start[Int(scalar.value) - 0xC0]
            case 0x1E00..<0x1F00: latinAdditional.utf8Start[Int(scalar.value) - 0x1E00]
            case 0x212B: UInt8(ascii: "a")
            default: UInt8(ascii: ".")
            }
        if letter != UInt8(ascii: ".") { return Unicode.Scalar(letter) }
        return lower(scalar)
    }

    /// A letter or digit outside ASCII in lower case, with its mark.
    static func lower(_ scalar: Unicode.Scalar) -> Unicode.Scalar {
        // One that two would stand for, and letters that differ only in how they are written.
        switch scalar {
        case "İ": return "i"
        case "µ": return "μ"
        case "ς": return "σ"
        case "ϐ": return "β"
        case "ϑ": return "θ"
        case "ϕ": return "φ"
        case "ϖ": return "π"
        case "ϰ": return "κ"
        case "ϱ": return "ρ"
        case "ϵ": return "ε"
        case "\u{1FBE}": return "ι"
        default: break
        }
        let lower = scalar.properties.lowercaseMapping.unicodeScalars
        return lower.count == 1 ? lower.first ?? scalar : scalar
    }

    /// A small letter and a mark behind it as the one letter that they stand for.
    static func composed(_ letter: Unicode.Scalar, _ mark: Unicode.Scalar) -> Unicode.Scalar? {
        compositions[UInt64(letter.value) << 32 | UInt64(mark.value)]
    }

    /// The letters with marks of the Latin, Greek and Cyrillic alphabets, by letter (upper half)
    /// and mark: strings that mean the same are equal in Swift.
    private static let compositions: [UInt64: Unicode.Scalar] = {
        let bases =
            (0x61...0x7A).map { $0 } + (0x3B1...0x3CB).map { $0 } + (0x430...0x456).map { $0 }
        let composed = [0xE0...0x24F, 0x390...0x3CE, 0x430...0x45F, 0x1E01...0x1EF9].joined()
        var known: [String: Unicode.Scalar] = [:]
        for scalar in composed.compactMap({ Unicode.Scalar(UInt32($0)) })
        where scalar.properties.isLowercase { known[String(scalar)] = scalar }
        var compositions: [UInt64: Unicode.Scalar] = [:]
        for base in bases.compactMap({ Unicode.Scalar(UInt32($0)) }) {
            for mark in (0x300...0x331).compactMap({ Unicode.Scalar(UInt32($0)) }) {
                let pair = String(String.UnicodeScalarView([base, mark]))
                guard let scalar = known[pair] else { continue }
                compositions[UInt64(base.value) << 32 | UInt64(mark.value)] = scalar
            }
        }
        return compositions
    }()

    /// Whether `scalar` is a mark that may stand inside a word and leaves no trace in the index.
    static func isDropped(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x300...0x304, 0x306...0x30C, 0x30F, 0x311, 0x31B, 0x323...0x328, 0x32D, 0x32E, 0x330,
            0x331:
            true
        default: false
        }
    }
}
