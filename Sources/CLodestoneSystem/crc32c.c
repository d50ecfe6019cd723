// SPDX-License-Identifier: Apache-2.0
#include "lode_checksum.h"

#include <pthread.h>
#include <string.h>

typedef uint32_t (*crc_function)(uint32_t, const unsigned char *, size_t);

static uint32_t table[256];

static uint32_t crc_by_table(uint32_t crc, const unsigned char *p, size_t n) {
    while (n--) crc = table[(crc ^ *p++) & 0xff] ^ (crc >> 8);
    return crc;
}

#if defined(__x86_64__)
#include <nmmintrin.h>
__attribute__((target("sse4.2")))
static uint32_t crc_by_instruction(uint32_t crc, const unsigned char *p, size_t n) {
    uint64_t wide = crc;
    for (; n >= 8; p += 8, n -= 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        wide = _mm_crc32_u64(wide, word);
    }
    crc = (uint32_t)wide;
    while (n--) crc = _mm_crc32_u8(crc, *p++);
    return crc;
}
static int has_instruction(void) { return __builtin_cpu_supports("sse4.2"); }
#elif defined(__ARM_FEATURE_CRC32)
#include <arm_acle.h>
static uint32_t crc_by_instruction(uint32_t crc, const unsigned char *p, size_t n) {
    for (; n >= 8; p += 8, n -= 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        crc = __crc32cd(crc, word);
    }
    while (n--) crc = __crc32cb(crc, *p++);
    return crc;
}
static int has_instruction(void) { return 1; }
#else
#define crc_by_instruction crc_by_table
static int has_instruction(void) { return 0; }
#endif

static crc_function chosen;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void choose(void) {
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t value = i;
        for (int bit = 0; bit < 8; bit++) value = (value >> 1) ^ (value & 1 ? 0x82f63b78u : 0);
        table[i] = value;
    }
    chosen = has_instruction() ? crc_by_instruction : crc_by_table;
}

uint32_t lode_crc32c(uint32_t crc, const void *bytes, size_t length) {
    pthread_once(&once, choose);
    return ~chosen(~crc, bytes, length);
}
