// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneWire

/// The short form of a read, for people: its sources, filters and options.
///
/// Without constants it is the shape of the read, which reads share that differ in constants only.
struct QueryText {
    /// The most bytes of a text.
    static let maxBytes = 1_024
    /// The most bytes of one constant.
    private static let maxConstantBytes = 128

    private let hidesConstants: Bool
    private(set) var text = ""
    private var isFull = false

    private init(hidesConstants: Bool) {
        self.hidesConstants = hidesConstants
    }

    /// The text of a read with its constants.
    static func text(of call: Call) -> String { text(of: call, hidesConstants: false) }

    /// The text of a read with `?` for each constant.
    static func shape(of call: Call) -> String { text(of: call, hidesConstants: true) }

    private static func text(of call: Call, hidesConstants: Bool) -> String {
        var text = QueryText(hidesConstants: hidesConstants)
        text.add(call)
        return text.text
    }

    private mutating func add(_ part: String) {
        guard !isFull else { return }
        guard text.utf8.count + part.utf8.count <= Self.maxBytes else {
            isFull = true
            text += "…"
            return
        }
        text += part
    }

    private mutating func add(_ call: Call) {
        switch call {
        case .search(let request):
            // Queries that have one shape count as one, whatever their number.
            let queries = request.queries
            if queries.count > 1 { add("\(constant("\(queries.count)")) queries: ") }
            if let first = queries.first { add(first) }
        case .walk(let request):
            if request.walks.count > 1 { add("\(constant("\(request.walks.count)")) walks: ") }
            if let first = request.walks.first { add(first) }
        case .get(let request):
            add("\(constant("\(request.ids.count)")) ids")
        case .scan(let request):
            add("scan")
            if let order = request.order { add(" by \(Self.name(order.path))") }
            addFilter(request.filter)
        case .count(let request):
            add("count")
            addFilter(request.filter)
        case .listEdges(let request):
            add("edges of \(constant(Self.quoted(request.id.string)))")
        default: break
        }
    }

    // MARK: Searches

    private mutating func add(_ query: Query) {
        for (index, source) in query.sources.enumerated() {
            if index > 0 { add(" + ") }
            switch source.kind {
            case .vector(let near):
                add("near(\(constant("\(near.vector.count)"))\(near.exact ? ", exact" : ""))")
            case .text(let match):
                let mode = match.mode == .querySyntax ? "query" : "words"
                add("\(mode)(\(constant(Self.quoted(match.query))))")
                if match.fuzzy != nil { add("~") }
            case .walk(let walk): add(walk)
            case .walkFromHits(let walk):
                add("from hits: ")
                add(walk)
            }
        }
        addFilter(query.filter)
        if !query.facets.isEmpty { add(" facets \(constant("\(query.facets.count)"))") }
        add(" limit \(constant("\(query.limit)"))")
    }

    private mutating func add(_ walk: Walk) {
        add("walk(\(constant("\(walk.from.count)")), depth \(constant("\(walk.depth)"))")
        for label in walk.labels.prefix(8) { add(" \(Self.quoted(label))") }
        add(")")
    }

    // MARK: Filters

    private mutating func addFilter(_ filter: Filter?) {
        guard let filter else { return }
        add(" where ")
        add(filter)
    }

    private mutating func add(_ filter: Filter) {
        switch filter {
        case .equal(let path, let value): add("\(Self.name(path)) = \(constant(value))")
        case .oneOf(let path, let values):
            add("\(Self.name(path)) in (")
            // The number of values is a constant, too.
            if hidesConstants { add("?") } else { addList(values) }
            add(")")
        case .range(let path, let lower, let upper):
            if let lower { add("\(constant(lower.value)) \(lower.isExclusive ? "<" : "<=") ") }
            add(Self.name(path))
            if let upper { add(" \(upper.isExclusive ? "<" : "<=") \(constant(upper.value))") }
        case .exists(let path, let isThere):
            add("\(Self.name(path)) \(isThere ? "exists" : "is missing")")
        case .contains(let path, let value):
            add("\(Self.name(path)) contains \(constant(value))")
        case .ids(let ids): add("\(constant("\(ids.count)")) ids")
        case .and(let filters): addAll(filters, " and ")
        case .or(let filters): addAll(filters, " or ")
        case .not(let filter):
            add("not ")
            add(filter)
        case .invalid: add("invalid")
        }
    }

    private mutating func addAll(_ filters: [Filter], _ word: String) {
        add("(")
        for (index, filter) in filters.enumerated() {
            if isFull { return }
            if index > 0 { add(word) }
            add(filter)
        }
        add(")")
    }

    private mutating func addList(_ values: [Value]) {
        for (index, value) in values.enumerated() {
            if isFull { return }
            if index > 0 { add(", ") }
            add(constant(value))
        }
    }

    // MARK: Constants

    private func constant(_ text: String) -> String { hidesConstants ? "?" : text }

    private func constant(_ value: Value) -> String {
        if hidesConstants { return "?" }
        return switch value {
        case .bool(let flag): "\(flag)"
        case .int(let number): "\(number)"
        case .double(let number): "\(number)"
        case .string(let text): Self.quoted(text)
        case .timestamp(let microseconds): "@\(microseconds)"
        case .list(let values): "[\(values.count) values]"
        case .object(let metadata): "{\(metadata.count) fields}"
        }
    }

    private static func name(_ path: [String]) -> String {
        shortened(path.joined(separator: "."))
    }

    private static func quoted(_ text: String) -> String { "\"\(shortened(text))\"" }

    /// A text in one line that may be shown on a terminal.
    private static func shortened(_ text: String) -> String {
        var short = ""
        for scalar in text.unicodeScalars {
            let category = scalar.properties.generalCategory
            let isHidden =
                category == .control || category == .format || category == .lineSeparator
                || category == .paragraphSeparator
            short.unicodeScalars.append(isHidden ? " " : scalar)
            if short.utf8.count >= maxConstantBytes { return short + "…" }
        }
        return short
    }
}
