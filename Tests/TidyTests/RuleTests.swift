// SPDX-License-Identifier: Apache-2.0
import Testing

/// Shows that each rule finds a breach, and leaves alone what keeps it.
@Suite("Rules of the tree")
struct RuleTests {
    private static let license = "// SPDX-License-Identifier: Apache-2.0\n"

    /// The locations of findings, as path and line.
    private func locations(_ findings: [Finding]) -> [String] {
        findings.map { "\($0.path):\($0.line)" }.sorted()
    }

    @Test("A finding says the file, the line, the rule and the next step")
    func finding() {
        let finding = Finding("Sources/A.swift", 7, "length", "break the line at 100 columns")
        #expect(
            finding.description == "Sources/A.swift:7: length: break the line at 100 columns"
        )
    }

    @Test("The header rule finds sources without the license in their first line")
    func header() {
        let tree = Tree([
            "Sources/Good.swift": Self.license, "Sources/Bad.swift": "import Foundation\n",
            "good.sh": "#!/bin/sh\n# SPDX-License-Identifier: Apache-2.0\n",
            "bad.sh": "#!/bin/sh\n",
            "Late.swift": "\n" + Self.license, "README.md": "# Title\n",
        ])
        #expect(
            locations(HeaderRule().findings(in: tree))
                == ["Late.swift:1", "Sources/Bad.swift:1", "bad.sh:1"]
        )
    }

    private static let manifest = """
        let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
        let package = Package(
            targets: [
                .target(name: "CLow"),
                .target(
                    name: "LodestoneHigh",
                    dependencies: [
                        "CLow", "LodestoneIdle", logging,
                        .product(name: "Metrics", package: "swift-metrics"),
                    ],
                    swiftSettings: strict
                ),
                .target(name: "LodestoneIdle", dependencies: ["CLow"], swiftSettings: strict),
            ]
        )

        """

    @Test("The arrow rule finds imports that Package.swift does not allow, and idle dependencies")
    func arrows() {
        let tree = Tree([
            "Package.swift": Self.manifest,
            "Sources/LodestoneHigh/A.swift": """
            package import CLow
            import Foundation
            internal import Logging
            @testable import struct Metrics.Counter
            """,
            "Sources/LodestoneIdle/B.swift": "import CLow\nimport LodestoneHigh\n",
        ])
        #expect(
            locations(ArrowRule().findings(in: tree))
                == ["Package.swift:5", "Sources/LodestoneIdle/B.swift:2"]
        )
    }

    @Test("The arrow rule finds rows of the table of modules that differ from Package.swift")
    func table() {
        let tree = Tree([
            "Package.swift": Self.manifest,
            "ARCHITECTURE.md": """
            | place | why it exists | depends on |
            | --- | --- | --- |
            | `Sources/CLow` | system calls | – |
            | `Sources/LodestoneHigh` | all else | CLow |
            """,
            "Sources/LodestoneHigh/A.swift":
                "import CLow\nimport LodestoneIdle\nimport Logging\nimport Metrics\n",
            "Sources/LodestoneIdle/B.swift": "import CLow\n",
        ])
        #expect(
            ArrowRule().findings(in: tree).map(\.description) == [
                "ARCHITECTURE.md:4: arrows: LodestoneHigh depends on: CLow, Idle",
                "ARCHITECTURE.md:1: arrows: add a row for `Sources/LodestoneIdle` to the tree in "
                    + "reading order",
            ]
        )
    }

    @Test("The length rule finds long files and long lines, but no long rows of tables")
    func length() {
        let tree = Tree([
            "Long.swift": String(repeating: "\n", count: 501),
            "Whole.swift": String(repeating: "\n", count: 500),
            "Wide.swift": "\n// " + String(repeating: "x", count: 98) + "\n",
            "Wide.md": String(repeating: "x", count: 121) + "\n| "
                + String(repeating: "x", count: 121) + " |\n",
        ])
        #expect(
            locations(LengthRule().findings(in: tree))
                == ["Long.swift:501", "Wide.md:1", "Wide.swift:2"]
        )
    }

    @Test(
        "The word rule finds banned words and subjects without a noun",
        arguments: [
            "/// Builds it anew.", "/// Stands beside it.", "/// A file that is gone.",
            "/// An ill graph.", "/// Mends a graph.", "/// Results that were asked for.",
            "/// The call takes in\n/// a batch.", "// Rows, most of\n// which are new.",
            "/// It lasts for ever.", "/// Good. Who writes waits.", "/// What a batch has.",
            "/// - Whoever reads", "let message = \"a file is gone\"",
            "@Test(\"What a batch has is kept\")", "@Suite(\n    \"An ill graph\"\n)",
            "let text = \"\"\"\n    one line and\n    a graph to mend\n    \"\"\"",
            "/// The behaviour of a neighbour.",
            "/* It is\n gone */", "let text = \"\\(count) are gone, \\(other(\"a\"))\"",
        ]
    )
    func words(source: String) {
        let tree = Tree(["Tests/SomeTests/Some.swift": source, "Sources/Some.swift": source])
        let findings = WordRule().findings(in: tree).filter {
            $0.path.hasPrefix("Sources") || source.contains("/") || source.hasPrefix("@")
        }
        #expect(!findings.isEmpty)
    }

    @Test(
        "The word rule leaves alone questions, code, data of tests and lines with its mark",
        arguments: [
            "/// What does it cost? Nothing.", "let gone = beside", "let id = \"gone\"",
            "let text = \"a document of a test is gone\"", "/// He says: what is kept.",
            "// tidy: words\n/// Words that are gone.", "/// As much as it takes, in a call.",
            "/// A gonex and an until.",
        ]
    )
    func rightWords(source: String) {
        let tree = Tree(["Tests/SomeTests/Some.swift": source])
        #expect(WordRule().findings(in: tree) == [])
    }

    @Test("The word rule reads documents without their code, and scripts and Python as a whole")
    func wordsOfDocuments() {
        let tree = Tree([
            "a.md":
                "A `gone` is\n`mend`.\n\n```\nThese are gone.\n```\n\n| What is it | ill |\n",
            "b.sh": "echo \"The file is gone.\"\n", "c.py": "\"\"\"What a test has.\"\"\"\n",
            "Makefile": "all: ## Builds it anew.\n",
        ])
        #expect(
            locations(WordRule().findings(in: tree))
                == ["Makefile:1", "a.md:8", "a.md:8", "b.sh:1", "c.py:1"]
        )
    }

    @Test("The rule of dead code finds names that nothing uses, or only tests")
    func deadCode() {
        let tree = Tree([
            "Sources/A.swift": """
            public struct Used {
                let kept: Int
                let unread: Int
                init(kept: Int, unread: Int) {
                    self.kept = kept
                    self.unread = unread
                }
                func forTests() -> Int { kept }
                public func forCallers() -> Int { kept }
                func dead() { print("dead \\(kept)") }
            }
            """,
            "Tests/SomeTests/ATests.swift": """
            @Suite("A") struct Some {
                @Test("of (one)") private func one() { #expect(used.forTests() == 1) }
                @Test func two() { #expect(used.forCallers() == Used(kept: 1, unread: 2)) }
                private func helper() {}
            }
            """,
        ])
        #expect(
            DeadCodeRule().findings(in: tree).map(\.description) == [
                "Sources/A.swift:3: dead code: nothing uses \"unread\": drop it",
                "Sources/A.swift:8: dead code: only tests use \"forTests\": move it to the "
                    + "tests, or drop it",
                "Sources/A.swift:10: dead code: nothing uses \"dead\": drop it",
                "Tests/SomeTests/ATests.swift:4: dead code: nothing uses \"helper\": drop it",
            ]
        )
    }

    @Test("The link rule finds links and quoted files without a target")
    func links() {
        let tree = Tree([
            "docs/a.md": """
            # The title, with `code` & signs
            [here](#the-title-with-code--signs) [not here](#missing)
            [a file](../Sources/M/A.swift) [no file](../Sources/M/B.swift)
            [a heading](b.md#one) [no heading](b.md#two) [elsewhere](https://example.org/x)
            `M/A.swift`, `A*.swift` and `Sources/M/`, but `M/B.swift` and `B*.swift`
            ```
            [no file](none.md)
            ```
            """,
            "docs/b.md": "## One\n", "Sources/M/A.swift": "",
        ])
        #expect(
            locations(LinkRule().findings(in: tree))
                == ["docs/a.md:2", "docs/a.md:3", "docs/a.md:4", "docs/a.md:5", "docs/a.md:5"]
        )
    }

    @Test("The rule of names finds quoted types that no code has")
    func names() {
        let tree = Tree([
            "Sources/A.swift":
                "/// See `OtherType`, `LostType` and `Swift`.\nstruct OtherType {}\n",
            "a.md": "`OtherType.lost`, `LostType+Read`, and `a LostType` of prose\n",
            "CHANGELOG.md": "`LostType`\n",
        ])
        #expect(locations(NameRule().findings(in: tree)) == ["Sources/A.swift:1", "a.md:1"])
    }

    @Test("The rule of namesakes finds libraries and folders without a test of their name")
    func namesakes() {
        let tree = Tree([
            "Sources/LodestoneA/Tested/One.swift": "", "Sources/LodestoneA/Other/Two.swift": "",
            "Sources/LodestoneA/Lone/Three.swift": "", "Sources/LodestoneB/Four.swift": "",
            "Tests/LodestoneATests/TestedTests.swift": "",
            "Tests/LodestoneATests/TwoTests.swift": "",
        ])
        #expect(
            locations(NamesakeRule().findings(in: tree))
                == ["Sources/LodestoneA/Lone:1", "Sources/LodestoneB:1"]
        )
    }

    @Test("The rule of faults finds conditions on DEBUG and planted bugs among other code")
    func faults() {
        let condition = "#if DEBUG\nlet isDebug = true\n#endif\n"
        let bug = "\nif Mutation.lostWrite.isPlanted { return }\n"
        let tree = Tree([
            "Sources/A/Faults/Failpoint.swift": condition + bug, "Sources/A/Planted.swift": bug,
            "Sources/A/Writer.swift": bug + "// #if DEBUG\n#if os(Linux) && !DEBUG\n#endif\n",
            "Sources/B/Planted.swift": condition,
            "Sources/B/Reader.swift": "struct QueryMutation {}",
            "Tests/Faults/Kill.swift": bug + "let text = \"DEBUG\"\n" + condition,
        ])
        #expect(
            locations(FaultRule().findings(in: tree)) == [
                "Sources/A/Writer.swift:2", "Sources/A/Writer.swift:4", "Sources/B/Planted.swift:1",
                "Tests/Faults/Kill.swift:4",
            ]
        )
    }
}
