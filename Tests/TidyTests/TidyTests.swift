// SPDX-License-Identifier: Apache-2.0
import Testing

/// The rules of `CONTRIBUTING.md` that a program can hold.
///
/// `RuleTests` shows that each finds a breach.
@Suite("The tree")
struct TidyTests {
    private func expectNone(_ findings: [Finding]) {
        for finding in findings {
            let location = SourceLocation(
                fileID: "TidyTests/" + finding.path,
                filePath: finding.path,
                line: finding.line,
                column: 1
            )
            Issue.record("\(finding)", sourceLocation: location)
        }
    }

    @Test("A source begins with the license")
    func header() { expectNone(HeaderRule().findings(in: .repository)) }

    @Test("A module imports only the dependencies of its target, and the table of modules is true")
    func arrows() { expectNone(ArrowRule().findings(in: .repository)) }

    @Test("A file has at most 500 lines, and a line fits a screen")
    func length() { expectNone(LengthRule().findings(in: .repository)) }

    @Test("Comments, documents, messages and titles have no banned word")
    func words() { expectNone(WordRule().findings(in: .repository)) }

    @Test("Every declaration is used, by more than tests")
    func deadCode() { expectNone(DeadCodeRule().findings(in: .repository)) }

    @Test("A link of a document has a target, and a quoted file exists")
    func links() { expectNone(LinkRule().findings(in: .repository)) }

    @Test("A type that a comment or a document quotes exists")
    func names() { expectNone(NameRule().findings(in: .repository)) }

    @Test("A folder of a library has a test of its name, or of the name of one of its files")
    func namesakes() { expectNone(NamesakeRule().findings(in: .repository)) }

    @Test("Code that only a debug build has lies in folders of faults, and planted bugs in files")
    func faults() { expectNone(FaultRule().findings(in: .repository)) }
}
