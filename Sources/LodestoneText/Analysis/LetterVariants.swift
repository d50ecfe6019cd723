// SPDX-License-Identifier: Apache-2.0

/// Letters that are variants of other letters, although Unicode does not decompose them.
///
/// The Latin letters are those of Lucene's ASCIIFoldingFilter that occur in real texts.
enum LetterVariants {
    /// The usual letters for a letter of half or full width, or of another kind, and for a
    /// ligature.
    static func letter(of scalar: Unicode.Scalar) -> [Unicode.Scalar]? {
        switch scalar.value {
        case 0xFF01...0xFF5E: one(scalar.value - 0xFEE0)
        case 0xFF66...0xFF9F: one(UInt32(kana[Int(scalar.value - 0xFF66)]))
        case 0xFFA0: one(0x3164)
        case 0xFFA1...0xFFBE: one(scalar.value - 0xFFA1 + 0x3131)
        case 0xFFC2...0xFFC7: one(scalar.value - 0xFFC2 + 0x314F)
        case 0xFFCA...0xFFCF: one(scalar.value - 0xFFCA + 0x3155)
        case 0xFFD2...0xFFD7: one(scalar.value - 0xFFD2 + 0x315B)
        case 0xFFDA...0xFFDC: one(scalar.value - 0xFFDA + 0x3161)
        case 0x2070, 0x2074...0x2079: one(scalar.value - 0x2070 + 0x30)
        case 0x2080...0x2089: one(scalar.value - 0x2080 + 0x30)
        default: ligatures[scalar].map { Array($0.unicodeScalars) }
        }
    }

    private static func one(_ value: UInt32) -> [Unicode.Scalar]? {
        Unicode.Scalar(value).map { [$0] }
    }

    /// The usual kana for U+FF66 to U+FF9F; the last two are marks that follow a letter.
    private static let kana: [UInt16] =
        "ヲァィゥェォャュョッーアイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワン\u{3099}\u{309A}"
        .utf16.map { $0 }

    private static let ligatures: [Unicode.Scalar: String] = [
        "ª": "a", "º": "o", "¹": "1", "²": "2", "³": "3", "ŀ": "l", "Ŀ": "L", "ŉ": "n", "ſ": "s",
        "ĳ": "ij", "Ĳ": "IJ", "ǆ": "dž", "ǅ": "dž", "Ǆ": "dž", "ǉ": "lj", "ǈ": "lj", "Ǉ": "lj",
        "ǌ": "nj", "ǋ": "nj", "Ǌ": "nj", "ǳ": "dz", "ǲ": "dz", "Ǳ": "dz", "ẛ": "ṡ", "ẞ": "ß",
        "ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st",
        "և": "եւ",
    ]

    /// The usual letter for a small Greek letter of another shape.
    static func greek(_ scalar: Unicode.Scalar) -> Unicode.Scalar? {
        switch scalar {
        case "µ": "μ"
        case "ς": "σ"
        case "ϐ": "β"
        case "ϑ": "θ"
        case "ϕ": "φ"
        case "ϖ": "π"
        case "ϰ": "κ"
        case "ϱ": "ρ"
        case "ϲ": "σ"
        case "ϵ": "ε"
        case "\u{1FBE}": "ι"
        default: nil
        }
    }

    /// The plain letters for a small Latin letter without a removable accent.
    static func plain(_ scalar: Unicode.Scalar) -> [Unicode.Scalar]? {
        guard scalar.value >= 0xDF else { return nil }
        return plainLetters[scalar]
    }

    private static let plainLetters: [Unicode.Scalar: [Unicode.Scalar]] = {
        let letters: [(plain: String, of: String)] = [
            ("a", "ⱥɐəǝᶏᶕ"), ("aa", "ꜳ"), ("ae", "æᴁ"), ("ao", "ꜵ"), ("au", "ꜷ"), ("av", "ꜹꜻ"),
            ("ay", "ꜽ"), ("b", "ƀƃɓᵬᶀ"), ("c", "ƈȼɕↄꜿ"), ("d", "ðđƌȡɖɗᵭᶁᶑ"), ("db", "ȸ"),
            ("dz", "ʣʥ"), ("e", "ɇɘɛɜɝɞʚᶒᶓᶔ"), ("f", "ƒᵮᶂ"), ("g", "ǥɠɡᵷᵹᶃ"), ("h", "ħɥɦʮʯⱨⱶ"),
            ("hv", "ƕ"), ("i", "ıɩɨᵻᶖ"), ("j", "ȷɉɟʄʝ"), ("k", "ƙʞᶄⱪꝁꝃꝅ"), ("l", "łƚȴɫɬɭᶅⱡꝇꝉ"),
            ("m", "ɯɰɱᵯᶆ"), ("n", "ŋƞɲȵɳᵰᶇ"), ("o", "øɔɵᶗᶱⱺꝋꝍ"), ("oe", "œᴔ"), ("oo", "ꝏ"),
            ("ou", "ȣ"), ("p", "ƥᵱᵽᶈꝑꝓꝕ"), ("q", "ĸɋʠꝗꝙ"), ("qp", "ȹ"), ("r", "ɍɼɽɾɿᵲᵳᶉ"),
            ("s", "ȿʂᵴᶊ"), ("ss", "ß"), ("t", "ŧƫƭȶʇʈᵵ"), ("th", "þꝥꝧ"), ("ts", "ʦ"), ("tz", "ꜩ"),
            ("u", "ʉʊᵿᶙ"), ("v", "ʋʌᶌⱱⱴꝟ"), ("vy", "ꝡ"), ("w", "ƿʍⱳ"), ("x", "ᶍ"), ("y", "ƴɏʎỿ"),
            ("z", "ƶȥɀʐʑᵶᶎⱬ"),
        ]
        var plain: [Unicode.Scalar: [Unicode.Scalar]] = [:]
        for (letters, variants) in letters {
            for scalar in variants.unicodeScalars { plain[scalar] = Array(letters.unicodeScalars) }
        }
        return plain
    }()
}
