#include "content/repeats.h"

#include <string.h>

enum { WAYS = 8, SETS = 2048 };

struct place {
    struct repeats_item item; /* count 0: free */
    uint64_t guard;           /* how often others may ask for this place until it is given away */
};

struct repeats {
    struct place places[SETS][WAYS];
};

struct seep_error *repeats_create(struct repeats **ret_repeats)
{
    struct repeats *repeats = calloc(1, sizeof(*repeats));

    if (!repeats)
        return error_no_memory();
    *ret_repeats = repeats;
    return NULL;
}

void repeats_destroy(struct repeats *repeats)
{
    free(repeats);
}

/* The place of HASH in SET, or the one that is to be given away next. */
static struct place *find_place(struct place *set, uint64_t hash)
{
    struct place *least = &set[0];

    for (int i = 0; i < WAYS; i++) {
        if (set[i].item.count && set[i].item.hash == hash)
            return &set[i];
        if (set[i].guard < least->guard)
            least = &set[i];
    }
    return least;
}

void repeats_add(struct repeats *repeats, const struct repeats_block *block)
{
    struct place *place = find_place(repeats->places[block->hash % SETS], block->hash);
    struct repeats_item *item = &place->item;

    if (!item->count || item->hash != block->hash) {
        if (place->guard > block->count) {
            place->guard -= block->count;
            return;
        }
        *place = (struct place){
            .item = {
                .hash = block->hash,
                .address = block->address,
                .len = (uint8_t)(block->len < REPEATS_KEPT_BYTES ? block->len : REPEATS_KEPT_BYTES),
                .kind = block->kind,
            }};
        memcpy(item->bytes, block->bytes, item->len);
    }
    item->count += block->count;
    place->guard += block->count;
}

static int by_count(const void *left, const void *right)
{
    const struct repeats_item *a = left, *b = right;

    if (a->count != b->count)
        return a->count > b->count ? -1 : 1;
    if (a->address != b->address)
        return a->address < b->address ? -1 : 1;
    return (a->hash > b->hash) - (a->hash < b->hash);
}

struct seep_error *repeats_list(const struct repeats *repeats, uint64_t least, size_t max,
                                struct repeats_items *ret_items)
{
    struct repeats_items items = {0};

    for (size_t set = 0; set < SETS; set++)
        for (size_t way = 0; way < WAYS; way++) {
            const struct repeats_item *item = &repeats->places[set][way].item;
            struct seep_error *err =
                item->count && item->count >= least ? vector_push(&items, *item) : NULL;

            if (err) {
                vector_deinit(&items);
                return err;
            }
        }
    if (items.count)
        qsort(items.items, items.count, sizeof(*items.items), by_count);
    if (items.count > max)
        items.count = max;
    *ret_items = items;
    return NULL;
}
