// SPDX-License-Identifier: Apache-2.0

/// Modules import what `Package.swift` allows, and `ARCHITECTURE.md` shows the same arrows.
struct ArrowRule {
    /// The modules of the system and of the toolchain.
    private static let system: Set<String> = [
        "Darwin", "Dispatch", "Foundation", "Glibc", "Musl", "PackageDescription",
        "Synchronization", "Testing",
    ]

    func findings(in tree: Tree) -> [Finding] {
        guard let file = tree.file("Package.swift") else { return [] }
        let manifest = Manifest(file)
        return manifest.targets.flatMap { imports(of: $0, in: tree) } + table(manifest, in: tree)
    }

    private func imports(of target: Manifest.Target, in tree: Tree) -> [Finding] {
        var findings: [Finding] = []
        var unused = Set(target.dependencies)
        for file in tree.swift where target.owns(file.path) {
            for (module, line) in Self.imports(of: file) {
                unused.remove(module)
                if Self.system.contains(module) || target.dependencies.contains(module) { continue }
                let advice =
                    "add \(module) to the dependencies of \(target.name), or drop the import"
                findings.append(Finding(file.path, line, "arrows", advice))
            }
        }
        guard target.isSwift else { return findings }
        // Programs that tests start are dependencies without an import.
        let programs = ["lodestoned", "lodestone", "readme-example"]
        for module in unused.sorted() where !programs.contains(module) {
            let advice = "no file of \(target.name) imports \(module): drop the dependency"
            findings.append(Finding("Package.swift", target.line, "arrows", advice))
        }
        return findings
    }

    /// The modules that a file imports, with their lines.
    private static func imports(of file: TreeFile) -> [(module: String, line: Int)] {
        let kinds = ["struct", "class", "enum", "protocol", "func", "var", "let", "typealias"]
        let tokens = file.tokens
        return tokens.indices.compactMap { index in
            guard tokens[index].text == "import", index + 1 < tokens.count else { return nil }
            let isKind = kinds.contains(tokens[index + 1].text) && index + 2 < tokens.count
            let next = isKind ? index + 2 : index + 1
            return (tokens[next].text, tokens[next].line)
        }
    }

    // MARK: - The table of ARCHITECTURE.md

    private func table(_ manifest: Manifest, in tree: Tree) -> [Finding] {
        guard let file = tree.file("ARCHITECTURE.md") else { return [] }
        var findings: [Finding] = []
        var seen: Set<String> = []
        for (index, line) in file.lines.enumerated() where line.hasPrefix("| `") {
            let cells = line.split(separator: "|").map { $0.trimmed { $0 == " " } }
            guard cells.count == 3 else { continue }
            let names = cells[0].split(separator: "`").map(String.init)
            for name in names {
                let short = name.split(separator: "/").last.map(String.init) ?? name
                guard
                    let target = manifest.targets.first(where: {
                        $0.name == short || ($0.path == name && !$0.name.hasSuffix("Tests"))
                    })
                else { continue }
                seen.insert(target.name)
                guard cells[2] != "as they need" else { continue }
                let own = manifest.ownDependencies(of: target).map(Manifest.short)
                let stated = Set(cells[2].split(separator: ",").map { $0.trimmed { $0 == " " } })
                    .subtracting(["–"])
                guard stated != Set(own) else { continue }
                let list = own.isEmpty ? "–" : own.joined(separator: ", ")
                let advice = "\(target.name) depends on: \(list)"
                findings.append(Finding(file.path, index + 1, "arrows", advice))
            }
        }
        for target in manifest.targets
        where target.path.hasPrefix("Sources/") && !seen.contains(target.name) {
            let advice = "add a row for `Sources/\(target.name)` to the tree in reading order"
            findings.append(Finding(file.path, 1, "arrows", advice))
        }
        return findings
    }
}
