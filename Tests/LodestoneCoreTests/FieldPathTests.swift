// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import Testing

@Suite("Field path")
struct FieldPathTests {
    @Test(
        "A field path is parsed and written as in filter texts",
        arguments: [
            ("year", ["year"]),
            ("author.name", ["author", "name"]),
            ("\"x.y\"", ["x.y"]),
            ("author.\"x.y\".z", ["author", "x.y", "z"]),
            ("\"a\"\"b\"", ["a\"b"]),
            ("\"\"\"\"", ["\""]),
            ("my field.शीर्षक", ["my field", "शीर्षक"]),
            // Here a mark joins the quote before it to one character.
            ("\"\u{301}.a\"", ["\u{301}.a"]),
            ("\"a\"\"\u{301}\"", ["a\"\u{301}"]),
        ]
    )
    func reading(text: String, names: [String]) {
        #expect(MetadataIndex(text).path == names)
        #expect(MetadataIndex(path: names).text == text)
    }

    @Test(
        "A malformed field path has no names",
        arguments: ["\"a", "a.\"b", "\"a\"b", "\"a\"\"", "\"a\".\"b", "\""]
    )
    func refusing(text: String) {
        #expect(MetadataIndex(text).path.isEmpty)
    }
}
