/*
 * The strings of one stretch, those with the same shape counted together: what a thread leaves of them
 * for templates.c, which joins the stretches in order.
 *
 *     template_part_create(&part);
 *     template_part_add(part, found)          each strings_found, in its order
 *     part->entries                           by their first string
 *
 * Only TEMPLATE_PART_ENTRIES shapes are kept; later ones are left out.
 */
#pragma once

#include "base/buffer.h"
#include "base/vector.h"
#include "content/strings.h"
#include "content/template_shape.h"

enum { TEMPLATE_PART_ENTRIES = 16384, TEMPLATE_PART_SLOTS = 2 * TEMPLATE_PART_ENTRIES };

struct template_entry {
    uint64_t key, form;
    uint64_t count, bytes, blocks;
    uint64_t first_block, last_block; /* pages, by number */
    uint64_t varied;                  /* bits of tokens that had different values */
    size_t text, len;                 /* of the first string, in the part's text */
    size_t other, other_len;          /* of one that differs from it; len 0: none did */
    size_t tokens, token_count;       /* of the first, in the part's tokens */
    bool cut;
};

struct template_part {
    VECTOR(struct template_entry) entries;
    VECTOR(struct template_token) tokens;
    struct buffer text;
    size_t open;                         /* the entry whose string goes on; SIZE_MAX: none kept */
    bool continued;                      /* the last string goes on */
    uint32_t slots[TEMPLATE_PART_SLOTS]; /* index + 1, by key */
};

struct seep_error *template_part_create(struct template_part **ret_part);
void template_part_destroy(struct template_part *part);

/* The first string is an entry of its own: it may be the continuation of one in another part. */
struct seep_error *template_part_add(struct template_part *part, const struct strings_found *found);
