// SPDX-License-Identifier: Apache-2.0
// The part of decoding that protobuf-c leaves to its caller: a scan of the bytes before they are
// unpacked, and an allocator that takes no more memory than its limit.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lodestone/v1/service.pb-c.h"

typedef enum {
    LODE_SCAN_OK,
    LODE_SCAN_MALFORMED,
    LODE_SCAN_TOO_DEEP,
    LODE_SCAN_OVER_BUDGET,
    LODE_SCAN_DOCUMENT_TOO_LARGE,
    // A field of the schema has another wire type in the message.
    LODE_SCAN_WRONG_WIRE_TYPE,
} lode_scan_status;

typedef struct {
    // The most messages inside each other; at most LODE_MAX_DEPTH.
    unsigned max_depth;
    // The most bytes that the unpacked message may take.
    size_t max_decoded_bytes;
    // The most bytes that one packed Document may take.
    size_t max_document_bytes;
} lode_scan_limits;

enum { LODE_MAX_DEPTH = 128 };

typedef struct {
    lode_scan_status status;
    // The offset at which the scan stopped.
    size_t offset;
    // The most bytes that unpacking takes, for the part that was scanned.
    size_t decoded_bytes;
    // For LODE_SCAN_DOCUMENT_TOO_LARGE: the bytes of the document, their offset, and the number of
    // documents before it.
    size_t document_bytes;
    size_t document_offset;
    size_t document_index;
    // For LODE_SCAN_WRONG_WIRE_TYPE: the names of the message and the field, and the type.
    const char *message_name;
    const char *field_name;
    unsigned wire_type;
    // The number of unknown groups, protobuf's old kind of field between two tags.
    size_t groups;
    // The value of field 1 of the message, if the scan has reached it.
    bool has_id;
    uint64_t id;
} lode_scan_result;

// Checks a packed Request or Response without recursion and without allocating: varints and
// lengths, wire types, depth, singular messages sent twice, and the memory that unpacking would
// allocate.
//
// protobuf-c can't skip groups. `copy` is NULL, or a copy of the same bytes. In the copy each group
// becomes an unknown field of bytes of the same size.
lode_scan_result lode_scan_request(
    const uint8_t *bytes, size_t count, lode_scan_limits limits, uint8_t *copy);
lode_scan_result lode_scan_response(
    const uint8_t *bytes, size_t count, lode_scan_limits limits, uint8_t *copy);

// Memory for one unpacked message, given back as a whole. One thread at a time uses it.
typedef struct lode_arena lode_arena;

// Takes the process's spare arena, or makes one; NULL when there is no memory. The arena has
// `expected` bytes allocated, and hands out `limit` bytes at most.
lode_arena *lode_arena_take(size_t expected, size_t limit);
// Frees everything unpacked into the arena, and keeps the arena as the spare if there is none.
void lode_arena_give(lode_arena *arena);
// Whether an allocation was refused because of the limit.
bool lode_arena_is_exhausted(const lode_arena *arena);

// Unpacks a message that passed its scan. The result is NULL when the message is malformed or the
// arena is exhausted. Never pass the result to free_unpacked.
const Lodestone__V1__Request *lode_unpack_request(
    lode_arena *arena, const uint8_t *bytes, size_t count);
const Lodestone__V1__Response *lode_unpack_response(
    lode_arena *arena, const uint8_t *bytes, size_t count);
