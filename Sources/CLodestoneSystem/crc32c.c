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

// The bytes of one of the parts that are computed in parallel.
#define PART 1024

// The new value of each byte of a checksum after PART zeros.
static uint32_t shifted[4][256];

#if defined(__x86_64__)
#include <nmmintrin.h>
#define WITH_INSTRUCTION __attribute__((target("sse4.2")))
#define add_word(crc, word) ((uint32_t)_mm_crc32_u64(crc, word))
#define add_byte(crc, byte) _mm_crc32_u8(crc, byte)
static int has_instruction(void) { return __builtin_cpu_supports("sse4.2"); }
#elif defined(__ARM_FEATURE_CRC32)
#include <arm_acle.h>
#define WITH_INSTRUCTION
#define add_word(crc, word) __crc32cd(crc, word)
#define add_byte(crc, byte) __crc32cb(crc, byte)
static int has_instruction(void) { return 1; }
#endif

#ifdef WITH_INSTRUCTION
static uint32_t after_part(uint32_t crc) {
    return shifted[0][crc & 0xff] ^ shifted[1][crc >> 8 & 0xff] ^ shifted[2][crc >> 16 & 0xff]
        ^ shifted[3][crc >> 24];
}

static uint64_t word_at(const unsigned char *p) {
    uint64_t word;
    memcpy(&word, p, 8);
    return word;
}

WITH_INSTRUCTION
static uint32_t crc_by_instruction(uint32_t crc, const unsigned char *p, size_t n) {
    // The instruction takes three cycles, and one can begin in each, so three parts run in
    // parallel.
    for (; n >= 3 * PART; p += 3 * PART, n -= 3 * PART) {
        uint32_t second = 0, third = 0;
        for (size_t i = 0; i < PART; i += 8) {
            crc = add_word(crc, word_at(p + i));
            second = add_word(second, word_at(p + PART + i));
            third = add_word(third, word_at(p + 2 * PART + i));
        }
        crc = after_part(after_part(crc) ^ second) ^ third;
    }
    for (; n >= 8; p += 8, n -= 8) crc = add_word(crc, word_at(p));
    while (n--) crc = add_byte(crc, *p++);
    return crc;
}
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
    static const unsigned char zeros[PART];
    for (int byte = 0; byte < 4; byte++) {
        // A checksum is linear, so each bit is computed alone.
        for (uint32_t bit = 1; bit < 256; bit <<= 1) {
            shifted[byte][bit] = crc_by_table(bit << (8 * byte), zeros, PART);
        }
        for (uint32_t i = 1; i < 256; i++) {
            shifted[byte][i] = shifted[byte][i & (i - 1)] ^ shifted[byte][i & -i];
        }
    }
    chosen = has_instruction() ? crc_by_instruction : crc_by_table;
}

uint32_t lode_crc32c(uint32_t crc, const void *bytes, size_t length) {
    pthread_once(&once, choose);
    return ~chosen(~crc, bytes, length);
}
