# SPDX-License-Identifier: Apache-2.0
"""A server that follows a script, for events that are rare with a real one."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from lodestone._proto import service_pb2

Replier = Callable[[Any], Any]
SILENCE = object()


def read_request(stream: Any) -> Any:
    header = stream.read(4)
    if len(header) < 4:
        return None
    (length,) = struct.unpack(">I", header)
    return service_pb2.Request.FromString(stream.read(length))


def write_response(stream: Any, response: Any) -> None:
    body = response.SerializeToString()
    stream.write(struct.pack(">I", len(body)) + body)
    stream.flush()


@contextmanager
def scripted(*connections: Replier) -> Iterator[tuple[str, list[Any]]]:
    """Serves each connection with one function: a reply per request, SILENCE, None to hang up."""
    listener = socket.create_server(("127.0.0.1", 0))
    requests: list[Any] = []

    def serve() -> None:
        for reply_to in connections:
            accepted, _ = listener.accept()
            # A client that does not want the rest hangs up.
            with suppress(OSError), accepted, accepted.makefile("rwb") as stream:
                while (request := read_request(stream)) is not None:
                    if request.HasField("hello"):
                        reply = service_pb2.Response(id=request.id)
                        reply.hello.max_frame_bytes = 1 << 20
                        reply.hello.max_in_flight = 4
                        write_response(stream, reply)
                        continue
                    requests.append(request)
                    response = reply_to(request)
                    if response is None:
                        break
                    if response is SILENCE:
                        continue
                    write_response(stream, response)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    host, port = listener.getsockname()
    try:
        yield f"{host}:{port}", requests
    finally:
        listener.close()


def written(request: Any) -> Any:
    return service_pb2.Response(
        id=request.id, written=service_pb2.WriteReceipt(sequence_number=1, inserted=1)
    )


def failing(code: int, retry_after_ms: int | None = None) -> Replier:
    def reply_to(request: Any) -> Any:
        response = service_pb2.Response(id=request.id)
        response.error.code = code
        response.error.reason = b"SCRIPTED"
        if retry_after_ms is not None:
            response.error.retry_after_ms = retry_after_ms
        return response

    return reply_to


def first(*replies: Replier) -> Replier:
    """The first request gets the first reply, and so on."""
    rest = iter(replies)
    return lambda request: next(rest)(request)


def hang_up(request: Any) -> Any:
    return None


def be_silent(request: Any) -> Any:
    return SILENCE
