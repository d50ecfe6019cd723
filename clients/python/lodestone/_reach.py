# SPDX-License-Identifier: Apache-2.0
"""Addresses, and connecting to the server at one."""

from __future__ import annotations

import os
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Union

from lodestone._proto import service_pb2
from lodestone._tls import Encryption, check_protocol, read_failure
from lodestone._wire import PROTOCOL_VERSION, Call, FrameReader, read_error
from lodestone.errors import Code, LodestoneError, invalid

DEFAULT_PORT = 5633
_MAX_FRAME_BYTES_BEFORE_HELLO = 16 << 10
#: The times of keepalive: seconds of silence on an idle connection, and the checks that follow.
_KEEPALIVE = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3}
#: Milliseconds after which unconfirmed bytes end the connection.
_USER_TIMEOUT = 60_000

Address = Union[tuple[str, int], str]


#: The beginnings of addresses that say whether connections are encrypted.
_ENCRYPTED, _CLEARTEXT = "lodestones://", "lodestone://"


def parse_address(address: str) -> Address:
    """Parses an address: host and port, or the path of a Unix socket."""
    if not isinstance(address, str):
        raise _no_address(address)
    for scheme in (_ENCRYPTED, _CLEARTEXT):
        address = address.removeprefix(scheme)
    if address.startswith("unix:"):
        return address[len("unix:") :]
    host, port = address, str(DEFAULT_PORT)
    if address.startswith("["):
        host, _, rest = address[1:].partition("]")
        port = rest.removeprefix(":") or port
    elif address.count(":") == 1:
        host, port = address.split(":")
    if not host or not (port.isascii() and port.isdigit()) or int(port) > 65535:
        raise _no_address(address)
    return host, int(port)


def encrypts(address: str) -> bool | None:
    """Whether an address says that connections are encrypted; None: it does not say."""
    if address.startswith(_ENCRYPTED):
        return True
    return False if address.startswith(_CLEARTEXT) else None


def _no_address(address: object) -> LodestoneError:
    return invalid(
        "BAD_ADDRESS",
        f"{address!r} is no address.",
        "Write host:port, [ipv6]:port, lodestones://host:port or unix:/path.",
        "address",
    )


@dataclass(frozen=True)
class Peer:
    """The server's address, and the data for its hello."""

    address: Address
    token: bytes | None
    client_name: str
    #: Seconds for one try to reach the server and to receive its hello.
    timeout: float
    encryption: Encryption | None = None

    @property
    def name(self) -> str:
        """The address as a text."""
        if isinstance(self.address, str):
            return f"unix:{self.address}"
        host, port = self.address
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def no_connection(self, why: object) -> LodestoneError:
        """The error when there is no connection, so nothing was sent."""
        return LodestoneError(
            Code.UNAVAILABLE,
            "CONNECT_FAILED",
            f"No connection to {self.name}: {why}.",
            "Check the address, and that the server runs.",
        )


def reach(
    peer: Peer, last_sequence_number: int, keep: Callable[[socket.socket], None]
) -> tuple[FrameReader, Any, list[Any]]:
    """Connects and says hello, within the peer's timeout; looking up a name may take longer.

    ``keep`` is called with each socket before it is used. Returns the reader of the last socket,
    the hello of the server, and the further messages that it has sent. Raises LodestoneError.
    """
    end = time.monotonic() + peer.timeout
    try:
        connected = _connect(peer.address, end, keep)
        if peer.encryption is not None:
            connected = _encrypt(peer, peer.encryption, connected, end, keep)
    except (OSError, UnicodeError) as error:
        _raise_failure(peer, error)
        raise peer.no_connection(_reason(error)) from error
    reader = FrameReader(connected, _MAX_FRAME_BYTES_BEFORE_HELLO)
    hello = _hello(peer, last_sequence_number)
    try:
        connected.settimeout(_left(end))
        connected.sendall(hello)
        failure: OSError | None = None
    except OSError as error:
        failure = error  # A server that is full says so, and closes without having read anything.
    replies: list[Any] = []
    try:
        while not replies:
            connected.settimeout(_left(end))
            replies = reader.receive()
    except (OSError, EOFError, ValueError) as error:
        _raise_failure(peer, error)
        why = "hello got no reply" if isinstance(error, TimeoutError) else _reason(error)
        raise peer.no_connection(why if failure is None else _reason(failure)) from error
    reply, *rest = replies
    kind = reply.WhichOneof("result")
    if kind == "error":
        raise read_error(reply.error)
    if kind != "hello":
        raise peer.no_connection(f"the reply to hello is {kind}")
    connected.setblocking(False)
    return reader, reply.hello, rest


def _encrypt(
    peer: Peer,
    encryption: Encryption,
    connected: socket.socket,
    end: float,
    keep: Callable[[socket.socket], None],
) -> ssl.SSLSocket:
    encrypted = encryption.wrap(connected)
    keep(encrypted)
    encrypted.settimeout(_left(end))
    encrypted.do_handshake()
    check_protocol(encrypted, peer.name)
    return encrypted


def _raise_failure(peer: Peer, error: Exception) -> None:
    """Raises the error of a failed encryption, if it is one."""
    failure = read_failure(error, peer.name) if isinstance(error, ssl.SSLError) else None
    if failure is not None:
        raise failure from error


def is_passing(error: LodestoneError) -> bool:
    """Whether another try to open a connection may succeed."""
    # A hello that came too late proves nothing about the token.
    return error.code is Code.UNAVAILABLE or error.reason == "AUTH_TIMEOUT"


def _hello(peer: Peer, last_sequence_number: int) -> bytes:
    hello = service_pb2.HelloRequest(
        protocol_version=PROTOCOL_VERSION, client_name=peer.client_name.encode()
    )
    if peer.token is not None:
        hello.token = peer.token
    if last_sequence_number:
        hello.last_sequence_number = last_sequence_number
    return b"".join(Call("hello", hello).frame(1, peer.timeout, None))


def _left(end: float) -> float:
    """Seconds until ``end`` for a socket, more than 0: 0 would make the socket non-blocking."""
    return max(0.001, end - time.monotonic())


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "it did not reply in time"
    if isinstance(error, OSError) and error.errno is not None and error.errno > 0:
        return error.strerror or os.strerror(error.errno)
    return str(error)


def _connect(
    address: Address, end: float, keep: Callable[[socket.socket], None]
) -> socket.socket:
    if isinstance(address, str):
        connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        keep(connected)
        connected.settimeout(_left(end))
        connected.connect(address)
        return connected
    found = socket.getaddrinfo(*address, type=socket.SOCK_STREAM)
    for rest in range(len(found), 0, -1):
        family, kind, protocol, _, resolved = found[-rest]
        try:
            connected = socket.socket(family, kind, protocol)
            keep(connected)
            _tune(connected)
            # A host that is silent at one of its addresses may respond at the next one.
            connected.settimeout(_left(end) / rest)
            connected.connect(resolved)
            return connected
        except OSError:
            if rest == 1:
                raise
    raise OSError("the name has no address")


def _tune(connected: socket.socket) -> None:
    """Sets options that send small frames at once, and detect a dead peer."""
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in {**_KEEPALIVE, "TCP_USER_TIMEOUT": _USER_TIMEOUT}.items():
        option = getattr(socket, name, None)  # not every system has all of them
        if option is not None:
            connected.setsockopt(socket.IPPROTO_TCP, option, value)
