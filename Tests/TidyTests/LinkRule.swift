// SPDX-License-Identifier: Apache-2.0

/// The targets of links, and the files and names that documents quote, exist.
struct LinkRule {
    /// The endings of quoted names that are files of the tree.
    private static let endings: Set<String> = [
        "swift", "c", "h", "md", "py", "json", "proto", "sh", "service", "toml", "svg",
    ]

    func findings(in tree: Tree) -> [Finding] {
        let names = Set(tree.paths.map { String($0.split(separator: "/").last ?? "") })
        return tree.markdown.flatMap { file -> [Finding] in
            var findings: [Finding] = []
            forEachLine(of: file) { number, line in
                for target in links(in: line) {
                    guard let advice = check(target, file, tree) else { continue }
                    findings.append(Finding(file.path, number, "links", advice))
                }
                for quoted in Self.quoted(in: line) where isFile(quoted) {
                    guard !exists(quoted, names, tree) else { continue }
                    let advice = "name a file of the tree instead of `\(quoted)`"
                    findings.append(Finding(file.path, number, "links", advice))
                }
            }
            return findings
        }
    }

    /// Calls a closure for each line outside of blocks of code.
    private func forEachLine(of file: TreeFile, _ body: (Int, String) -> Void) {
        var isFenced = false
        for (index, line) in file.lines.enumerated() {
            if line.hasPrefix("```") { isFenced.toggle() }
            if !isFenced, !line.hasPrefix("    ") || !line.contains("$") { body(index + 1, line) }
        }
    }

    // MARK: - Links

    private func links(in line: String) -> [String] {
        var targets: [String] = []
        var rest = line[...]
        while let range = rest.firstRange(of: "](") {
            rest = rest[range.upperBound...]
            guard let end = rest.firstIndex(of: ")") else { break }
            targets.append(String(rest[..<end]))
            rest = rest[end...]
        }
        return targets
    }

    /// The advice for a link whose target does not exist.
    private func check(_ target: String, _ file: TreeFile, _ tree: Tree) -> String? {
        guard !target.contains("://"), !target.hasPrefix("mailto:") else { return nil }
        let parts = target.split(
            separator: "#",
            maxSplits: 1,
            omittingEmptySubsequences: false
        ).map(String.init)
        var path = file.path
        if !parts[0].isEmpty {
            var folders = file.path.split(separator: "/").dropLast().map(String.init)
            for part in parts[0].split(separator: "/") where part != "." {
                if part == ".." { _ = folders.popLast() } else { folders.append(String(part)) }
            }
            path = folders.joined(separator: "/")
            guard tree.paths.contains(path) || tree.folders.contains(path) else {
                return "correct the link: there is no \(path)"
            }
        }
        guard parts.count == 2, let aim = tree.file(path), aim.language == .markdown else {
            return nil
        }
        return anchors(of: aim).contains(parts[1])
            ? nil : "correct the link: \(path) has no heading #\(parts[1])"
    }

    /// The anchors that GitHub gives to the headings of a document.
    private func anchors(of file: TreeFile) -> Set<String> {
        var anchors: Set<String> = []
        forEachLine(of: file) { _, line in
            guard line.hasPrefix("#") else { return }
            let title = line.drop { $0 == "#" }.trimmed { $0 == " " }.lowercased()
            let anchor = String(
                title.compactMap { character -> Character? in
                    if character == " " { return "-" }
                    let isKept =
                        character.isLetter || character.isNumber || "-_".contains(character)
                    return isKept ? character : nil
                }
            )
            var unique = anchor
            var count = 0
            while !anchors.insert(unique).inserted {
                count += 1
                unique = "\(anchor)-\(count)"
            }
        }
        return anchors
    }

    // MARK: - Quoted files

    static func quoted(in line: String) -> [String] {
        line.split(separator: "`", omittingEmptySubsequences: false).enumerated()
            .filter { $0.offset % 2 == 1 }.map { String($0.element) }
    }

    /// Whether a quoted text looks like a file or a folder of the tree.
    private func isFile(_ text: String) -> Bool {
        let isPath = text.utf8.allSatisfy {
            Token.isPartOfName($0) && $0 < 0x80 || "./+-*".utf8.contains($0)
        }
        guard isPath, !text.hasPrefix("/"), !text.hasPrefix(".build"), text.contains(".") else {
            return isPath
                && ["Sources/", "Tests/", "docs/", "clients/"].contains { text.hasPrefix($0) }
        }
        let ending = String(text.split(separator: ".").last ?? "")
        return Self.endings.contains(ending) && !text.hasPrefix(".")
    }

    /// Whether a file or folder of the tree has the path, or a path that ends with it.
    private func exists(_ text: String, _ names: Set<String>, _ tree: Tree) -> Bool {
        let path = text.hasSuffix("/") ? String(text.dropLast()) : text
        if tree.paths.contains(path) || tree.folders.contains(path) { return true }
        guard path.contains("*") || path.contains("/") else { return names.contains(path) }
        let parts = path.split(separator: "*", omittingEmptySubsequences: false).map(String.init)
        return tree.paths.contains { isMatch("/" + $0, "/" + parts[0], parts.dropFirst()) }
            || tree.folders.contains { ("/" + $0).hasSuffix("/" + path) }
    }

    /// Whether a path ends with a text, whose stars stand for parts of a name.
    private func isMatch(_ path: String, _ first: String, _ others: ArraySlice<String>) -> Bool {
        guard let last = others.last else { return path.hasSuffix(first) }
        guard let range = path.firstRange(of: first), path.hasSuffix(last) else { return false }
        return path.distance(from: range.upperBound, to: path.endIndex) >= last.count
    }
}
