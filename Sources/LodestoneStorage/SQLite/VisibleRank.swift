// SPDX-License-Identifier: Apache-2.0
import CSQLite
import LodestoneStructures
import LodestoneSystem

/// FTS5's BM25 of a table without the rows that a call can't see.
///
/// FTS5's own `rank` counts all rows: their number, their words, and those that have a phrase. The
/// auxiliary function `visible_rank` does the same arithmetic in the same order, so that its scores
/// equal those of a table with the visible rows alone, to the bit.
///
/// Threading: one statement at a time has it.
final class VisibleRank {
    /// The name of the function's first argument to SQLite, which compares it.
    private static let type: StaticString = "lodestone-visible-rank"
    /// The constants of FTS5's `bm25`.
    private static let k1 = 1.2
    private static let b = 0.75

    private let visible: VisibleRows
    private let totals: WordTotals
    /// The weight of each phrase of the query; `nil` before the first row.
    private var weights: [Double]?

    init(_ visible: VisibleRows, _ totals: WordTotals) {
        self.visible = visible
        self.totals = totals
    }

    /// Binds the rank as an argument of `visible_rank`.
    func bind(to statement: SQLiteStatement, at index: Int32) {
        statement.bind(self, type: Self.type, at: index)
    }

    /// Adds `visible_rank` to a connection.
    static func register(on connection: SQLiteConnection) throws(SQLiteConnection.Failure) {
        let statement = try connection.statement("SELECT fts5(?1)")
        defer { statement.reset() }
        var api: UnsafeMutablePointer<fts5_api>?
        try withUnsafeMutablePointer(to: &api) { (pointer) throws(SQLiteConnection.Failure) in
            statement.bind(api: pointer, at: 1)
            _ = try statement.step()
        }
        guard let api, let create = api.pointee.xCreateFunction else {
            throw SQLiteConnection.Failure(code: SQLITE_ERROR, message: "FTS5 has no interface")
        }
        try connection.check(create(api, "visible_rank", nil, Self.function, nil))
    }

    private static var function: fts5_extension_function {
        { api, context, result, count, values in
            // The argument is a pointer to a rank, which its statement retains.
            guard let api = api?.pointee, let context, count == 1,
                let bound = sqlite3_value_pointer(
                    values?[0],
                    VisibleRank.pointer(to: VisibleRank.type)
                )
            else { return sqlite3_result_error_code(result, SQLITE_MISUSE) }
            let rank = Unmanaged<VisibleRank>.fromOpaque(bound).takeUnretainedValue()
            var score = 0.0
            let code = rank.score(&score, api, context)
            if code == SQLITE_OK {
                sqlite3_result_double(result, -1 * score)
            } else {
                sqlite3_result_error_code(result, code)
            }
        }
    }

    /// A type's name, which is constant and ends with a zero.
    fileprivate static func pointer(to type: StaticString) -> UnsafePointer<CChar> {
        UnsafeRawPointer(type.utf8Start).assumingMemoryBound(to: CChar.self)
    }

    /// Computes the score of the current row; 0 for one that is not visible.
    private func score(_ score: inout Double, _ api: Fts5ExtensionApi, _ context: OpaquePointer)
        -> Int32
    {
        guard visible.contains(api.xRowid(context)) else { return SQLITE_OK }
        let (weights, code) = phraseWeights(api, context)
        guard code == SQLITE_OK else { return code }
        var frequencies = [Double](repeating: 0, count: weights.count)
        var (count, words) = (Int32(0), Int32(0))
        var result = api.xInstCount(context, &count)
        for instance in 0..<count where result == SQLITE_OK {
            var (phrase, column, offset) = (Int32(0), Int32(0), Int32(0))
            result = api.xInst(context, instance, &phrase, &column, &offset)
            if result == SQLITE_OK { frequencies[Int(phrase)] += 1 }
        }
        if result == SQLITE_OK { result = api.xColumnSize(context, -1, &words) }
        let (k1, b) = (Self.k1, Self.b)
        let average = Double(totals.words) / Double(totals.documents)
        for (weight, frequency) in zip(weights, frequencies) {
            let norm = k1 * (1 - b + b * Double(words) / average)
            score += weight * ((frequency * (k1 + 1.0)) / (frequency + norm))
        }
        return result
    }

    private func phraseWeights(_ api: Fts5ExtensionApi, _ context: OpaquePointer)
        -> ([Double], Int32)
    {
        if let weights { return (weights, SQLITE_OK) }
        var weights: [Double] = []
        for phrase in 0..<api.xPhraseCount(context) {
            let count = PhraseCount(visible)
            let pointer = Unmanaged.passUnretained(count).toOpaque()
            let code = api.xQueryPhrase(context, phrase, pointer) { api, context, pointer in
                guard let api = api?.pointee, let context, let pointer else {
                    return SQLITE_MISUSE
                }
                let count = Unmanaged<PhraseCount>.fromOpaque(pointer).takeUnretainedValue()
                if count.visible.contains(api.xRowid(context)) { count.documents += 1 }
                return SQLITE_OK
            }
            guard code == SQLITE_OK else { return ([], code) }
            let (all, found) = (Double(totals.documents), Double(count.documents))
            let weight = log((all - found + 0.5) / (found + 0.5))
            weights.append(weight <= 0 ? 1e-6 : weight)
        }
        self.weights = weights
        return (weights, SQLITE_OK)
    }
}

/// The number of visible documents that have a phrase.
private final class PhraseCount {
    let visible: VisibleRows
    var documents = 0

    init(_ visible: VisibleRows) {
        self.visible = visible
    }
}

extension VisibleRows {
    /// Whether a row of a table is visible.
    func contains(_ row: Int64) -> Bool {
        UInt32(exactly: row).map { rows.contains(RowID(rawValue: $0)) } ?? false
    }
}

extension SQLiteStatement {
    /// Binds an object, which is retained until the bindings are cleared.
    fileprivate func bind(_ object: VisibleRank, type: StaticString, at index: Int32) {
        bind(
            pointer: Unmanaged.passRetained(object).toOpaque(),
            type: VisibleRank.pointer(to: type),
            at: index
        ) { pointer in
            if let pointer { Unmanaged<VisibleRank>.fromOpaque(pointer).release() }
        }
    }

    /// Binds the place to which FTS5 writes its interface.
    fileprivate func bind(
        api: UnsafeMutablePointer<UnsafeMutablePointer<fts5_api>?>,
        at index: Int32
    ) {
        bind(pointer: api, type: VisibleRank.pointer(to: "fts5_api_ptr"), at: index, destroy: nil)
    }
}
