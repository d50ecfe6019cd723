// SPDX-License-Identifier: Apache-2.0
#include "decode.h"

// The memory that protobuf-c 1.4 and 1.5 allocate in addition to the messages themselves. Each
// member of a message after the first 16 takes a record of 32 bytes, in slabs that double.
enum { MEMBERS_WITHOUT_SLAB = 16, MEMBER_NOTE_BYTES = 32 };

enum wire_type {
    VARINT = 0,
    FIXED64 = 1,
    LENGTH_DELIMITED = 2,
    GROUP_START = 3,
    GROUP_END = 4,
    FIXED32 = 5,
};

// A message that is being scanned. `seen` has a bit for each of its singular message fields.
typedef struct {
    const ProtobufCMessageDescriptor *type;
    const uint8_t *end;
    uint64_t seen;
    size_t members;
} level;

static size_t aligned(size_t count) { return (count + 7) & ~(size_t)7; }

// Reads a varint of at most 10 bytes; NULL when it does not end before `end`.
static const uint8_t *read_varint(const uint8_t *at, const uint8_t *end, uint64_t *value) {
    uint64_t result = 0;
    for (unsigned shift = 0; at < end && shift < 70; shift += 7) {
        uint8_t byte = *at++;
        result |= (uint64_t)(byte & 0x7f) << (shift < 64 ? shift : 63);
        if (byte < 0x80) {
            *value = result;
            return at;
        }
    }
    return NULL;
}

// The wire type of one value of a field.
static enum wire_type wire_type_of(ProtobufCType type) {
    switch (type) {
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return FIXED64;
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
        return FIXED32;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        return LENGTH_DELIMITED;
    default:
        return VARINT;
    }
}

// Whether a field may have a wire type: the field's own or, for repeated fields, packed.
static bool fits(const ProtobufCFieldDescriptor *field, enum wire_type type) {
    return type == wire_type_of(field->type)
        || (type == LENGTH_DELIMITED && field->label == PROTOBUF_C_LABEL_REPEATED);
}

// Skips the rest of a group whose first tag has been read; NULL when the group is malformed.
// `too_deep` becomes true when more than `max_depth` groups lie inside each other.
static const uint8_t *skip_group(
    const uint8_t *at, const uint8_t *end, uint64_t number, unsigned max_depth, bool *too_deep) {
    uint64_t open[LODE_MAX_DEPTH];
    unsigned depth = 1;
    open[0] = number;
    while (depth > 0) {
        uint64_t tag, value;
        at = read_varint(at, end, &tag);
        if (at == NULL || tag > UINT32_MAX || (tag >> 3) == 0) return NULL;
        switch ((enum wire_type)(tag & 7)) {
        case VARINT:
            at = read_varint(at, end, &value);
            if (at == NULL) return NULL;
            break;
        case FIXED64:
            if (end - at < 8) return NULL;
            at += 8;
            break;
        case FIXED32:
            if (end - at < 4) return NULL;
            at += 4;
            break;
        case LENGTH_DELIMITED:
            at = read_varint(at, end, &value);
            if (at == NULL || value > (uint64_t)(end - at)) return NULL;
            at += value;
            break;
        case GROUP_START:
            if (depth >= max_depth) {
                *too_deep = true;
                return NULL;
            }
            open[depth++] = tag >> 3;
            break;
        case GROUP_END:
            if (open[--depth] != tag >> 3) return NULL;
            break;
        default:
            return NULL;
        }
    }
    return at;
}

// Turns the group from `tag` to `end` into a field of bytes. The field's length is a varint that
// overwrites the first bytes of `body`. It counts the bytes from its own end to `end`, so the loop
// finds the least width of the varint that can hold this count.
static void hide_group(uint8_t *tag, uint8_t *body, const uint8_t *end) {
    *tag = (uint8_t)((*tag & ~7u) | LENGTH_DELIMITED);
    size_t left = (size_t)(end - body);
    size_t width = 1;
    while (left - width >= (size_t)1 << (7 * width)) width++;
    size_t length = left - width;
    for (size_t i = 0; i < width; i++) {
        body[i] = (uint8_t)((length & 0x7f) | (i + 1 < width ? 0x80 : 0));
        length >>= 7;
    }
}

static size_t element_bytes(ProtobufCType type) {
    switch (type) {
    case PROTOBUF_C_TYPE_MESSAGE:
    case PROTOBUF_C_TYPE_STRING:
        return sizeof(void *);
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    default:
        return sizeof(uint64_t);
    }
}

// The number of bytes of the array that a packed field unpacks to.
static size_t packed_bytes(ProtobufCType type, const uint8_t *at, size_t length) {
    switch (type) {
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_DOUBLE:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64:
        return length;
    default: {
        size_t elements = 0;
        for (size_t i = 0; i < length; i++) elements += at[i] < 0x80;
        return elements * sizeof(uint64_t);
    }
    }
}

static lode_scan_result scan(
    const ProtobufCMessageDescriptor *type, const uint8_t *bytes, size_t count,
    lode_scan_limits limits, uint8_t *copy) {
    lode_scan_result result = {.status = LODE_SCAN_MALFORMED};
    level levels[LODE_MAX_DEPTH];
    unsigned max_depth = limits.max_depth < LODE_MAX_DEPTH ? limits.max_depth : LODE_MAX_DEPTH;
    unsigned depth = 1;
    const uint8_t *at = bytes;
    levels[0] = (level){.type = type, .end = bytes + count};
    result.decoded_bytes = aligned(type->sizeof_message);

    for (;;) {
        level *here = &levels[depth - 1];
        result.offset = (size_t)(at - bytes);
        if (at == here->end) {
            if (--depth == 0) break;
            continue;
        }
        if (result.decoded_bytes > limits.max_decoded_bytes) {
            result.status = LODE_SCAN_OVER_BUDGET;
            return result;
        }

        uint64_t tag, value;
        at = read_varint(at, here->end, &tag);
        if (at == NULL || tag > UINT32_MAX || (tag >> 3) == 0) return result;
        if (here->members++ >= MEMBERS_WITHOUT_SLAB) {
            result.decoded_bytes += 2 * MEMBER_NOTE_BYTES;
        }
        unsigned number = (unsigned)(tag >> 3);
        const ProtobufCFieldDescriptor *field =
            protobuf_c_message_descriptor_get_field(here->type, number);
        bool repeated = field != NULL && field->label == PROTOBUF_C_LABEL_REPEATED;
        const uint8_t *start = at;
        if (field != NULL && !fits(field, (enum wire_type)(tag & 7))) {
            result.status = LODE_SCAN_WRONG_WIRE_TYPE;
            result.message_name = here->type->short_name;
            result.field_name = field->name;
            result.wire_type = (unsigned)(tag & 7);
            return result;
        }

        switch ((enum wire_type)(tag & 7)) {
        case VARINT:
            at = read_varint(at, here->end, &value);
            if (at == NULL) return result;
            if (depth == 1 && number == 1) {
                result.has_id = true;
                result.id = value;
            }
            break;
        case FIXED64:
            if (here->end - at < 8) return result;
            at += 8;
            break;
        case FIXED32:
            if (here->end - at < 4) return result;
            at += 4;
            break;
        case LENGTH_DELIMITED:
            at = read_varint(at, here->end, &value);
            if (at == NULL || value > (uint64_t)(here->end - at)) return result;
            if (field != NULL && field->type == PROTOBUF_C_TYPE_MESSAGE) {
                if (!repeated) {
                    // A second message would be merged, and each merge would copy what was merged
                    // before.
                    uint64_t bit = (uint64_t)1 << ((unsigned)(field - here->type->fields) & 63);
                    if (here->seen & bit) return result;
                    here->seen |= bit;
                }
                if (depth == max_depth) {
                    result.status = LODE_SCAN_TOO_DEEP;
                    return result;
                }
                const ProtobufCMessageDescriptor *inner = field->descriptor;
                if (inner == &lodestone__v1__document__descriptor) {
                    if (value > limits.max_document_bytes) {
                        result.status = LODE_SCAN_DOCUMENT_TOO_LARGE;
                        result.document_bytes = (size_t)value;
                        result.document_offset = (size_t)(at - bytes);
                        return result;
                    }
                    result.document_index++;
                }
                result.decoded_bytes += aligned(inner->sizeof_message) + sizeof(void *);
                levels[depth++] = (level){.type = inner, .end = at + value};
                continue;
            }
            at += value;
            if (field == NULL) break;
            if (repeated && field->type != PROTOBUF_C_TYPE_BYTES
                && field->type != PROTOBUF_C_TYPE_STRING) {
                result.decoded_bytes +=
                    aligned(packed_bytes(field->type, at - value, (size_t)value));
                continue;
            }
            result.decoded_bytes += aligned((size_t)value + 1);
            break;
        case GROUP_START: {
            bool too_deep = false;
            at = skip_group(at, here->end, number, max_depth, &too_deep);
            if (at == NULL) {
                if (too_deep) result.status = LODE_SCAN_TOO_DEEP;
                return result;
            }
            result.groups++;
            if (copy != NULL) {
                hide_group(copy + result.offset, copy + (start - bytes), copy + (at - bytes));
            }
            break;
        }
        default:
            return result;
        }
        if (field == NULL) {
            result.decoded_bytes +=
                sizeof(ProtobufCMessageUnknownField) + aligned((size_t)(at - start));
        } else if (repeated) {
            result.decoded_bytes += element_bytes(field->type);
        }
    }
    result.status = result.decoded_bytes > limits.max_decoded_bytes ? LODE_SCAN_OVER_BUDGET
                                                                    : LODE_SCAN_OK;
    return result;
}

lode_scan_result lode_scan_request(
    const uint8_t *bytes, size_t count, lode_scan_limits limits, uint8_t *copy) {
    return scan(&lodestone__v1__request__descriptor, bytes, count, limits, copy);
}

lode_scan_result lode_scan_response(
    const uint8_t *bytes, size_t count, lode_scan_limits limits, uint8_t *copy) {
    return scan(&lodestone__v1__response__descriptor, bytes, count, limits, copy);
}
