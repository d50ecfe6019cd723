// SPDX-License-Identifier: Apache-2.0

// The platform's C library, for modules that would otherwise choose among its three names.
#if canImport(Glibc)
@_exported public import Glibc
#elseif canImport(Musl)
@_exported public import Musl
#else
@_exported public import Darwin
#endif
