#include <string.h>

#include "importer/collection_state.h"

/* Small and quick rather than smallest: the file lives as long as the import.
 *
 *     kind | abi | flags | lengths of the fields | the fields, each without its leading zero bytes | name
 */
enum {
    FIELDS = 11, /* how long it took, six arguments, the result, the path, pid and tid */
    NIBBLE = 4,
    HEAD_BYTES = 3 + 6,
    MAX_FIELD_BYTES = 8,
    SPARE_BYTES = 8, /* fields are written eight bytes at once */
    FLAG_NAME = 1,
};

static unsigned bytes_of(uint64_t value)
{
    return value ? (unsigned)(71 - __builtin_clzll(value)) / 8 : 0;
}

/* So that -1 is short. */
static uint64_t zigzag(uint64_t value)
{
    return value << 1 ^ (uint64_t)((int64_t)value >> 63);
}

static uint64_t unzigzag(uint64_t value)
{
    return value >> 1 ^ -(value & 1);
}

void event_record_put(struct buffer *out, const struct event *ev)
{
    const uint64_t fields[FIELDS] = {ev->exit_ns - ev->enter_ns,
                                     ev->args[0],
                                     ev->args[1],
                                     ev->args[2],
                                     ev->args[3],
                                     zigzag(ev->args[4]),
                                     ev->args[5],
                                     (uint64_t)ev->result,
                                     ev->stack_id,
                                     zigzag((uint64_t)(int64_t)ev->pid),
                                     zigzag((uint64_t)(int64_t)ev->tid)};
    size_t name_len = ev->name ? strlen(ev->name) + 1 : 0, start = out->len;
    char *room = buffer_extend(out, HEAD_BYTES + FIELDS * MAX_FIELD_BYTES + SPARE_BYTES + name_len);
    char *at = room + HEAD_BYTES;
    uint64_t lengths = 0;

    if (!room)
        return;
    for (int i = 0; i < FIELDS; i++) {
        unsigned len = bytes_of(fields[i]);

        memcpy(at, &fields[i], MAX_FIELD_BYTES);
        at += len;
        lengths |= (uint64_t)len << (NIBBLE * i);
    }
    room[0] = (char)ev->kind;
    room[1] = (char)ev->abi;
    room[2] = name_len ? FLAG_NAME : 0;
    memcpy(room + 3, &lengths, HEAD_BYTES - 3);
    if (name_len)
        memcpy(at, ev->name, name_len);
    out->len = start + (size_t)(at - room) + name_len;
}

bool event_record_get(const void *bytes, size_t len, uint64_t exit_ns, struct event *ret_ev)
{
    const char *head = bytes, *at = head + HEAD_BYTES, *end = head + len;
    uint64_t fields[FIELDS], lengths = 0;

    if (len < HEAD_BYTES)
        return false;
    memcpy(&lengths, head + 3, HEAD_BYTES - 3);
    for (int i = 0; i < FIELDS; i++) {
        unsigned field_len = lengths >> (NIBBLE * i) & 0xf;

        if (field_len > MAX_FIELD_BYTES || (size_t)(end - at) < field_len)
            return false;
        fields[i] = 0;
        if (end - at < MAX_FIELD_BYTES) {
            memcpy(&fields[i], at, field_len);
        } else if (field_len) {
            /* Eight bytes at once, of which the record's own are kept. */
            memcpy(&fields[i], at, MAX_FIELD_BYTES);
            fields[i] = fields[i] << (64 - 8 * field_len) >> (64 - 8 * field_len);
        }
        at += field_len;
    }
    if (head[2] & FLAG_NAME ? at == end || end[-1] : at != end)
        return false;
    *ret_ev = (struct event){
        .enter_ns = exit_ns - fields[0],
        .exit_ns = exit_ns,
        .args = {fields[1], fields[2], fields[3], fields[4], unzigzag(fields[5]), fields[6]},
        .result = (int64_t)fields[7],
        .stack_id = (uint32_t)fields[8],
        .pid = (pid_t)unzigzag(fields[9]),
        .tid = (pid_t)unzigzag(fields[10]),
        .kind = (uint8_t)head[0],
        .abi = (uint8_t)head[1],
        .name = head[2] & FLAG_NAME ? (char *)at : NULL,
    };
    return true;
}
