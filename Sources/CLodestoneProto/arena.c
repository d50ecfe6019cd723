// SPDX-License-Identifier: Apache-2.0
#include <stdatomic.h>
#include <stdlib.h>

#include "decode.h"

typedef struct block {
    struct block *previous;
    size_t capacity;
    size_t used;
    _Alignas(max_align_t) uint8_t bytes[];
} block;

struct lode_arena {
    ProtobufCAllocator allocator;
    block *newest;
    size_t given;
    size_t limit;
    bool is_exhausted;
};

enum {
    SMALLEST_BLOCK = 16 << 10,
    // A spare arena has no larger block than this.
    LARGEST_SPARE = 4 << 20,
};

// One arena outlives its message, so that a connection's steady traffic does not allocate.
static _Atomic(lode_arena *) spare;

static bool add_block(lode_arena *arena, size_t capacity) {
    if (capacity < SMALLEST_BLOCK) capacity = SMALLEST_BLOCK;
    block *added = malloc(sizeof(block) + capacity);
    if (added == NULL) return false;
    *added = (block){.previous = arena->newest, .capacity = capacity};
    arena->newest = added;
    return true;
}

static void free_blocks(block *newest) {
    while (newest != NULL) {
        block *previous = newest->previous;
        free(newest);
        newest = previous;
    }
}

static void *allocate(void *data, size_t count) {
    lode_arena *arena = data;
    size_t size = (count + 7) & ~(size_t)7;
    if (size < count || size > arena->limit - arena->given) {
        arena->is_exhausted = true;
        return NULL;
    }
    if (size > arena->newest->capacity - arena->newest->used
        && !add_block(arena, size > arena->given ? size : arena->given)) {
        arena->is_exhausted = true;
        return NULL;
    }
    void *start = arena->newest->bytes + arena->newest->used;
    arena->newest->used += size;
    arena->given += size;
    return start;
}

static void keep(void *data, void *pointer) {
    (void)data;
    (void)pointer;
}

lode_arena *lode_arena_take(size_t expected, size_t limit) {
    lode_arena *arena = atomic_exchange(&spare, NULL);
    if (arena == NULL) {
        arena = malloc(sizeof *arena);
        if (arena == NULL) return NULL;
        *arena = (lode_arena){.allocator = {allocate, keep, arena}};
    }
    arena->limit = limit;
    if ((arena->newest == NULL || arena->newest->capacity < expected)
        && !add_block(arena, expected)) {
        free_blocks(arena->newest);
        free(arena);
        return NULL;
    }
    return arena;
}

void lode_arena_give(lode_arena *arena) {
    free_blocks(arena->newest->previous);
    arena->newest->previous = NULL;
    if (arena->newest->capacity <= LARGEST_SPARE) {
        arena->newest->used = 0;
        arena->given = 0;
        arena->is_exhausted = false;
        lode_arena *none = NULL;
        if (atomic_compare_exchange_strong(&spare, &none, arena)) return;
    }
    free(arena->newest);
    free(arena);
}

bool lode_arena_is_exhausted(const lode_arena *arena) { return arena->is_exhausted; }

const Lodestone__V1__Request *lode_unpack_request(
    lode_arena *arena, const uint8_t *bytes, size_t count) {
    return lodestone__v1__request__unpack(&arena->allocator, count, bytes);
}

const Lodestone__V1__Response *lode_unpack_response(
    lode_arena *arena, const uint8_t *bytes, size_t count) {
    return lodestone__v1__response__unpack(&arena->allocator, count, bytes);
}
