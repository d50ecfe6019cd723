// SPDX-License-Identifier: Apache-2.0
// Digests of OpenSSL 3, and its comparison in constant time.
#include <openssl/crypto.h>
#include <openssl/evp.h>
