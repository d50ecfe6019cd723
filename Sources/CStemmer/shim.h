// SPDX-License-Identifier: Apache-2.0
// Snowball's C API.
#include <libstemmer.h>
