#include "analyzer/saved_memory.h"

#include <stdlib.h>

/* --- which --- */

static int by_start(const void *left, const void *right)
{
    const struct saved_piece *a = left, *b = right;

    return (a->start > b->start) - (a->start < b->start);
}

/* Adds what of [start, end) the first COUNT pieces leave free; *AT: the first of them that may
 * matter, moved on for later calls with higher addresses. */
static struct seep_error *add_free(struct saved_pieces *pieces, size_t count, size_t *at,
                                   const struct saved_piece *piece)
{
    uint64_t from = piece->start;
    struct seep_error *err = NULL;

    while (*at < count && pieces->items[*at].end <= from)
        (*at)++;
    for (size_t i = *at; from < piece->end && !err; i++) {
        uint64_t until = piece->end, next = piece->end;

        if (i < count && pieces->items[i].start < piece->end) {
            until = pieces->items[i].start;
            next = pieces->items[i].end;
        }
        if (until > from)
            err = vector_push(pieces, (struct saved_piece){piece->dump, piece->range, from, until});
        from = next;
    }
    return err;
}

/* Adds what DUMP knows of addresses that no newer one does. Gaps are known too: they become pieces
 * without a range. */
static struct seep_error *add_dump(struct saved_pieces *pieces, const struct dump *dump)
{
    size_t count = pieces->count, at = 0;
    struct seep_error *err = NULL;

    for (size_t i = 0; i < dump->ranges.count && !err; i++) {
        const struct dump_range *range = &dump->ranges.items[i];

        err = add_free(pieces, count, &at,
                       &(struct saved_piece){dump, range, range->start, range->end});
    }
    at = 0;
    for (size_t i = 0; i < dump->gaps.count && !err; i++) {
        const struct dump_gap *gap = &dump->gaps.items[i];

        err = add_free(pieces, count, &at, &(struct saved_piece){dump, NULL, gap->start, gap->end});
    }
    if (pieces->count > 1)
        qsort(pieces->items, pieces->count, sizeof(*pieces->items), by_start);
    return err;
}

static int by_range_start(const void *left, const void *right)
{
    const struct saved_range *a = left, *b = right;

    return (a->start > b->start) - (a->start < b->start);
}

VECTOR_TYPE(ranges, struct saved_range);

/* The selected ranges, sorted and joined where they overlap. */
static struct seep_error *join_ranges(const struct saved_memory_selection *selection,
                                      struct ranges *joined)
{
    struct seep_error *err = vector_reserve(joined, selection->range_count);

    if (err || !selection->range_count)
        return err;
    for (size_t i = 0; i < selection->range_count; i++)
        joined->items[i] = selection->ranges[i];
    qsort(joined->items, selection->range_count, sizeof(*joined->items), by_range_start);
    joined->count = 1;
    for (size_t i = 1; i < selection->range_count; i++) {
        struct saved_range *last = &joined->items[joined->count - 1], next = joined->items[i];

        if (next.start > last->end)
            joined->items[joined->count++] = next;
        else if (next.end > last->end)
            last->end = next.end;
    }
    return NULL;
}

/* Appends the parts of PIECES, sorted, that lie in RANGES, sorted (none: everything). */
static struct seep_error *clip(const struct saved_pieces *pieces, const struct ranges *ranges,
                               struct saved_pieces *into)
{
    struct seep_error *err = NULL;
    size_t first = 0;

    for (size_t i = 0; i < pieces->count && !err; i++) {
        struct saved_piece piece = pieces->items[i];

        if (!piece.range)
            continue;
        if (!ranges->count)
            err = vector_push(into, piece);
        while (first < ranges->count && ranges->items[first].end <= piece.start)
            first++;
        for (size_t r = first; r < ranges->count && ranges->items[r].start < piece.end && !err;
             r++) {
            struct saved_piece part = piece;

            part.start =
                piece.start > ranges->items[r].start ? piece.start : ranges->items[r].start;
            part.end = piece.end < ranges->items[r].end ? piece.end : ranges->items[r].end;
            if (part.start < part.end)
                err = vector_push(into, part);
        }
    }
    return err;
}

/* The pieces of one process. */
static struct seep_error *add_process(const struct dumps *dumps,
                                      const struct saved_memory_selection *selection, pid_t pid,
                                      const struct ranges *ranges, struct saved_pieces *into)
{
    struct saved_pieces pieces = {0};
    struct seep_error *err = NULL;

    for (size_t i = dumps->dumps.count; i-- > 0 && !err;) {
        const struct dump *dump = dumps->dumps.items[i];

        if (dump->pid == pid && (!selection->number || dump->number == selection->number))
            err = add_dump(&pieces, dump);
    }
    if (!err)
        err = clip(&pieces, ranges, into);
    vector_deinit(&pieces);
    return err;
}

struct seep_error *saved_memory_pieces(const struct dumps *dumps,
                                       const struct saved_memory_selection *selection,
                                       struct saved_pieces *ret_pieces)
{
    struct saved_pieces pieces = {0};
    struct ranges ranges = {0};
    struct seep_error *err = join_ranges(selection, &ranges);

    for (size_t i = 0; i < dumps->dumps.count && !err; i++) {
        pid_t pid = dumps->dumps.items[i]->pid;
        bool is_first = true;

        for (size_t before = 0; before < i && is_first; before++)
            is_first = dumps->dumps.items[before]->pid != pid;
        if (is_first && (!selection->pid || selection->pid == pid))
            err = add_process(dumps, selection, pid, &ranges, &pieces);
    }
    vector_deinit(&ranges);
    if (err)
        vector_deinit(&pieces);
    else
        *ret_pieces = pieces;
    return err;
}

const struct dump_region *saved_memory_region(const struct saved_piece *piece)
{
    size_t low = 0, high = piece->dump->regions.count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (piece->dump->regions.items[middle].end > piece->start)
            high = middle;
        else
            low = middle + 1;
    }
    if (low == piece->dump->regions.count || piece->dump->regions.items[low].start > piece->start)
        return NULL;
    return &piece->dump->regions.items[low];
}

/* --- their bytes --- */

/* What one thread reads with. */
struct reader {
    struct mem_source *source;
    const struct dump *dump; /* that the source reads; NULL: none yet */
};

static bool next_unit(struct scan_source *source, struct scan_unit *ret_unit)
{
    struct saved_memory *memory = (struct saved_memory *)source;

    if (memory->piece == memory->pieces->count)
        return false;

    const struct saved_piece *piece = &memory->pieces->items[memory->piece];
    uint64_t start = memory->at ? memory->at : piece->start;
    uint64_t in_member = (start - piece->range->start) % DUMP_MEMBER_BYTES;
    uint64_t end = start + (DUMP_MEMBER_BYTES - in_member);

    if (end > piece->end)
        end = piece->end;
    *ret_unit = (struct scan_unit){
        .address = start,
        .len = (size_t)(end - start),
        .origin = piece,
        .begins = start == piece->start,
        .key = memory->piece,
    };
    memory->at = end;
    if (end == piece->end) {
        memory->piece++;
        memory->at = 0;
    }
    return true;
}

static struct seep_error *open_reader(struct scan_source *source, void **ret_reader)
{
    struct reader *reader = calloc(1, sizeof(*reader));

    (void)source;
    if (!reader)
        return error_no_memory();
    *ret_reader = reader;
    return NULL;
}

static void close_reader(struct scan_source *source, void *context)
{
    struct reader *reader = context;

    (void)source;
    mem_source_destroy(reader->source);
    free(reader);
}

enum kind { KIND_DATA, KIND_ZEROS, KIND_HOLE };

static enum kind kind_of(enum dump_page state)
{
    return state == DUMP_PAGE_SWAPPED || state == DUMP_PAGE_UNREADABLE ? KIND_HOLE
           : state == DUMP_PAGE_DATA                                   ? KIND_DATA
                                                                       : KIND_ZEROS;
}

/* Where the pages of one kind that begin with PAGE end. Few zero pages belong to the data. */
static size_t kind_end(const struct dump_range *range, size_t page, size_t limit,
                       enum kind *ret_kind)
{
    size_t end = page, zeros = 0;
    enum kind kind = kind_of((enum dump_page)range->pages[page]);

    while (end < limit && kind_of((enum dump_page)range->pages[end]) == kind)
        end++;
    *ret_kind = kind;
    if (kind == KIND_HOLE || (kind == KIND_ZEROS && end - page >= SAVED_MEMORY_ZERO_PAGES))
        return end;
    *ret_kind = KIND_DATA;
    for (end = page; end < limit; end++) {
        kind = kind_of((enum dump_page)range->pages[end]);
        if (kind == KIND_HOLE)
            return end;
        zeros = kind == KIND_ZEROS ? zeros + 1 : 0;
        if (zeros == SAVED_MEMORY_ZERO_PAGES)
            return end + 1 - zeros;
    }
    return end;
}

/* Bytes within one member; GOT 0 when it is damaged. */
static struct seep_error *read_data(struct saved_memory *memory, struct reader *reader,
                                    uint64_t start, size_t len, uint8_t *room, size_t *ret_got)
{
    struct seep_error *err = mem_source_read(reader->source, start, room, len, ret_got);

    if (err && (err->code == ERROR_CORRUPT || err->code == ERROR_NOT_FOUND)) {
        error_destroy(err);
        err = NULL;
        *ret_got = 0;
    }
    if (!err)
        __atomic_fetch_add(&memory->result.damaged_bytes, len - *ret_got, __ATOMIC_RELAXED);
    return err;
}

static struct seep_error *read_stretches(struct saved_memory *memory, struct reader *reader,
                                         const struct scan_unit *unit,
                                         const struct dump_range *range, uint8_t *room,
                                         struct scan_stretches *stretches)
{
    uint64_t unit_end = unit->address + unit->len;
    size_t limit = (size_t)((unit_end - range->start + DUMP_PAGE_BYTES - 1) / DUMP_PAGE_BYTES);
    struct seep_error *err = NULL;

    for (uint64_t at = unit->address; at < unit_end && !err;) {
        size_t page = (size_t)((at - range->start) / DUMP_PAGE_BYTES);
        enum kind kind;
        uint64_t end = range->start + kind_end(range, page, limit, &kind) * DUMP_PAGE_BYTES;
        size_t len = (size_t)((end < unit_end ? end : unit_end) - at), got = len;
        struct scan_stretch stretch = {.address = at};

        if (kind == KIND_HOLE)
            __atomic_fetch_add(&memory->result.unsaved_bytes, len, __ATOMIC_RELAXED);
        if (kind == KIND_DATA) {
            stretch.bytes = room + (at - unit->address);
            err = read_data(memory, reader, at, len, room + (at - unit->address), &got);
        }
        stretch.len = got;
        if (!err && got && kind != KIND_HOLE)
            err = vector_push(stretches, stretch);
        at += len;
    }
    return err;
}

static struct seep_error *read_unit(struct scan_source *source, void *context,
                                    const struct scan_unit *unit, uint8_t *room,
                                    struct scan_stretches *ret_stretches)
{
    struct saved_memory *memory = (struct saved_memory *)source;
    const struct saved_piece *piece = &memory->pieces->items[unit->key];
    struct reader *reader = context;
    struct seep_error *err = NULL;

    if (reader->dump != piece->dump) {
        mem_source_destroy(reader->source);
        reader->source = NULL;
        reader->dump = NULL;
        err = dump_source_create(piece->dump, &reader->source);
    }
    if (err)
        return err;
    reader->dump = piece->dump;
    __atomic_fetch_add(&memory->result.bytes, unit->len, __ATOMIC_RELAXED);
    return read_stretches(memory, reader, unit, piece->range, room, ret_stretches);
}

void saved_memory_init(struct saved_memory *ret_memory, const struct saved_pieces *pieces)
{
    *ret_memory = (struct saved_memory){
        .source = {next_unit, open_reader, close_reader, read_unit},
        .pieces = pieces,
    };
}

uint64_t saved_memory_bytes(const struct saved_pieces *pieces)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < pieces->count; i++)
        bytes += pieces->items[i].end - pieces->items[i].start;
    return bytes;
}
