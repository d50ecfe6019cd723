// SPDX-License-Identifier: Apache-2.0

/// The code of faults, which only tests cause, lies in few places; elsewhere a line calls it.
///
/// A condition on `DEBUG` is in a folder `Faults` of a module. A planted bug, a `Mutation`, is
/// there or in a file `Planted.swift`.
struct FaultRule {
    func findings(in tree: Tree) -> [Finding] {
        tree.swift.filter { !isOfFaults($0) }.flatMap { file in
            file.tokens.compactMap { token -> Finding? in
                guard let advice = advice(token.text, file) else { return nil }
                return Finding(file.path, token.line, "faults", advice)
            }
        }
    }

    private func isOfFaults(_ file: TreeFile) -> Bool {
        let folder = file.path.split(separator: "/").dropLast().last
        return file.path.hasPrefix("Sources/") && folder == "Faults"
    }

    private func advice(_ name: String, _ file: TreeFile) -> String? {
        switch name {
        case "DEBUG": "move what only a debug build has into a folder Faults of Sources"
        case "Mutation" where file.path.hasPrefix("Sources/") && file.name != "Planted.swift":
            "move the planted bug into Planted.swift of its module, behind one line"
        default: nil
        }
    }
}
