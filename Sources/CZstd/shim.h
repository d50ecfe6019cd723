// SPDX-License-Identifier: Apache-2.0
// Zstandard's C API.
#include <zstd.h>
