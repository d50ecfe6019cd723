from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

ARABIC: TextLanguage
ARMENIAN: TextLanguage
BASQUE: TextLanguage
BUILDING: IndexState
CATALAN: TextLanguage
COSINE: Metric
DANISH: TextLanguage
DESCRIPTOR: _descriptor.FileDescriptor
DOT_PRODUCT: Metric
DUTCH: TextLanguage
ENGLISH: TextLanguage
EUCLIDEAN: Metric
FINNISH: TextLanguage
FRENCH: TextLanguage
FTS5: TextStrategy
GERMAN: TextLanguage
GREEK: TextLanguage
HINDI: TextLanguage
HUNGARIAN: TextLanguage
INDONESIAN: TextLanguage
INT4: VectorQuantization
INT8: VectorQuantization
IRISH: TextLanguage
ITALIAN: TextLanguage
LITHUANIAN: TextLanguage
NEPALI: TextLanguage
NORWEGIAN: TextLanguage
NO_LANGUAGE: TextLanguage
NO_QUANTIZATION: VectorQuantization
PORTUGUESE: TextLanguage
POSTINGS: TextStrategy
READY: IndexState
ROMANIAN: TextLanguage
RUSSIAN: TextLanguage
SCANNING: IndexState
SERBIAN: TextLanguage
SPANISH: TextLanguage
SWEDISH: TextLanguage
TAMIL: TextLanguage
TURKISH: TextLanguage
YIDDISH: TextLanguage

class CollectionDescription(_message.Message):
    __slots__ = ["base_bytes", "building_indexes", "changes_since_base", "documents", "edges", "index", "name", "number", "options", "sequence_number", "vectors"]
    BASE_BYTES_FIELD_NUMBER: _ClassVar[int]
    BUILDING_INDEXES_FIELD_NUMBER: _ClassVar[int]
    CHANGES_SINCE_BASE_FIELD_NUMBER: _ClassVar[int]
    DOCUMENTS_FIELD_NUMBER: _ClassVar[int]
    EDGES_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    VECTORS_FIELD_NUMBER: _ClassVar[int]
    base_bytes: int
    building_indexes: _containers.RepeatedCompositeFieldContainer[MetadataIndex]
    changes_since_base: int
    documents: int
    edges: int
    index: IndexStatus
    name: bytes
    number: int
    options: CollectionOptions
    sequence_number: int
    vectors: int
    def __init__(self, name: _Optional[bytes] = ..., options: _Optional[_Union[CollectionOptions, _Mapping]] = ..., documents: _Optional[int] = ..., vectors: _Optional[int] = ..., edges: _Optional[int] = ..., sequence_number: _Optional[int] = ..., changes_since_base: _Optional[int] = ..., base_bytes: _Optional[int] = ..., index: _Optional[_Union[IndexStatus, _Mapping]] = ..., building_indexes: _Optional[_Iterable[_Union[MetadataIndex, _Mapping]]] = ..., number: _Optional[int] = ...) -> None: ...

class CollectionOptions(_message.Message):
    __slots__ = ["dimension", "metadata_indexes", "metric", "text", "text_strategy", "vector_strategy"]
    DIMENSION_FIELD_NUMBER: _ClassVar[int]
    METADATA_INDEXES_FIELD_NUMBER: _ClassVar[int]
    METRIC_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    TEXT_STRATEGY_FIELD_NUMBER: _ClassVar[int]
    VECTOR_STRATEGY_FIELD_NUMBER: _ClassVar[int]
    dimension: int
    metadata_indexes: _containers.RepeatedCompositeFieldContainer[MetadataIndex]
    metric: Metric
    text: TextOptions
    text_strategy: TextStrategy
    vector_strategy: VectorStrategy
    def __init__(self, dimension: _Optional[int] = ..., metric: _Optional[_Union[Metric, str]] = ..., vector_strategy: _Optional[_Union[VectorStrategy, _Mapping]] = ..., text_strategy: _Optional[_Union[TextStrategy, str]] = ..., text: _Optional[_Union[TextOptions, _Mapping]] = ..., metadata_indexes: _Optional[_Iterable[_Union[MetadataIndex, _Mapping]]] = ...) -> None: ...

class FlatOptions(_message.Message):
    __slots__ = []
    def __init__(self) -> None: ...

class HNSWOptions(_message.Message):
    __slots__ = ["ef_construction", "ef_search", "inline_indexing", "m", "quantization"]
    EF_CONSTRUCTION_FIELD_NUMBER: _ClassVar[int]
    EF_SEARCH_FIELD_NUMBER: _ClassVar[int]
    INLINE_INDEXING_FIELD_NUMBER: _ClassVar[int]
    M_FIELD_NUMBER: _ClassVar[int]
    QUANTIZATION_FIELD_NUMBER: _ClassVar[int]
    ef_construction: int
    ef_search: int
    inline_indexing: bool
    m: int
    quantization: VectorQuantization
    def __init__(self, inline_indexing: bool = ..., m: _Optional[int] = ..., ef_construction: _Optional[int] = ..., ef_search: _Optional[int] = ..., quantization: _Optional[_Union[VectorQuantization, str]] = ...) -> None: ...

class IndexStatus(_message.Message):
    __slots__ = ["bytes", "indexed_vectors", "message", "progress", "scanned_vectors", "self_recall", "state", "strategy", "unreachable_nodes"]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    INDEXED_VECTORS_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    SCANNED_VECTORS_FIELD_NUMBER: _ClassVar[int]
    SELF_RECALL_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    STRATEGY_FIELD_NUMBER: _ClassVar[int]
    UNREACHABLE_NODES_FIELD_NUMBER: _ClassVar[int]
    bytes: int
    indexed_vectors: int
    message: bytes
    progress: float
    scanned_vectors: int
    self_recall: float
    state: IndexState
    strategy: VectorStrategy
    unreachable_nodes: int
    def __init__(self, strategy: _Optional[_Union[VectorStrategy, _Mapping]] = ..., state: _Optional[_Union[IndexState, str]] = ..., indexed_vectors: _Optional[int] = ..., scanned_vectors: _Optional[int] = ..., progress: _Optional[float] = ..., bytes: _Optional[int] = ..., unreachable_nodes: _Optional[int] = ..., self_recall: _Optional[float] = ..., message: _Optional[bytes] = ...) -> None: ...

class LSHOptions(_message.Message):
    __slots__ = ["hyperplanes", "probes", "tables"]
    HYPERPLANES_FIELD_NUMBER: _ClassVar[int]
    PROBES_FIELD_NUMBER: _ClassVar[int]
    TABLES_FIELD_NUMBER: _ClassVar[int]
    hyperplanes: int
    probes: int
    tables: int
    def __init__(self, tables: _Optional[int] = ..., hyperplanes: _Optional[int] = ..., probes: _Optional[int] = ...) -> None: ...

class MetadataIndex(_message.Message):
    __slots__ = ["path"]
    PATH_FIELD_NUMBER: _ClassVar[int]
    path: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, path: _Optional[_Iterable[bytes]] = ...) -> None: ...

class TextFieldOptions(_message.Message):
    __slots__ = ["name", "weight"]
    NAME_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    name: bytes
    weight: float
    def __init__(self, name: _Optional[bytes] = ..., weight: _Optional[float] = ...) -> None: ...

class TextOptions(_message.Message):
    __slots__ = ["b", "exact_weight", "fields", "k1", "keeps_stop_words", "language"]
    B_FIELD_NUMBER: _ClassVar[int]
    EXACT_WEIGHT_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    K1_FIELD_NUMBER: _ClassVar[int]
    KEEPS_STOP_WORDS_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    b: float
    exact_weight: float
    fields: _containers.RepeatedCompositeFieldContainer[TextFieldOptions]
    k1: float
    keeps_stop_words: bool
    language: TextLanguage
    def __init__(self, fields: _Optional[_Iterable[_Union[TextFieldOptions, _Mapping]]] = ..., k1: _Optional[float] = ..., b: _Optional[float] = ..., exact_weight: _Optional[float] = ..., language: _Optional[_Union[TextLanguage, str]] = ..., keeps_stop_words: bool = ...) -> None: ...

class VectorStrategy(_message.Message):
    __slots__ = ["flat", "hnsw", "lsh"]
    FLAT_FIELD_NUMBER: _ClassVar[int]
    HNSW_FIELD_NUMBER: _ClassVar[int]
    LSH_FIELD_NUMBER: _ClassVar[int]
    flat: FlatOptions
    hnsw: HNSWOptions
    lsh: LSHOptions
    def __init__(self, flat: _Optional[_Union[FlatOptions, _Mapping]] = ..., lsh: _Optional[_Union[LSHOptions, _Mapping]] = ..., hnsw: _Optional[_Union[HNSWOptions, _Mapping]] = ...) -> None: ...

class Metric(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []

class VectorQuantization(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []

class TextStrategy(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []

class TextLanguage(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []

class IndexState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []
