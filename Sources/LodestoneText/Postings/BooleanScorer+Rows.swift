// SPDX-License-Identifier: Apache-2.0

extension BooleanScorer {
    private var rowBlock: RowBlock { RowBlock(index, number) }

    /// The rows of a row block that match, among `candidates` if given.
    ///
    /// Row blocks ascend from call to call.
    mutating func rows(in number: Int, among candidates: RowList? = nil) -> RowList {
        self.number = number
        for list in cursors.indices {
            isPresent[list] = cursors[list].move(to: number, of: index)
        }
        for clause in clauses.indices { clauses[clause].rows = nil }
        return rows(of: root, among: candidates)
    }

    /// The rows that match a part of the query.
    ///
    /// The result may have or lack rows outside `candidates`; the caller ignores them, and they
    /// need no scores.
    private mutating func rows(of node: Node, among candidates: RowList?) -> RowList {
        switch node {
        case .clause(let clause):
            return rows(ofClause: clause, among: candidates)
        case .and(let parts):
            // The rarest part comes first, so that only its rows are looked up in the others. Below
            // an OR, a row that lacks one part may still match, so the scores of the others matter.
            var all = candidates
            for part in parts.map({ (node: $0, size: size(of: $0)) }).sorted(by: {
                $0.size < $1.size
            }) {
                let rows = rows(of: part.node, among: unionDepth == 0 ? all : candidates)
                all = unionDepth == 0 ? rows : all?.intersection(rows) ?? rows
                if all?.isEmpty ?? true { break }
            }
            return all ?? RowList()
        case .or(let parts):
            // A row must match only one part, and its score is the sum over its matching parts.
            unionDepth += 1
            defer { unionDepth -= 1 }
            var any = RowList()
            for part in parts { any = any.union(rows(of: part, among: candidates)) }
            return any
        case .andNot(let wanted, let unwanted):
            let rows = rows(of: wanted, among: candidates)
            if rows.isEmpty { return rows }
            return rows.subtracting(
                self.rows(of: unwanted, among: unionDepth == 0 ? rows : candidates)
            )
        }
    }

    /// An estimate of the postings to read for a part's rows; parts other than clauses come last.
    private func size(of node: Node) -> Int {
        guard case .clause(let number) = node else { return .max }
        let clause = clauses[number]
        return clause.words.map { size(ofLists: $0) }.min()
            ?? size(ofLists: clause.expansions ?? 0..<0)
    }

    private func size(ofLists lists: Range<Int>) -> Int {
        lists.reduce(0) { sum, list in
            guard isPresent[list] else { return sum }
            return sum + cursors[list].count(in: number, enough: Scratch.rows, of: index.delta)
        }
    }

    private mutating func rows(ofClause number: Int, among candidates: RowList?) -> RowList {
        if let known = clauses[number].rows { return known }
        let rows = findRows(clauses[number], among: candidates)
        clauses[number].rows = rows
        return rows
    }

    private func findRows(_ clause: Clause, among candidates: RowList?) -> RowList {
        if case .none = clause.scope { return RowList() }
        // The rows with all words, at any positions; the rarest word comes first.
        var all = candidates
        for lists in clause.words.map({ (lists: $0, size: size(ofLists: $0)) })
            .sorted(by: { $0.size < $1.size })
        {
            all = rows(ofLists: lists.lists, among: all)
            if all?.isEmpty ?? true { return RowList() }
        }
        if let expansions = clause.expansions, !clause.needsPositions {
            return rows(ofLists: expansions, among: all)
        }
        guard clause.needsPositions else { return all ?? RowList() }
        let words = clause.words.map { lists in
            lists.filter { isPresent[$0] && contributions[$0].stem != nil }.map { cursors[$0] }
        }
        guard let expansions = clause.expansions else {
            let reader = PhraseReader(rowBlock, words, field: clause.scope.field)
            return reader.rows(in: all ?? RowList())
        }
        var any = RowList()
        for list in expansions where isPresent[list] {
            let reader = PhraseReader(
                rowBlock,
                words + [[cursors[list]]],
                field: clause.scope.field
            )
            any = any.union(reader.rows(in: rows(ofLists: list..<list + 1, among: all)))
        }
        return any
    }

    /// The rows with a stem.
    private func rows(ofLists lists: Range<Int>, among candidates: RowList?) -> RowList {
        let lists = lists.filter { isPresent[$0] && contributions[$0].stem != nil }
        if let candidates {
            return lists.isEmpty ? RowList() : self.candidates(candidates, inAny: lists)
        }
        if lists.count == 1 {
            let postings = rowBlock.postings(of: cursors[lists[0]])
            if let base = postings.base, postings.firstNode == 0 {
                return RowList(copying: UnsafeBufferPointer(start: base.rows, count: base.count))
            }
        }
        var rows = RowCollector()
        for list in lists {
            rowBlock.forEachPosting(cursors[list]) { row, _ in rows.insert(row) }
        }
        return lists.isEmpty ? RowList() : rows.rows
    }

    /// The rows of `candidates` that are in any of the lists.
    private func candidates(_ candidates: RowList, inAny lists: [Int]) -> RowList {
        let (rowBlock, marks) = (rowBlock, scratch.marks)
        var hasReadLists = false
        for list in lists {
            let clearing = hasReadLists ? 0 : Scratch.marksClearing
            if rowBlock.isLong(cursors[list], comparedWith: candidates, clearing: clearing) {
                rowBlock.lookUp(candidates, in: cursors[list]) { index, _ in
                    marks[candidates[index]] = true
                }
            } else {
                hasReadLists = true
                rowBlock.forEachPosting(cursors[list]) { row, _ in marks[row] = true }
            }
        }
        let found = candidates.filtered(marks)
        if hasReadLists {
            marks.update(repeating: false, count: Scratch.rows)
        } else {
            for row in candidates.rows { marks[Int(row)] = false }
        }
        return found
    }

    // MARK: Weights

    /// The weights of the words; the contributions of lists are indexes among them.
    var weights: QuantizedIDF { QuantizedIDF(inverseFrequencies, bm25: bm25) }

    /// Adds the scores of the clauses to the sums of `rows`.
    ///
    /// These rows are in the current row block. Other rows may get sums, too. The caller must read
    /// the sums and then call `clearSums`.
    mutating func addWeights(_ weights: [UInt64], _ classes: ImpactTable, of rows: RowList) {
        let (rowBlock, sums, mask) = (rowBlock, scratch.sums, classes.mask)
        for number in clauses.indices where clauses[number].isWanted {
            let needsPositions = clauses[number].needsPositions
            var counted = rows
            if needsPositions {
                counted = rows.intersection(self.rows(ofClause: number, among: rows))
            }
            let clause = clauses[number]
            if case .none = clause.scope { continue }
            let lists = clause.words.joined() + Array(clause.expansions ?? 0..<0)
            for list in lists where isPresent[list] {
                let weight = contributions[list].weight(weights)
                // A prefix may match any number of words, so this sum is unbounded.
                let add = { (row: Int, postingClass: UInt16) in
                    let sum = sums[row] &+ QuantizedIDF.product(weight, postingClass)
                    sums[row] = min(sum, UInt32(Int32.max))
                }
                classes.weights.withUnsafeBufferPointer { classes in
                    let clearing = hasStraySums ? 0 : Scratch.sumsClearing
                    if needsPositions
                        || rowBlock.isLong(cursors[list], comparedWith: counted, clearing: clearing)
                    {
                        rowBlock.lookUp(counted, in: cursors[list]) { index, postingClass in
                            add(counted[index], classes[postingClass & mask])
                        }
                    } else {
                        hasStraySums = true
                        rowBlock.forEachPosting(cursors[list]) { row, postingClass in
                            add(row, classes[postingClass & mask])
                        }
                    }
                }
            }
        }
    }

    /// Zeroes all sums that `addWeights` wrote.
    mutating func clearSums(of rows: RowList) {
        if hasStraySums {
            scratch.sums.update(repeating: 0, count: Scratch.rows)
            hasStraySums = false
        } else {
            for row in rows.rows { scratch.sums[Int(row)] = 0 }
        }
    }
}
