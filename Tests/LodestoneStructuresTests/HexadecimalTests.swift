// SPDX-License-Identifier: Apache-2.0
import LodestoneStructures
import Testing

@Suite("Hexadecimal digits")
struct HexadecimalTests {
    @Test("Every byte is read back from its two digits")
    func roundTrip() {
        let bytes = (0...255).map { UInt8($0) }
        let text = Hexadecimal.text(bytes)
        #expect(text.hasPrefix("000102") && text.hasSuffix("fdfeff"))
        #expect(Hexadecimal.bytes(text, count: 256) == bytes)
        #expect(Hexadecimal.bytes(text.uppercased(), count: 256, allowsUpperCase: true) == bytes)
    }

    @Test(
        "Digits of another number of bytes, other characters and upper case are refused",
        arguments: ["", "0", "00", "000", "00000", "0g00", "00 0", "+000", "00FF", "０0"]
    )
    func refusal(text: String) {
        #expect(Hexadecimal.bytes(text, count: 2) == nil)
    }
}
