// SPDX-License-Identifier: Apache-2.0
#ifdef __linux__
#define _GNU_SOURCE
#endif
#include "lode_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

_Static_assert(
    sizeof(struct sockaddr_storage) <= sizeof(((lode_address *)0)->storage),
    "an address must hold any family");

int lode_resolve(
    const char *host, uint16_t port, int numeric, lode_address *addresses, int capacity,
    int *count) {
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    hints.ai_flags = AI_NUMERICSERV | (numeric ? AI_NUMERICHOST : 0);
    char service[8];
    snprintf(service, sizeof service, "%u", (unsigned)port);
    struct addrinfo *found = NULL;
    *count = 0;
    int code = getaddrinfo(host, service, &hints, &found);
    if (code != 0) return code;
    for (struct addrinfo *next = found; next && *count < capacity; next = next->ai_next) {
        if (next->ai_addrlen > sizeof addresses->storage) continue;
        memcpy(addresses[*count].storage, next->ai_addr, next->ai_addrlen);
        addresses[*count].length = next->ai_addrlen;
        *count += 1;
    }
    freeaddrinfo(found);
    return 0;
}

const char *lode_resolve_message(int code) { return gai_strerror(code); }

int lode_unix_address(const char *path, lode_address *address) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    size_t length = strlen(path);
    if (length >= sizeof name.sun_path) return -ENAMETOOLONG;
    memcpy(name.sun_path, path, length + 1);
    memcpy(address->storage, &name, sizeof name);
    address->length = sizeof name;
    return 0;
}

int lode_address_parts(const lode_address *address, char *host, size_t capacity, uint16_t *port) {
    const struct sockaddr *name = (const struct sockaddr *)address->storage;
    host[0] = 0;
    *port = 0;
    if (name->sa_family == AF_UNIX) return LODE_FAMILY_UNIX;
    if (name->sa_family == AF_INET) {
        *port = ntohs(((const struct sockaddr_in *)address->storage)->sin_port);
    } else if (name->sa_family == AF_INET6) {
        *port = ntohs(((const struct sockaddr_in6 *)address->storage)->sin6_port);
    } else {
        return LODE_FAMILY_OTHER;
    }
    int code = getnameinfo(
        name, address->length, host, (socklen_t)capacity, NULL, 0, NI_NUMERICHOST);
    return code == 0 ? LODE_FAMILY_INET : LODE_FAMILY_OTHER;
}

static const struct sockaddr *name_of(const lode_address *address) {
    return (const struct sockaddr *)address->storage;
}

static void prepare(int descriptor) {
#ifdef __APPLE__
    int on = 1;
    setsockopt(descriptor, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on);
    fcntl(descriptor, F_SETFD, FD_CLOEXEC);
    fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK);
#else
    (void)descriptor;
#endif
}

static void send_small_segments_at_once(int descriptor, const struct sockaddr *name) {
    int on = 1;
    if (name->sa_family == AF_INET || name->sa_family == AF_INET6)
        setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static int new_socket(const lode_address *address) {
#ifdef __APPLE__
    int descriptor = socket(name_of(address)->sa_family, SOCK_STREAM, 0);
#else
    int descriptor =
        socket(name_of(address)->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
#endif
    if (descriptor < 0) return -errno;
    prepare(descriptor);
    return descriptor;
}

static int fail(int descriptor) {
    int code = -errno;
    close(descriptor);
    return code;
}

int lode_socket_bind(const lode_address *address) {
    int descriptor = new_socket(address);
    if (descriptor < 0) return descriptor;
    int on = 1;
    // A restarted server need not wait until the connections of the previous server time out.
    if (name_of(address)->sa_family != AF_UNIX)
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(descriptor, name_of(address), address->length) != 0) return fail(descriptor);
    return descriptor;
}

int lode_socket_listen(int descriptor, int backlog) {
    return listen(descriptor, backlog) == 0 ? 0 : -errno;
}

int lode_socket_local_address(int descriptor, lode_address *address) {
    socklen_t length = sizeof address->storage;
    if (getsockname(descriptor, (struct sockaddr *)address->storage, &length) != 0) return -errno;
    address->length = length;
    return 0;
}

int lode_socket_accept(int descriptor, lode_address *peer) {
    lode_address ignored;
    if (!peer) peer = &ignored;
    memset(peer, 0, sizeof *peer);
    socklen_t length = sizeof peer->storage;
#ifdef __APPLE__
    int accepted = accept(descriptor, (struct sockaddr *)peer->storage, &length);
#else
    int accepted = accept4(
        descriptor, (struct sockaddr *)peer->storage, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
#endif
    if (accepted < 0) return -errno;
    peer->length = length;
    prepare(accepted);
    send_small_segments_at_once(accepted, (struct sockaddr *)peer->storage);
    return accepted;
}

int lode_socket_connect(const lode_address *address, int *pending) {
    *pending = 0;
    int descriptor = new_socket(address);
    if (descriptor < 0) return descriptor;
    send_small_segments_at_once(descriptor, name_of(address));
    if (connect(descriptor, name_of(address), address->length) != 0) {
        // An interrupted connect continues in the background, like one that would have to wait.
        if (errno != EINPROGRESS && errno != EINTR) return fail(descriptor);
        *pending = 1;
    }
    return descriptor;
}

int lode_socket_error(int descriptor) {
    int code = 0;
    socklen_t length = sizeof code;
    if (getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &length) != 0) return -errno;
    return -code;
}

long lode_socket_receive(int descriptor, void *bytes, size_t count) {
    for (;;) {
        ssize_t moved = recv(descriptor, bytes, count, 0);
        if (moved >= 0) return moved;
        if (errno != EINTR) return errno == EWOULDBLOCK ? -EAGAIN : -errno;
    }
}

long lode_socket_send(int descriptor, const void *bytes, size_t count) {
#ifdef __APPLE__
    int flags = 0;
#else
    int flags = MSG_NOSIGNAL;
#endif
    for (;;) {
        ssize_t moved = send(descriptor, bytes, count, flags);
        if (moved >= 0) return moved;
        if (errno != EINTR) return errno == EWOULDBLOCK ? -EAGAIN : -errno;
    }
}

long lode_socket_undelivered(int descriptor) {
    int count = 0;
#ifdef __APPLE__
    socklen_t length = sizeof count;
    int result = getsockopt(descriptor, SOL_SOCKET, SO_NWRITE, &count, &length);
#else
    int result = ioctl(descriptor, TIOCOUTQ, &count);
#endif
    return result == 0 ? count : -errno;
}

int lode_socket_finish(int descriptor) {
    return shutdown(descriptor, SHUT_WR) == 0 ? 0 : -errno;
}

void lode_socket_reset_on_close(int descriptor) {
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

void lode_socket_close(int descriptor) { close(descriptor); }

int lode_unix_is_stale(const char *path) {
    struct stat file;
    if (lstat(path, &file) != 0 || !S_ISSOCK(file.st_mode)) return 0;
    lode_address address;
    if (lode_unix_address(path, &address) != 0) return 0;
    int descriptor = new_socket(&address);
    if (descriptor < 0) return 0;
    int refused = connect(descriptor, name_of(&address), address.length) != 0
        && errno == ECONNREFUSED;
    close(descriptor);
    return refused;
}

int lode_unix_claim(const char *path, uint32_t mode, uint64_t *device, uint64_t *inode) {
    struct stat file;
    if (chmod(path, (mode_t)mode) != 0 || lstat(path, &file) != 0) return -errno;
    *device = (uint64_t)file.st_dev;
    *inode = (uint64_t)file.st_ino;
    return 0;
}

void lode_unix_release(const char *path, uint64_t device, uint64_t inode) {
    struct stat file;
    if (lstat(path, &file) != 0 || !S_ISSOCK(file.st_mode)) return;
    if ((uint64_t)file.st_dev == device && (uint64_t)file.st_ino == inode) unlink(path);
}

void lode_error_text(int code, char *text, size_t capacity) {
#ifdef __GLIBC__
    // This form may return a constant and leave the buffer unchanged.
    const char *message = strerror_r(code, text, capacity);
    if (message != text) snprintf(text, capacity, "%s", message);
#else
    if (strerror_r(code, text, capacity) != 0) snprintf(text, capacity, "error %d", code);
#endif
}
