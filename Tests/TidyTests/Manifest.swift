// SPDX-License-Identifier: Apache-2.0

/// The targets of a `Package.swift`.
struct Manifest {
    struct Target {
        var name: String
        var line: Int
        var path: String
        var isSwift: Bool
        var dependencies: [String]

        func owns(_ file: String) -> Bool { file.hasPrefix(path + "/") }
    }

    private(set) var targets: [Target] = []

    /// Reads the manifest line by line.
    init(_ file: TreeFile) {
        var products: [String: String] = [:]
        var text = ""
        var start = 0
        for (index, line) in file.lines.enumerated() {
            if line.hasPrefix("let "), line.contains("Dependency.product(name:") {
                let variable = line.split(separator: " ")[1]
                products[String(variable)] = Self.literals(of: line).first
            }
            let trimmed = line.trimmed { $0 == " " }
            if Self.openings.contains(where: trimmed.hasPrefix) {
                text = ""
                start = index + 1
            }
            guard start > 0 else { continue }
            text += trimmed + " "
            let depth = text.reduce(0) { $0 + ($1 == "(" ? 1 : $1 == ")" ? -1 : 0) }
            if depth == 0, let target = Self.target(text, start, products) {
                targets.append(target)
                start = 0
            }
        }
    }

    private static let openings = [
        ".target(", ".executableTarget(", ".testTarget(", ".systemLibrary(",
    ]

    private static func literals(of text: String) -> [String] {
        text.split(separator: "\"", omittingEmptySubsequences: false).enumerated()
            .filter { $0.offset % 2 == 1 }.map { String($0.element) }
    }

    /// The part of a text between an opening and its closing sign.
    private static func part(of text: String, after opening: String) -> String? {
        guard let range = text.firstRange(of: opening) else { return nil }
        return text[range.upperBound...].firstIndex(of: "]").map {
            String(text[range.upperBound..<$0])
        }
    }

    private static func target(
        _ text: String,
        _ line: Int,
        _ products: [String: String]
    ) -> Target? {
        guard let name = literals(of: text).first else { return nil }
        let isTest = text.hasPrefix(".testTarget(")
        var path = (isTest ? "Tests/" : "Sources/") + name
        if let range = text.firstRange(of: " path: ") {
            path = literals(of: String(text[range.upperBound...])).first ?? path
        }
        var dependencies: [String] = []
        for entry in (part(of: text, after: " dependencies: [") ?? "").split(separator: ",") {
            let word = entry.trimmed { $0 == " " }
            if word.hasPrefix("\"") || word.hasPrefix(".product(name:") {
                dependencies += literals(of: word).prefix(1)
            } else if let product = products[word] {
                dependencies.append(product)
            }
        }
        return Target(
            name: name,
            line: line,
            path: path,
            isSwift: text.contains("swiftSettings"),
            dependencies: dependencies
        )
    }

    /// The dependencies of a target that are targets of this package.
    func ownDependencies(of target: Target) -> [String] {
        target.dependencies.filter { name in targets.contains { $0.name == name } }
    }

    /// The name of a module as the table writes it.
    static func short(_ name: String) -> String {
        name.hasPrefix("Lodestone") ? String(name.dropFirst("Lodestone".count)) : name
    }
}
