// SPDX-License-Identifier: Apache-2.0
// The parts that Swift cannot reach by itself: instructions for checksums and memory, variables of
// a thread, and calls of Linux.
#ifndef LODE_SYSTEM_H
#define LODE_SYSTEM_H

#include "lode_checksum.h"
#include "lode_clock.h"
#include "lode_epoll.h"
#include "lode_lock.h"
#include "lode_memory.h"
#include "lode_processors.h"
#include "lode_socket.h"
#include "lode_supervisor.h"
#include "lode_thread.h"

#endif
