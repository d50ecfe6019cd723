// SPDX-License-Identifier: Apache-2.0
#ifdef __linux__
#define _GNU_SOURCE
#include "lode_epoll.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

static int control(int epoll, int operation, int descriptor, uint32_t events, uint64_t token) {
    struct epoll_event event = {.data = {.u64 = token}};
    if (events & LODE_EPOLL_READ) event.events |= EPOLLIN;
    if (events & LODE_EPOLL_WRITE) event.events |= EPOLLOUT;
    return epoll_ctl(epoll, operation, descriptor, &event) == 0 ? 0 : -errno;
}

int lode_epoll_create(void) {
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    return epoll >= 0 ? epoll : -errno;
}

int lode_epoll_add(int epoll, int descriptor, uint32_t events, uint64_t token) {
    return control(epoll, EPOLL_CTL_ADD, descriptor, events, token);
}

int lode_epoll_change(int epoll, int descriptor, uint32_t events, uint64_t token) {
    return control(epoll, EPOLL_CTL_MOD, descriptor, events, token);
}

int lode_epoll_remove(int epoll, int descriptor) {
    return control(epoll, EPOLL_CTL_DEL, descriptor, 0, 0);
}

int lode_epoll_poll(int epoll, lode_epoll_event *events, int capacity, int milliseconds) {
    struct epoll_event ready[256];
    if (capacity > 256) capacity = 256;
    int count = epoll_wait(epoll, ready, capacity, milliseconds);
    if (count < 0) return errno == EINTR ? 0 : -errno;
    for (int i = 0; i < count; i++) {
        uint32_t bits = 0;
        if (ready[i].events & EPOLLIN) bits |= LODE_EPOLL_READ;
        if (ready[i].events & EPOLLOUT) bits |= LODE_EPOLL_WRITE;
        if (ready[i].events & (EPOLLERR | EPOLLHUP)) bits |= LODE_EPOLL_HANGUP;
        events[i].token = ready[i].data.u64;
        events[i].events = bits;
    }
    return count;
}

int lode_wakeup_create(void) {
    int descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return descriptor >= 0 ? descriptor : -errno;
}

void lode_wakeup_signal(int descriptor) {
    // The write fails only after 2^64 - 2 signals since the last clear.
    (void)!eventfd_write(descriptor, 1);
}

void lode_wakeup_clear(int descriptor) {
    eventfd_t count;
    (void)!eventfd_read(descriptor, &count);
}
#endif
