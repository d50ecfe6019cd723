// SPDX-License-Identifier: Apache-2.0
import Foundation

/// The files of the repository, or of a small example in a test.
struct Tree {
    private(set) var files: [TreeFile] = []
    private(set) var paths: Set<String> = []
    private(set) var folders: Set<String> = []

    /// The tree that this test was built from.
    static let repository = Tree(
        root: URL(fileURLWithPath: #filePath)
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    )

    /// Creates a tree from paths and their texts.
    init(_ texts: [String: String]) {
        for (path, text) in texts { add(path, Array(text.utf8)) }
        files.sort { $0.path < $1.path }
    }

    private init(root: URL) {
        collect(root, "")
        files.sort { $0.path < $1.path }
    }

    /// The names of folders that tools write and `.gitignore` lists.
    private static func isIgnored(_ name: String) -> Bool {
        let names = ["__pycache__", "Package.resolved", "build"]
        let suffixes = [".egg-info", ".pyc"]
        return name.hasPrefix(".build") || name == ".git" || name == ".venv"
            || name == ".pytest_cache" || names.contains(name)
            || suffixes.contains { name.hasSuffix($0) }
    }

    private mutating func collect(_ folder: URL, _ prefix: String) {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        for name in names where !Self.isIgnored(name) {
            let url = folder.appendingPathComponent(name)
            let path = prefix + name
            var isFolder: ObjCBool = false
            guard FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder) else {
                continue
            }
            if isFolder.boolValue {
                folders.insert(path)
                collect(url, path + "/")
            } else if let data = try? Data(contentsOf: url) {
                add(path, TreeFile.isText(path) ? Array(data) : [])
            }
        }
    }

    private mutating func add(_ path: String, _ bytes: [UInt8]) {
        files.append(TreeFile(path: path, bytes: bytes))
        paths.insert(path)
        var parts = path.split(separator: "/").dropLast()
        while !parts.isEmpty {
            folders.insert(parts.joined(separator: "/"))
            parts = parts.dropLast()
        }
    }

    func file(_ path: String) -> TreeFile? { files.first { $0.path == path } }

    /// The Swift sources of the libraries, programs and tests.
    var swift: [TreeFile] { files.filter { $0.language == .swift } }

    var markdown: [TreeFile] { files.filter { $0.language == .markdown } }
}

/// A file of the tree, read once.
final class TreeFile: Sendable {
    enum Language: Sendable {
        case swift, c, python, markdown
        /// Comments begin with `#`, and the rest are commands or settings.
        case script
        case other
    }

    let path: String
    let bytes: [UInt8]
    let language: Language
    /// The lines without their line breaks.
    let lines: [String]
    /// The part that each byte of a Swift or C file belongs to.
    let kinds: [SourceScanner.Kind]
    /// The names and signs of a Swift file.
    let tokens: [Token]

    init(path: String, bytes: [UInt8]) {
        self.path = path
        self.bytes = bytes
        language = Self.language(of: path)
        let isSource = language == .swift || language == .c
        kinds = isSource ? SourceScanner.kinds(of: bytes, isC: language == .c) : []
        tokens = language == .swift ? Token.tokens(of: bytes, kinds) : []
        lines = String(decoding: bytes, as: UTF8.self)
            .split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }

    /// The name without its folders.
    var name: String { String(path.split(separator: "/").last ?? "") }

    /// Whether a tool writes the file from `proto/`.
    var isGenerated: Bool {
        path.contains("/_proto/") || path.hasSuffix(".pb-c.c") || path.hasSuffix(".pb-c.h")
    }

    private static func language(of path: String) -> Language {
        let name = String(path.split(separator: "/").last ?? "")
        let ending = name.split(separator: ".").count > 1 ? name.split(separator: ".").last : nil
        switch ending {
        case "swift": return .swift
        case "c", "h", "proto": return .c
        case "py": return .python
        case "md": return .markdown
        case "sh", "toml", "service", "supp": return .script
        default:
            let scripts = ["Makefile", "Containerfile", "run", "install"]
            return scripts.contains(name) ? .script : .other
        }
    }

    fileprivate static func isText(_ path: String) -> Bool { language(of: path) != .other }
}
