import LodestoneClient

let address = CommandLine.arguments.dropFirst().first ?? "127.0.0.1:5633"
let client = try await LodestoneClient.connect(to: address)
_ = try await client.createCollection("notes", CollectionOptions(dimension: 3))
let notes = client.collection("notes")
_ = try await notes.indexMany([
    Document(
        id: "moon",
        vector: [0.9, 0.1, 0],
        text: "Dust on the moon",
        metadata: ["year": 1969],
        edges: [Edge("cites", to: "tides")]
    ),
    Document(id: "tides", vector: [0.7, 0.3, 0.1], text: "How the moon makes the tides"),
    Document(id: "bread", vector: [0, 0.2, 0.9], text: "Bread without yeast"),
])
let query = Query([.near([1, 0, 0]), .matching("moon tides")], limit: 2, include: .text)
for hit in try await notes.search(query).hits {
    print(hit.id, "-", hit.document?.text.first?.text ?? "")
}
for reached in try await notes.walk(Walk(from: ["moon"], labels: ["cites"])).reached {
    print("moon", reached.label, reached.id)
}
await client.close()
