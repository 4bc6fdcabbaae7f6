/*
 * Definitions of call paths: what can be read is encoded and read again, and must be the same.
 */
#include <stdlib.h>
#include <string.h>

#include "evidence/stack_table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(struct seep_error *err)
{
    if (err)
        abort();
}

static void must_be_same(const struct stack *a, const struct stack *b)
{
    if (a->end != b->end || a->count != b->count)
        abort();
    for (uint32_t i = 0; i < a->count; i++) {
        const struct stack_frame *x = a->frames[i], *y = b->frames[i];

        if (x->kind != y->kind || x->flags != y->flags || x->address != y->address ||
            x->offset != y->offset || x->line != y->line || !x->module != !y->module ||
            !x->function != !y->function || (x->function && strcmp(x->function, y->function)) ||
            !x->file != !y->file || (x->file && strcmp(x->file, y->file)) ||
            (x->module && strcmp(x->module->path, y->module->path)))
            abort();
    }
}

/* From frames to a path of their copies, as whoever recorded it had them. */
static void add_again(struct stack_table *to, const struct stack *stack, uint32_t id)
{
    struct stack_frame *frames = calloc(stack->count + 1, sizeof(*frames));
    uint32_t again;

    if (!frames)
        abort();
    for (uint32_t i = 0; i < stack->count; i++)
        frames[i] = *stack->frames[i];
    must(stack_table_add(to, &(struct stack_path){stack->end, frames, stack->count}, &again));
    if (again != id)
        abort();
    free(frames);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct stack_table *read, *copy, *third;
    struct buffer coded = {0};

    must(stack_table_create(&read));
    must(stack_table_create(&copy));
    must(stack_table_create(&third));
    error_destroy(stack_table_decode(read, data, size));
    for (uint32_t id = 1; id <= stack_table_count(read); id++)
        add_again(copy, stack_table_get(read, id), id);
    while (stack_table_encode(copy, coded.len + 100, &coded))
        ;
    must(stack_table_decode(third, coded.bytes, coded.len));
    if (stack_table_count(third) != stack_table_count(read))
        abort();
    for (uint32_t id = 1; id <= stack_table_count(read); id++)
        must_be_same(stack_table_get(third, id), stack_table_get(read, id));
    buffer_deinit(&coded);
    stack_table_destroy(read);
    stack_table_destroy(copy);
    stack_table_destroy(third);
    return 0;
}
