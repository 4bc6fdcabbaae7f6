#include "content/top_strings.h"

#include <string.h>
#include <xxhash.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

enum { RECENT_SLOTS = 1 << 18 };

struct entry {
    uint64_t rank;   /* what the place was worth: its own count and that of those it displaced */
    uint64_t serial; /* of its coming: the older of two equals goes */
    uint64_t count, bytes;
    bool displaced; /* took another's place */
    size_t at;      /* in the heap */
    size_t len;
    char text[TOP_STRINGS_TEXT_BYTES];
    UT_hash_handle hh;
};

struct top_strings {
    struct entry *table;
    struct entry *open; /* whose pieces are coming; NULL: of one that is not kept */
    bool continued;
    uint64_t serial;
    size_t count;
    struct entry *heap[TOP_STRINGS_KEPT]; /* the least at the top */
    struct entry entries[TOP_STRINGS_KEPT];
    uint32_t recent[RECENT_SLOTS]; /* hashes of strings that found no place */
};

struct seep_error *top_strings_create(struct top_strings **ret_top)
{
    struct top_strings *top = calloc(1, sizeof(*top));

    if (!top)
        return error_no_memory();
    *ret_top = top;
    return NULL;
}

void top_strings_destroy(struct top_strings *top)
{
    if (!top)
        return;
    HASH_CLEAR(hh, top->table);
    free(top);
}

static bool is_less(const struct entry *a, const struct entry *b)
{
    return a->rank != b->rank ? a->rank < b->rank : a->serial < b->serial;
}

static void place(struct top_strings *top, struct entry *entry, size_t at)
{
    top->heap[at] = entry;
    entry->at = at;
}

static void sift_up(struct top_strings *top, struct entry *entry)
{
    size_t at = entry->at;

    for (; at && is_less(entry, top->heap[(at - 1) / 2]); at = (at - 1) / 2)
        place(top, top->heap[(at - 1) / 2], at);
    place(top, entry, at);
}

static void sift_down(struct top_strings *top, struct entry *entry)
{
    size_t at = entry->at;

    for (;;) {
        size_t child = 2 * at + 1;

        if (child + 1 < top->count && is_less(top->heap[child + 1], top->heap[child]))
            child++;
        if (child >= top->count || !is_less(top->heap[child], entry))
            break;
        place(top, top->heap[child], at);
        at = child;
    }
    place(top, entry, at);
}

/* A place for a string that has none: NULL when it is not to get one yet. */
static struct entry *make_place(struct top_strings *top, uint64_t hash)
{
    uint32_t *recent = &top->recent[hash % RECENT_SLOTS];
    uint32_t mark = (uint32_t)(hash >> 32) | 1;

    if (top->count < TOP_STRINGS_KEPT) {
        struct entry *entry = &top->entries[top->count];

        entry->at = top->count++;
        return entry;
    }
    if (*recent != mark) {
        *recent = mark;
        return NULL;
    }

    struct entry *least = top->heap[0];

    HASH_DEL(top->table, least);
    least->displaced = true;
    return least;
}

struct seep_error *top_strings_add(struct top_strings *top, const struct strings_found *found)
{
    size_t len = found->len < TOP_STRINGS_TEXT_BYTES ? found->len : TOP_STRINGS_TEXT_BYTES;
    bool goes_on = top->continued;

    top->continued = found->continued;
    if (goes_on) {
        if (top->open)
            top->open->bytes += found->raw_len;
        return NULL;
    }

    uint64_t hash = XXH3_64bits(found->text, len);
    struct entry *entry;

    HASH_FIND_BYHASHVALUE(hh, top->table, found->text, len, (unsigned)hash, entry);
    if (!entry) {
        entry = make_place(top, hash);
        top->open = entry;
        if (!entry)
            return NULL;
        entry->count = entry->bytes = 0;
        entry->serial = top->serial++;
        entry->len = len;
        memcpy(entry->text, found->text, len);
        HASH_ADD_KEYPTR_BYHASHVALUE(hh, top->table, entry->text, len, (unsigned)hash, entry);
        if (!entry->hh.tbl)
            return error_no_memory();
        sift_up(top, entry);
    }
    top->open = entry;
    entry->rank++;
    entry->count++;
    entry->bytes += found->raw_len;
    sift_down(top, entry);
    return NULL;
}

static int by_bytes(const void *left, const void *right)
{
    const struct top_strings_item *a = left, *b = right;

    if ((a->count > 1) != (b->count > 1))
        return a->count > 1 ? -1 : 1;
    if (a->bytes != b->bytes)
        return a->bytes > b->bytes ? -1 : 1;
    if (a->count != b->count)
        return a->count > b->count ? -1 : 1;

    int order = memcmp(a->text, b->text, a->len < b->len ? a->len : b->len);

    return order ? order : (a->len > b->len) - (a->len < b->len);
}

struct seep_error *top_strings_list(const struct top_strings *top, size_t max,
                                    struct top_strings_items *ret_items)
{
    struct top_strings_items items = {0};

    for (size_t i = 0; i < top->count; i++) {
        const struct entry *entry = &top->entries[i];
        struct seep_error *err =
            vector_push(&items, (struct top_strings_item){entry->text, entry->len, entry->count,
                                                          entry->bytes, entry->displaced});

        if (err) {
            vector_deinit(&items);
            return err;
        }
    }
    if (items.count)
        qsort(items.items, items.count, sizeof(*items.items), by_bytes);
    if (items.count > max)
        items.count = max;
    *ret_items = items;
    return NULL;
}
