# SPDX-License-Identifier: Apache-2.0
"""Calls as bytes of frames, and errors out of replies."""

from __future__ import annotations

import struct
from typing import Any

from lodestone._proto import service_pb2
from lodestone.errors import Code, LodestoneError, Outcome

PROTOCOL_VERSION = 1
_FIELDS = service_pb2.Request.DESCRIPTOR.fields_by_name
#: Calls that the server answers at once, and does not count among those under way.
_ANSWERED_AT_ONCE = frozenset({"ping", "list_collections", "describe_collection", "stats"})
#: Pieces of a frame up to this many bytes in all are copied together: one call of the system each.
_SMALL_FRAME = 64 << 10


def varint(value: int) -> bytes:
    """A protobuf varint."""
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)


def delimited(number: int, *parts: bytes) -> list[bytes]:
    """A length-delimited field, in pieces that have not been copied together."""
    length = sum(len(part) for part in parts)
    return [varint(number << 3 | 2) + varint(length), *parts]


class Call:
    """A call, encoded once for all its attempts.

    Vectors are kept apart from the message: they are its field ``vectors``, as bytes. ``rows`` is
    how many documents it carries, for the error that it is too large.
    """

    def __init__(self, name: str, message: Any, vectors: bytes = b"", rows: int = 0) -> None:
        self.name = name
        self.is_answered_at_once = name in _ANSWERED_AT_ONCE
        self.rows = rows
        body: list[bytes] = [message.SerializeToString(deterministic=True)]
        if len(vectors):
            number = message.DESCRIPTOR.fields_by_name["vectors"].number
            body += delimited(number, vectors)
        self.body = delimited(_FIELDS[name].number, *body)

    def frame(self, id: int, deadline: float, request_id: bytes | None) -> list[bytes]:
        """The pieces of a frame with this call, under ``deadline`` seconds."""
        milliseconds = max(1, int(min(deadline, 2**22) * 1000))
        head = service_pb2.Request(id=id, deadline_ms=milliseconds)
        if request_id is not None:
            head.request_id = request_id
        parts = [head.SerializeToString(), *self.body]
        return [struct.pack(">I", sum(len(part) for part in parts)), *parts]


class Frame:
    """A frame on its way, and how much of it the system has taken."""

    __slots__ = ("byte_count", "has_begun", "_pieces", "_counts")

    def __init__(self, parts: list[bytes]) -> None:
        #: Bytes of the message, without the four of its length.
        self.byte_count = sum(len(part) for part in parts) - 4
        #: Part of it may be on its way: it can't be taken back.
        self.has_begun = False
        self._pieces = [b"".join(parts)] if self.byte_count <= _SMALL_FRAME else parts
        #: What the system has taken each time. Nothing else says how far the frame is.
        self._counts: list[int] = []

    @property
    def sent_bytes(self) -> int:
        """How much of it the system has taken."""
        return sum(self._counts)

    @property
    def is_sent(self) -> bool:
        """The system has taken all of it."""
        return self.sent_bytes == self.byte_count + 4

    def send(self, socket: Any) -> None:
        """Hands the system what it takes at once of the next piece; raises OSError as sockets do.

        A signal handler that raises an exception leaves the frame as it is: sent and counted, or
        not.
        """
        place = self.sent_bytes
        for piece in self._pieces:
            if place < len(piece):
                break
            place -= len(piece)
        rest = memoryview(piece)[place:] if place else piece
        had_begun, self.has_begun = self.has_begun, True
        try:
            # One step of the interpreter, so that no handler runs between sending and counting.
            self._counts.extend(map(socket.send, (rest,)))
        except BlockingIOError:
            self.has_begun = had_begun
            raise


class FrameReader:
    """Cuts what arrives into messages, whatever pieces it comes in."""

    _CHUNK = 64 << 10

    def __init__(self, socket: Any, max_frame_bytes: int) -> None:
        self._socket = socket
        self.max_frame_bytes = max_frame_bytes
        self._tail = b""
        #: A message that is larger than a chunk, and how many bytes of it are there.
        self._large: bytearray | None = None
        self._filled = 0

    def receive(self) -> list[Any]:
        """The messages that the next read of the socket completes: none, one or several.

        Raises OSError as the socket does, EOFError when the server has closed the connection, and
        ValueError for what is no message.
        """
        if self._large is not None:
            return self._receive_large()
        chunk = self._socket.recv(self._CHUNK)
        if not chunk:
            raise EOFError("the server closed it")
        if self._tail:
            chunk = self._tail + chunk
        messages = []
        place = 0
        while len(chunk) - place >= 4:
            length = int.from_bytes(chunk[place : place + 4], "big")
            if not 0 < length <= self.max_frame_bytes:
                raise ValueError(
                    f"a frame of {length} bytes; the limit is {self.max_frame_bytes} bytes"
                )
            start, end = place + 4, place + 4 + length
            if end > len(chunk):
                if length > self._CHUNK:
                    self._large = bytearray(length)
                    self._filled = len(chunk) - start
                    self._large[: self._filled] = chunk[start:]
                    place = len(chunk)
                break
            messages.append(_response(chunk[start:end]))
            place = end
        self._tail = chunk[place:]
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
    """The error of a reply.

    A code or an outcome that this release does not know is not there after decoding, as if it had
    never been sent: then nothing is known of it.
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
    """What an error says, even where its bytes are no UTF-8."""
    return str(bytes, "utf-8", "replace")
