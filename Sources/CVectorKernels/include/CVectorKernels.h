// SPDX-License-Identifier: Apache-2.0
#ifndef LODE_VECTOR_KERNELS_H
#define LODE_VECTOR_KERNELS_H
#endif
