# SPDX-License-Identifier: Apache-2.0
"""One connection: frames out from any thread, replies in on a thread of its own."""

from __future__ import annotations

import itertools
import socket
import struct
import threading
from typing import Any

from lodestone._proto import service_pb2
from lodestone.errors import Code, LodestoneError, Outcome

DEFAULT_PORT = 5633
PROTOCOL_VERSION = 1
_FIELDS = service_pb2.Request.DESCRIPTOR.fields_by_name


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

    Vectors are kept apart from the message: they are its field ``vectors``, as bytes.
    """

    def __init__(self, name: str, message: Any, vectors: bytes = b"") -> None:
        self.name = name
        body: list[bytes] = [message.SerializeToString(deterministic=True)]
        if len(vectors):
            number = message.DESCRIPTOR.fields_by_name["vectors"].number
            body += delimited(number, vectors)
        self.body = delimited(_FIELDS[name].number, *body)

    def frame(self, id: int, deadline: float, request_id: bytes | None) -> list[bytes]:
        """A frame with this call, under ``deadline`` seconds."""
        head = service_pb2.Request(id=id, deadline_ms=max(1, min(int(deadline * 1000), 2**32 - 1)))
        if request_id is not None:
            head.request_id = request_id
        parts = [head.SerializeToString(), *self.body]
        return [struct.pack(">I", sum(len(part) for part in parts)), *parts]


class Pending:
    """A call that waits for its reply."""

    def __init__(self) -> None:
        self._done = threading.Event()
        self._reply: Any = None
        self._error: LodestoneError | None = None

    def answer(self, reply: Any) -> None:
        self._reply = reply
        self._done.set()

    def fail(self, error: LodestoneError) -> None:
        self._error = error
        self._done.set()

    def wait(self, timeout: float) -> Any:
        """The reply, or None when none came in time."""
        if not self._done.wait(timeout):
            return None
        if self._error is not None:
            raise self._error
        return self._reply


def parse_address(address: str) -> tuple[str, int] | str:
    """Host and port, or the path of a Unix socket."""
    if address.startswith("unix:"):
        return address[len("unix:") :]
    host, port = address, str(DEFAULT_PORT)
    if address.startswith("["):
        host, _, rest = address[1:].partition("]")
        port = rest.removeprefix(":") or port
    elif address.count(":") == 1:
        host, port = address.split(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise ValueError(f"{address!r} is no address; write host:port, [ipv6]:port or unix:/path")
    return host, int(port)


class Connection:
    """A connection that has said hello.

    The lock guards the calls under way and the state; frames are sent under a lock of their own, so
    that replies are read while a large frame goes out.
    """

    def __init__(
        self,
        address: tuple[str, int] | str,
        token: bytes | None,
        client_name: str,
        last_sequence_number: int | None,
        timeout: float,
    ) -> None:
        self._ids = itertools.count(1)
        self._lock = threading.Lock()
        self._send_lock = threading.Lock()
        self._pending: dict[int, Pending] = {}
        self._end: LodestoneError | None = None
        self._is_leaving = False
        self._is_open = False
        self._socket = self._connect(address, timeout)
        hello = service_pb2.HelloRequest(
            protocol_version=PROTOCOL_VERSION, client_name=client_name.encode()
        )
        if token is not None:
            hello.token = token
        if last_sequence_number:
            hello.last_sequence_number = last_sequence_number
        self.max_frame_bytes = 4 << 10
        self._in_flight = threading.Semaphore(1)
        threading.Thread(target=self._read, name="lodestone-reader", daemon=True).start()
        try:
            reply = self.call(Call("hello", hello), timeout, None)
        except LodestoneError as error:
            self.close()
            if error.code is Code.DEADLINE_EXCEEDED:
                raise _no_connection(address, "hello was not answered") from error
            raise
        self._is_open = True
        self.max_frame_bytes = reply.hello.max_frame_bytes
        self.sequence_number = reply.hello.sequence_number
        self._in_flight = threading.Semaphore(max(1, reply.hello.max_in_flight))

    @staticmethod
    def _connect(address: tuple[str, int] | str, timeout: float) -> socket.socket:
        try:
            if isinstance(address, str):
                connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                connected.settimeout(timeout)
                connected.connect(address)
            else:
                connected = socket.create_connection(address, timeout)
                connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            raise _no_connection(address, str(error)) from error
        connected.settimeout(None)
        return connected

    @property
    def is_usable(self) -> bool:
        """Whether new calls may be sent."""
        with self._lock:
            return self._end is None and not self._is_leaving

    def call(self, call: Call, deadline: float, request_id: bytes | None) -> Any:
        """Sends a call and waits for its reply, at most a little longer than ``deadline`` seconds.

        The server's word on the deadline is better than ours, for it knows what was done.
        """
        if not self._in_flight.acquire(timeout=deadline):
            raise _too_late("was not sent", Outcome.NOT_APPLIED)
        try:
            id, pending = self._enter()
            try:
                self._send(call.frame(id, deadline, request_id))
                reply = pending.wait(deadline + 0.5)
                if reply is None:
                    self._cancel(id)
                    raise _too_late("got no reply", Outcome.UNKNOWN)
            except KeyboardInterrupt:
                # Nobody waits any more: what takes minutes should not go on for nothing.
                self._cancel(id)
                raise
            finally:
                with self._lock:
                    self._pending.pop(id, None)
                self._finish_if_left()
        finally:
            self._in_flight.release()
        if reply.WhichOneof("result") == "error":
            raise _error(reply.error)
        return reply

    def close(self) -> None:
        """Ends the connection; calls under way fail."""
        self._finish(_lost("was closed"))

    def _enter(self) -> tuple[int, Pending]:
        with self._lock:
            if self._end is not None or self._is_leaving:
                raise LodestoneError(
                    Code.UNAVAILABLE,
                    "CONNECTION_LOST",
                    "The connection has ended.",
                    "Send it again on another connection.",
                )
            id, pending = next(self._ids), Pending()
            self._pending[id] = pending
            return id, pending

    def _send(self, parts: list[bytes]) -> None:
        length = sum(len(part) for part in parts) - 4
        if length > self.max_frame_bytes:
            raise LodestoneError(
                Code.RESOURCE_EXHAUSTED,
                "FRAME_TOO_LARGE",
                f"A frame has {length} bytes; the limit is {self.max_frame_bytes} bytes.",
                "Send the batch in parts, or raise the server's limit.",
            )
        try:
            with self._send_lock:
                if length < 64 << 10:
                    self._socket.sendall(b"".join(parts))
                else:
                    for part in parts:
                        self._socket.sendall(part)
        except OSError as error:
            self._finish(_lost(f"broke: {error}"))
            raise _lost(f"broke: {error}") from error

    def _cancel(self, id: int) -> None:
        with self._lock:
            own = next(self._ids)
        try:
            self._send(Call("cancel", service_pb2.CancelRequest(id=id)).frame(own, 1, None))
        except LodestoneError:
            pass  # the connection is gone, and the call with it

    def _read(self) -> None:
        try:
            while True:
                (length,) = struct.unpack(">I", self._receive(4))
                reply = service_pb2.Response()
                reply.ParseFromString(bytes(self._receive(length)))
                self._deliver(reply)
        except (OSError, EOFError) as error:
            self._finish(_lost(f"broke: {error}"))
        except Exception as error:
            self._finish(_lost(f"carried what is no message: {error!r}"))

    def _receive(self, count: int) -> bytearray:
        buffer = bytearray(count)
        view = memoryview(buffer)
        received = 0
        while received < count:
            now = self._socket.recv_into(view[received:])
            if now == 0:
                raise EOFError("the server closed it")
            received += now
        return buffer

    def _deliver(self, reply: Any) -> None:
        kind = reply.WhichOneof("result")
        if kind == "go_away":
            self._leave(reply.go_away.last_request)
        elif reply.id == 0 and kind == "error":
            # Said of no call. Before hello it is why there is no connection; after it, nobody
            # can tell what became of the calls under way.
            error = _error(reply.error)
            self._finish(_lost(f"was ended: {error}") if self._is_open else error)
        else:
            with self._lock:
                pending = self._pending.get(reply.id)
            if pending is not None:
                pending.answer(reply)

    def _leave(self, last_request: int) -> None:
        """Takes no more calls; those that the server has not begun can go elsewhere at once."""
        with self._lock:
            self._is_leaving = True
            late = [pending for id, pending in self._pending.items() if id > last_request]
        for pending in late:
            pending.fail(
                LodestoneError(
                    Code.UNAVAILABLE,
                    "GO_AWAY",
                    "The server is leaving and has not begun the call.",
                    "Send it again on another connection.",
                )
            )

        self._finish_if_left()

    def _finish_if_left(self) -> None:
        """Ends a connection that takes no more calls once none is under way."""
        with self._lock:
            is_done = self._is_leaving and not self._pending
        if is_done:
            self._finish(_lost("was left, as the server had asked"))

    def _finish(self, error: LodestoneError) -> None:
        with self._lock:
            if self._end is not None:
                return
            self._end = error
            pending = list(self._pending.values())
        for call in pending:
            call.fail(error)
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # it is not connected any more
        self._socket.close()


def _no_connection(address: tuple[str, int] | str, why: str) -> LodestoneError:
    return LodestoneError(
        Code.UNAVAILABLE,
        "CONNECT_FAILED",
        f"No connection to {address}: {why}.",
        "Check the address, and that the server runs.",
    )


def _lost(what: str) -> LodestoneError:
    return LodestoneError(
        Code.UNAVAILABLE,
        "CONNECTION_LOST",
        f"The connection {what}.",
        "Send it again, a write under the same request id.",
        Outcome.UNKNOWN,
    )


def _too_late(what: str, outcome: Outcome) -> LodestoneError:
    return LodestoneError(
        Code.DEADLINE_EXCEEDED,
        "DEADLINE",
        f"The call {what} before its deadline.",
        "Allow more time, or ask for less in one call.",
        outcome,
    )


def _error(error: Any) -> LodestoneError:
    has_retry = error.HasField("retry_after_ms") and error.retry_after_ms >= 0
    return LodestoneError(
        Code(error.code) if error.code else Code.UNKNOWN,
        str(error.reason, "utf-8"),
        str(error.message, "utf-8"),
        str(error.recovery, "utf-8"),
        Outcome(error.outcome),
        error.retry_after_ms / 1000 if has_retry else None,
        str(error.field, "utf-8") if error.HasField("field") else None,
        str(error.object, "utf-8") if error.HasField("object") else None,
        error.sequence_number if error.HasField("sequence_number") else None,
    )
