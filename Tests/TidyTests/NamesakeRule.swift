// SPDX-License-Identifier: Apache-2.0

/// Tests mirror the sources.
///
/// A library has a folder of tests with its name. A folder inside of a library has a test there,
/// named after the folder or after one of its files: `Sources/LodestoneText/Analysis` has
/// `AnalysisTests.swift`.
struct NamesakeRule {
    /// The folders whose tests have another place or subject, with the test.
    static let elsewhere = [
        // Values without work of their own, which every message test compares.
        "Sources/LodestoneCore/Collections": "Tests/LodestoneWireTests/RoundTripTests.swift",
        "Sources/LodestoneCore/Errors": "Tests/LodestoneWireTests/RoundTripTests.swift",
        "Sources/LodestoneCore/Queries": "Tests/LodestoneWireTests/RoundTripTests.swift",
        "Sources/LodestoneCore/Writes": "Tests/LodestoneWireTests/RoundTripTests.swift",
        "Sources/LodestoneText/Postings": "Tests/LodestoneTextTests/TextIndexTests.swift",
        "Sources/LodestoneText/Terms": "Tests/LodestoneTextTests/VocabularyTests.swift",
        "Sources/LodestoneStructures/Faults": "Tests/Faults/Faults.swift",
        "Sources/LodestoneEngine/Catalog": "Tests/LodestoneEngineTests/ManyCollectionsTests.swift",
        "Sources/LodestoneEngine/Maintenance": "Tests/LodestoneEngineTests/SnapshotTests.swift",
        "Sources/LodestoneEngine/Scan": "Tests/LodestoneEngineTests/ScanPageTests.swift",
        "Sources/LodestoneEngine/Write": "Tests/LodestoneEngineTests/InvalidRequestTests.swift",
        "Sources/LodestoneStorage/Snapshots":
            "Tests/LodestoneStorageTests/HostileArchiveTests.swift",
        "Sources/LodestoneStorage/Verify": "Tests/LodestoneEngineTests/VerifyTests.swift",
    ]

    /// The libraries without code, with their content.
    static let withoutCode = ["Sources/LodestoneSystem": "one import of the C library"]

    func findings(in tree: Tree) -> [Finding] {
        let libraries = tree.folders.filter {
            $0.hasPrefix("Sources/Lodestone") && $0.split(separator: "/").count == 2
                && Self.withoutCode[$0] == nil
        }
        return libraries.sorted().flatMap { library -> [Finding] in
            let tests = "Tests/" + library.dropFirst("Sources/".count) + "Tests"
            guard tree.folders.contains(tests) else {
                let advice = "add \(tests), or the library is tested by chance"
                return [Finding(library, 1, "namesakes", advice)]
            }
            return folders(of: library, in: tree)
                .filter { !tree.paths.contains(Self.elsewhere[$0] ?? "") }
                .filter { !hasNamesake($0, in: tests, tree) }
                .map { folder in
                    let name = folder.split(separator: "/").last ?? ""
                    let advice = "add \(tests)/\(name)Tests.swift, or the test of one of its files"
                    return Finding(folder, 1, "namesakes", advice)
                }
        }
    }

    private func folders(of library: String, in tree: Tree) -> [String] {
        // A folder inside of a folder belongs to the idea of the outer one.
        tree.folders.filter { folder in
            folder.hasPrefix(library + "/") && folder.split(separator: "/").count == 3
                && tree.swift.contains { $0.path.hasPrefix(folder + "/") }
        }.sorted()
    }

    private func hasNamesake(_ folder: String, in tests: String, _ tree: Tree) -> Bool {
        let files = tree.swift.filter { $0.path.hasPrefix(folder + "/") }
        let names =
            files.map { String($0.name.dropLast(".swift".count)) }
            + folder.split(separator: "/").suffix(1).map(String.init)
        let testFiles = Set(tree.swift.filter { $0.path.hasPrefix(tests + "/") }.map(\.name))
        return names.contains { testFiles.contains($0 + "Tests.swift") }
            || tree.folders.contains(tests + "/" + (folder.split(separator: "/").last ?? ""))
    }
}
