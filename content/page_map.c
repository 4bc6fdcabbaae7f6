#include "content/page_map.h"

#include <string.h>
#include <xxhash.h>

enum {
    QUAD_BYTES = 16,
    QUADS = PAGE_MAP_HEAD_BYTES / QUAD_BYTES,
    HEAD_SLOTS = 4096,
    MOST_HEADS = 256, /* kept of a stretch */
    PAGE_MAP_SAME = 2,
    FOLDED_BYTES = 4096, /* heads no further apart are one, if they come as often */
};

/* A head that came several times in one stretch. */
struct head {
    uint64_t hash;
    uint32_t offset, count, guard;
};

struct page {
    uint64_t hash;
    uint8_t kind;
};

/* What look leaves of a stretch. */
struct part {
    size_t page_count, head_count;
    struct head heads[MOST_HEADS];
    bool sampled, has_period;
    struct period period;
    struct page pages[];
};

/* --- look --- */

static uint64_t mix(uint64_t a, uint64_t b)
{
    unsigned __int128 product =
        (unsigned __int128)(a ^ UINT64_C(0x9e3779b97f4a7c15)) * (b ^ UINT64_C(0xe7037ed1a0b428db));

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Notes that HASH begins at OFFSET. */
static void note_head(struct head *slots, uint64_t hash, size_t offset)
{
    struct head *slot = &slots[hash % HEAD_SLOTS];

    if (slot->count && slot->hash == hash) {
        slot->count++;
        slot->guard++;
    } else if (slot->guard) {
        slot->guard--;
    } else {
        *slot = (struct head){hash, (uint32_t)offset, 1, 1};
    }
}

/* All heads of the page at OFFSET that are not nearly zeros or a pattern. */
static void note_heads(struct head *slots, const struct scan_stretch *stretch, size_t offset,
                       size_t len)
{
    uint64_t quads[PAGE_KIND_BYTES / QUAD_BYTES];
    size_t count = len / QUAD_BYTES;
    unsigned zeros = 0;

    for (size_t i = 0; i < count; i++) {
        uint64_t words[2];

        memcpy(words, stretch->bytes + offset + i * QUAD_BYTES, sizeof(words));
        quads[i] = words[0] | words[1] ? mix(words[0], words[1]) : 0;
    }
    for (size_t i = 0; i < count; i++) {
        zeros = zeros << 1 | (quads[i] == 0);
        if (i + 1 < QUADS)
            continue;

        const uint64_t *q = &quads[i + 1 - QUADS];

        if (q[0] == 0 || (zeros & (zeros - 1) & 0xf) /* two */ || (q[0] == q[2] && q[1] == q[3]) ||
            (q[1] == q[2] && (q[0] == q[1] || q[3] == q[1])))
            continue;
        note_head(slots, mix(mix(q[0], q[1]), mix(q[2], q[3])),
                  offset + (i + 1 - QUADS) * QUAD_BYTES);
    }
}

/* Blocks may begin anywhere in these; compressed bytes and code have none. */
static bool may_have_heads(enum page_kind kind)
{
    return kind != PAGE_KIND_ZERO && kind != PAGE_KIND_DENSE && kind != PAGE_KIND_CODE;
}

static int by_offset(const void *left, const void *right)
{
    const struct head *a = left, *b = right;

    return (a->offset > b->offset) - (a->offset < b->offset);
}

static void take_heads(struct part *part, struct head *slots)
{
    for (size_t i = 0; i < HEAD_SLOTS && part->head_count < MOST_HEADS; i++)
        if (slots[i].count >= PAGE_MAP_SAME_HEADS)
            part->heads[part->head_count++] = slots[i];
    qsort(part->heads, part->head_count, sizeof(part->heads[0]), by_offset);
}

/* Bytes of the page at OFFSET that lie in STRETCH. */
static size_t page_len(const struct scan_stretch *stretch, size_t offset)
{
    size_t len = PAGE_KIND_BYTES - (stretch->address + offset) % PAGE_KIND_BYTES;

    return len < stretch->len - offset ? len : stretch->len - offset;
}

static struct page look_at_page(const struct page_map *map, const struct scan_stretch *stretch,
                                size_t offset, struct address_ranges_cache *cache)
{
    const uint8_t *bytes = stretch->bytes + offset;
    size_t len = page_len(stretch, offset);
    size_t skip = -(stretch->address + offset) % 8;
    struct page page = {0};

    if (skip >= len)
        skip = 0;
    page.kind = (uint8_t)page_kind_of(bytes + skip, len - skip, map->known, cache);
    if (page.kind != PAGE_KIND_ZERO && len == PAGE_KIND_BYTES)
        page.hash = XXH3_64bits(bytes, len);
    return page;
}

/* Half of what is sampled must be something in which records can lie. */
static void look_for_period(struct part *part, const struct scan_stretch *stretch)
{
    size_t len = stretch->len < PERIOD_SAMPLE_BYTES ? stretch->len : PERIOD_SAMPLE_BYTES;
    size_t pages = len / PAGE_KIND_BYTES, fit = 0;

    for (size_t i = 0; i < pages; i++)
        fit += may_have_heads((enum page_kind)part->pages[i].kind);
    if (pages < 2 || fit * 2 < pages)
        return;
    part->sampled = true;
    part->has_period = period_find(stretch->bytes, len, &part->period);
}

static struct seep_error *look(struct scan_consumer *consumer, const struct scan_stretch *stretch,
                               void **ret_part)
{
    const struct page_map *map = (const struct page_map *)consumer;
    struct address_ranges_cache cache = {0};
    size_t most = stretch->len / PAGE_KIND_BYTES + 2;

    if (!stretch->bytes)
        return NULL;

    _cleanup_free_ struct head *slots = calloc(HEAD_SLOTS, sizeof(*slots));
    struct part *part = calloc(1, sizeof(*part) + most * sizeof(part->pages[0]));

    if (!part || !slots) {
        free(part);
        return error_no_memory();
    }
    for (size_t at = 0; at < stretch->len; at += page_len(stretch, at)) {
        struct page page = look_at_page(map, stretch, at, &cache);
        size_t skip = -(stretch->address + at) % QUAD_BYTES;

        part->pages[part->page_count++] = page;
        if (may_have_heads((enum page_kind)page.kind) && skip < page_len(stretch, at))
            note_heads(slots, stretch, at + skip, page_len(stretch, at) - skip);
    }
    take_heads(part, slots);
    look_for_period(part, stretch);
    *ret_part = part;
    return NULL;
}

static void drop(struct scan_consumer *consumer, void *part)
{
    (void)consumer;
    free(part);
}

/* --- merge --- */

static struct seep_error *end_region(struct page_map *map)
{
    struct page_map_region *region = map->region;
    struct seep_error *err = NULL;

    if (region->group)
        err = map->done(region, map->context);
    region->group = NULL;
    return err;
}

static struct seep_error *enter_region(struct page_map *map, const struct scan_stretch *stretch)
{
    const void *group = map->group ? map->group(stretch->origin) : stretch->origin;
    struct seep_error *err = NULL;

    /* What lies below the last bytes is not the same region, whatever the origin says. */
    if (map->region->group != group || stretch->address < map->region->end) {
        err = end_region(map);
        memset(map->region, 0, sizeof(*map->region));
        map->region->group = group;
        map->region->origin = stretch->origin;
        map->region->start = stretch->address;
        page_strip_begin(&map->region->strip, stretch->address);
    }
    map->region->end = stretch->address + stretch->len;
    return err;
}

static void add_period(struct page_map_region *region, const struct scan_stretch *stretch,
                       const struct period *period)
{
    size_t i = 0;

    while (i < region->period_count && region->periods[i].period.len != period->len)
        i++;
    if (i == PAGE_MAP_PERIODS)
        return;

    struct page_map_period *kept = &region->periods[i];

    if (i == region->period_count) {
        bool constant[PERIOD_MOST];
        size_t len = stretch->len < PERIOD_SAMPLE_BYTES ? stretch->len : PERIOD_SAMPLE_BYTES;

        region->period_count++;
        kept->period = *period;
        kept->address = stretch->address + period->offset;
        kept->kept = period->len < PAGE_MAP_RECORD_BYTES ? period->len : PAGE_MAP_RECORD_BYTES;
        memcpy(kept->record, stretch->bytes + period->offset, kept->kept);
        period_constants(period, stretch->bytes, len, constant);
        memcpy(kept->constant, constant, kept->kept * sizeof(constant[0]));
    }
    kept->samples++;
}

static void add_repeats(struct page_map *map, const struct scan_stretch *stretch,
                        const struct part *part)
{
    size_t at = 0;

    for (size_t i = 0; i < part->page_count; i++, at += page_len(stretch, at))
        if (part->pages[i].hash)
            repeats_add(map->same_pages, &(struct repeats_block){
                                             .hash = part->pages[i].hash,
                                             .count = 1,
                                             .address = stretch->address + at,
                                             .bytes = stretch->bytes + at,
                                             .len = PAGE_KIND_BYTES,
                                             .kind = part->pages[i].kind,
                                         });
    for (size_t i = 0; i < part->head_count; i++) {
        const struct head *head = &part->heads[i];
        uint64_t address = stretch->address + head->offset;
        size_t page = (size_t)(address / PAGE_KIND_BYTES - stretch->address / PAGE_KIND_BYTES);

        repeats_add(map->same_heads, &(struct repeats_block){
                                         .hash = head->hash,
                                         .count = head->count,
                                         .address = address,
                                         .bytes = stretch->bytes + head->offset,
                                         .len = PAGE_MAP_HEAD_BYTES,
                                         .kind = part->pages[page].kind,
                                     });
    }
}

static struct seep_error *merge(struct scan_consumer *consumer, const struct scan_stretch *stretch,
                                void *context)
{
    struct page_map *map = (struct page_map *)consumer;
    _cleanup_free_ struct part *part = context;
    struct seep_error *err = enter_region(map, stretch);
    struct page_strip *strip = &map->region->strip;
    size_t at = 0;

    if (err)
        return err;
    if (!part) {
        uint64_t first = stretch->address / PAGE_KIND_BYTES;
        uint64_t last = (stretch->address + stretch->len - 1) / PAGE_KIND_BYTES;

        page_strip_add(strip, stretch->address, last - first + 1, PAGE_KIND_ZERO);
        return NULL;
    }
    for (size_t i = 0; i < part->page_count; i++, at += page_len(stretch, at))
        page_strip_add(strip, stretch->address + at, 1, (enum page_kind)part->pages[i].kind);
    map->region->samples += part->sampled;
    if (part->has_period)
        add_period(map->region, stretch, &part->period);
    add_repeats(map, stretch, part);
    return NULL;
}

static struct seep_error *finish(struct scan_consumer *consumer)
{
    return end_region((struct page_map *)consumer);
}

/* --- the pass --- */

struct seep_error *page_map_init(struct page_map *map, const struct address_ranges *known,
                                 page_map_callback done, void *context)
{
    *map = (struct page_map){
        .consumer = {look, merge, finish, drop},
        .known = known,
        .done = done,
        .context = context,
        .region = calloc(1, sizeof(*map->region)),
    };

    struct seep_error *err = map->region ? NULL : error_no_memory();

    if (!err)
        err = repeats_create(&map->same_pages);
    if (!err)
        err = repeats_create(&map->same_heads);
    if (err)
        page_map_deinit(map);
    return err;
}

void page_map_deinit(struct page_map *map)
{
    repeats_destroy(map->same_pages);
    repeats_destroy(map->same_heads);
    free(map->region);
    *map = (struct page_map){0};
}

const struct page_map_period *page_map_period(const struct page_map_region *region)
{
    const struct page_map_period *best = NULL;

    for (size_t i = 0; i < region->period_count; i++)
        if (!best || region->periods[i].samples > best->samples)
            best = &region->periods[i];
    return best && best->samples * 4 >= region->samples ? best : NULL;
}

/* --- what came again --- */

static struct seep_error *add_repeat(struct page_map_repeats *repeats,
                                     const struct repeats_item *item, uint64_t len)
{
    struct page_map_repeat repeat = {
        .count = item->count,
        .len = len,
        .address = item->address,
        .kind = (enum page_kind)item->kind,
        .kept = item->len,
    };

    memcpy(repeat.bytes, item->bytes, item->len);
    return vector_push(repeats, repeat);
}

/* A listed block that ITEM is a part of, or continues; NULL: none. */
static struct page_map_repeat *find_whole(const struct page_map_repeats *repeats,
                                          const struct repeats_item *item)
{
    for (size_t i = 0; i < repeats->count; i++) {
        struct page_map_repeat *whole = &repeats->items[i];
        uint64_t apart = item->address - whole->address;
        bool as_often = item->count <= whole->count + whole->count / 8 &&
                        whole->count <= item->count + item->count / 8;

        if (item->address >= whole->address && apart < whole->len)
            return whole;
        if (as_often && (apart < FOLDED_BYTES || -apart < FOLDED_BYTES))
            return whole;
    }
    return NULL;
}

static struct seep_error *add_heads(const struct repeats_items *heads, size_t max,
                                    struct page_map_repeats *repeats)
{
    struct seep_error *err = NULL;
    size_t added = 0;

    for (size_t i = 0; i < heads->count && added < max && !err; i++) {
        const struct repeats_item *item = &heads->items[i];
        struct page_map_repeat *whole = find_whole(repeats, item);

        if (!whole) {
            err = add_repeat(repeats, item, PAGE_MAP_HEAD_BYTES);
            added++;
            continue;
        }
        /* Only what begins within it, without a gap, makes it longer. */
        if (whole->len < PAGE_KIND_BYTES && item->address >= whole->address &&
            item->address <= whole->address + whole->len &&
            item->address + PAGE_MAP_HEAD_BYTES > whole->address + whole->len)
            whole->len = item->address + PAGE_MAP_HEAD_BYTES - whole->address;
    }
    return err;
}

struct seep_error *page_map_repeats(const struct page_map *map, size_t max,
                                    struct page_map_repeats *ret_repeats)
{
    struct repeats_items same = {0}, heads = {0};
    struct page_map_repeats repeats = {0};
    struct seep_error *err = repeats_list(map->same_pages, PAGE_MAP_SAME, max, &same);

    for (size_t i = 0; i < same.count && !err; i++)
        err = add_repeat(&repeats, &same.items[i], PAGE_KIND_BYTES);
    if (!err)
        err = repeats_list(map->same_heads, PAGE_MAP_SAME_HEADS, SIZE_MAX, &heads);
    if (!err)
        err = add_heads(&heads, max, &repeats);
    vector_deinit(&same);
    vector_deinit(&heads);
    if (err)
        vector_deinit(&repeats);
    else
        *ret_repeats = repeats;
    return err;
}
