from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Mapping as _Mapping, Optional as _Optional, Union as _Union

COSINE: Metric
DESCRIPTOR: _descriptor.FileDescriptor
DOT_PRODUCT: Metric
EUCLIDEAN: Metric
FTS5: TextStrategy
POSTINGS: TextStrategy

class CollectionDescription(_message.Message):
    __slots__ = ["base_bytes", "changes_since_base", "documents", "edges", "name", "options", "sequence_number", "vectors"]
    BASE_BYTES_FIELD_NUMBER: _ClassVar[int]
    CHANGES_SINCE_BASE_FIELD_NUMBER: _ClassVar[int]
    DOCUMENTS_FIELD_NUMBER: _ClassVar[int]
    EDGES_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    VECTORS_FIELD_NUMBER: _ClassVar[int]
    base_bytes: int
    changes_since_base: int
    documents: int
    edges: int
    name: bytes
    options: CollectionOptions
    sequence_number: int
    vectors: int
    def __init__(self, name: _Optional[bytes] = ..., options: _Optional[_Union[CollectionOptions, _Mapping]] = ..., documents: _Optional[int] = ..., vectors: _Optional[int] = ..., edges: _Optional[int] = ..., sequence_number: _Optional[int] = ..., changes_since_base: _Optional[int] = ..., base_bytes: _Optional[int] = ...) -> None: ...

class CollectionOptions(_message.Message):
    __slots__ = ["dimension", "metric", "text_strategy", "vector_strategy"]
    DIMENSION_FIELD_NUMBER: _ClassVar[int]
    METRIC_FIELD_NUMBER: _ClassVar[int]
    TEXT_STRATEGY_FIELD_NUMBER: _ClassVar[int]
    VECTOR_STRATEGY_FIELD_NUMBER: _ClassVar[int]
    dimension: int
    metric: Metric
    text_strategy: TextStrategy
    vector_strategy: VectorStrategy
    def __init__(self, dimension: _Optional[int] = ..., metric: _Optional[_Union[Metric, str]] = ..., vector_strategy: _Optional[_Union[VectorStrategy, _Mapping]] = ..., text_strategy: _Optional[_Union[TextStrategy, str]] = ...) -> None: ...

class FlatOptions(_message.Message):
    __slots__ = []
    def __init__(self) -> None: ...

class HNSWOptions(_message.Message):
    __slots__ = ["ef_construction", "ef_search", "inline_indexing", "m"]
    EF_CONSTRUCTION_FIELD_NUMBER: _ClassVar[int]
    EF_SEARCH_FIELD_NUMBER: _ClassVar[int]
    INLINE_INDEXING_FIELD_NUMBER: _ClassVar[int]
    M_FIELD_NUMBER: _ClassVar[int]
    ef_construction: int
    ef_search: int
    inline_indexing: bool
    m: int
    def __init__(self, inline_indexing: bool = ..., m: _Optional[int] = ..., ef_construction: _Optional[int] = ..., ef_search: _Optional[int] = ...) -> None: ...

class LSHOptions(_message.Message):
    __slots__ = ["hyperplanes", "probes", "tables"]
    HYPERPLANES_FIELD_NUMBER: _ClassVar[int]
    PROBES_FIELD_NUMBER: _ClassVar[int]
    TABLES_FIELD_NUMBER: _ClassVar[int]
    hyperplanes: int
    probes: int
    tables: int
    def __init__(self, tables: _Optional[int] = ..., hyperplanes: _Optional[int] = ..., probes: _Optional[int] = ...) -> None: ...

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

class TextStrategy(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []
