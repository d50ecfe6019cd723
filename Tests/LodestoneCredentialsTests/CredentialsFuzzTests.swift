// SPDX-License-Identifier: Apache-2.0
import Foundation
import LodestoneCore
import LodestoneCredentials
import LodestoneStructures
import TestSupport
import Testing

@Suite("Damaged token files")
struct CredentialsFuzzTests {
    @Test("A random or damaged token file ends in no crash, and gives no right it does not say")
    func files() throws {
        var random = SeededGenerator(seed: 18)
        var accepted = 0
        for turn in 0..<TestLength.cases(2_000, long: 20_000) {
            let text = random.tokenFile()
            let table: Credentials
            do throws(LodestoneError) {
                table = try Credentials(text: text, path: "tokens")
            } catch {
                #expect(error.reason == .badTokenFile, "turn \(turn)")
                for secret in SeededGenerator.secrets {
                    #expect(!error.description.contains(secret), "turn \(turn)")
                }
                continue
            }
            accepted += 1
            let lines = Self.lines(of: text)
            for (entry, number) in zip(table.entries, table.lineNumbers) {
                let line = lines[number - 1]
                #expect(Self.says(line, entry, number), "turn \(turn): \(line)")
            }
            let said = lines.filter { line in
                let start = line.drop { $0 == 0x20 || $0 == 0x09 }
                return start.first != nil && start.first != UInt8(ascii: "#")
            }
            #expect(table.entries.count == said.count, "turn \(turn)")
            // A token that the file does not have opens nothing.
            let other = random.next()
            #expect(table.credential(forToken: Array("\(other)".utf8)) == nil)
            #expect(table.credential(forToken: []) == nil)
        }
        // Both halves of the test have work.
        #expect(accepted > 100)
    }

    private static func lines(of text: String) -> [[UInt8]] {
        let bytes = Array(text.utf8)
        var lines: [[UInt8]] = [[]]
        for (index, byte) in bytes.enumerated() {
            if byte == 0x0A, index > 0, bytes[index - 1] == 0x0D { continue }
            if byte == 0x0A || byte == 0x0D {
                lines.append([])
            } else {
                lines[lines.count - 1].append(byte)
            }
        }
        return lines
    }

    /// Whether a line gives an entry its rights, by Foundation's reader of JSON.
    private static func says(_ line: [UInt8], _ entry: Credential, _ number: Int) -> Bool {
        let rights = entry.rights
        guard let object = try? JSONSerialization.jsonObject(with: Data(line)) as? [String: Any]
        else {
            let words = line.split { $0 == 0x20 || $0 == 0x09 }
            guard let token = words.last, words.count <= 2 else { return false }
            let role = words.count == 2 ? String(decoding: words[0], as: UTF8.self) : "admin"
            return entry.proof == .token(digest: SHA256.digest(of: Array(token)))
                && rights.role.name == role && entry.name == "line \(number)"
                && rights.collections == .all && rights.filter == nil && entry.expires == nil
        }
        let isProof =
            switch entry.proof {
            case .token(let digest):
                (object["sha256"] as? String)?.lowercased() == Hexadecimal.text(digest)
                    && object["subject"] == nil
            case .certificate(let subject):
                object["subject"] as? String == subject.string && object["sha256"] == nil
            }
        let filter = (object["filter"] as? String).flatMap { try? Filter(text: $0) }
        let expires = (object["expires"] as? String).flatMap { try? TimestampText.parse($0) }
        return isProof && object["name"] as? String == entry.name
            && object["role"] as? String == rights.role.name
            && object["collections"] as? [String] == rights.collections.patterns
            && (object["filter"] == nil) == (rights.filter == nil) && filter == rights.filter
            && (object["requestsPerSecond"] as? Double) == rights.requestsPerSecond
            && (object["documentsPerSecond"] as? Double) == rights.documentsPerSecond
            && (object["expires"] == nil) == (entry.expires == nil) && expires == entry.expires
            && object.count <= 9
    }
}

extension SeededGenerator {
    static let secrets = ["correct-horse-battery", "staple-staple-staple-1"]

    /// Lines that are valid, mutated, or any bytes.
    fileprivate mutating func tokenFile() -> String {
        var lines: [String] = []
        for number in 0..<1 + next() % 4 {
            switch next() % 8 {
            case 0: lines.append(pick(["", "# comment", " \t", "#", "\u{FEFF}"]))
            case 1:
                lines.append(
                    pick(["", "read ", "write\t", "admin ", "root "]) + pick(Self.secrets)
                )
            case 2:
                let scalars = (0..<next() % 40).compactMap { _ in
                    Unicode.Scalar(UInt32(next() % 0x11_0000))
                }
                lines.append(String(String.UnicodeScalarView(scalars)))
            default: lines.append(object(number))
            }
        }
        var bytes = Array(lines.joined(separator: pick(["\n", "\r\n", "\r"])).utf8)
        if next().isMultiple(of: 2) {
            for _ in 0..<1 + next() % 3 where !bytes.isEmpty {
                let position = Int(next() % UInt64(bytes.count))
                switch next() % 4 {
                case 0: bytes.remove(at: position)
                case 1: bytes.insert(bytes[Int(next() % UInt64(bytes.count))], at: position)
                case 2: bytes[position] = UInt8(next() % 128)
                default: bytes.removeSubrange(position...)
                }
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private mutating func object(_ number: UInt64) -> String {
        let digest = Hexadecimal.text(Token.digest(of: "\(next() % 6)"))
        var members = [
            #""name":"\#(pick(["app", "n\(number)", "a.b-c_1", "", "x y"]))""#,
            #""role":"\#(pick(["read", "write", "admin", "Read", "reader"]))""#,
            pick([
                #""sha256":"\#(digest)""#, #""sha256":"\#(digest.uppercased())""#,
                #""sha256":"\#(digest.dropLast())""#, #""subject":"CN=\#(number),O=é""#,
            ]),
        ]
        let others = [
            #""collections":["wiki","logs-*"]"#, #""collections":[]"#, #""collections":["*"]"#,
            #""filter":"tenant = 'a' AND NOT year < 2020""#, #""filter":"tenant ==""#,
            #""requestsPerSecond":10"#, #""documentsPerSecond":0.5"#, #""requestsPerSecond":-1"#,
            #""expires":"2999-01-01T00:00:00Z""#, #""expires":"2020-01-01T00:00:00Z""#,
            #""expires":"soon""#, #""roles":"admin""#, #""role":"admin""#,
        ]
        for _ in 0..<next() % 3 { members.append(pick(others)) }
        if next().isMultiple(of: 8) { members.removeFirst() }
        if next().isMultiple(of: 2) { members.reverse() }
        return "{" + members.joined(separator: pick([",", ", "])) + "}"
    }

    private mutating func pick<T>(_ choices: [T]) -> T {
        choices[Int(next() % UInt64(choices.count))]
    }
}
