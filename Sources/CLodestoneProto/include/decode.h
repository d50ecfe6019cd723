// SPDX-License-Identifier: Apache-2.0
// What protobuf-c leaves to its caller: a look at the bytes before they are unpacked, and an
// allocator that takes no more memory than it was allowed.
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
    // A field that the schema knows has another wire type than there.
    LODE_SCAN_WRONG_WIRE_TYPE,
} lode_scan_status;

typedef struct {
    // Messages inside each other; at most LODE_MAX_DEPTH.
    unsigned max_depth;
    // Bytes that the unpacked message may take.
    size_t max_decoded_bytes;
    // Bytes that one packed Document may take.
    size_t max_document_bytes;
} lode_scan_limits;

enum { LODE_MAX_DEPTH = 128 };

typedef struct {
    lode_scan_status status;
    // Where the scan stopped.
    size_t offset;
    // Bytes that unpacking takes at most, as far as the scan went.
    size_t decoded_bytes;
    // For LODE_SCAN_DOCUMENT_TOO_LARGE: its bytes, where they begin, and documents before it.
    size_t document_bytes;
    size_t document_offset;
    size_t document_index;
    // For LODE_SCAN_WRONG_WIRE_TYPE: the names of the message and the field, and the type.
    const char *message_name;
    const char *field_name;
    unsigned wire_type;
    // Unknown fields of protobuf's old kind that lie between two tags.
    size_t groups;
    // Field 1 of the message, once it was seen.
    bool has_id;
    uint64_t id;
} lode_scan_result;

// Checks a packed Request or Response without recursion and without allocating: varints and
// lengths, wire types, depth, singular messages sent twice, and what unpacking would allocate.
//
// protobuf-c can't pass over groups. `copy` is NULL, or a copy of the same bytes, in which each
// group becomes an unknown field of bytes of the same size.
lode_scan_result lode_scan_request(
    const uint8_t *bytes, size_t count, lode_scan_limits limits, uint8_t *copy);
lode_scan_result lode_scan_response(
    const uint8_t *bytes, size_t count, lode_scan_limits limits, uint8_t *copy);

// Memory for one unpacked message, given back as a whole. Used by one thread at a time.
typedef struct lode_arena lode_arena;

// Takes the process's spare arena, or makes one; NULL when there is no memory. `expected` bytes
// are made ready, and never more than `limit` given out.
lode_arena *lode_arena_take(size_t expected, size_t limit);
// Gives back everything unpacked into the arena, and keeps it as the spare if there is none.
void lode_arena_give(lode_arena *arena);
// Whether an allocation was refused because of the limit.
bool lode_arena_is_exhausted(const lode_arena *arena);

// Unpacks a message that passed its scan. NULL: malformed, or the arena is exhausted. Never pass
// the result to free_unpacked.
const Lodestone__V1__Request *lode_unpack_request(
    lode_arena *arena, const uint8_t *bytes, size_t count);
const Lodestone__V1__Response *lode_unpack_response(
    lode_arena *arena, const uint8_t *bytes, size_t count);
