// SPDX-License-Identifier: Apache-2.0
// Sockets without the differences between systems: every socket is non-blocking, closed on exec and
// never raises SIGPIPE. A function that fails returns a negative errno.
#ifndef LODE_SOCKET_H
#define LODE_SOCKET_H

#include <stddef.h>
#include <stdint.h>

/// An address of any family.
typedef struct {
    uint64_t storage[16];  // as large, and as aligned, as sockaddr_storage
    uint32_t length;
} lode_address;

enum { LODE_FAMILY_OTHER = 0, LODE_FAMILY_INET = 1, LODE_FAMILY_UNIX = 2 };

/// Looks up at most `capacity` TCP addresses of `host` and writes their number to `count`. With
/// `numeric` it accepts addresses only and doesn't block; otherwise it may ask a name server.
/// Returns 0, or a code for lode_resolve_message.
int lode_resolve(
    const char *host, uint16_t port, int numeric, lode_address *addresses, int capacity,
    int *count);
const char *lode_resolve_message(int code);

/// The address of a Unix socket; -ENAMETOOLONG when the path doesn't fit.
int lode_unix_address(const char *path, lode_address *address);

/// Splits an address into its family and, for TCP, its host as digits (at least 64 bytes) and its
/// port.
int lode_address_parts(const lode_address *address, char *host, size_t capacity, uint16_t *port);

/// A socket that is bound to `address` and does not listen yet.
int lode_socket_bind(const lode_address *address);
int lode_socket_listen(int descriptor, int backlog);
int lode_socket_local_address(int descriptor, lode_address *address);

/// Accepts a waiting connection; -EAGAIN when there is none. `peer` may be null.
int lode_socket_accept(int descriptor, lode_address *peer);

/// A socket that is connected to `address` or, when `pending` is 1, still connecting.
/// It is writable once the connecting has ended, and lode_socket_error tells the outcome.
int lode_socket_connect(const lode_address *address, int *pending);

/// The pending error of a socket as a negative errno; 0 when there is none.
int lode_socket_error(int descriptor);

/// The number of bytes moved, 0 at the end of input, or a negative errno; -EAGAIN instead of
/// waiting.
long lode_socket_receive(int descriptor, void *bytes, size_t count);
long lode_socket_send(int descriptor, const void *bytes, size_t count);

/// The number of bytes to send that the other end has not acknowledged, or a negative errno. For a
/// Unix socket on Linux it is the memory that these bytes take, which is more.
long lode_socket_undelivered(int descriptor);

/// Tells the other end that no more bytes will be sent.
int lode_socket_finish(int descriptor);
/// Makes closing drop unsent bytes and send RST (TCP).
void lode_socket_reset_on_close(int descriptor);
void lode_socket_close(int descriptor);

/// Whether `path` is a Unix socket that no process listens on, as a crashed program leaves it.
int lode_unix_is_stale(const char *path);
/// Sets the mode of the file `path`. Writes the file's identity, with which only this file is
/// removed.
int lode_unix_claim(const char *path, uint32_t mode, uint64_t *device, uint64_t *inode);
/// Removes `path` if it still has this identity.
void lode_unix_release(const char *path, uint64_t device, uint64_t inode);

/// The system's text for the errno `code`, in `text` (64 bytes are enough).
void lode_error_text(int code, char *text, size_t capacity);

#endif
