from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Document(_message.Message):
    __slots__ = ["edges", "has_vector", "id", "metadata", "text"]
    EDGES_FIELD_NUMBER: _ClassVar[int]
    HAS_VECTOR_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    edges: _containers.RepeatedCompositeFieldContainer[Edge]
    has_vector: bool
    id: bytes
    metadata: Metadata
    text: _containers.RepeatedCompositeFieldContainer[TextField]
    def __init__(self, id: _Optional[bytes] = ..., text: _Optional[_Iterable[_Union[TextField, _Mapping]]] = ..., metadata: _Optional[_Union[Metadata, _Mapping]] = ..., edges: _Optional[_Iterable[_Union[Edge, _Mapping]]] = ..., has_vector: bool = ...) -> None: ...

class Edge(_message.Message):
    __slots__ = ["label", "metadata", "target", "weight"]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    label: bytes
    metadata: Metadata
    target: bytes
    weight: float
    def __init__(self, label: _Optional[bytes] = ..., target: _Optional[bytes] = ..., weight: _Optional[float] = ..., metadata: _Optional[_Union[Metadata, _Mapping]] = ...) -> None: ...

class Field(_message.Message):
    __slots__ = ["name", "value"]
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    name: bytes
    value: Value
    def __init__(self, name: _Optional[bytes] = ..., value: _Optional[_Union[Value, _Mapping]] = ...) -> None: ...

class ListValue(_message.Message):
    __slots__ = ["values"]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    values: _containers.RepeatedCompositeFieldContainer[Value]
    def __init__(self, values: _Optional[_Iterable[_Union[Value, _Mapping]]] = ...) -> None: ...

class Metadata(_message.Message):
    __slots__ = ["fields"]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    fields: _containers.RepeatedCompositeFieldContainer[Field]
    def __init__(self, fields: _Optional[_Iterable[_Union[Field, _Mapping]]] = ...) -> None: ...

class SourcedEdge(_message.Message):
    __slots__ = ["edge", "source"]
    EDGE_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    edge: Edge
    source: bytes
    def __init__(self, source: _Optional[bytes] = ..., edge: _Optional[_Union[Edge, _Mapping]] = ...) -> None: ...

class TextField(_message.Message):
    __slots__ = ["name", "text"]
    NAME_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    name: bytes
    text: bytes
    def __init__(self, name: _Optional[bytes] = ..., text: _Optional[bytes] = ...) -> None: ...

class Value(_message.Message):
    __slots__ = ["bool_value", "double_value", "int_value", "list_value", "object_value", "string_value", "timestamp_value"]
    BOOL_VALUE_FIELD_NUMBER: _ClassVar[int]
    DOUBLE_VALUE_FIELD_NUMBER: _ClassVar[int]
    INT_VALUE_FIELD_NUMBER: _ClassVar[int]
    LIST_VALUE_FIELD_NUMBER: _ClassVar[int]
    OBJECT_VALUE_FIELD_NUMBER: _ClassVar[int]
    STRING_VALUE_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_VALUE_FIELD_NUMBER: _ClassVar[int]
    bool_value: bool
    double_value: float
    int_value: int
    list_value: ListValue
    object_value: Metadata
    string_value: bytes
    timestamp_value: int
    def __init__(self, bool_value: bool = ..., int_value: _Optional[int] = ..., double_value: _Optional[float] = ..., string_value: _Optional[bytes] = ..., timestamp_value: _Optional[int] = ..., list_value: _Optional[_Union[ListValue, _Mapping]] = ..., object_value: _Optional[_Union[Metadata, _Mapping]] = ...) -> None: ...
