// SPDX-License-Identifier: Apache-2.0

/// A location in the tree that breaks a rule.
struct Finding: CustomStringConvertible, Hashable {
    var path: String
    /// The number of the line, from 1.
    var line: Int
    var rule: String
    /// The step that follows the rule again.
    var advice: String

    init(_ path: String, _ line: Int, _ rule: String, _ advice: String) {
        self.path = path
        self.line = line
        self.rule = rule
        self.advice = advice
    }

    var description: String { "\(path):\(line): \(rule): \(advice)" }
}
