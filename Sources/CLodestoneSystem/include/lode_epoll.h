// SPDX-License-Identifier: Apache-2.0
// The calls of epoll, which Swift's Glibc module leaves out. System headers stay in epoll.c: if
// this header included them, Dispatch's module and ours would disagree about their types.
#ifndef LODE_EPOLL_H
#define LODE_EPOLL_H

#ifdef __linux__
#include <stdint.h>

enum {
    LODE_EPOLL_READ = 1,   // something to read, or the end of input
    LODE_EPOLL_WRITE = 2,  // room to write
    LODE_EPOLL_HANGUP = 4  // an error, or both directions ended; reported without a request
};

typedef struct {
    uint64_t token;
    uint32_t events;
} lode_epoll_event;

/// A new epoll descriptor, closed on exec; or a negative errno.
int lode_epoll_create(void);

/// Adds, changes or removes a descriptor; 0, or a negative errno. Level-triggered.
int lode_epoll_add(int epoll, int descriptor, uint32_t events, uint64_t token);
int lode_epoll_change(int epoll, int descriptor, uint32_t events, uint64_t token);
int lode_epoll_remove(int epoll, int descriptor);

/// Takes at most `capacity` (at most 256) events, and waits up to `milliseconds` for the first one.
/// Returns the number of events, or a negative errno.
int lode_epoll_poll(int epoll, lode_epoll_event *events, int capacity, int milliseconds);

/// A descriptor that wakes an epoll, closed on exec and readable once signaled; or a negative
/// errno.
int lode_wakeup_create(void);
void lode_wakeup_signal(int descriptor);
void lode_wakeup_clear(int descriptor);
#endif

#endif
