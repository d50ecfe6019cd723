// SPDX-License-Identifier: Apache-2.0
package import LodestoneCore
import LodestoneStructures

/// Fingerprints that differ when two processes make different words of texts.
///
/// The words depend on the rules of this release, on the stemmers of the system's libstemmer, and
/// on Unicode's tables in Swift's library. Another version of libstemmer may stem half of a
/// language's words differently. Neither library has a version number that shows this, so the
/// fingerprint hashes the stems of some words and the kinds of characters.
package enum AnalysisFingerprint {
    /// The version of this release's rules; raise it with each change of words or forms.
    private static let rules: UInt64 = 2

    /// The fingerprint of the words of collections in a language.
    ///
    /// The first call in a process computes the fingerprints of all languages.
    package static func of(_ language: TextLanguage) -> UInt64 {
        languages[Int(language.rawValue)]
    }

    /// The fingerprint of the words in all languages.
    package static let all: UInt64 = all(languages)

    static func all(_ languages: [UInt64]) -> UInt64 { languages.reduce(0) { $0.mixed(with: $1) } }

    private static let languages: [UInt64] = TextLanguage.allCases.map { language in
        let isThere = SnowballStemmer.of(language)?.isThere ?? false
        let analyzer = TextAnalyzer(TextOptions(language: language))
        return of(language, characters, isThere ? { analyzer.stem(of: $0.utf8).bytes } : nil)
    }

    /// The fingerprint of a language's words, from its stemmer and a hash of the characters' kinds.
    static func of(_ language: TextLanguage, _ characters: UInt64, _ stem: ((String) -> [UInt8])?)
        -> UInt64
    {
        var hash = rules.mixed(with: characters).mixed(with: UInt64(language.rawValue))
        guard let stem else { return hash }
        for word in StemProbes.words(language) {
            hash = hash.mixed(with: UInt64(hashing: stem(word)))
        }
        return hash
    }

    /// The fingerprint of the kinds of characters, in the ranges where Unicode still adds
    /// characters.
    static let characters: UInt64 = {
        var hash: UInt64 = 0
        for value in [0x80..<0x3400, 0xA000..<0xAC00, 0xF900..<0x10000, 0x10000..<0x20000].joined()
        {
            guard let scalar = Unicode.Scalar(UInt32(value)) else { continue }
            hash =
                hash &* 31
                &+ (UnicodeTokenizer.begins(scalar) ? 1 : UnicodeTokenizer.isMark(scalar) ? 2 : 3)
        }
        return hash
    }()
}

/// Words whose stems differ between versions of a stemmer.
///
/// They are combinations of beginnings with endings of the language and of related ones, and words
/// that versions 2.2 and 3.1 of the library stem differently.
enum StemProbes {
    static func words(_ language: TextLanguage) -> [String] {
        let (stems, endings) = parts(language)
        return stems.flatMap { stem in endings.map { stem + $0 } } + singles
    }

    private static let singles = [
        "påhhets", "tädet", "lieaithen", "παγαετε", "heelserys", "גע", "l'homme", "kinderen",
    ]

    private static func parts(_ language: TextLanguage) -> (stems: [String], endings: [String]) {
        switch language {
        case .russian:
            list(
                "книг красив читал",
                """
                а и у ой ами ях ый ая ое ые ого ему ть л ла ли ся ешь ость остью ейший вши ение \
                ениями ья ье ию ъ ец евич ск
                """
            )
        case .arabic:
            list("كتاب مدرس الكتاب والمدرس", "ات ون ين ة ه ها هم كم نا ي ية وا تم ان ت ؤ ئ")
        case .greek:
            list(
                "θαλασσ ανθρωπ γραφ",
                """
                α ας ες ων ος ου ο οι ους η ης εις ω ει ουμε ετε ουν ισμος ισμου ικος ικη ιστης \
                ομαι εται ηκα ηκες μενος ακι οτητα
                """
            )
        case .hindi: list("किताब लड़क बच्च पढ़ रात", "ा े ी ों ें ियाँ ियों ता ती ते ना ने नी ाई ाओं ूँगा ेगा ेंगे कर ाव")
        case .nepali: list("किताब केटा घर जान", "को ले लाई मा बाट हरू हरूको देखि सँग छ छन् थियो ेको ेकी नु ने ँछ")
        case .tamil: list("வீடு மரம் புத்தக பழ நாடு", "கள் களை களில் ில் ை ுக்கு ால் ோடு த்தின் ங்கள் ாக ான கிறது ந்த")
        case .armenian:
            list(
                "գիրք մարդ տուն լավ գնաց",
                "եր ներ ների ի ով ում ից ը ն ական ություն ությունը ել եց եած ող"
            )
        case .yiddish: list("קינד שרײַב גוט", "ער ן ען עס ס ט סט טע טן ונג קײט הײט לעך ל עלע ישע ען")
        default: list("aktu huiz natur mogelijk", latinEndings)
        }
    }

    private static func list(_ stems: String, _ endings: String) -> ([String], [String]) {
        (parts(of: stems), parts(of: endings))
    }

    /// The pieces of a text between spaces and line ends.
    ///
    /// The cut is by scalars, because a space and a following mark are one `Character`.
    private static func parts(of text: String) -> [String] {
        text.unicodeScalars.split { $0 == " " || $0 == "\n" }.map { String($0) }
    }

    private static let latinEndings = """
        a e i o s n en er em es el ell ells eren ering ingen heid heden lijk tig baar isch ung keit \
        lich nis sam ions ation ations ement ements ité ités eux euse ive ives iste ismes ando \
        iendo ado ada ados adas ción ciones mente idad idades ar ir aba ía ían aron ção ções mento \
        ável zione zioni tà abile ivo iva are arna orna het hets ade ande ast lig ene ets nes erne \
        ede elser ssa ssä lla lle lta sta ista iden itten ksi mme nne nsa kin ko ban ben nak nek \
        val vel hoz ház ok ek om od ság ség lar ler lardan lerin dan den nin mak mek ci lik yor miş \
        kan nya lah pun ku mu ilor ului ele iile atul escu ește ească as is os us ais eis ys ių ams \
        omis uose yje ėjo ti aithe eacht aí anna acha óir ach ari etan tzen tuko rekin arekin tasun \
        ament atge acions esc eix ava aven í ïa ovima ama ima og omu stvo anje enja ući
        """
}
