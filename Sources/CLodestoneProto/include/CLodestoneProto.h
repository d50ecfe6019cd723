// SPDX-License-Identifier: Apache-2.0
// The generated messages of proto/lodestone/v1, as one header.
#include "lodestone/v1/service.pb-c.h"
