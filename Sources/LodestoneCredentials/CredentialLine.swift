// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
package import LodestoneJSON
import LodestoneStructures

/// One line of a token file as text: a JSON object, `TOKEN` or `ROLE TOKEN`.
///
/// An error never has the line's text, because that may be a token.
enum CredentialLine {
    /// The longest line.
    static let maxByteCount = 16 << 10
    private static let maxNameByteCount = 64
    private static let rates = 0.001...1_000_000_000

    /// The credential of a line; `nil` for an empty line or a comment.
    static func credential(of line: Substring, number: Int) throws(CredentialProblem)
        -> Credential?
    {
        let words = line.utf8.split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
        guard let first = words.first, first.first != UInt8(ascii: "#") else { return nil }
        guard line.utf8.count <= maxByteCount else {
            throw CredentialProblem(
                "it has \(line.utf8.count) bytes; the limit is \(maxByteCount)",
                "Shorten its filter or its list of collections."
            )
        }
        if first.first == UInt8(ascii: "{") { return try object(line) }
        return try plain(words.map { String(Substring($0)) }, number)
    }

    // MARK: Plain tokens

    private static func plain(_ words: [String], _ number: Int) throws(CredentialProblem)
        -> Credential
    {
        let role = words.count == 2 ? Role(name: words[0]) : .admin
        guard let role, words.count <= 2, let token = words.last else {
            throw CredentialProblem(
                "it is not 'TOKEN', 'ROLE TOKEN' or a JSON object",
                "Write one token per line, with read, write or admin in front, or make a line with: "
                    + "lodestone token create"
            )
        }
        guard token.utf8.count >= Token.minByteCount else {
            throw CredentialProblem(
                "its token has \(token.utf8.count) bytes; the least is \(Token.minByteCount)",
                "Make one with: lodestone token create"
            )
        }
        return Credential(
            name: "line \(number)",
            proof: .token(digest: Token.digest(of: token)),
            rights: Credential.Rights(role: role)
        )
    }

    // MARK: Objects

    private enum Key: String, CaseIterable {
        case name, sha256, subject, role, collections, filter
        case requestsPerSecond, documentsPerSecond, expires
    }

    private static func object(_ line: Substring) throws(CredentialProblem) -> Credential {
        let values = try members(of: line)
        guard let name = try text(.name, values), isName(name) else {
            throw CredentialProblem(
                "it has no name of 1 to \(maxNameByteCount) letters, digits, dots, hyphens and "
                    + "underscores",
                "Add one, as in \"name\": \"reader\"."
            )
        }
        guard let word = try text(.role, values), let role = Role(name: word) else {
            throw CredentialProblem(
                "its role is not read, write or admin",
                "Add the least role that is needed, as in \"role\": \"read\"."
            )
        }
        var rights = Credential.Rights(role: role)
        if let patterns = try texts(.collections, values) {
            rights.collections = try CollectionScope(patterns)
        }
        rights.filterText = try text(.filter, values)
        if let text = rights.filterText { rights.filter = try filter(text, role) }
        rights.requestsPerSecond = try rate(.requestsPerSecond, values)
        rights.documentsPerSecond = try rate(.documentsPerSecond, values)
        return Credential(
            name: name,
            proof: try proof(values),
            rights: rights,
            expires: try time(.expires, values)
        )
    }

    private static func members(of line: Substring) throws(CredentialProblem) -> [Key: JSONValue] {
        let parsed = Array(line.utf8).withUnsafeBytes { bytes in
            Result { () throws(JSONError) in try JSONParser.object(in: bytes) }
        }
        let members: [JSONMember]
        do throws(JSONError) {
            members = try parsed.get()
        } catch {
            throw CredentialProblem(
                "it is no JSON object: there is an error at byte \(error.column)",
                "Write one JSON object per line."
            )
        }
        var values: [Key: JSONValue] = [:]
        for member in members {
            guard let key = Key.allCases.first(where: { $0.rawValue.hasSameBytes(as: member.name) })
            else {
                let names = Key.allCases.map(\.rawValue).joined(separator: ", ")
                throw CredentialProblem("it has an unknown member", "The members are \(names).")
            }
            guard values.updateValue(member.value, forKey: key) == nil else {
                throw CredentialProblem("it has \(key.rawValue) twice", "Write each member once.")
            }
        }
        return values
    }

    private static func isName(_ name: String) -> Bool {
        (1...maxNameByteCount).contains(name.utf8.count)
            && name.utf8.allSatisfy(CollectionScope.isInName)
    }

    private static func proof(_ values: [Key: JSONValue]) throws(CredentialProblem)
        -> Credential.Proof
    {
        switch (try text(.sha256, values), try text(.subject, values)) {
        case (let digits?, nil):
            let digest = Hexadecimal.bytes(
                digits,
                count: SHA256.byteCount,
                allowsUpperCase: true
            )
            guard let digest else {
                throw CredentialProblem(
                    "its sha256 is not \(2 * SHA256.byteCount) hexadecimal digits",
                    "Write the digest of the token, not the token: printf %s TOKEN | sha256sum"
                )
            }
            return .token(digest: digest)
        case (nil, let subject?):
            guard (1...1_024).contains(subject.utf8.count), !subject.utf8.contains(0) else {
                throw CredentialProblem(
                    "its subject has \(subject.utf8.count) bytes; 1 to 1024 without NUL are good",
                    "Write it as in \"subject\": \"CN=app,O=Example\"."
                )
            }
            return .certificate(subject: ByteString(subject))
        default:
            throw CredentialProblem(
                "it needs either sha256 or subject",
                "Write the digest of a token, or the subject of a client certificate."
            )
        }
    }

    private static func filter(_ text: String, _ role: Role) throws(CredentialProblem) -> Filter {
        guard role != .admin else {
            throw CredentialProblem(
                "a filter does not go with the role admin, whose calls concern all documents",
                "Use the role read or write, or leave the filter out."
            )
        }
        do throws(LodestoneError) {
            return try Filter(text: text)
        } catch {
            throw CredentialProblem("its filter can't be read: \(error.message)", error.recovery)
        }
    }

    // MARK: Values

    private static func wrong(_ key: Key, _ kind: String) -> CredentialProblem {
        CredentialProblem(
            "its \(key.rawValue) is not \(kind)",
            "Correct it, or leave \(key.rawValue) out."
        )
    }

    private static func text(_ key: Key, _ values: [Key: JSONValue]) throws(CredentialProblem)
        -> String?
    {
        switch values[key] {
        case nil: return nil
        case .string(let text): return text
        default: throw wrong(key, "a string")
        }
    }

    private static func texts(_ key: Key, _ values: [Key: JSONValue]) throws(CredentialProblem)
        -> [String]?
    {
        guard let value = values[key] else { return nil }
        guard case .array(let elements) = value else { throw wrong(key, "an array of strings") }
        var texts: [String] = []
        for element in elements {
            guard case .string(let text) = element else { throw wrong(key, "an array of strings") }
            texts.append(text)
        }
        return texts
    }

    private static func rate(_ key: Key, _ values: [Key: JSONValue]) throws(CredentialProblem)
        -> Double?
    {
        guard let value = values[key] else { return nil }
        let number: Double? =
            switch value {
            case .int(let number): Double(number)
            case .double(let number), .betweenFloats(let number, _): number
            default: nil
            }
        guard let number, rates.contains(number) else {
            throw wrong(key, "a number from \(rates.lowerBound) to \(Int(rates.upperBound))")
        }
        return number
    }

    private static func time(_ key: Key, _ values: [Key: JSONValue]) throws(CredentialProblem)
        -> Int64?
    {
        guard let text = try text(key, values) else { return nil }
        guard let time = try? TimestampText.parse(text) else {
            throw wrong(key, "a time such as 2027-01-01T00:00:00Z")
        }
        return time
    }
}

extension Credential {
    /// The credential as a line of a token file.
    package var line: String {
        var members: [(String, JSON)] = [("name", .string(name))]
        switch proof {
        case .token(let digest): members.append(("sha256", .string(Hexadecimal.text(digest))))
        case .certificate(let subject): members.append(("subject", .string(subject.string)))
        }
        members += rights.members
        if let expires {
            members.append(("expires", .string(TimestampText.format(microseconds: expires))))
        }
        return JSON.object(members).text
    }
}

extension Credential.Rights {
    /// The rights as members of a JSON object.
    package var members: [(String, JSON)] {
        var members: [(String, JSON)] = [("role", .string(role.name))]
        if let patterns = collections.patterns {
            members.append(("collections", .array(patterns.map { .string($0) })))
        }
        if let filterText { members.append(("filter", .string(filterText))) }
        for (name, rate) in [
            ("requestsPerSecond", requestsPerSecond), ("documentsPerSecond", documentsPerSecond),
        ] {
            guard let rate else { continue }
            members.append((name, Int(exactly: rate).map { .int($0) } ?? .double(rate)))
        }
        return members
    }
}
