# SPDX-License-Identifier: Apache-2.0
"""Encrypts connections, with the module ssl."""

from __future__ import annotations

import os
import socket
import ssl
from dataclasses import dataclass

from lodestone.errors import Code, LodestoneError, invalid

APPLICATION_PROTOCOL = "lodestone/1"
#: The errors by which an encrypted socket that doesn't wait says that it would have to.
WOULD_WAIT = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
#: The most bytes that are encrypted at once: one record.
RECORD_BYTES = 16 << 10
#: The problems of OpenSSL that mean that the other end speaks no TLS.
_NO_TLS = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG"})


@dataclass(frozen=True)
class Encryption:
    """The rules of encryption, and the name that the server's certificate must have."""

    context: ssl.SSLContext
    server_name: str | None

    def wrap(self, connected: socket.socket) -> ssl.SSLSocket:
        """An encrypted socket in place of ``connected``; no byte has been sent yet."""
        return self.context.wrap_socket(
            connected, server_hostname=self.server_name, do_handshake_on_connect=False
        )


def encryption(
    host: str | None,
    ca: str | os.PathLike[str] | None,
    certificate: str | os.PathLike[str] | None,
    key: str | os.PathLike[str] | None,
    server_name: str | None,
    context: ssl.SSLContext | None,
) -> Encryption:
    """Reads the files, and returns the encryption of a client's connections to a host."""
    if context is not None and (ca, certificate, key) != (None, None, None):
        raise invalid(
            "BAD_TLS_FILE",
            "ssl_context is given together with ca, certificate or key.",
            "Load the files into the context, or leave the context out.",
            "ssl_context",
        )
    if context is None:
        context = _context(ca, certificate, key)
    if context.verify_mode != ssl.CERT_REQUIRED or not context.check_hostname:
        raise invalid(
            "BAD_TLS_FILE",
            "ssl_context does not check the server's certificate or its name.",
            "Set verify_mode to CERT_REQUIRED and check_hostname to True.",
            "ssl_context",
        )
    name = server_name or host
    if name is None:
        raise invalid(
            "TLS_CERTIFICATE",
            "A Unix socket has no name that a certificate could be for.",
            "Give the name in the server's certificate as server_name.",
            "server_name",
        )
    context.set_alpn_protocols([APPLICATION_PROTOCOL])
    return Encryption(context, name)


def _context(
    ca: str | os.PathLike[str] | None,
    certificate: str | os.PathLike[str] | None,
    key: str | os.PathLike[str] | None,
) -> ssl.SSLContext:
    if certificate is None and key is not None:
        raise invalid(
            "BAD_TLS_FILE",
            "The client has a key and no certificate.",
            "Give the certificate that the key belongs to.",
            "certificate",
        )
    last = ca
    try:
        context = ssl.create_default_context(cafile=ca)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.hostname_checks_common_name = False
        if certificate is not None:
            last = certificate
            # Without a password, the module would request it on the terminal.
            context.load_cert_chain(certificate, key, password=lambda: "")
    except (OSError, ValueError) as error:
        raise LodestoneError(
            Code.FAILED_PRECONDITION,
            "BAD_TLS_FILE",
            f"The file {os.fspath(last or '')!r} or its key can't be used for TLS: {error}.",
            "Give files in PEM, a key that is not encrypted, and its certificate.",
        ) from error
    return context


def check_protocol(connected: ssl.SSLSocket, name: str) -> None:
    """Raises an error unless the server has selected the protocol of Lodestone."""
    if connected.selected_alpn_protocol() != APPLICATION_PROTOCOL:
        raise LodestoneError(
            Code.FAILED_PRECONDITION,
            "TLS_HANDSHAKE",
            f"{name} speaks TLS, but not {APPLICATION_PROTOCOL}.",
            "Check that a Lodestone server listens at the address.",
        )


def read_failure(error: ssl.SSLError, name: str) -> LodestoneError | None:
    """The error for a failure of encryption; None when the connection was lost."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return LodestoneError(
            Code.UNAUTHENTICATED,
            "TLS_CERTIFICATE",
            f"The certificate of {name} is refused: {error.verify_message.rstrip('.')}.",
            "Connect by a name in the certificate, and give its authority as ca.",
        )
    reason = error.reason or ""
    if isinstance(error, ssl.SSLEOFError) or not reason:
        return None
    words = reason.lower().replace("_", " ")
    if reason in _NO_TLS:
        return LodestoneError(
            Code.FAILED_PRECONDITION,
            "NOT_TLS",
            f"{name} does not speak TLS: {words}.",
            "Connect without TLS, or give the server a certificate and a key.",
        )
    if "ALERT" in reason:
        return LodestoneError(
            Code.UNAUTHENTICATED,
            "TLS_REFUSED",
            f"{name} has refused this client: {words}.",
            "Give this client a certificate that the server accepts; the server's log has the"
            " details.",
        )
    return LodestoneError(
        Code.FAILED_PRECONDITION,
        "TLS_HANDSHAKE",
        f"The TLS connection with {name} failed: {words}.",
        "Use TLS 1.3 or 1.2 at both ends, and check that nothing between them changes bytes.",
    )
