// SPDX-License-Identifier: Apache-2.0
// The generated messages of proto/lodestone/v1 and their safe unpacking, as one header.
#include "decode.h"
#include "lodestone/v1/service.pb-c.h"
