// SPDX-License-Identifier: Apache-2.0
import LodestoneWire

/// The part of the store that a call concerns, for the collections of a credential.
enum CallTarget {
    /// No collection: the connection, or the server.
    case server
    /// One collection.
    case collection(String)
    /// A list of collections, which has those that the credential may use.
    case list
    /// All collections.
    case store
}

extension Call {
    /// The part of the store that the call concerns.
    ///
    /// The switch has no default, so a new call doesn't compile without a target.
    var target: CallTarget {
        switch self {
        case .hello, .ping, .cancel: .server
        case .listCollections, .stats: .list
        case .createCollection(let name, _), .alterCollection(let name, _),
            .dropCollection(let name), .describeCollection(let name):
            .collection(name)
        case .indexMany(let batch): .collection(batch.collection)
        case .dropMany(let batch): .collection(batch.collection)
        case .get(let get): .collection(get.collection)
        case .scan(let scan): .collection(scan.collection)
        case .count(let count): .collection(count.collection)
        case .search(let search): .collection(search.collection)
        case .walk(let walk): .collection(walk.collection)
        case .listEdges(let request): .collection(request.collection)
        case .buildIndex(let collection), .compact(let collection): .collection(collection)
        case .erase(let collection?): .collection(collection)
        case .erase(nil), .snapshot, .listSnapshots, .deleteSnapshot, .fetchSnapshot, .verify,
            .slowRequests:
            .store
        }
    }

    /// The documents, ids and edges that the call names.
    var namedCount: Int {
        switch self {
        case .indexMany(let batch): batch.bareDocuments.count + batch.edges.count
        case .dropMany(let batch): batch.ids.count + batch.edges.count
        default: 0
        }
    }
}

extension Reply {
    /// The documents that the reply reports, without those that its call has named.
    func documentCount(beyond namedCount: Int) -> Int {
        switch self {
        case .documents(let documents): documents.count
        case .page(let page): page.documents.count
        case .search(let response): response.results.reduce(0) { $0 + $1.hits.count }
        case .walk(let response): response.results.reduce(0) { $0 + $1.reached.count }
        case .written(let receipt):
            max(0, receipt.inserted + receipt.replaced + receipt.dropped - namedCount)
        default: 0
        }
    }
}
