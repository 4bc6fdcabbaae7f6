#include "content/template_part.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCK_SHIFT = 12 };

struct seep_error *template_part_create(struct template_part **ret_part)
{
    struct template_part *part = calloc(1, sizeof(*part));

    if (!part)
        return error_no_memory();
    part->open = SIZE_MAX;
    *ret_part = part;
    return NULL;
}

void template_part_destroy(struct template_part *part)
{
    if (!part)
        return;
    vector_deinit(&part->entries);
    vector_deinit(&part->tokens);
    buffer_deinit(&part->text);
    free(part);
}

static struct seep_error *add_text(struct template_part *part, const char *text, size_t len,
                                   size_t *ret_at)
{
    *ret_at = part->text.len;
    buffer_bytes(&part->text, text, len);
    return part->text.failed ? error_no_memory() : NULL;
}

/* Where the entry of KEY is, or is to be. */
static uint32_t *find_slot(struct template_part *part, uint64_t key)
{
    size_t at = (size_t)(key % TEMPLATE_PART_SLOTS);

    while (part->slots[at] && part->entries.items[part->slots[at] - 1].key != key)
        at = (at + 1) % TEMPLATE_PART_SLOTS;
    return &part->slots[at];
}

static struct seep_error *add_entry(struct template_part *part, const struct strings_found *found,
                                    const struct template_shape *shape)
{
    struct template_entry entry = {
        .key = shape->key,
        .form = shape->form,
        .len = shape->len,
        .tokens = part->tokens.count,
        .token_count = shape->count,
        .cut = found->len > shape->len,
        .last_block = UINT64_MAX,
        .first_block = found->address >> BLOCK_SHIFT,
    };
    struct seep_error *err = add_text(part, found->text, shape->len, &entry.text);

    if (!err)
        err = vector_reserve(&part->tokens, part->tokens.count + shape->count);
    if (err)
        return err;
    if (shape->count)
        memcpy(part->tokens.items + part->tokens.count, shape->tokens,
               shape->count * sizeof(shape->tokens[0]));
    part->tokens.count += shape->count;
    return vector_push(&part->entries, entry);
}

/* One more string of ENTRY. */
static struct seep_error *count(struct template_part *part, struct template_entry *entry,
                                const struct strings_found *found,
                                const struct template_shape *shape)
{
    const struct template_token *first = part->tokens.items + entry->tokens;
    uint64_t block = found->address >> BLOCK_SHIFT;
    bool differs = false;

    /* Keys may be made to collide. */
    for (size_t i = 0; i < shape->count && i < entry->token_count; i++)
        if (shape->tokens[i].hash != first[i].hash) {
            entry->varied |= UINT64_C(1) << i;
            differs = true;
        }
    entry->count++;
    entry->bytes += found->raw_len;
    entry->blocks += entry->last_block != block;
    entry->last_block = block;
    if (!differs || entry->other_len)
        return NULL;
    entry->other_len = shape->len;
    return add_text(part, found->text, shape->len, &entry->other);
}

struct seep_error *template_part_add(struct template_part *part, const struct strings_found *found)
{
    struct template_shape shape;
    bool goes_on = part->continued, first = part->entries.count == 0;
    struct seep_error *err = NULL;
    uint32_t *slot = NULL;
    size_t index;

    part->continued = found->continued;
    if (goes_on) {
        if (part->open != SIZE_MAX)
            part->entries.items[part->open].bytes += found->raw_len;
        return NULL;
    }
    part->open = SIZE_MAX;
    template_shape_of(found->text, found->len, &shape);
    if (!first)
        slot = find_slot(part, shape.key);
    index = slot && *slot ? *slot - 1 : part->entries.count;
    if (index == TEMPLATE_PART_ENTRIES)
        return NULL;
    if (index == part->entries.count) {
        err = add_entry(part, found, &shape);
        if (err)
            return err;
        if (slot)
            *slot = (uint32_t)index + 1;
    }
    part->open = index;
    return count(part, &part->entries.items[index], found, &shape);
}
