// SPDX-License-Identifier: Apache-2.0
import LodestoneCore

extension GoldenValues {
    static let walkByColumns = {
        var request = WalkRequest(collection: "papers", walks: [Walk(from: ["a"], depth: 1)])
        request.readsColumns = true
        return request
    }()

    static let walkedByColumns = {
        func reached(
            _ id: DocumentID,
            _ depth: Int,
            from: DocumentID,
            _ label: String,
            weight: Float = 1,
            isIncoming: Bool = false
        ) -> Reached {
            Reached(
                id: id,
                depth: depth,
                from: from,
                label: label,
                weight: weight,
                isIncoming: isIncoming
            )
        }
        let documents: ReachedDocuments = [
            reached("c", 1, from: "a", "cites", isIncoming: true),
            reached("é", 1, from: "b", "near", weight: 0.5),
            reached("fg", 2, from: "c", "cites", isIncoming: true),
        ]
        var response = WalkResponse(
            results: [WalkResult(reached: documents, edgesFollowed: 7)],
            sequenceNumber: 43
        )
        response.mayUseColumns = true
        return response
    }()
}
