// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneJSON
import TestSupport
import Testing

@Suite("JSON parser")
struct JSONParserTests {
    private func members(_ text: String) throws -> [JSONMember] {
        try Array(text.utf8).withUnsafeBytes { try JSONParser.object(in: $0) }
    }

    @Test("Random values are written as JSON that reads as the same values, here and by Foundation")
    func roundTrip() throws {
        var random = SeededGenerator(seed: 1)
        for turn in 0..<500 {
            let value = Self.value(&random, depth: 0)
            let text = JSON.object([("value", value.json)]).text
            #expect(
                try members(text) == [JSONMember(name: "value", value: value)],
                "\(turn): \(text)"
            )
            let foundation = try JSONSerialization.jsonObject(with: Data(text.utf8))
            #expect((foundation as? [String: Any])?.count == 1, "\(turn): \(text)")
        }
    }

    @Test(
        "Text that is almost JSON is refused",
        arguments: [
            "", "[]", "{", "{\"a\":1,}", "{'a':1}", "{\"a\":01}", "{\"a\":NaN}", "{\"a\":1} x",
            "{\"a\":\"\u{1}\"}", "{\"a\":\"\\ud800\"}", "{\"a\":1 /* one */}", "{\"a\":tru}",
            "{\"a\":1e999}", "{\"a\"}", "{a:1}", "{\"a\":.5}", "{\"a\":\"\\x41\"}",
            "{\"a\":" + String(repeating: "[", count: 100) + String(repeating: "]", count: 100)
                + "}",
        ]
    )
    func refused(text: String) {
        #expect(throws: JSONError.self) { try members(text) }
    }

    private static func value(_ random: inout SeededGenerator, depth: Int) -> JSONValue {
        switch random.next() % (depth < 4 ? 6 : 4) {
        case 0: return .bool(random.next().isMultiple(of: 2))
        case 1: return .int(Int64(bitPattern: random.next()))
        case 2: return .double(Double(Int64(bitPattern: random.next()) >> 20) + 0.25)
        case 3: return .string(text(&random))
        case 4: return .array((0..<random.next() % 4).map { _ in value(&random, depth: depth + 1) })
        default:
            return .object(
                (0..<random.next() % 4).map { number in
                    let name = "\(number)" + text(&random)
                    return JSONMember(name: name, value: value(&random, depth: depth + 1))
                }
            )
        }
    }

    private static func text(_ random: inout SeededGenerator) -> String {
        let pieces = ["a", "\"", "\\", "\n", "\u{0}", "\u{1F}", "é", "😀", "\u{2028}", "/", " "]
        return (0..<random.next() % 6).map { _ in pieces[Int(random.next() % 11)] }.joined()
    }
}

extension JSONValue {
    fileprivate var json: JSON {
        switch self {
        case .bool(let flag): .bool(flag)
        case .int(let number): .int(number)
        case .double(let number): .double(number)
        case .string(let text): .string(text)
        case .array(let values): .array(values.map(\.json))
        case .object(let members): .object(members.map { ($0.name, $0.value.json) })
        case .null, .beyondInt64, .betweenFloats: .number("null")
        }
    }
}
