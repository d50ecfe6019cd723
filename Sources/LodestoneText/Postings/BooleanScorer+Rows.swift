// SPDX-License-Identifier: Apache-2.0

extension BooleanScorer {
    private var chunk: Chunk { Chunk(index, number) }

    /// The rows of a chunk that match, among `candidates` if given; chunks rise from call to call.
    mutating func rows(in number: Int, among candidates: RowList? = nil) -> RowList {
        self.number = number
        for place in cursors.indices {
            isPresent[place] = cursors[place].move(to: number, of: index)
        }
        for leaf in leaves.indices { leaves[leaf].rows = nil }
        return rows(of: root, among: candidates)
    }

    /// The rows that match a part of the query.
    ///
    /// Rows outside `candidates` don't matter: neither for the result nor, where the part is
    /// wanted, for the scores.
    private mutating func rows(of node: Node, among candidates: RowList?) -> RowList {
        switch node {
        case .leaf(let leaf):
            return rows(ofLeaf: leaf, among: candidates)
        case .and(let parts):
            // The rarest part comes first, so that the others are only looked up. Below an OR, a
            // row that lacks one part may still match, and then the scores of the others matter.
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
            // A row needs to match one part only, and its score is the sum over the parts that it
            // matches.
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

    /// About how many postings it takes to find a part's rows; parts that are no leaves come last.
    private func size(of node: Node) -> Int {
        guard case .leaf(let number) = node else { return .max }
        let leaf = leaves[number]
        return leaf.words.map { size(ofLists: $0) }.min() ?? size(ofLists: leaf.endings ?? 0..<0)
    }

    private func size(ofLists lists: Range<Int>) -> Int {
        lists.reduce(0) { sum, place in
            guard isPresent[place] else { return sum }
            return sum + cursors[place].count(in: number, enough: Scratch.rows, of: index.delta)
        }
    }

    private mutating func rows(ofLeaf number: Int, among candidates: RowList?) -> RowList {
        if let known = leaves[number].rows { return known }
        let rows = findRows(leaves[number], among: candidates)
        leaves[number].rows = rows
        return rows
    }

    private func findRows(_ leaf: Leaf, among candidates: RowList?) -> RowList {
        if case .none = leaf.scope { return RowList() }
        // The rows that have all the words, at any positions; the rarest word comes first.
        var all = candidates
        for lists in leaf.words.map({ (lists: $0, size: size(ofLists: $0)) })
            .sorted(by: { $0.size < $1.size })
        {
            all = rows(ofLists: lists.lists, among: all)
            if all?.isEmpty ?? true { return RowList() }
        }
        if let endings = leaf.endings, !leaf.needsPositions {
            return rows(ofLists: endings, among: all)
        }
        guard leaf.needsPositions else { return all ?? RowList() }
        let words = leaf.words.map { lists in
            lists.filter { isPresent[$0] && shares[$0].stem != nil }.map { cursors[$0] }
        }
        guard let endings = leaf.endings else {
            let reader = PhraseReader(chunk, words, field: leaf.scope.field)
            return reader.rows(in: all ?? RowList())
        }
        var any = RowList()
        for ending in endings where isPresent[ending] {
            let reader = PhraseReader(chunk, words + [[cursors[ending]]], field: leaf.scope.field)
            any = any.union(reader.rows(in: rows(ofLists: ending..<ending + 1, among: all)))
        }
        return any
    }

    /// The rows that have a stem.
    private func rows(ofLists lists: Range<Int>, among candidates: RowList?) -> RowList {
        let lists = lists.filter { isPresent[$0] && shares[$0].stem != nil }
        if let candidates {
            return lists.isEmpty ? RowList() : self.candidates(candidates, inAny: lists)
        }
        if lists.count == 1 {
            let postings = chunk.postings(of: cursors[lists[0]])
            if let base = postings.base, postings.firstBlock == 0 {
                return RowList(copying: UnsafeBufferPointer(start: base.rows, count: base.count))
            }
        }
        var rows = RowCollector()
        for place in lists {
            chunk.forEachPosting(cursors[place]) { row, _ in rows.insert(row) }
        }
        return lists.isEmpty ? RowList() : rows.rows
    }

    /// The rows of `candidates` that are in any of the lists.
    private func candidates(_ candidates: RowList, inAny lists: [Int]) -> RowList {
        let (chunk, marks) = (chunk, scratch.marks)
        var hasReadLists = false
        for place in lists {
            let clearing = hasReadLists ? 0 : Scratch.marksClearing
            if chunk.isLong(cursors[place], beside: candidates, clearing: clearing) {
                chunk.lookUp(candidates, in: cursors[place]) { place, _ in
                    marks[candidates[place]] = true
                }
            } else {
                hasReadLists = true
                chunk.forEachPosting(cursors[place]) { row, _ in marks[row] = true }
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

    /// The weights of the words; the shares of lists are places among them.
    var weights: QuantizedIDF { QuantizedIDF(inverseFrequencies, bm25: bm25) }

    /// Adds the scores of the leaves to the sums of `rows`, which are rows of the chunk under way.
    ///
    /// Other rows may get sums, too. After reading the sums, the caller must call `clearSums`.
    mutating func addWeights(_ weights: [UInt64], _ classes: ImpactTable, of rows: RowList) {
        let (chunk, sums, mask) = (chunk, scratch.sums, classes.mask)
        for number in leaves.indices where leaves[number].isWanted {
            let needsPositions = leaves[number].needsPositions
            var counted = rows
            if needsPositions {
                counted = rows.intersection(self.rows(ofLeaf: number, among: rows))
            }
            let leaf = leaves[number]
            if case .none = leaf.scope { continue }
            for place in leaf.words.joined() + Array(leaf.endings ?? 0..<0) where isPresent[place] {
                let weight = shares[place].weight(weights)
                // A prefix may stand for any number of words, so this sum has no bound.
                let add = { (row: Int, postingClass: UInt16) in
                    let sum = sums[row] &+ QuantizedIDF.product(weight, postingClass)
                    sums[row] = min(sum, UInt32(Int32.max))
                }
                classes.weights.withUnsafeBufferPointer { classes in
                    let clearing = hasStraySums ? 0 : Scratch.sumsClearing
                    if needsPositions
                        || chunk.isLong(cursors[place], beside: counted, clearing: clearing)
                    {
                        chunk.lookUp(counted, in: cursors[place]) { place, postingClass in
                            add(counted[place], classes[postingClass & mask])
                        }
                    } else {
                        hasStraySums = true
                        chunk.forEachPosting(cursors[place]) { row, postingClass in
                            add(row, classes[postingClass & mask])
                        }
                    }
                }
            }
        }
    }

    /// Zeroes all sums that `addWeights` has made.
    mutating func clearSums(of rows: RowList) {
        if hasStraySums {
            scratch.sums.update(repeating: 0, count: Scratch.rows)
            hasStraySums = false
        } else {
            for row in rows.rows { scratch.sums[Int(row)] = 0 }
        }
    }
}
