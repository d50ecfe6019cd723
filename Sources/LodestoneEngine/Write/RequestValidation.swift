// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneText

/// Checks of requests, before any other code reads them.
///
/// Each error names the field, the value and the limit. Names are built only for errors. Measured
/// (names always built): the check took 2 of a search's 19 microseconds in the engine apart from
/// its walk.
struct RequestValidation {
    let limits: Limits

    static func collectionName(_ name: String) throws(LodestoneError) {
        let isAllowed = name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"),
                UInt8(ascii: "."):
                true
            default: false
            }
        }
        guard isAllowed, (1...64).contains(name.utf8.count) else {
            throw .invalid(
                .badName,
                "'\(name.prefix(80))' is no name for a collection.",
                recovery: "Use 1 to 64 letters, digits, dots, hyphens and underscores.",
                field: "name"
            )
        }
    }

    func options(_ options: CollectionOptions) throws(LodestoneError) {
        guard options.dimension >= 0 else {
            throw .invalid(
                .limit,
                "dimension is \(options.dimension).",
                recovery: "Send 0 or more.",
                field: "dimension"
            )
        }
        guard options.dimension <= limits.maxDimension else {
            throw .limit("dimension", options.dimension, limits.maxDimension)
        }
        try strategy(options.vectorStrategy, dimension: options.dimension)
        try textOptions(options)
        try metadataIndexes(options.metadataIndexes, "metadata_indexes")
    }

    /// Checks a change of a collection whose vectors have `dimension` elements.
    func change(_ change: CollectionChange, dimension: Int) throws(LodestoneError) {
        if let strategy = change.vectorStrategy {
            try self.strategy(strategy, dimension: dimension)
        } else if change.addedIndexes.isEmpty && change.droppedIndexes.isEmpty {
            throw .invalid(
                .empty,
                "The change has neither a vector_strategy nor indexes.",
                recovery: "Send vector_strategy, add_indexes or drop_indexes.",
                field: "vector_strategy"
            )
        }
        try metadataIndexes(change.addedIndexes, "add_indexes")
        try metadataIndexes(change.droppedIndexes, "drop_indexes")
        if let both = change.addedIndexes.first(where: change.droppedIndexes.contains) {
            throw .invalid(
                .duplicateName,
                "'\(both.path.joined(separator: "."))' is to be added and dropped.",
                recovery: "Name each field once.",
                field: "drop_indexes"
            )
        }
    }

    private func textOptions(_ collection: CollectionOptions) throws(LodestoneError) {
        let options = collection.text
        guard options.fields.count <= TextOptions.maxFields else {
            throw .limit("text.fields", options.fields.count, TextOptions.maxFields)
        }
        var names: Set<ByteString> = []
        for (position, field) in options.fields.enumerated() {
            try text(field.name, bytes: 1...64, "text.fields[\(position)].name")
            guard names.insert(ByteString(field.name)).inserted else {
                throw .invalid(
                    .duplicateField,
                    "The text field '\(field.name)' is declared twice.",
                    recovery: "Declare each field once.",
                    field: "text.fields[\(position)].name"
                )
            }
            try number(
                field.weight,
                in: TextFieldOptions.weights,
                "text.fields[\(position)].weight"
            )
        }
        if let k1 = options.k1 { try number(k1, in: TextOptions.k1Range, "text.k1") }
        try number(options.b, in: TextOptions.bRange, "text.b")
        try number(options.exactWeight, in: TextOptions.exactWeightRange, "text.exact_weight")
        let rankedAsAlways = TextOptions(
            language: options.language,
            keepsStopWords: options.keepsStopWords
        )
        guard collection.textStrategy.hasRankingOptions || options == rankedAsAlways else {
            throw .invalid(
                .textOptions,
                "The collection has the text strategy \(collection.textStrategy), whose ranking has no "
                    + "options: of the "
                    + "text options it knows language and keeps_stop_words alone.",
                recovery: "Leave the others out, or create it with the strategy postings.",
                field: "text"
            )
        }
        guard TextAnalyzer.knows(options.language) else {
            throw LodestoneError(
                .unimplemented,
                reason: .language,
                "The libstemmer of this machine has no stemmer for \(options.language.name).",
                recovery: "Install libstemmer 2.2 or later, or create it with another language.",
                field: "text.language"
            )
        }
    }

    private func number(_ value: Double, in range: ClosedRange<Double>, _ field: String)
        throws(LodestoneError)
    {
        // NaN is outside of every range.
        guard range.contains(value) else {
            throw .invalid(
                .limit,
                "\(field) is \(value); it must be \(range.lowerBound) to \(range.upperBound).",
                recovery: "Send a number in that range.",
                field: field
            )
        }
    }

    private func metadataIndexes(_ indexes: [MetadataIndex], _ field: String)
        throws(LodestoneError)
    {
        guard indexes.count <= MetadataIndex.maxCount else {
            throw .limit(field, indexes.count, MetadataIndex.maxCount)
        }
        for (position, index) in indexes.enumerated() {
            try path(index.path, "\(field)[\(position)].path")
            guard indexes.firstIndex(of: index) == position else {
                throw .invalid(
                    .duplicateName,
                    "\(field) has '\(index.path.joined(separator: "."))' twice.",
                    recovery: "Name each field once.",
                    field: "\(field)[\(position)]"
                )
            }
        }
    }

    /// Checks the names in the path of a metadata field.
    func path(_ path: [String], _ field: @autoclosure () -> String) throws(LodestoneError) {
        try number(path.count, in: 1...limits.maxNesting, field())
        for name in path { try text(name, bytes: 1...256, field()) }
    }

    /// Checks a strategy for a collection whose vectors have `dimension` elements.
    func strategy(_ strategy: VectorIndexStrategy, dimension: Int) throws(LodestoneError) {
        let field = "vector_strategy.\(strategy.name)"
        switch strategy {
        case .flatScan:
            return
        case .lsh(let lsh):
            try number(lsh.tables, in: LSHOptions.tablesRange, "\(field).tables")
            try number(lsh.hyperplanes, in: LSHOptions.hyperplanesRange, "\(field).hyperplanes")
            try number(lsh.probes, in: LSHOptions.probesRange, "\(field).probes")
        case .hnsw(_, let hnsw):
            try number(hnsw.m, in: HNSWOptions.mRange, "\(field).m")
            try number(hnsw.efConstruction, in: HNSWOptions.efRange, "\(field).ef_construction")
            guard hnsw.efConstruction >= hnsw.m else {
                throw .invalid(
                    .limit,
                    "\(field).ef_construction is \(hnsw.efConstruction); it must be at least m, "
                        + "which is \(hnsw.m).",
                    recovery: "Send a larger ef_construction, or a smaller m.",
                    field: "\(field).ef_construction"
                )
            }
            try number(hnsw.efSearch, in: HNSWOptions.efRange, "\(field).ef_search")
        }
        guard dimension > 0 else {
            throw .invalid(
                .noVectors,
                "The strategy \(strategy.name) is for vectors; the collection's dimension is 0.",
                recovery: "Send the strategy flat, or create a collection with a dimension.",
                field: "vector_strategy"
            )
        }
    }

    /// Checks a vector for a collection.
    ///
    /// It must have the collection's number of elements, all finite, and a length of at most
    /// `VectorCheck.longest`. With the metric cosine its length must not be zero.
    func vector(
        _ vector: ArraySlice<Float>,
        of options: CollectionOptions,
        collection: String,
        field: @autoclosure () -> String
    ) throws(LodestoneError) {
        guard options.dimension > 0 else {
            throw .invalid(
                .dimensionMismatch,
                "\(field()) has \(vector.count) dimensions; collection '\(collection)' stores no "
                    + "vectors.",
                recovery: "Leave the vector out, or create a collection with a dimension.",
                field: field()
            )
        }
        guard vector.count == options.dimension else {
            throw .invalid(
                .dimensionMismatch,
                "\(field()) has \(vector.count) dimensions; collection '\(collection)' stores "
                    + "\(options.dimension).",
                recovery: "Embed with the model used for the collection, or create another one.",
                field: field()
            )
        }
        if let index = VectorCheck.firstNotFinite(vector) {
            throw .invalid(
                .badVector,
                "\(field())[\(index - vector.startIndex)] is \(vector[index]).",
                recovery: "Send finite numbers only.",
                field: field()
            )
        }
        let square = VectorCheck.squaredLength(vector)
        guard square <= VectorCheck.longest * VectorCheck.longest else {
            throw .invalid(
                .badVector,
                "\(field()) has the length \(Float(VectorCheck.length(vector))); the most is "
                    + "\(VectorCheck.longest), so that distances stay within float32.",
                recovery: "Divide all vectors of the collection by one number.",
                field: field()
            )
        }
        guard options.metric != .cosine || square.isNormal else {
            throw .invalid(
                .badVector,
                "\(field()) has no direction: the square of its length is \(square).",
                recovery: "Under cosine, send vectors of a length above 1e-19.",
                field: field()
            )
        }
    }

    func count(_ count: Int, _ field: @autoclosure () -> String, of what: String)
        throws(LodestoneError)
    {
        guard count > 0 else {
            throw .invalid(
                .empty,
                "\(field()) is empty.",
                recovery: "Send at least one \(what).",
                field: field()
            )
        }
        guard count <= limits.maxBatch else { throw .limit(field(), count, limits.maxBatch) }
    }

    func number(_ value: Int, in range: ClosedRange<Int>, _ field: @autoclosure () -> String)
        throws(LodestoneError)
    {
        guard range.contains(value) else {
            throw .invalid(
                .limit,
                "\(field()) is \(value); it must be \(range.lowerBound) to \(range.upperBound).",
                recovery: "Send a number in that range.",
                field: field()
            )
        }
    }

    func text(_ text: String, bytes range: ClosedRange<Int>, _ field: @autoclosure () -> String)
        throws(LodestoneError)
    {
        guard range.contains(text.utf8.count) else {
            throw .invalid(
                .limit,
                "\(field()) has \(text.utf8.count) bytes; it must have \(range.lowerBound) to "
                    + "\(range.upperBound).",
                recovery: "Send text of that length.",
                field: field()
            )
        }
    }

    func metadata(_ metadata: Metadata, _ field: @autoclosure () -> String, depth: Int = 0)
        throws(LodestoneError)
    {
        for (name, value) in metadata {
            try text(name, bytes: 1...256, "\(field()) name")
            try self.value(value, "\(field()).\(name)", depth: depth + 1)
        }
    }

    func value(_ value: Value, _ field: @autoclosure () -> String, depth: Int)
        throws(LodestoneError)
    {
        guard depth <= limits.maxNesting else {
            throw .limit("\(field()) nesting", depth, limits.maxNesting, unit: "levels")
        }
        switch value {
        case .double(let number) where number.isNaN:
            throw .invalid(
                .badValue,
                "\(field()) is not a number.",
                recovery: "Leave the field out.",
                field: field()
            )
        case .list(let values):
            for value in values { try self.value(value, field(), depth: depth + 1) }
        case .object(let metadata):
            try self.metadata(metadata, field(), depth: depth)
        default:
            break
        }
    }

    func edge(_ edge: Edge, _ field: @autoclosure () -> String) throws(LodestoneError) {
        try text(edge.label, bytes: 1...256, "\(field()).label")
        guard edge.weight.isFinite else {
            throw .invalid(
                .badValue,
                "\(field()).weight is \(edge.weight).",
                recovery: "Send a finite weight, or none.",
                field: "\(field()).weight"
            )
        }
        try metadata(edge.metadata, "\(field()).metadata")
    }
}

/// Checks of vectors, in blocks that the compiler can keep in registers.
enum VectorCheck {
    /// The length of the longest vectors that are accepted: 2^62.
    ///
    /// The square of the distance of two such vectors is at most 2^126. An index may subtract a
    /// center, which at most doubles lengths, and then add two squares: 2^127 is still a float32.
    static let longest: Float = 0x1p62

    /// The first element that is NaN or infinite.
    static func firstNotFinite(_ vector: ArraySlice<Float>) -> Int? {
        // All bits of the exponent set means NaN or infinity; the loop has no early exit, so that
        // it runs in vector registers.
        let exponent: UInt32 = 0x7f80_0000
        let largest = vector.withUnsafeBufferPointer { vector in
            var largest: UInt32 = 0
            for element in vector { largest = max(largest, element.bitPattern & exponent) }
            return largest
        }
        return largest == exponent ? vector.firstIndex { !$0.isFinite } : nil
    }

    /// The length, for any finite elements.
    static func length(_ vector: ArraySlice<Float>) -> Double {
        vector.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
    }

    /// The sum of squares in float32, as the kernels see it.
    static func squaredLength(_ vector: ArraySlice<Float>) -> Float {
        vector.withUnsafeBufferPointer { vector in
            var sums = SIMD16<Float>.zero
            var index = 0
            while index + 16 <= vector.count {
                let part = UnsafeRawPointer(vector.baseAddress.unsafelyUnwrapped + index)
                    .loadUnaligned(as: SIMD16<Float>.self)
                sums += part * part
                index += 16
            }
            var sum = sums.sum()
            while index < vector.count {
                sum += vector[index] * vector[index]
                index += 1
            }
            return sum
        }
    }
}
