/*
 * All call paths of a recording, each module, frame and path kept once.
 *
 *     stack_table_add(table, &path, &id)     1, 2, 1, 3, 2 ...   the same path has the same number
 *     stack_table_get(table, id)             -> its frames
 *     stack_table_encode(table, max, &buffer)   what was added since the last time; see docs/FORMAT.md
 *     stack_table_decode(table, raw, len)    and back, in another process
 *
 * Used by one thread at a time.
 */
#pragma once

#include "base/buffer.h"
#include "base/error.h"
#include "evidence/stack.h"

struct stack_table;

struct seep_error *stack_table_create(struct stack_table **ret_table);
void stack_table_destroy(struct stack_table *table);
DEFINE_CLEANUP(struct stack_table *, stack_table_destroy);

/* Copies what is new of PATH. RET_ID: its number, from 1 on; 0: the table is full: it takes 64 MiB
 * at most, some 200,000 short paths. ERROR_INVALID: more than STACK_MAX_FRAMES frames. */
struct seep_error *stack_table_add(struct stack_table *table, const struct stack_path *path,
                                   uint32_t *ret_id);

/* A path of the table; valid, as all that it points to, as long as the table. */
struct stack {
    uint32_t id;
    enum stack_end end;
    uint32_t count;
    const struct stack_frame *const
        *frames; /* innermost first; equal frames are the same pointer */
};

/* NULL: no path has the number ID. */
const struct stack *stack_table_get(const struct stack_table *table, uint32_t id);

uint32_t stack_table_count(const struct stack_table *table);

/* True when something was added since the last stack_table_encode. */
bool stack_table_has_news(const struct stack_table *table);

/* Appends definitions that were added since the last call, until there are MAX_LEN bytes or a little
 * more. True: there are more. Out of memory is noted in OUT. */
bool stack_table_encode(struct stack_table *table, size_t max_len, struct buffer *out);

/* Adds the definitions in RAW (untrusted), in the order in which they were encoded. ERROR_CORRUPT. */
struct seep_error *stack_table_decode(struct stack_table *table, const void *raw, size_t len);
