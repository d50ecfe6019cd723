// SPDX-License-Identifier: Apache-2.0
// What Swift cannot reach by itself: checksum instructions and Linux's event calls.
#ifndef LODE_SYSTEM_H
#define LODE_SYSTEM_H

#include "lode_checksum.h"
#include "lode_epoll.h"
#include "lode_socket.h"

#endif
