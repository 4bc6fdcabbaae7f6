#include <string.h>

#include "importer/collection_state.h"

/* Small and quick rather than smallest: the file lives as long as the import.
 *
 *     head | the fields, each without its leading zero bytes | name
 */
enum {
    FIELDS = 8, /* how long it took, six arguments, the result */
    NIBBLE = 4,
    MAX_FIELD_BYTES = 8,
    SPARE_BYTES = 8, /* fields are written and read eight bytes at once */
};

struct head {
    uint32_t lengths; /* of the fields, four bits each */
    uint32_t stack_id;
    int32_t pid, tid;
    uint8_t kind, abi;
    uint16_t name_len; /* with its NUL; 0: none */
};

static unsigned bytes_of(uint64_t value)
{
    return value ? (unsigned)(71 - __builtin_clzll(value)) / 8 : 0;
}

void event_record_put(struct buffer *out, const struct event *ev)
{
    const uint64_t fields[FIELDS] = {ev->exit_ns - ev->enter_ns,
                                     ev->args[0],
                                     ev->args[1],
                                     ev->args[2],
                                     ev->args[3],
                                     ev->args[4],
                                     ev->args[5],
                                     (uint64_t)ev->result};
    size_t name_len = ev->name ? strnlen(ev->name, UINT16_MAX - 1) + 1 : 0;
    struct head head = {.stack_id = ev->stack_id,
                        .pid = ev->pid,
                        .tid = ev->tid,
                        .kind = ev->kind,
                        .abi = ev->abi,
                        .name_len = (uint16_t)name_len};
    size_t start = out->len;
    char *room =
             buffer_extend(out, sizeof(head) + FIELDS * MAX_FIELD_BYTES + SPARE_BYTES + name_len),
         *at;

    if (!room)
        return;
    at = room + sizeof(head);
    for (int i = 0; i < FIELDS; i++) {
        unsigned len = bytes_of(fields[i]);

        memcpy(at, &fields[i], MAX_FIELD_BYTES);
        at += len;
        head.lengths |= len << (NIBBLE * i);
    }
    memcpy(room, &head, sizeof(head));
    if (name_len) {
        memcpy(at, ev->name, name_len - 1);
        at[name_len - 1] = '\0';
        at += name_len;
    }
    out->len = start + (size_t)(at - room);
}

bool event_record_get(const void *bytes, size_t len, uint64_t exit_ns, struct event *ret_ev)
{
    struct head head;
    uint64_t fields[FIELDS];
    const char *at = (const char *)bytes + sizeof(head), *end = (const char *)bytes + len;

    if (len < sizeof(head))
        return false;
    memcpy(&head, bytes, sizeof(head));
    for (int i = 0; i < FIELDS; i++) {
        unsigned field_len = head.lengths >> (NIBBLE * i) & 0xf;

        if (field_len > MAX_FIELD_BYTES || (size_t)(end - at) < field_len)
            return false;
        fields[i] = 0;
        memcpy(&fields[i], at, field_len);
        at += field_len;
    }
    if ((size_t)(end - at) != head.name_len || (head.name_len && end[-1]))
        return false;
    *ret_ev = (struct event){
        .enter_ns = exit_ns - fields[0],
        .exit_ns = exit_ns,
        .args = {fields[1], fields[2], fields[3], fields[4], fields[5], fields[6]},
        .result = (int64_t)fields[7],
        .pid = head.pid,
        .tid = head.tid,
        .stack_id = head.stack_id,
        .kind = head.kind,
        .abi = head.abi,
        .name = head.name_len ? (char *)at : NULL,
    };
    return true;
}
