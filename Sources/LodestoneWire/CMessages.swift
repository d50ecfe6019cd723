// SPDX-License-Identifier: Apache-2.0
import CLodestoneProto

// The generated names carry the protobuf package; the codec uses these names for the messages.
typealias CBytes = ProtobufCBinaryData
typealias CRequest = Lodestone__V1__Request
typealias CResponse = Lodestone__V1__Response
typealias CValue = Lodestone__V1__Value
typealias CListValue = Lodestone__V1__ListValue
typealias CMetadata = Lodestone__V1__Metadata
typealias CEdge = Lodestone__V1__Edge
typealias CSourcedEdge = Lodestone__V1__SourcedEdge
typealias CDocument = Lodestone__V1__Document
typealias CComparison = Lodestone__V1__Comparison
typealias CFilter = Lodestone__V1__Filter
typealias CWalk = Lodestone__V1__Walk
typealias CSource = Lodestone__V1__Source
typealias CFusion = Lodestone__V1__Fusion
typealias CMatchText = Lodestone__V1__MatchText
typealias CHighlight = Lodestone__V1__Highlight
typealias CFragment = Lodestone__V1__Fragment
typealias CHighlightedField = Lodestone__V1__HighlightedField
typealias CTextWord = Lodestone__V1__TextWord
typealias CTextExplanation = Lodestone__V1__TextExplanation
typealias CInclude = Lodestone__V1__Include
typealias CFacetRequest = Lodestone__V1__FacetRequest
typealias CFacet = Lodestone__V1__Facet
typealias CQuery = Lodestone__V1__Query
typealias CHit = Lodestone__V1__Hit
typealias CVectorExplanation = Lodestone__V1__VectorExplanation
typealias CQueryResult = Lodestone__V1__QueryResult
typealias CListedEdge = Lodestone__V1__ListedEdge
typealias CReached = Lodestone__V1__Reached
typealias CWalkResult = Lodestone__V1__WalkResult
typealias CVectorStrategy = Lodestone__V1__VectorStrategy
typealias CCollectionOptions = Lodestone__V1__CollectionOptions
typealias CMetadataIndex = Lodestone__V1__MetadataIndex
typealias CAlterCollectionRequest = Lodestone__V1__AlterCollectionRequest
typealias CTextOptions = Lodestone__V1__TextOptions
typealias CIndexStatus = Lodestone__V1__IndexStatus
typealias CCollectionDescription = Lodestone__V1__CollectionDescription
typealias CSnapshotDescription = Lodestone__V1__SnapshotDescription
typealias CDamage = Lodestone__V1__Damage
typealias CSlowRequest = Lodestone__V1__SlowRequest
typealias CQueryShape = Lodestone__V1__QueryShape
typealias CError = Lodestone__V1__Error
