// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneStructures
import TestSupport
import Testing

@testable import LodestoneMetadata

@Suite("Field index")
struct FieldIndexTests {
    private let indexes = [MetadataIndex("n"), MetadataIndex("tag"), MetadataIndex("a.b")]

    private func index(_ documents: [Metadata], batch: Int) -> FieldIndex {
        var index = FieldIndex(indexes)
        for start in stride(from: 0, to: documents.count, by: batch) {
            let part = Array(documents[start..<min(start + batch, documents.count)])
            let rows = (start..<start + part.count).map { RowID($0) }
            index.append(index.entries(of: part), of: rows)
            for row in rows { index.insert(row) }
        }
        return index
    }

    private func rows(_ filter: Filter, _ index: FieldIndex, count: Int) throws(LodestoneError) -> (
        exact: [RowID], recheck: [RowID]
    ) {
        let live = index.liveRows(count: count)
        let found = try index.candidates(of: filter, among: live, bound: count, rows: { _ in [] }) {
            () throws(LodestoneError) in
        }
        let list = { (set: RowSet) in (0..<RowID(count)).filter { set.contains($0) } }
        #expect(found.exact.count == list(found.exact).count)
        return (list(found.exact), found.recheck.map(list) ?? [])
    }

    private let documents: [Metadata] = (0..<1_000).map { number in
        let digit = number % 10
        let parity = Value.int(Int64(number % 2))
        let list = Value.list(["x", "x", parity])
        let tag = number % 7 == 0 ? list : Value.string("t\(number % 5)")
        return [
            "n": number % 3 == 0 ? Value.int(Int64(digit)) : Value.double(Double(digit)),
            "tag": tag,
            "a": Value.object(["b": Value.bool(number % 2 == 0)]),
        ]
    }

    private func numbers(_ isIncluded: (Int) -> Bool) -> [RowID] {
        (0..<1_000).filter(isIncluded).map { RowID($0) }
    }

    @Test(
        "A field index finds the rows that a scan of the documents finds",
        arguments: [1, 7, 100, 1_000]
    )
    func finds(batch: Int) throws {
        let index = index(documents, batch: batch)
        let cases: [(Filter, (Int) -> Bool)] = [
            (.equal(path: ["n"], 3.0), { $0 % 10 == 3 }),
            (
                .range(path: ["n"], lower: .init(8, isExclusive: true), upper: nil),
                { $0 % 10 == 9 }
            ),
            (.contains(path: ["tag"], "x"), { $0 % 7 == 0 }),
            (.contains(path: ["tag"], "3"), { $0 % 7 != 0 && $0 % 5 == 3 }),
            (.not(.equal(path: ["a", "b"], true)), { $0 % 2 == 1 }),
            (.range(path: ["a", "b"], lower: .init(false), upper: nil), { _ in false }),
            (.exists(path: ["tag"], false), { _ in false }),
            (.oneOf(path: ["n"], [1, 1.0, "x", .double(2)]), { [1, 2].contains($0 % 10) }),
        ]
        for (filter, isIncluded) in cases {
            let found = try rows(filter, index, count: 1_000)
            #expect(found.exact == numbers(isIncluded), "\(filter)")
            #expect(found.recheck.isEmpty)
        }
    }

    @Test("A filter with an unindexed part has recheck rows within the bounds of its indexed part")
    func open() throws {
        let index = index(documents, batch: 100)
        let parts: [Filter] = [.equal(path: ["n"], 1), .equal(path: ["other"], 1)]
        let both = try rows(.and(parts), index, count: 1_000)
        #expect(both.exact.isEmpty)
        #expect(both.recheck == numbers { $0 % 10 == 1 })
        let either = try rows(.or(parts), index, count: 1_000)
        #expect(either.exact == numbers { $0 % 10 == 1 })
        #expect(either.recheck == numbers { $0 % 10 != 1 })
    }

    @Test("Strings longer than an encoded key are recheck rows, and no other strings are")
    func longStrings() throws {
        let long = String(repeating: "a", count: 256)
        let documents: [Metadata] = ["b", "c", "", "bb"].map { ["tag": .string(long + $0)] }
        let index = index(documents + [["tag": "a"]], batch: 2)
        let above = Filter.range(
            path: ["tag"],
            lower: .init(.string(long), isExclusive: true),
            upper: nil
        )
        let equal = try rows(.equal(path: ["tag"], .string(long + "b")), index, count: 5)
        #expect(equal.exact.isEmpty && equal.recheck == [0, 1, 3])
        let fitting = try rows(.equal(path: ["tag"], .string(long)), index, count: 5)
        #expect(fitting.exact == [2] && fitting.recheck.isEmpty)
        let larger = try rows(above, index, count: 5)
        #expect(larger.exact == [0, 1, 3] && larger.recheck.isEmpty)
        let part = try rows(.contains(path: ["tag"], "aa"), index, count: 5)
        #expect(part.exact == [0, 1, 2, 3] && part.recheck.isEmpty)
        #expect(try rows(.contains(path: ["tag"], "b"), index, count: 5).recheck == [0, 1, 3])
    }

    @Test("A field index from a base has the rows written to it, without removed rows")
    func base() throws {
        var index = index(documents, batch: 100)
        for row in stride(from: RowID(0), to: 1_000, by: 4) { index.remove(row) }
        var sections = MemorySections()
        try index.write(to: &sections)
        var opened = try #require(FieldIndex(from: sections))
        let filter = Filter.equal(path: ["n"], 5)
        let expected = numbers { $0 % 10 == 5 && $0 % 4 != 0 }
        #expect(try rows(filter, index, count: 1_000).exact == expected)
        #expect(try rows(filter, opened, count: 1_000).exact == expected)
        opened.append(opened.entries(of: [["n": 5]]), of: [1_000])
        opened.insert(1_000)
        #expect(try rows(filter, opened, count: 1_001).exact == expected + [1_000])
        #expect(!sections.isDamaged)
    }

    @Test("A damaged field index in a base reports its damage when it is read")
    func damage() throws {
        var sections = MemorySections()
        try index(documents, batch: 100).write(to: &sections)
        for tag: SectionTag in ["MLIV", "MKEN", "MKEY", "MREN", "MROW"] {
            sections.damage = [tag: [5]]
            let opened = try #require(FieldIndex(from: sections))
            let filter = Filter.range(path: ["n"], lower: .init(0), upper: nil)
            _ = try rows(filter, opened, count: 1_000)
            #expect(sections.isDamaged, "\(tag)")
        }
    }

    @Test("A field index pages through its rows in the order of a field", arguments: [false, true])
    func order(isDescending: Bool) throws {
        var random = SeededGenerator(seed: 3)
        let documents: [Metadata] = (0..<500).map { _ in
            switch random.next() % 5 {
            case 0: [:]
            case 1: ["n": [1, 2]]
            case 2: ["n": .string("s\(random.next() % 20)")]
            default: ["n": .int(Int64(random.next() % 50))]
            }
        }
        let index = index(documents, batch: 37)
        var position: FieldIndexPosition?
        var rows: [RowID] = []
        while true {
            let page = index.rows(
                inOrderOf: ["n"],
                isDescending: isDescending,
                after: position,
                among: index.liveRows(count: 500),
                limit: 23
            )
            rows += page.map(\.row)
            position = page.last
            if page.count < 23 { break }
        }
        func rank(_ row: Int) -> (Int, Int64, String) {
            switch documents[row]["n"] {
            case .int(let number): (isDescending ? 1 : 0, isDescending ? -number : number, "")
            case .string(let text): (isDescending ? 0 : 1, 0, text)
            default: (2, 0, "")
            }
        }
        let expected = (0..<500).sorted { left, right in
            let (first, second) = (rank(left), rank(right))
            if first.0 != second.0 { return first.0 < second.0 }
            if first.1 != second.1 { return first.1 < second.1 }
            if first.2 != second.2 { return (first.2 < second.2) != isDescending }
            return left < right
        }
        #expect(rows.map { Int($0) } == expected)
    }

    @Test("A facet counts how often each value occurs, with an index and without")
    func facets() throws {
        let index = index(documents, batch: 64)
        let live = index.liveRows(count: 1_000)
        let facet = { (limit: Int) throws(LodestoneError) in
            try index.facet(of: ["tag"], among: live, limit: limit) { () throws(LodestoneError) in }
        }
        let three = try #require(try facet(3))
        // 143 documents have the list, the others have one of five strings.
        #expect(three.distinctValues == 8)
        #expect(three.values.map(\.count) == [172, 172, 171])
        var table = FacetTable(path: ["tag"])
        for document in documents {
            let fits = table.add(document)
            #expect(fits)
        }
        #expect(table.facet(limit: 3) == three)
        #expect(try facet(8) == table.facet(limit: 8))
    }

    @Test("A facet table takes no new value beyond its limit, and still counts known ones")
    func manyValues() {
        var table = FacetTable(path: ["n"])
        for number in 0..<FacetTable.maxValues {
            guard table.add(["n": .int(Int64(number))]) else {
                Issue.record("\(number) are too many")
                return
            }
        }
        let knows = table.add(["n": 7])
        let fits = table.add(["n": -1])
        #expect(knows && !fits)
    }

    @Test("The number of a dropped field is reused only after no key has it any more")
    func numbers() throws {
        var index = index(documents, batch: 100)
        let n = Filter.equal(path: ["n"], 5)
        let tag = Filter.equal(path: ["tag"], "t3")
        for round in 0..<600 {
            // New fields have no values of earlier documents.
            index.setFields([MetadataIndex("n"), MetadataIndex("x\(round)")], from: 1_000)
        }
        #expect(try rows(n, index, count: 1_000).exact == numbers { $0 % 10 == 5 })
        #expect(try rows(tag, index, count: 1_000).recheck.count == 1_000)
        index.setFields([MetadataIndex("tag")], from: 1_000)
        #expect(try rows(tag, index, count: 1_000).recheck.count == 1_000)
        // The fingerprints have no values of rows before the backfill.
        #expect(index.fingerprints(count: 1_000).allSatisfy { $0 == 0 })
        #expect(index.fingerprint(of: documents[7], row: 7) == 0)
        #expect(index.fingerprint(of: documents[7], row: 1_000) != 0)
        var fill = Backfill(index.incompleteFields)
        #expect(fill.endRow == 1_000)
        for (row, document) in documents.enumerated() { fill.add(document, row: RowID(row)) }
        let parts = fill.finish()
        // A backfill is ignored for a field that was dropped and added again since.
        var other = index
        other.setFields([], from: 1_000)
        other.setFields([MetadataIndex("tag")], from: 1_000)
        for part in parts { other.fill(part) }
        #expect(!other.isComplete)
        for part in parts { index.fill(part) }
        #expect(index.isComplete)
        #expect(
            try rows(tag, index, count: 1_000).exact == numbers { $0 % 7 != 0 && $0 % 5 == 3 }
        )
        let known = index.fingerprints(count: 1_000)
        for row in stride(from: 0, to: 1_000, by: 100) {
            #expect(known[row] == index.fingerprint(of: documents[row], row: RowID(row)))
        }
        var sections = MemorySections()
        try index.write(to: &sections)
        let opened = try #require(FieldIndex(from: sections))
        #expect(
            try rows(tag, opened, count: 1_000).exact == numbers { $0 % 7 != 0 && $0 % 5 == 3 }
        )
        #expect(try rows(n, opened, count: 1_000).recheck.count == 1_000)
    }
}
