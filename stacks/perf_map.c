#include "stacks/perf_map.h"

#include <stdbool.h>
#include <string.h>

#include "base/vector.h"

enum { MAX_NAME_BYTES = 4096 };

/* A line. Later ones have higher numbers. */
struct entry {
    uint64_t start, end;
    size_t name; /* offset: in the text, later in the names */
    uint32_t name_len;
    bool visible;
};

/* What is left of an entry where no later one lies over it. */
struct range {
    uint64_t start, end;
    size_t entry;
};

VECTOR_TYPE(entries, struct entry);
VECTOR_TYPE(ranges, struct range);
VECTOR_TYPE(numbers, size_t);

struct perf_map {
    struct ranges ranges; /* sorted, disjoint; `entry` is where the name begins in `names` */
    char *names;
};

void perf_map_destroy(struct perf_map *map)
{
    if (!map)
        return;
    vector_deinit(&map->ranges);
    free(map->names);
    free(map);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* A hexadecimal number and the blanks behind it. */
static bool parse_number(const char **at, const char *end, uint64_t *ret_number)
{
    const char *c = *at;
    uint64_t number = 0;

    if (end - c > 2 && c[0] == '0' && (c[1] | 0x20) == 'x')
        c += 2;

    const char *digits = c;

    for (; c < end && !is_blank(*c); c++) {
        unsigned digit = *c >= '0' && *c <= '9' ? (unsigned)(*c - '0')
                         : (*c | 0x20) >= 'a' && (*c | 0x20) <= 'f'
                             ? (unsigned)((*c | 0x20) - 'a') + 10
                             : 16;

        if (digit > 15 || number >> 60)
            return false;
        number = number << 4 | digit;
    }
    if (c == digits || c == end)
        return false;
    while (c < end && is_blank(*c))
        c++;
    *at = c;
    *ret_number = number;
    return true;
}

static bool parse_line(const char *text, const char *line, const char *end, struct entry *ret)
{
    uint64_t start, size;

    if (!parse_number(&line, end, &start) || !parse_number(&line, end, &size))
        return false;
    if (end > line && end[-1] == '\r')
        end--;
    if (line == end || *line == '\0' || size == 0 || size > UINT64_MAX - start)
        return false;
    *ret = (struct entry){
        .start = start,
        .end = start + size,
        .name = (size_t)(line - text),
        .name_len = (uint32_t)(end - line < MAX_NAME_BYTES ? end - line : MAX_NAME_BYTES),
    };
    return true;
}

static struct seep_error *parse_lines(const char *text, size_t len, struct entries *entries)
{
    const char *end = text + len, *newline;

    for (const char *line = text; line < end; line = newline + 1) {
        struct entry entry;

        newline = memchr(line, '\n', (size_t)(end - line));
        if (!newline)
            break;

        struct seep_error *err =
            parse_line(text, line, newline, &entry) ? vector_push(entries, entry) : NULL;

        if (err)
            return err;
    }
    return NULL;
}

static int by_start(const void *a, const void *b, void *entries)
{
    size_t left = *(const size_t *)a, right = *(const size_t *)b;
    const struct entry *items = entries;

    if (items[left].start != items[right].start)
        return items[left].start < items[right].start ? -1 : 1;
    return (left > right) - (left < right);
}

/* A heap of the entries that have begun: the latest line on top. */
static struct seep_error *heap_push(struct numbers *heap, size_t number)
{
    struct seep_error *err = vector_push(heap, number);

    if (err)
        return err;

    size_t at = heap->count - 1;

    for (; at && heap->items[(at - 1) / 2] < number; at = (at - 1) / 2)
        heap->items[at] = heap->items[(at - 1) / 2];
    heap->items[at] = number;
    return NULL;
}

static void heap_pop(struct numbers *heap)
{
    size_t last = heap->items[--heap->count], at = 0;

    for (;;) {
        size_t child = 2 * at + 1;

        if (child >= heap->count)
            break;
        if (child + 1 < heap->count && heap->items[child + 1] > heap->items[child])
            child++;
        if (heap->items[child] <= last)
            break;
        heap->items[at] = heap->items[child];
        at = child;
    }
    if (heap->count)
        heap->items[at] = last;
}

static struct seep_error *add_range(struct ranges *ranges, uint64_t start, uint64_t end,
                                    size_t entry)
{
    struct range *last = ranges->count ? &ranges->items[ranges->count - 1] : NULL;

    if (last && last->end == start && last->entry == entry) {
        last->end = end;
        return NULL;
    }
    return vector_push(ranges, (struct range){start, end, entry});
}

/* Goes from address to address where anything begins or ends; of what lies there the latest counts. */
static struct seep_error *resolve(struct entries *entries, struct ranges *ranges)
{
    _cleanup_free_ size_t *order = malloc((entries->count + 1) * sizeof(*order));
    struct numbers heap = {0};
    struct seep_error *err = order ? NULL : error_no_memory();
    uint64_t at = 0;

    for (size_t i = 0; !err && i < entries->count; i++)
        order[i] = i;
    if (!err)
        qsort_r(order, entries->count, sizeof(*order), by_start, entries->items);
    for (size_t next = 0; !err && (next < entries->count || heap.count);) {
        if (!heap.count)
            at = entries->items[order[next]].start;
        while (!err && next < entries->count && entries->items[order[next]].start <= at)
            err = heap_push(&heap, order[next++]);
        while (heap.count && entries->items[heap.items[0]].end <= at)
            heap_pop(&heap);
        if (err || !heap.count)
            continue;

        struct entry *top = &entries->items[heap.items[0]];
        uint64_t end = top->end;

        if (next < entries->count && entries->items[order[next]].start < end)
            end = entries->items[order[next]].start;
        top->visible = true;
        err = add_range(ranges, at, end, heap.items[0]);
        at = end;
    }
    vector_deinit(&heap);
    return err;
}

/* Copies the names that can be found, and turns the numbers of entries into their places. */
static struct seep_error *keep_names(const char *text, struct entries *entries,
                                     struct perf_map *map)
{
    size_t bytes = 0, at = 0;

    for (size_t i = 0; i < entries->count; i++)
        if (entries->items[i].visible)
            bytes += entries->items[i].name_len + 1;
    map->names = malloc(bytes + 1);
    if (!map->names)
        return error_no_memory();
    for (size_t i = 0; i < entries->count; i++) {
        struct entry *entry = &entries->items[i];

        if (!entry->visible)
            continue;
        memcpy(map->names + at, text + entry->name, entry->name_len);
        map->names[at + entry->name_len] = '\0';
        entry->name = at;
        at += entry->name_len + 1;
    }
    for (size_t i = 0; i < map->ranges.count; i++)
        map->ranges.items[i].entry = entries->items[map->ranges.items[i].entry].name;
    return NULL;
}

struct seep_error *perf_map_parse(const char *text, size_t len, struct perf_map **ret_map)
{
    _cleanup_(perf_map_destroyp) struct perf_map *map = calloc(1, sizeof(*map));
    struct entries entries = {0};
    struct seep_error *err = map ? parse_lines(text, len, &entries) : error_no_memory();

    if (!err)
        err = resolve(&entries, &map->ranges);
    if (!err)
        err = keep_names(text, &entries, map);
    vector_deinit(&entries);
    if (!err)
        *ret_map = take_ptr(map);
    return err;
}

const char *perf_map_find(const struct perf_map *map, uint64_t address)
{
    size_t low = 0, high = map->ranges.count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct range *range = &map->ranges.items[middle];

        if (address < range->start)
            high = middle;
        else if (address >= range->end)
            low = middle + 1;
        else
            return map->names + range->entry;
    }
    return NULL;
}
