// SPDX-License-Identifier: Apache-2.0
#ifndef LODE_SYSTEM_H
#define LODE_SYSTEM_H
#endif
