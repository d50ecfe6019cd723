// SPDX-License-Identifier: Apache-2.0
#ifdef __linux__
#define _GNU_SOURCE
#endif
#include "lode_supervisor.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#ifdef __APPLE__
#define SOCK_CLOEXEC 0
#define MSG_NOSIGNAL 0
#endif

int lode_supervisor_tell(const char *address, const char *message) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    size_t length = strlen(address);
    if (length >= sizeof name.sun_path) return -ENAMETOOLONG;
    memcpy(name.sun_path, address, length);
    // The kernel marks abstract names with a NUL, and their length says where they end.
    if (address[0] == '@') name.sun_path[0] = 0;
    socklen_t bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    int descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return -errno;
    struct timeval patience = {.tv_sec = 5};
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    ssize_t sent;
    do {
        sent = sendto(
            descriptor, message, strlen(message), MSG_NOSIGNAL, (struct sockaddr *)&name, bytes);
    } while (sent < 0 && errno == EINTR);
    int code = sent < 0 ? -errno : 0;
    close(descriptor);
    return code;
}
