// SPDX-License-Identifier: Apache-2.0
// The run time of protobuf-c.
#include <protobuf-c/protobuf-c.h>
