from lodestone._proto import document_pb2 as _document_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

ANY_WORD: TextMode
BEST: Normalization
BOTH: Direction
DESCRIPTOR: _descriptor.FileDescriptor
EDGES: BudgetKind
INCOMING: Direction
MIN_MAX: Normalization
NODES: BudgetKind
NO_BUDGET: BudgetKind
OUTGOING: Direction
QUERY_SYNTAX: TextMode
TIME: BudgetKind

class Comparison(_message.Message):
    __slots__ = ["contains", "equal", "exists", "in_list", "path", "range"]
    CONTAINS_FIELD_NUMBER: _ClassVar[int]
    EQUAL_FIELD_NUMBER: _ClassVar[int]
    EXISTS_FIELD_NUMBER: _ClassVar[int]
    IN_LIST_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    RANGE_FIELD_NUMBER: _ClassVar[int]
    contains: _document_pb2.Value
    equal: _document_pb2.Value
    exists: bool
    in_list: _document_pb2.ListValue
    path: _containers.RepeatedScalarFieldContainer[bytes]
    range: Range
    def __init__(self, path: _Optional[_Iterable[bytes]] = ..., equal: _Optional[_Union[_document_pb2.Value, _Mapping]] = ..., in_list: _Optional[_Union[_document_pb2.ListValue, _Mapping]] = ..., range: _Optional[_Union[Range, _Mapping]] = ..., exists: bool = ..., contains: _Optional[_Union[_document_pb2.Value, _Mapping]] = ...) -> None: ...

class Facet(_message.Message):
    __slots__ = ["distinct_values", "path", "values"]
    DISTINCT_VALUES_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    distinct_values: int
    path: _containers.RepeatedScalarFieldContainer[bytes]
    values: _containers.RepeatedCompositeFieldContainer[FacetCount]
    def __init__(self, path: _Optional[_Iterable[bytes]] = ..., values: _Optional[_Iterable[_Union[FacetCount, _Mapping]]] = ..., distinct_values: _Optional[int] = ...) -> None: ...

class FacetCount(_message.Message):
    __slots__ = ["count", "value"]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    count: int
    value: _document_pb2.Value
    def __init__(self, value: _Optional[_Union[_document_pb2.Value, _Mapping]] = ..., count: _Optional[int] = ...) -> None: ...

class FacetRequest(_message.Message):
    __slots__ = ["limit", "path"]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    limit: int
    path: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, path: _Optional[_Iterable[bytes]] = ..., limit: _Optional[int] = ...) -> None: ...

class Filter(_message.Message):
    __slots__ = ["all_of", "any_of", "comparison", "ids", "negation"]
    ALL_OF_FIELD_NUMBER: _ClassVar[int]
    ANY_OF_FIELD_NUMBER: _ClassVar[int]
    COMPARISON_FIELD_NUMBER: _ClassVar[int]
    IDS_FIELD_NUMBER: _ClassVar[int]
    NEGATION_FIELD_NUMBER: _ClassVar[int]
    all_of: FilterList
    any_of: FilterList
    comparison: Comparison
    ids: IdList
    negation: Filter
    def __init__(self, comparison: _Optional[_Union[Comparison, _Mapping]] = ..., all_of: _Optional[_Union[FilterList, _Mapping]] = ..., any_of: _Optional[_Union[FilterList, _Mapping]] = ..., negation: _Optional[_Union[Filter, _Mapping]] = ..., ids: _Optional[_Union[IdList, _Mapping]] = ...) -> None: ...

class FilterExplanation(_message.Message):
    __slots__ = ["matched_documents", "read_documents", "strategy"]
    MATCHED_DOCUMENTS_FIELD_NUMBER: _ClassVar[int]
    READ_DOCUMENTS_FIELD_NUMBER: _ClassVar[int]
    STRATEGY_FIELD_NUMBER: _ClassVar[int]
    matched_documents: int
    read_documents: int
    strategy: bytes
    def __init__(self, strategy: _Optional[bytes] = ..., matched_documents: _Optional[int] = ..., read_documents: _Optional[int] = ...) -> None: ...

class FilterList(_message.Message):
    __slots__ = ["filters"]
    FILTERS_FIELD_NUMBER: _ClassVar[int]
    filters: _containers.RepeatedCompositeFieldContainer[Filter]
    def __init__(self, filters: _Optional[_Iterable[_Union[Filter, _Mapping]]] = ...) -> None: ...

class Fragment(_message.Message):
    __slots__ = ["matches", "offset", "text"]
    MATCHES_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    matches: _containers.RepeatedCompositeFieldContainer[TextRange]
    offset: int
    text: bytes
    def __init__(self, text: _Optional[bytes] = ..., offset: _Optional[int] = ..., matches: _Optional[_Iterable[_Union[TextRange, _Mapping]]] = ...) -> None: ...

class Fusion(_message.Message):
    __slots__ = ["reciprocal_rank", "weighted_scores"]
    RECIPROCAL_RANK_FIELD_NUMBER: _ClassVar[int]
    WEIGHTED_SCORES_FIELD_NUMBER: _ClassVar[int]
    reciprocal_rank: ReciprocalRank
    weighted_scores: WeightedScores
    def __init__(self, reciprocal_rank: _Optional[_Union[ReciprocalRank, _Mapping]] = ..., weighted_scores: _Optional[_Union[WeightedScores, _Mapping]] = ...) -> None: ...

class Highlight(_message.Message):
    __slots__ = ["after", "before", "fields", "fragment_size", "max_fragments"]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    FRAGMENT_SIZE_FIELD_NUMBER: _ClassVar[int]
    MAX_FRAGMENTS_FIELD_NUMBER: _ClassVar[int]
    after: bytes
    before: bytes
    fields: _containers.RepeatedScalarFieldContainer[bytes]
    fragment_size: int
    max_fragments: int
    def __init__(self, fields: _Optional[_Iterable[bytes]] = ..., fragment_size: _Optional[int] = ..., max_fragments: _Optional[int] = ..., before: _Optional[bytes] = ..., after: _Optional[bytes] = ...) -> None: ...

class HighlightedField(_message.Message):
    __slots__ = ["field", "fragments"]
    FIELD_FIELD_NUMBER: _ClassVar[int]
    FRAGMENTS_FIELD_NUMBER: _ClassVar[int]
    field: bytes
    fragments: _containers.RepeatedCompositeFieldContainer[Fragment]
    def __init__(self, field: _Optional[bytes] = ..., fragments: _Optional[_Iterable[_Union[Fragment, _Mapping]]] = ...) -> None: ...

class Hit(_message.Message):
    __slots__ = ["document", "highlights", "id", "score", "source_scores", "vector"]
    DOCUMENT_FIELD_NUMBER: _ClassVar[int]
    HIGHLIGHTS_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    SOURCE_SCORES_FIELD_NUMBER: _ClassVar[int]
    VECTOR_FIELD_NUMBER: _ClassVar[int]
    document: _document_pb2.Document
    highlights: _containers.RepeatedCompositeFieldContainer[HighlightedField]
    id: bytes
    score: float
    source_scores: _containers.RepeatedCompositeFieldContainer[SourceScore]
    vector: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, id: _Optional[bytes] = ..., score: _Optional[float] = ..., source_scores: _Optional[_Iterable[_Union[SourceScore, _Mapping]]] = ..., document: _Optional[_Union[_document_pb2.Document, _Mapping]] = ..., vector: _Optional[_Iterable[float]] = ..., highlights: _Optional[_Iterable[_Union[HighlightedField, _Mapping]]] = ...) -> None: ...

class IdList(_message.Message):
    __slots__ = ["ids"]
    IDS_FIELD_NUMBER: _ClassVar[int]
    ids: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, ids: _Optional[_Iterable[bytes]] = ...) -> None: ...

class Include(_message.Message):
    __slots__ = ["edges", "explain", "metadata", "source_scores", "text", "vector"]
    EDGES_FIELD_NUMBER: _ClassVar[int]
    EXPLAIN_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    SOURCE_SCORES_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    VECTOR_FIELD_NUMBER: _ClassVar[int]
    edges: bool
    explain: bool
    metadata: bool
    source_scores: bool
    text: bool
    vector: bool
    def __init__(self, text: bool = ..., metadata: bool = ..., vector: bool = ..., edges: bool = ..., source_scores: bool = ..., explain: bool = ...) -> None: ...

class MatchText(_message.Message):
    __slots__ = ["fuzzy_auto", "fuzzy_distance", "fuzzy_max_expansions", "fuzzy_prefix_length", "mode", "query"]
    FUZZY_AUTO_FIELD_NUMBER: _ClassVar[int]
    FUZZY_DISTANCE_FIELD_NUMBER: _ClassVar[int]
    FUZZY_MAX_EXPANSIONS_FIELD_NUMBER: _ClassVar[int]
    FUZZY_PREFIX_LENGTH_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    fuzzy_auto: bool
    fuzzy_distance: int
    fuzzy_max_expansions: int
    fuzzy_prefix_length: int
    mode: TextMode
    query: bytes
    def __init__(self, query: _Optional[bytes] = ..., mode: _Optional[_Union[TextMode, str]] = ..., fuzzy_distance: _Optional[int] = ..., fuzzy_auto: bool = ..., fuzzy_prefix_length: _Optional[int] = ..., fuzzy_max_expansions: _Optional[int] = ...) -> None: ...

class NearVector(_message.Message):
    __slots__ = ["ef_search", "exact"]
    EF_SEARCH_FIELD_NUMBER: _ClassVar[int]
    EXACT_FIELD_NUMBER: _ClassVar[int]
    ef_search: int
    exact: bool
    def __init__(self, exact: bool = ..., ef_search: _Optional[int] = ...) -> None: ...

class Query(_message.Message):
    __slots__ = ["facets", "filter", "fusion", "highlight", "include", "limit", "sources"]
    FACETS_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    FUSION_FIELD_NUMBER: _ClassVar[int]
    HIGHLIGHT_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    SOURCES_FIELD_NUMBER: _ClassVar[int]
    facets: _containers.RepeatedCompositeFieldContainer[FacetRequest]
    filter: Filter
    fusion: Fusion
    highlight: Highlight
    include: Include
    limit: int
    sources: _containers.RepeatedCompositeFieldContainer[Source]
    def __init__(self, sources: _Optional[_Iterable[_Union[Source, _Mapping]]] = ..., filter: _Optional[_Union[Filter, _Mapping]] = ..., fusion: _Optional[_Union[Fusion, _Mapping]] = ..., limit: _Optional[int] = ..., include: _Optional[_Union[Include, _Mapping]] = ..., highlight: _Optional[_Union[Highlight, _Mapping]] = ..., facets: _Optional[_Iterable[_Union[FacetRequest, _Mapping]]] = ...) -> None: ...

class QueryResult(_message.Message):
    __slots__ = ["explanations", "facets", "filter", "hits", "partial", "text_explanations"]
    EXPLANATIONS_FIELD_NUMBER: _ClassVar[int]
    FACETS_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    HITS_FIELD_NUMBER: _ClassVar[int]
    PARTIAL_FIELD_NUMBER: _ClassVar[int]
    TEXT_EXPLANATIONS_FIELD_NUMBER: _ClassVar[int]
    explanations: _containers.RepeatedCompositeFieldContainer[VectorExplanation]
    facets: _containers.RepeatedCompositeFieldContainer[Facet]
    filter: FilterExplanation
    hits: _containers.RepeatedCompositeFieldContainer[Hit]
    partial: bool
    text_explanations: _containers.RepeatedCompositeFieldContainer[TextExplanation]
    def __init__(self, hits: _Optional[_Iterable[_Union[Hit, _Mapping]]] = ..., partial: bool = ..., explanations: _Optional[_Iterable[_Union[VectorExplanation, _Mapping]]] = ..., text_explanations: _Optional[_Iterable[_Union[TextExplanation, _Mapping]]] = ..., filter: _Optional[_Union[FilterExplanation, _Mapping]] = ..., facets: _Optional[_Iterable[_Union[Facet, _Mapping]]] = ...) -> None: ...

class Range(_message.Message):
    __slots__ = ["lower", "lower_exclusive", "upper", "upper_exclusive"]
    LOWER_EXCLUSIVE_FIELD_NUMBER: _ClassVar[int]
    LOWER_FIELD_NUMBER: _ClassVar[int]
    UPPER_EXCLUSIVE_FIELD_NUMBER: _ClassVar[int]
    UPPER_FIELD_NUMBER: _ClassVar[int]
    lower: _document_pb2.Value
    lower_exclusive: bool
    upper: _document_pb2.Value
    upper_exclusive: bool
    def __init__(self, lower: _Optional[_Union[_document_pb2.Value, _Mapping]] = ..., lower_exclusive: bool = ..., upper: _Optional[_Union[_document_pb2.Value, _Mapping]] = ..., upper_exclusive: bool = ...) -> None: ...

class Reached(_message.Message):
    __slots__ = ["depth", "id", "incoming", "label", "weight"]
    DEPTH_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    INCOMING_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    depth: int
    id: bytes
    incoming: bool
    label: bytes
    weight: float
    def __init__(self, id: _Optional[bytes] = ..., depth: _Optional[int] = ..., label: _Optional[bytes] = ..., weight: _Optional[float] = ..., incoming: bool = ..., **kwargs) -> None: ...

class ReachedColumns(_message.Message):
    __slots__ = ["counts", "id_lengths", "ids", "incoming", "label_positions", "labels", "parents", "starts", "weights"]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    IDS_FIELD_NUMBER: _ClassVar[int]
    ID_LENGTHS_FIELD_NUMBER: _ClassVar[int]
    INCOMING_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    LABEL_POSITIONS_FIELD_NUMBER: _ClassVar[int]
    PARENTS_FIELD_NUMBER: _ClassVar[int]
    STARTS_FIELD_NUMBER: _ClassVar[int]
    WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    counts: _containers.RepeatedScalarFieldContainer[int]
    id_lengths: _containers.RepeatedScalarFieldContainer[int]
    ids: bytes
    incoming: bytes
    label_positions: _containers.RepeatedScalarFieldContainer[int]
    labels: _containers.RepeatedScalarFieldContainer[bytes]
    parents: _containers.RepeatedScalarFieldContainer[int]
    starts: _containers.RepeatedScalarFieldContainer[bytes]
    weights: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, starts: _Optional[_Iterable[bytes]] = ..., ids: _Optional[bytes] = ..., id_lengths: _Optional[_Iterable[int]] = ..., counts: _Optional[_Iterable[int]] = ..., parents: _Optional[_Iterable[int]] = ..., labels: _Optional[_Iterable[bytes]] = ..., label_positions: _Optional[_Iterable[int]] = ..., weights: _Optional[_Iterable[float]] = ..., incoming: _Optional[bytes] = ...) -> None: ...

class ReciprocalRank(_message.Message):
    __slots__ = ["k"]
    K_FIELD_NUMBER: _ClassVar[int]
    k: int
    def __init__(self, k: _Optional[int] = ...) -> None: ...

class Source(_message.Message):
    __slots__ = ["candidates", "text", "vector", "walk", "weight"]
    CANDIDATES_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    VECTOR_FIELD_NUMBER: _ClassVar[int]
    WALK_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    candidates: int
    text: MatchText
    vector: NearVector
    walk: WalkFrom
    weight: float
    def __init__(self, vector: _Optional[_Union[NearVector, _Mapping]] = ..., text: _Optional[_Union[MatchText, _Mapping]] = ..., walk: _Optional[_Union[WalkFrom, _Mapping]] = ..., weight: _Optional[float] = ..., candidates: _Optional[int] = ...) -> None: ...

class SourceScore(_message.Message):
    __slots__ = ["rank", "score", "source"]
    RANK_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    rank: int
    score: float
    source: int
    def __init__(self, source: _Optional[int] = ..., rank: _Optional[int] = ..., score: _Optional[float] = ...) -> None: ...

class TextExpansion(_message.Message):
    __slots__ = ["distance", "documents", "word"]
    DISTANCE_FIELD_NUMBER: _ClassVar[int]
    DOCUMENTS_FIELD_NUMBER: _ClassVar[int]
    WORD_FIELD_NUMBER: _ClassVar[int]
    distance: int
    documents: int
    word: bytes
    def __init__(self, word: _Optional[bytes] = ..., distance: _Optional[int] = ..., documents: _Optional[int] = ...) -> None: ...

class TextExplanation(_message.Message):
    __slots__ = ["left_out", "source", "words"]
    LEFT_OUT_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    WORDS_FIELD_NUMBER: _ClassVar[int]
    left_out: _containers.RepeatedScalarFieldContainer[bytes]
    source: int
    words: _containers.RepeatedCompositeFieldContainer[TextWord]
    def __init__(self, source: _Optional[int] = ..., words: _Optional[_Iterable[_Union[TextWord, _Mapping]]] = ..., left_out: _Optional[_Iterable[bytes]] = ...) -> None: ...

class TextRange(_message.Message):
    __slots__ = ["end", "start"]
    END_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    end: int
    start: int
    def __init__(self, start: _Optional[int] = ..., end: _Optional[int] = ...) -> None: ...

class TextWord(_message.Message):
    __slots__ = ["documents", "expansion_count", "expansions", "word"]
    DOCUMENTS_FIELD_NUMBER: _ClassVar[int]
    EXPANSIONS_FIELD_NUMBER: _ClassVar[int]
    EXPANSION_COUNT_FIELD_NUMBER: _ClassVar[int]
    WORD_FIELD_NUMBER: _ClassVar[int]
    documents: int
    expansion_count: int
    expansions: _containers.RepeatedCompositeFieldContainer[TextExpansion]
    word: bytes
    def __init__(self, word: _Optional[bytes] = ..., documents: _Optional[int] = ..., expansion_count: _Optional[int] = ..., expansions: _Optional[_Iterable[_Union[TextExpansion, _Mapping]]] = ...) -> None: ...

class VectorExplanation(_message.Message):
    __slots__ = ["computed_distances", "scanned_rows", "source", "strategy", "visited_nodes"]
    COMPUTED_DISTANCES_FIELD_NUMBER: _ClassVar[int]
    SCANNED_ROWS_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    STRATEGY_FIELD_NUMBER: _ClassVar[int]
    VISITED_NODES_FIELD_NUMBER: _ClassVar[int]
    computed_distances: int
    scanned_rows: int
    source: int
    strategy: bytes
    visited_nodes: int
    def __init__(self, source: _Optional[int] = ..., strategy: _Optional[bytes] = ..., visited_nodes: _Optional[int] = ..., computed_distances: _Optional[int] = ..., scanned_rows: _Optional[int] = ...) -> None: ...

class Walk(_message.Message):
    __slots__ = ["budget", "depth", "direction", "labels"]
    BUDGET_FIELD_NUMBER: _ClassVar[int]
    DEPTH_FIELD_NUMBER: _ClassVar[int]
    DIRECTION_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    budget: WalkBudget
    depth: int
    direction: Direction
    labels: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, labels: _Optional[_Iterable[bytes]] = ..., direction: _Optional[_Union[Direction, str]] = ..., depth: _Optional[int] = ..., budget: _Optional[_Union[WalkBudget, _Mapping]] = ..., **kwargs) -> None: ...

class WalkBudget(_message.Message):
    __slots__ = ["edges", "nodes", "time_ms"]
    EDGES_FIELD_NUMBER: _ClassVar[int]
    NODES_FIELD_NUMBER: _ClassVar[int]
    TIME_MS_FIELD_NUMBER: _ClassVar[int]
    edges: int
    nodes: int
    time_ms: int
    def __init__(self, nodes: _Optional[int] = ..., edges: _Optional[int] = ..., time_ms: _Optional[int] = ...) -> None: ...

class WalkFrom(_message.Message):
    __slots__ = ["from_hits", "walk"]
    FROM_HITS_FIELD_NUMBER: _ClassVar[int]
    WALK_FIELD_NUMBER: _ClassVar[int]
    from_hits: bool
    walk: Walk
    def __init__(self, walk: _Optional[_Union[Walk, _Mapping]] = ..., from_hits: bool = ...) -> None: ...

class WalkResult(_message.Message):
    __slots__ = ["columns", "edges_followed", "ended_by", "reached"]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    EDGES_FOLLOWED_FIELD_NUMBER: _ClassVar[int]
    ENDED_BY_FIELD_NUMBER: _ClassVar[int]
    REACHED_FIELD_NUMBER: _ClassVar[int]
    columns: ReachedColumns
    edges_followed: int
    ended_by: BudgetKind
    reached: _containers.RepeatedCompositeFieldContainer[Reached]
    def __init__(self, reached: _Optional[_Iterable[_Union[Reached, _Mapping]]] = ..., ended_by: _Optional[_Union[BudgetKind, str]] = ..., edges_followed: _Optional[int] = ..., columns: _Optional[_Union[ReachedColumns, _Mapping]] = ...) -> None: ...

class WeightedScores(_message.Message):
    __slots__ = ["normalization"]
    NORMALIZATION_FIELD_NUMBER: _ClassVar[int]
    normalization: Normalization
    def __init__(self, normalization: _Optional[_Union[Normalization, str]] = ...) -> None: ...

class TextMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []

class Direction(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []

class Normalization(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []

class BudgetKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []
