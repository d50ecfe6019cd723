// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "lode_lock.h"

#include <fcntl.h>
#include <unistd.h>

int lode_lock_byte(int file, int64_t offset, bool shared) {
    struct flock lock = {
        .l_type = shared ? F_RDLCK : F_WRLCK,
        .l_whence = SEEK_SET,
        .l_start = (off_t)offset,
        .l_len = 1,
    };
    return fcntl(file, F_OFD_SETLK, &lock);
}
