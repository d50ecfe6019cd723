# SPDX-License-Identifier: Apache-2.0
"""Encodes calls as bytes of frames, and decodes errors from replies."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from lodestone._proto import service_pb2
from lodestone.errors import Code, LodestoneError, Outcome

PROTOCOL_VERSION = 1
#: The trace that calls belong to, as W3C's ``traceparent``; the server's log names it.
trace_parent: ContextVar[str | None] = ContextVar("trace_parent", default=None)
#: Calls that the server serves at once, and does not count among those in flight.
_UNCOUNTED = frozenset({"ping", "list_collections", "describe_collection", "stats"})
#: The most bytes of a frame whose pieces are copied together, so that one call of the system sends
#: them.
_SMALL_FRAME = 64 << 10
#: The varints of one byte, which are most of all.
_ONE_BYTE = tuple(bytes((number,)) for number in range(0x80))


def varint(value: int) -> bytes:
    """A number as a protobuf varint."""
    if value <= 0x7F:
        return _ONE_BYTE[value]
    if value <= 0x3FFF:
        return bytes((value & 0x7F | 0x80, value >> 7))
    if value <= 0x1F_FFFF:
        return bytes((value & 0x7F | 0x80, value >> 7 & 0x7F | 0x80, value >> 14))
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)


def _tag(number: int) -> bytes:
    """The tag of a length-delimited field."""
    return varint(number << 3 | 2)


#: The tags of a request's fields: the call, by its name, and what every request has.
_CALL_TAGS = {
    name: _tag(field.number)
    for name, field in service_pb2.Request.DESCRIPTOR.fields_by_name.items()
}
_ID_TAG = varint(service_pb2.Request.ID_FIELD_NUMBER << 3)
_DEADLINE_TAG = varint(service_pb2.Request.DEADLINE_MS_FIELD_NUMBER << 3)
_REQUEST_ID_TAG = _tag(service_pb2.Request.REQUEST_ID_FIELD_NUMBER)
_TRACE_TAG = _tag(service_pb2.Request.TRACE_PARENT_FIELD_NUMBER)


class Call:
    """A call, encoded once for all its attempts.

    The vectors are separate from the message: they are its field ``vectors``, as bytes. ``rows`` is
    the number of its documents, for the error that it is too large.
    """

    __slots__ = ("name", "is_uncounted", "rows", "trace", "body")

    def __init__(self, name: str, message: Any, vectors: bytes = b"", rows: int = 0) -> None:
        self.name = name
        self.is_uncounted = name in _UNCOUNTED
        self.rows = rows
        trace = trace_parent.get()
        self.trace = trace.encode() if trace else b""
        fields = message.SerializeToString(deterministic=True)
        length = len(fields)
        #: The bytes of the call, in pieces that have not been copied together.
        self.body = [fields]
        if vectors:
            number = message.DESCRIPTOR.fields_by_name["vectors"].number
            head = _tag(number) + varint(len(vectors))
            length += len(head) + len(vectors)
            self.body += [head, vectors]
        self.body.insert(0, _CALL_TAGS[name] + varint(length))

    def frame(self, id: int, deadline: float, request_id: bytes | None) -> list[bytes]:
        """The pieces of a frame with this call, under ``deadline`` seconds."""
        milliseconds = max(1, int(min(deadline, 2**22) * 1000))
        # Fields in the order of their numbers, as protobuf writes them.
        head = _ID_TAG + varint(id) + _DEADLINE_TAG + varint(milliseconds)
        if request_id is not None:
            head += _REQUEST_ID_TAG + varint(len(request_id)) + request_id
        if self.trace:
            head += _TRACE_TAG + varint(len(self.trace)) + self.trace
        length = len(head) + sum(map(len, self.body))
        return [length.to_bytes(4, "big") + head, *self.body]


class Frame:
    """A frame in the outbox, with the number of bytes that the system has taken."""

    __slots__ = ("byte_count", "has_begun", "_pieces", "_counts")

    def __init__(self, parts: list[bytes]) -> None:
        #: The bytes of the message, without the four of its length.
        self.byte_count = sum(map(len, parts)) - 4
        #: Whether part of the frame may be sent, so that it can't be removed.
        self.has_begun = False
        self._pieces = [b"".join(parts)] if self.byte_count <= _SMALL_FRAME else parts
        #: The bytes that the system has taken each time, which alone tell how far the frame is.
        self._counts: list[int] = []

    @property
    def sent_bytes(self) -> int:
        """The bytes of the frame that the system has taken."""
        return sum(self._counts)

    def send(self, socket: Any, most_bytes: int | None = None) -> None:
        """Sends as much of the next piece as the system takes; raises OSError as sockets do.

        With ``most_bytes``, the socket encrypts, and gets no more bytes at once. After an error that
        says to wait, it must get the same bytes again, because some may be sent.

        A signal handler that raises an exception leaves the frame consistent: bytes are sent and
        counted, or neither.
        """
        offset = self.sent_bytes
        for piece in self._pieces:
            if offset < len(piece):
                break
            offset -= len(piece)
        rest = memoryview(piece)[offset:] if offset else piece
        if most_bytes is not None:
            rest = memoryview(rest)[:most_bytes]
        had_begun, self.has_begun = self.has_begun, True
        try:
            # This is one step of the interpreter, so that no handler runs between sending and
            # counting.
            self._counts.extend(map(socket.send, (rest,)))
        except BlockingIOError:
            self.has_begun = had_begun
            raise


class FrameReader:
    """Cuts the input into messages, for any pieces in which it arrives."""

    _CHUNK = 64 << 10

    def __init__(self, socket: Any, max_frame_bytes: int) -> None:
        self._socket = socket
        self.max_frame_bytes = max_frame_bytes
        self._tail = b""
        #: A message that is larger than a chunk; ``_filled`` of its bytes have arrived.
        self._large: bytearray | None = None
        self._filled = 0

    def receive(self) -> list[Any]:
        """The messages that the next read of the socket completes: none, one or several.

        Raises OSError as the socket does, EOFError when the server has closed the connection, and
        ValueError for bytes that are no message.
        """
        if self._large is not None:
            return self._receive_large()
        chunk = self._socket.recv(self._CHUNK)
        if not chunk:
            raise EOFError("the server closed it")
        if self._tail:
            chunk = self._tail + chunk
        messages = []
        offset = 0
        while len(chunk) - offset >= 4:
            length = int.from_bytes(chunk[offset : offset + 4], "big")
            if not 0 < length <= self.max_frame_bytes:
                raise ValueError(
                    f"a frame of {length} bytes; the limit is {self.max_frame_bytes} bytes"
                )
            start, end = offset + 4, offset + 4 + length
            if end > len(chunk):
                if length > self._CHUNK:
                    self._large = bytearray(length)
                    self._filled = len(chunk) - start
                    self._large[: self._filled] = chunk[start:]
                    offset = len(chunk)
                break
            messages.append(_response(chunk[start:end]))
            offset = end
        self._tail = chunk[offset:]
        return messages

    def _receive_large(self) -> list[Any]:
        assert self._large is not None
        count = self._socket.recv_into(memoryview(self._large)[self._filled :])
        if count == 0:
            raise EOFError("the server closed it")
        self._filled += count
        if self._filled < len(self._large):
            return []
        message, self._large = bytes(self._large), None
        return [_response(message)]


def _response(message: bytes) -> Any:
    response = service_pb2.Response()
    try:
        response.ParseFromString(message)
    except Exception as error:
        raise ValueError(f"what is no message: {error!r}") from error
    return response


def read_error(error: Any) -> LodestoneError:
    """The error in a reply.

    A code or an outcome that this release does not know is absent after decoding, as if it had
    never been sent. Then it counts as unknown.
    """
    has_retry = error.HasField("retry_after_ms") and error.retry_after_ms >= 0
    return LodestoneError(
        Code(error.code) if error.HasField("code") and error.code else Code.UNKNOWN,
        text(error.reason),
        text(error.message),
        text(error.recovery),
        Outcome(error.outcome) if error.HasField("outcome") else Outcome.UNKNOWN,
        error.retry_after_ms / 1000 if has_retry else None,
        text(error.field) if error.HasField("field") else None,
        text(error.object) if error.HasField("object") else None,
        error.sequence_number if error.HasField("sequence_number") else None,
    )


def text(bytes: bytes) -> str:
    """The text of an error, even where its bytes are not valid UTF-8."""
    return str(bytes, "utf-8", "replace")
