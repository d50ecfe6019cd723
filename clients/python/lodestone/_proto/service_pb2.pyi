from lodestone._proto import document_pb2 as _document_pb2
from lodestone._proto import collection_pb2 as _collection_pb2
from lodestone._proto import query_pb2 as _query_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

ABORTED: Code
ALREADY_EXISTS: Code
APPLIED: Outcome
CANCELLED: Code
DATA_LOSS: Code
DEADLINE_EXCEEDED: Code
DESCRIPTOR: _descriptor.FileDescriptor
FAILED_PRECONDITION: Code
FULL: Durability
INTERNAL: Code
INVALID_ARGUMENT: Code
NOT_APPLIED: Outcome
NOT_FOUND: Code
OK: Code
OUTCOME_UNKNOWN: Outcome
OUT_OF_RANGE: Code
PERMISSION_DENIED: Code
RELAXED: Durability
RESOURCE_EXHAUSTED: Code
UNAUTHENTICATED: Code
UNAVAILABLE: Code
UNIMPLEMENTED: Code
UNKNOWN: Code

class AlterCollectionRequest(_message.Message):
    __slots__ = ["add_indexes", "drop_indexes", "name", "vector_strategy"]
    ADD_INDEXES_FIELD_NUMBER: _ClassVar[int]
    DROP_INDEXES_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    VECTOR_STRATEGY_FIELD_NUMBER: _ClassVar[int]
    add_indexes: _containers.RepeatedCompositeFieldContainer[_collection_pb2.MetadataIndex]
    drop_indexes: _containers.RepeatedCompositeFieldContainer[_collection_pb2.MetadataIndex]
    name: bytes
    vector_strategy: _collection_pb2.VectorStrategy
    def __init__(self, name: _Optional[bytes] = ..., vector_strategy: _Optional[_Union[_collection_pb2.VectorStrategy, _Mapping]] = ..., add_indexes: _Optional[_Iterable[_Union[_collection_pb2.MetadataIndex, _Mapping]]] = ..., drop_indexes: _Optional[_Iterable[_Union[_collection_pb2.MetadataIndex, _Mapping]]] = ...) -> None: ...

class BuildIndexRequest(_message.Message):
    __slots__ = ["collection"]
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    collection: bytes
    def __init__(self, collection: _Optional[bytes] = ...) -> None: ...

class CancelRequest(_message.Message):
    __slots__ = ["id"]
    ID_FIELD_NUMBER: _ClassVar[int]
    id: int
    def __init__(self, id: _Optional[int] = ...) -> None: ...

class CompactRequest(_message.Message):
    __slots__ = ["collection"]
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    collection: bytes
    def __init__(self, collection: _Optional[bytes] = ...) -> None: ...

class CountRequest(_message.Message):
    __slots__ = ["collection", "facets", "filter"]
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    FACETS_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    collection: bytes
    facets: _containers.RepeatedCompositeFieldContainer[_query_pb2.FacetRequest]
    filter: _query_pb2.Filter
    def __init__(self, collection: _Optional[bytes] = ..., filter: _Optional[_Union[_query_pb2.Filter, _Mapping]] = ..., facets: _Optional[_Iterable[_Union[_query_pb2.FacetRequest, _Mapping]]] = ...) -> None: ...

class CountResponse(_message.Message):
    __slots__ = ["count", "facets", "filter", "sequence_number"]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    FACETS_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    count: int
    facets: _containers.RepeatedCompositeFieldContainer[_query_pb2.Facet]
    filter: _query_pb2.FilterExplanation
    sequence_number: int
    def __init__(self, count: _Optional[int] = ..., facets: _Optional[_Iterable[_Union[_query_pb2.Facet, _Mapping]]] = ..., filter: _Optional[_Union[_query_pb2.FilterExplanation, _Mapping]] = ..., sequence_number: _Optional[int] = ...) -> None: ...

class CreateCollectionRequest(_message.Message):
    __slots__ = ["name", "options"]
    NAME_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    name: bytes
    options: _collection_pb2.CollectionOptions
    def __init__(self, name: _Optional[bytes] = ..., options: _Optional[_Union[_collection_pb2.CollectionOptions, _Mapping]] = ...) -> None: ...

class Damage(_message.Message):
    __slots__ = ["collection", "kind", "message", "object", "recovery", "repaired"]
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    RECOVERY_FIELD_NUMBER: _ClassVar[int]
    REPAIRED_FIELD_NUMBER: _ClassVar[int]
    collection: bytes
    kind: bytes
    message: bytes
    object: bytes
    recovery: bytes
    repaired: bool
    def __init__(self, kind: _Optional[bytes] = ..., collection: _Optional[bytes] = ..., object: _Optional[bytes] = ..., message: _Optional[bytes] = ..., recovery: _Optional[bytes] = ..., repaired: bool = ...) -> None: ...

class DeleteSnapshotRequest(_message.Message):
    __slots__ = ["name"]
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: bytes
    def __init__(self, name: _Optional[bytes] = ...) -> None: ...

class DescribeCollectionRequest(_message.Message):
    __slots__ = ["name"]
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: bytes
    def __init__(self, name: _Optional[bytes] = ...) -> None: ...

class DescribeCollectionResponse(_message.Message):
    __slots__ = ["collection"]
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    collection: _collection_pb2.CollectionDescription
    def __init__(self, collection: _Optional[_Union[_collection_pb2.CollectionDescription, _Mapping]] = ...) -> None: ...

class Done(_message.Message):
    __slots__ = ["sequence_number"]
    SEQUENCE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    sequence_number: int
    def __init__(self, sequence_number: _Optional[int] = ...) -> None: ...

class DropCollectionRequest(_message.Message):
    __slots__ = ["name"]
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: bytes
    def __init__(self, name: _Optional[bytes] = ...) -> None: ...

class DropManyRequest(_message.Message):
    __slots__ = ["collection", "edges", "filter", "ids"]
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    EDGES_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    IDS_FIELD_NUMBER: _ClassVar[int]
    collection: bytes
    edges: _containers.RepeatedCompositeFieldContainer[_document_pb2.SourcedEdge]
    filter: _query_pb2.Filter
    ids: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, collection: _Optional[bytes] = ..., ids: _Optional[_Iterable[bytes]] = ..., edges: _Optional[_Iterable[_Union[_document_pb2.SourcedEdge, _Mapping]]] = ..., filter: _Optional[_Union[_query_pb2.Filter, _Mapping]] = ...) -> None: ...

class EraseReceipt(_message.Message):
    __slots__ = ["sequence_number", "snapshots"]
    SEQUENCE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOTS_FIELD_NUMBER: _ClassVar[int]
    sequence_number: int
    snapshots: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, sequence_number: _Optional[int] = ..., snapshots: _Optional[_Iterable[bytes]] = ...) -> None: ...

class EraseRequest(_message.Message):
    __slots__ = ["collection"]
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    collection: bytes
    def __init__(self, collection: _Optional[bytes] = ...) -> None: ...

class Error(_message.Message):
    __slots__ = ["code", "field", "message", "object", "outcome", "reason", "recovery", "retry_after_ms", "sequence_number"]
    CODE_FIELD_NUMBER: _ClassVar[int]
    FIELD_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    RECOVERY_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_MS_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    code: Code
    field: bytes
    message: bytes
    object: bytes
    outcome: Outcome
    reason: bytes
    recovery: bytes
    retry_after_ms: int
    sequence_number: int
    def __init__(self, code: _Optional[_Union[Code, str]] = ..., reason: _Optional[bytes] = ..., message: _Optional[bytes] = ..., recovery: _Optional[bytes] = ..., outcome: _Optional[_Union[Outcome, str]] = ..., retry_after_ms: _Optional[int] = ..., field: _Optional[bytes] = ..., object: _Optional[bytes] = ..., sequence_number: _Optional[int] = ...) -> None: ...

class FetchSnapshotRequest(_message.Message):
    __slots__ = ["max_bytes", "name", "offset"]
    MAX_BYTES_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    max_bytes: int
    name: bytes
    offset: int
    def __init__(self, name: _Optional[bytes] = ..., offset: _Optional[int] = ..., max_bytes: _Optional[int] = ...) -> None: ...

class GetRequest(_message.Message):
    __slots__ = ["collection", "ids", "include"]
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    IDS_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_FIELD_NUMBER: _ClassVar[int]
    collection: bytes
    ids: _containers.RepeatedScalarFieldContainer[bytes]
    include: _query_pb2.Include
    def __init__(self, collection: _Optional[bytes] = ..., ids: _Optional[_Iterable[bytes]] = ..., include: _Optional[_Union[_query_pb2.Include, _Mapping]] = ...) -> None: ...

class GetResponse(_message.Message):
    __slots__ = ["documents", "vectors"]
    DOCUMENTS_FIELD_NUMBER: _ClassVar[int]
    VECTORS_FIELD_NUMBER: _ClassVar[int]
    documents: _containers.RepeatedCompositeFieldContainer[_document_pb2.Document]
    vectors: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, documents: _Optional[_Iterable[_Union[_document_pb2.Document, _Mapping]]] = ..., vectors: _Optional[_Iterable[float]] = ...) -> None: ...

class GoAway(_message.Message):
    __slots__ = ["last_request", "message"]
    LAST_REQUEST_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    last_request: int
    message: bytes
    def __init__(self, last_request: _Optional[int] = ..., message: _Optional[bytes] = ...) -> None: ...

class HelloRequest(_message.Message):
    __slots__ = ["client_name", "last_sequence_number", "protocol_version", "token"]
    CLIENT_NAME_FIELD_NUMBER: _ClassVar[int]
    LAST_SEQUENCE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_VERSION_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    client_name: bytes
    last_sequence_number: int
    protocol_version: int
    token: bytes
    def __init__(self, protocol_version: _Optional[int] = ..., token: _Optional[bytes] = ..., client_name: _Optional[bytes] = ..., last_sequence_number: _Optional[int] = ...) -> None: ...

class HelloResponse(_message.Message):
    __slots__ = ["max_frame_bytes", "max_in_flight", "protocol_version", "sequence_number", "server_version"]
    MAX_FRAME_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_IN_FLIGHT_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_VERSION_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    SERVER_VERSION_FIELD_NUMBER: _ClassVar[int]
    max_frame_bytes: int
    max_in_flight: int
    protocol_version: int
    sequence_number: int
    server_version: bytes
    def __init__(self, protocol_version: _Optional[int] = ..., server_version: _Optional[bytes] = ..., max_frame_bytes: _Optional[int] = ..., max_in_flight: _Optional[int] = ..., sequence_number: _Optional[int] = ...) -> None: ...

class IndexManyRequest(_message.Message):
    __slots__ = ["collection", "documents", "edges", "vectors"]
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    DOCUMENTS_FIELD_NUMBER: _ClassVar[int]
    EDGES_FIELD_NUMBER: _ClassVar[int]
    VECTORS_FIELD_NUMBER: _ClassVar[int]
    collection: bytes
    documents: _containers.RepeatedCompositeFieldContainer[_document_pb2.Document]
    edges: _containers.RepeatedCompositeFieldContainer[_document_pb2.SourcedEdge]
    vectors: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, collection: _Optional[bytes] = ..., documents: _Optional[_Iterable[_Union[_document_pb2.Document, _Mapping]]] = ..., vectors: _Optional[_Iterable[float]] = ..., edges: _Optional[_Iterable[_Union[_document_pb2.SourcedEdge, _Mapping]]] = ...) -> None: ...

class ListCollectionsRequest(_message.Message):
    __slots__ = []
    def __init__(self) -> None: ...

class ListCollectionsResponse(_message.Message):
    __slots__ = ["collections"]
    COLLECTIONS_FIELD_NUMBER: _ClassVar[int]
    collections: _containers.RepeatedCompositeFieldContainer[_collection_pb2.CollectionDescription]
    def __init__(self, collections: _Optional[_Iterable[_Union[_collection_pb2.CollectionDescription, _Mapping]]] = ...) -> None: ...

class ListEdgesRequest(_message.Message):
    __slots__ = ["collection", "cursor", "direction", "id", "labels", "limit"]
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    DIRECTION_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    collection: bytes
    cursor: bytes
    direction: _query_pb2.Direction
    id: bytes
    labels: _containers.RepeatedScalarFieldContainer[bytes]
    limit: int
    def __init__(self, collection: _Optional[bytes] = ..., id: _Optional[bytes] = ..., direction: _Optional[_Union[_query_pb2.Direction, str]] = ..., labels: _Optional[_Iterable[bytes]] = ..., limit: _Optional[int] = ..., cursor: _Optional[bytes] = ...) -> None: ...

class ListEdgesResponse(_message.Message):
    __slots__ = ["edges", "next_cursor"]
    EDGES_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    edges: _containers.RepeatedCompositeFieldContainer[ListedEdge]
    next_cursor: bytes
    def __init__(self, edges: _Optional[_Iterable[_Union[ListedEdge, _Mapping]]] = ..., next_cursor: _Optional[bytes] = ...) -> None: ...

class ListSnapshotsRequest(_message.Message):
    __slots__ = []
    def __init__(self) -> None: ...

class ListSnapshotsResponse(_message.Message):
    __slots__ = ["snapshots"]
    SNAPSHOTS_FIELD_NUMBER: _ClassVar[int]
    snapshots: _containers.RepeatedCompositeFieldContainer[SnapshotDescription]
    def __init__(self, snapshots: _Optional[_Iterable[_Union[SnapshotDescription, _Mapping]]] = ...) -> None: ...

class ListedEdge(_message.Message):
    __slots__ = ["id", "label", "metadata", "weight"]
    ID_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    id: bytes
    label: bytes
    metadata: _document_pb2.Metadata
    weight: float
    def __init__(self, label: _Optional[bytes] = ..., id: _Optional[bytes] = ..., weight: _Optional[float] = ..., metadata: _Optional[_Union[_document_pb2.Metadata, _Mapping]] = ...) -> None: ...

class PingRequest(_message.Message):
    __slots__ = []
    def __init__(self) -> None: ...

class PingResponse(_message.Message):
    __slots__ = ["sequence_number"]
    SEQUENCE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    sequence_number: int
    def __init__(self, sequence_number: _Optional[int] = ...) -> None: ...

class QueryShape(_message.Message):
    __slots__ = ["collection", "count", "error_count", "longest_us", "p99_us", "shape", "total_us"]
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    ERROR_COUNT_FIELD_NUMBER: _ClassVar[int]
    LONGEST_US_FIELD_NUMBER: _ClassVar[int]
    P99_US_FIELD_NUMBER: _ClassVar[int]
    SHAPE_FIELD_NUMBER: _ClassVar[int]
    TOTAL_US_FIELD_NUMBER: _ClassVar[int]
    collection: bytes
    count: int
    error_count: int
    longest_us: int
    p99_us: int
    shape: bytes
    total_us: int
    def __init__(self, shape: _Optional[bytes] = ..., collection: _Optional[bytes] = ..., count: _Optional[int] = ..., error_count: _Optional[int] = ..., total_us: _Optional[int] = ..., p99_us: _Optional[int] = ..., longest_us: _Optional[int] = ...) -> None: ...

class Request(_message.Message):
    __slots__ = ["alter_collection", "build_index", "cancel", "compact", "count", "create_collection", "deadline_ms", "delete_snapshot", "describe_collection", "drop_collection", "drop_many", "erase", "fetch_snapshot", "get", "hello", "id", "index_many", "list_collections", "list_edges", "list_snapshots", "ping", "request_id", "scan", "search", "slow_requests", "snapshot", "stats", "trace_parent", "verify", "walk"]
    ALTER_COLLECTION_FIELD_NUMBER: _ClassVar[int]
    BUILD_INDEX_FIELD_NUMBER: _ClassVar[int]
    CANCEL_FIELD_NUMBER: _ClassVar[int]
    COMPACT_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    CREATE_COLLECTION_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_MS_FIELD_NUMBER: _ClassVar[int]
    DELETE_SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    DESCRIBE_COLLECTION_FIELD_NUMBER: _ClassVar[int]
    DROP_COLLECTION_FIELD_NUMBER: _ClassVar[int]
    DROP_MANY_FIELD_NUMBER: _ClassVar[int]
    ERASE_FIELD_NUMBER: _ClassVar[int]
    FETCH_SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    GET_FIELD_NUMBER: _ClassVar[int]
    HELLO_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    INDEX_MANY_FIELD_NUMBER: _ClassVar[int]
    LIST_COLLECTIONS_FIELD_NUMBER: _ClassVar[int]
    LIST_EDGES_FIELD_NUMBER: _ClassVar[int]
    LIST_SNAPSHOTS_FIELD_NUMBER: _ClassVar[int]
    PING_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    SCAN_FIELD_NUMBER: _ClassVar[int]
    SEARCH_FIELD_NUMBER: _ClassVar[int]
    SLOW_REQUESTS_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    STATS_FIELD_NUMBER: _ClassVar[int]
    TRACE_PARENT_FIELD_NUMBER: _ClassVar[int]
    VERIFY_FIELD_NUMBER: _ClassVar[int]
    WALK_FIELD_NUMBER: _ClassVar[int]
    alter_collection: AlterCollectionRequest
    build_index: BuildIndexRequest
    cancel: CancelRequest
    compact: CompactRequest
    count: CountRequest
    create_collection: CreateCollectionRequest
    deadline_ms: int
    delete_snapshot: DeleteSnapshotRequest
    describe_collection: DescribeCollectionRequest
    drop_collection: DropCollectionRequest
    drop_many: DropManyRequest
    erase: EraseRequest
    fetch_snapshot: FetchSnapshotRequest
    get: GetRequest
    hello: HelloRequest
    id: int
    index_many: IndexManyRequest
    list_collections: ListCollectionsRequest
    list_edges: ListEdgesRequest
    list_snapshots: ListSnapshotsRequest
    ping: PingRequest
    request_id: bytes
    scan: ScanRequest
    search: SearchRequest
    slow_requests: SlowRequestsRequest
    snapshot: SnapshotRequest
    stats: StatsRequest
    trace_parent: bytes
    verify: VerifyRequest
    walk: WalkRequest
    def __init__(self, id: _Optional[int] = ..., deadline_ms: _Optional[int] = ..., request_id: _Optional[bytes] = ..., trace_parent: _Optional[bytes] = ..., hello: _Optional[_Union[HelloRequest, _Mapping]] = ..., ping: _Optional[_Union[PingRequest, _Mapping]] = ..., create_collection: _Optional[_Union[CreateCollectionRequest, _Mapping]] = ..., alter_collection: _Optional[_Union[AlterCollectionRequest, _Mapping]] = ..., drop_collection: _Optional[_Union[DropCollectionRequest, _Mapping]] = ..., list_collections: _Optional[_Union[ListCollectionsRequest, _Mapping]] = ..., describe_collection: _Optional[_Union[DescribeCollectionRequest, _Mapping]] = ..., index_many: _Optional[_Union[IndexManyRequest, _Mapping]] = ..., drop_many: _Optional[_Union[DropManyRequest, _Mapping]] = ..., get: _Optional[_Union[GetRequest, _Mapping]] = ..., scan: _Optional[_Union[ScanRequest, _Mapping]] = ..., search: _Optional[_Union[SearchRequest, _Mapping]] = ..., walk: _Optional[_Union[WalkRequest, _Mapping]] = ..., build_index: _Optional[_Union[BuildIndexRequest, _Mapping]] = ..., compact: _Optional[_Union[CompactRequest, _Mapping]] = ..., snapshot: _Optional[_Union[SnapshotRequest, _Mapping]] = ..., verify: _Optional[_Union[VerifyRequest, _Mapping]] = ..., stats: _Optional[_Union[StatsRequest, _Mapping]] = ..., cancel: _Optional[_Union[CancelRequest, _Mapping]] = ..., list_snapshots: _Optional[_Union[ListSnapshotsRequest, _Mapping]] = ..., count: _Optional[_Union[CountRequest, _Mapping]] = ..., erase: _Optional[_Union[EraseRequest, _Mapping]] = ..., delete_snapshot: _Optional[_Union[DeleteSnapshotRequest, _Mapping]] = ..., list_edges: _Optional[_Union[ListEdgesRequest, _Mapping]] = ..., fetch_snapshot: _Optional[_Union[FetchSnapshotRequest, _Mapping]] = ..., slow_requests: _Optional[_Union[SlowRequestsRequest, _Mapping]] = ...) -> None: ...

class Response(_message.Message):
    __slots__ = ["count", "describe_collection", "done", "erased", "error", "fetch_snapshot", "get", "go_away", "hello", "id", "list_collections", "list_edges", "list_snapshots", "ping", "scan", "search", "slow_requests", "snapshot", "stats", "verify", "walk", "written"]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    DESCRIBE_COLLECTION_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    ERASED_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    FETCH_SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    GET_FIELD_NUMBER: _ClassVar[int]
    GO_AWAY_FIELD_NUMBER: _ClassVar[int]
    HELLO_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    LIST_COLLECTIONS_FIELD_NUMBER: _ClassVar[int]
    LIST_EDGES_FIELD_NUMBER: _ClassVar[int]
    LIST_SNAPSHOTS_FIELD_NUMBER: _ClassVar[int]
    PING_FIELD_NUMBER: _ClassVar[int]
    SCAN_FIELD_NUMBER: _ClassVar[int]
    SEARCH_FIELD_NUMBER: _ClassVar[int]
    SLOW_REQUESTS_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    STATS_FIELD_NUMBER: _ClassVar[int]
    VERIFY_FIELD_NUMBER: _ClassVar[int]
    WALK_FIELD_NUMBER: _ClassVar[int]
    WRITTEN_FIELD_NUMBER: _ClassVar[int]
    count: CountResponse
    describe_collection: DescribeCollectionResponse
    done: Done
    erased: EraseReceipt
    error: Error
    fetch_snapshot: SnapshotPart
    get: GetResponse
    go_away: GoAway
    hello: HelloResponse
    id: int
    list_collections: ListCollectionsResponse
    list_edges: ListEdgesResponse
    list_snapshots: ListSnapshotsResponse
    ping: PingResponse
    scan: ScanResponse
    search: SearchResponse
    slow_requests: SlowRequestsResponse
    snapshot: SnapshotDescription
    stats: StatsResponse
    verify: VerifyResponse
    walk: WalkResponse
    written: WriteReceipt
    def __init__(self, id: _Optional[int] = ..., error: _Optional[_Union[Error, _Mapping]] = ..., go_away: _Optional[_Union[GoAway, _Mapping]] = ..., hello: _Optional[_Union[HelloResponse, _Mapping]] = ..., ping: _Optional[_Union[PingResponse, _Mapping]] = ..., written: _Optional[_Union[WriteReceipt, _Mapping]] = ..., list_collections: _Optional[_Union[ListCollectionsResponse, _Mapping]] = ..., describe_collection: _Optional[_Union[DescribeCollectionResponse, _Mapping]] = ..., get: _Optional[_Union[GetResponse, _Mapping]] = ..., scan: _Optional[_Union[ScanResponse, _Mapping]] = ..., search: _Optional[_Union[SearchResponse, _Mapping]] = ..., walk: _Optional[_Union[WalkResponse, _Mapping]] = ..., done: _Optional[_Union[Done, _Mapping]] = ..., snapshot: _Optional[_Union[SnapshotDescription, _Mapping]] = ..., verify: _Optional[_Union[VerifyResponse, _Mapping]] = ..., stats: _Optional[_Union[StatsResponse, _Mapping]] = ..., list_snapshots: _Optional[_Union[ListSnapshotsResponse, _Mapping]] = ..., count: _Optional[_Union[CountResponse, _Mapping]] = ..., erased: _Optional[_Union[EraseReceipt, _Mapping]] = ..., list_edges: _Optional[_Union[ListEdgesResponse, _Mapping]] = ..., fetch_snapshot: _Optional[_Union[SnapshotPart, _Mapping]] = ..., slow_requests: _Optional[_Union[SlowRequestsResponse, _Mapping]] = ...) -> None: ...

class ScanOrder(_message.Message):
    __slots__ = ["descending", "path"]
    DESCENDING_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    descending: bool
    path: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, path: _Optional[_Iterable[bytes]] = ..., descending: bool = ...) -> None: ...

class ScanRequest(_message.Message):
    __slots__ = ["collection", "cursor", "filter", "include", "limit", "max_edges", "order"]
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    MAX_EDGES_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    collection: bytes
    cursor: bytes
    filter: _query_pb2.Filter
    include: _query_pb2.Include
    limit: int
    max_edges: int
    order: ScanOrder
    def __init__(self, collection: _Optional[bytes] = ..., cursor: _Optional[bytes] = ..., limit: _Optional[int] = ..., filter: _Optional[_Union[_query_pb2.Filter, _Mapping]] = ..., include: _Optional[_Union[_query_pb2.Include, _Mapping]] = ..., order: _Optional[_Union[ScanOrder, _Mapping]] = ..., max_edges: _Optional[int] = ...) -> None: ...

class ScanResponse(_message.Message):
    __slots__ = ["documents", "edges_cursor", "next_cursor", "vectors"]
    DOCUMENTS_FIELD_NUMBER: _ClassVar[int]
    EDGES_CURSOR_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    VECTORS_FIELD_NUMBER: _ClassVar[int]
    documents: _containers.RepeatedCompositeFieldContainer[_document_pb2.Document]
    edges_cursor: bytes
    next_cursor: bytes
    vectors: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, documents: _Optional[_Iterable[_Union[_document_pb2.Document, _Mapping]]] = ..., vectors: _Optional[_Iterable[float]] = ..., next_cursor: _Optional[bytes] = ..., edges_cursor: _Optional[bytes] = ...) -> None: ...

class SearchRequest(_message.Message):
    __slots__ = ["collection", "queries", "vectors"]
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    QUERIES_FIELD_NUMBER: _ClassVar[int]
    VECTORS_FIELD_NUMBER: _ClassVar[int]
    collection: bytes
    queries: _containers.RepeatedCompositeFieldContainer[_query_pb2.Query]
    vectors: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, collection: _Optional[bytes] = ..., queries: _Optional[_Iterable[_Union[_query_pb2.Query, _Mapping]]] = ..., vectors: _Optional[_Iterable[float]] = ...) -> None: ...

class SearchResponse(_message.Message):
    __slots__ = ["results", "sequence_number"]
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[_query_pb2.QueryResult]
    sequence_number: int
    def __init__(self, results: _Optional[_Iterable[_Union[_query_pb2.QueryResult, _Mapping]]] = ..., sequence_number: _Optional[int] = ...) -> None: ...

class SlowRequest(_message.Message):
    __slots__ = ["began_us", "call", "client", "collection", "duration_us", "error", "path", "peer", "query", "request", "steps", "trace_parent"]
    BEGAN_US_FIELD_NUMBER: _ClassVar[int]
    CALL_FIELD_NUMBER: _ClassVar[int]
    CLIENT_FIELD_NUMBER: _ClassVar[int]
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    DURATION_US_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    PEER_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    TRACE_PARENT_FIELD_NUMBER: _ClassVar[int]
    began_us: int
    call: bytes
    client: bytes
    collection: bytes
    duration_us: int
    error: bytes
    path: bytes
    peer: bytes
    query: bytes
    request: int
    steps: _containers.RepeatedCompositeFieldContainer[Statistic]
    trace_parent: bytes
    def __init__(self, call: _Optional[bytes] = ..., collection: _Optional[bytes] = ..., query: _Optional[bytes] = ..., path: _Optional[bytes] = ..., duration_us: _Optional[int] = ..., steps: _Optional[_Iterable[_Union[Statistic, _Mapping]]] = ..., error: _Optional[bytes] = ..., client: _Optional[bytes] = ..., peer: _Optional[bytes] = ..., request: _Optional[int] = ..., trace_parent: _Optional[bytes] = ..., began_us: _Optional[int] = ...) -> None: ...

class SlowRequestsRequest(_message.Message):
    __slots__ = ["limit"]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    limit: int
    def __init__(self, limit: _Optional[int] = ...) -> None: ...

class SlowRequestsResponse(_message.Message):
    __slots__ = ["latest", "shapes", "since_us", "slowest"]
    LATEST_FIELD_NUMBER: _ClassVar[int]
    SHAPES_FIELD_NUMBER: _ClassVar[int]
    SINCE_US_FIELD_NUMBER: _ClassVar[int]
    SLOWEST_FIELD_NUMBER: _ClassVar[int]
    latest: _containers.RepeatedCompositeFieldContainer[SlowRequest]
    shapes: _containers.RepeatedCompositeFieldContainer[QueryShape]
    since_us: int
    slowest: _containers.RepeatedCompositeFieldContainer[SlowRequest]
    def __init__(self, latest: _Optional[_Iterable[_Union[SlowRequest, _Mapping]]] = ..., slowest: _Optional[_Iterable[_Union[SlowRequest, _Mapping]]] = ..., shapes: _Optional[_Iterable[_Union[QueryShape, _Mapping]]] = ..., since_us: _Optional[int] = ...) -> None: ...

class SnapshotDescription(_message.Message):
    __slots__ = ["bytes", "created_us", "name", "sequence_number"]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    CREATED_US_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    bytes: int
    created_us: int
    name: bytes
    sequence_number: int
    def __init__(self, name: _Optional[bytes] = ..., sequence_number: _Optional[int] = ..., bytes: _Optional[int] = ..., created_us: _Optional[int] = ...) -> None: ...

class SnapshotPart(_message.Message):
    __slots__ = ["byte_count", "data"]
    BYTE_COUNT_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    byte_count: int
    data: bytes
    def __init__(self, data: _Optional[bytes] = ..., byte_count: _Optional[int] = ...) -> None: ...

class SnapshotRequest(_message.Message):
    __slots__ = ["name"]
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: bytes
    def __init__(self, name: _Optional[bytes] = ...) -> None: ...

class Statistic(_message.Message):
    __slots__ = ["name", "unit", "value"]
    NAME_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    name: bytes
    unit: bytes
    value: float
    def __init__(self, name: _Optional[bytes] = ..., value: _Optional[float] = ..., unit: _Optional[bytes] = ...) -> None: ...

class StatsRequest(_message.Message):
    __slots__ = []
    def __init__(self) -> None: ...

class StatsResponse(_message.Message):
    __slots__ = ["collections", "compaction_failure", "sequence_number", "server_version", "statistics", "store_version"]
    COLLECTIONS_FIELD_NUMBER: _ClassVar[int]
    COMPACTION_FAILURE_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    SERVER_VERSION_FIELD_NUMBER: _ClassVar[int]
    STATISTICS_FIELD_NUMBER: _ClassVar[int]
    STORE_VERSION_FIELD_NUMBER: _ClassVar[int]
    collections: _containers.RepeatedCompositeFieldContainer[_collection_pb2.CollectionDescription]
    compaction_failure: bytes
    sequence_number: int
    server_version: bytes
    statistics: _containers.RepeatedCompositeFieldContainer[Statistic]
    store_version: bytes
    def __init__(self, server_version: _Optional[bytes] = ..., store_version: _Optional[bytes] = ..., sequence_number: _Optional[int] = ..., collections: _Optional[_Iterable[_Union[_collection_pb2.CollectionDescription, _Mapping]]] = ..., statistics: _Optional[_Iterable[_Union[Statistic, _Mapping]]] = ..., compaction_failure: _Optional[bytes] = ...) -> None: ...

class VerifyRequest(_message.Message):
    __slots__ = []
    def __init__(self) -> None: ...

class VerifyResponse(_message.Message):
    __slots__ = ["batches", "damage_count", "damages", "edges", "rows", "sequence_number", "vectors"]
    BATCHES_FIELD_NUMBER: _ClassVar[int]
    DAMAGES_FIELD_NUMBER: _ClassVar[int]
    DAMAGE_COUNT_FIELD_NUMBER: _ClassVar[int]
    EDGES_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    VECTORS_FIELD_NUMBER: _ClassVar[int]
    batches: int
    damage_count: int
    damages: _containers.RepeatedCompositeFieldContainer[Damage]
    edges: int
    rows: int
    sequence_number: int
    vectors: int
    def __init__(self, sequence_number: _Optional[int] = ..., batches: _Optional[int] = ..., rows: _Optional[int] = ..., vectors: _Optional[int] = ..., edges: _Optional[int] = ..., damages: _Optional[_Iterable[_Union[Damage, _Mapping]]] = ..., damage_count: _Optional[int] = ...) -> None: ...

class WalkRequest(_message.Message):
    __slots__ = ["collection", "columns", "walks"]
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    WALKS_FIELD_NUMBER: _ClassVar[int]
    collection: bytes
    columns: bool
    walks: _containers.RepeatedCompositeFieldContainer[_query_pb2.Walk]
    def __init__(self, collection: _Optional[bytes] = ..., walks: _Optional[_Iterable[_Union[_query_pb2.Walk, _Mapping]]] = ..., columns: bool = ...) -> None: ...

class WalkResponse(_message.Message):
    __slots__ = ["results", "sequence_number"]
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[_query_pb2.WalkResult]
    sequence_number: int
    def __init__(self, results: _Optional[_Iterable[_Union[_query_pb2.WalkResult, _Mapping]]] = ..., sequence_number: _Optional[int] = ...) -> None: ...

class WriteReceipt(_message.Message):
    __slots__ = ["dropped", "durability", "inserted", "repeated_request", "replaced", "sequence_number"]
    DROPPED_FIELD_NUMBER: _ClassVar[int]
    DURABILITY_FIELD_NUMBER: _ClassVar[int]
    INSERTED_FIELD_NUMBER: _ClassVar[int]
    REPEATED_REQUEST_FIELD_NUMBER: _ClassVar[int]
    REPLACED_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    dropped: int
    durability: Durability
    inserted: int
    repeated_request: bool
    replaced: int
    sequence_number: int
    def __init__(self, sequence_number: _Optional[int] = ..., durability: _Optional[_Union[Durability, str]] = ..., inserted: _Optional[int] = ..., replaced: _Optional[int] = ..., dropped: _Optional[int] = ..., repeated_request: bool = ...) -> None: ...

class Code(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []

class Outcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []

class Durability(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []
