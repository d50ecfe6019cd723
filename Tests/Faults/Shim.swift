// SPDX-License-Identifier: Apache-2.0
import Foundation

/// The library between a server and its files, see `Shim/shim.c`.
struct Shim: Sendable {
    /// Calls in the order of the shim's counters.
    enum Call: String, CaseIterable, Sendable {
        case open, read, write, sync, truncate, rename, mkdir, unlink, mmap
    }

    /// A call that should fail.
    struct Failure: Sendable, CustomStringConvertible {
        var call: Call
        /// The turn of the call among the calls of its kind, from 1.
        var turn: Int
        /// The name of an `errno`, or `SHORT`.
        var error: String
        /// Whether all calls from then on fail, not only one.
        var isSticky: Bool

        var description: String { "\(call):\(turn):\(error):\(isSticky ? "sticky" : "once")" }

        init(_ call: Call, turn: Int, error: String, isSticky: Bool) {
            self.call = call
            self.turn = turn
            self.error = error
            self.isSticky = isSticky
        }

        /// Reads the text of a `description`.
        init?(_ text: String) {
            let parts = text.split(separator: ":").map(String.init)
            guard parts.count == 4, let call = Call(rawValue: parts[0]), let turn = Int(parts[1])
            else { return nil }
            self.init(call, turn: turn, error: parts[2], isSticky: parts[3] == "sticky")
        }
    }

    /// The counts of the shim so far.
    struct State {
        var counts: [Call: Int] = [:]
        /// The calls that the shim has failed.
        var failures = 0
        /// Opens of the database's files by other code than SQLite.
        var strangers = 0
        /// The path of the first failure.
        var failedPath = ""
    }

    private let library: String
    private let stateFile: String

    /// Creates a shim that writes its counts to a file in `folder`.
    init(folder: String, number: Int = 0) throws {
        library = try Programs.shim("libfaults-shim.so")
        stateFile = "\(folder)/shim-state-\(number)"
    }

    /// The environment of a server on `store`.
    func variables(store: String, failure: Failure? = nil, trace: String? = nil) throws
        -> [String: String]
    {
        try? FileManager.default.removeItem(atPath: stateFile)
        var variables = [
            "LD_PRELOAD": library, "LODESTONE_SHIM_DIRECTORY": store,
            "LODESTONE_SHIM_STATE": stateFile,
        ]
        variables["LODESTONE_SHIM_FAIL"] = failure?.description
        variables["LODESTONE_SHIM_TRACE"] = trace
        return variables
    }

    func state() -> State {
        guard let data = FileManager.default.contents(atPath: stateFile) else { return State() }
        var state = State()
        func number(_ index: Int) -> Int {
            data.withUnsafeBytes { bytes in
                guard bytes.count >= (index + 1) * 8 else { return 0 }
                return Int(bytes.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self))
            }
        }
        for (index, call) in Call.allCases.enumerated() { state.counts[call] = number(index) }
        let count = Call.allCases.count
        state.failures = number(count)
        state.strangers = number(count + 1)
        state.failedPath = String(
            decoding: data.dropFirst((count + 2) * 8).prefix { $0 != 0 },
            as: UTF8.self
        )
        return state
    }
}
