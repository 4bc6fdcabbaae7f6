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

struct visit {
    const struct saved_memory_visitor *visitor;
    struct mem_source *source;
    const struct dump *dump; /* that the source reads */
    struct saved_memory_result result;
    uint8_t bytes[DUMP_MEMBER_BYTES];
};

static const uint8_t zero_page[DUMP_PAGE_BYTES];

/* A run of zeros: its ends are enough to end and to begin what lies beside it. */
static struct seep_error *visit_zeros(struct visit *v, uint64_t start, uint64_t end)
{
    struct seep_error *err = NULL;

    if (end - start > 4 * sizeof(zero_page)) {
        err = v->visitor->bytes(start, zero_page, sizeof(zero_page), v->visitor->context);
        start = end - sizeof(zero_page);
    }
    while (start < end && !err) {
        size_t len = end - start < sizeof(zero_page) ? (size_t)(end - start) : sizeof(zero_page);

        err = v->visitor->bytes(start, zero_page, len, v->visitor->context);
        start += len;
    }
    return err;
}

/* Within one member. */
static struct seep_error *visit_data(struct visit *v, uint64_t start, uint64_t end)
{
    size_t got = 0;
    struct seep_error *err =
        mem_source_read(v->source, start, v->bytes, (size_t)(end - start), &got);

    if (err && (err->code == ERROR_CORRUPT || err->code == ERROR_NOT_FOUND)) {
        error_destroy(err);
        err = NULL;
        got = 0;
    }
    if (err)
        return err;
    v->result.damaged_bytes += end - start - got;
    return got ? v->visitor->bytes(start, v->bytes, got, v->visitor->context) : NULL;
}

static struct seep_error *visit_piece(struct visit *v, const struct saved_piece *piece)
{
    const struct dump_range *range = piece->range;
    size_t count = dump_range_page_count(range);
    struct seep_error *err = NULL;

    for (uint64_t at = piece->start; at < piece->end && !err;) {
        size_t page = (size_t)((at - range->start) / DUMP_PAGE_BYTES), next = page + 1;
        uint64_t member = (at - range->start) / DUMP_MEMBER_BYTES;
        enum dump_page state = range->pages[page];
        bool is_data = state == DUMP_PAGE_DATA;

        while (next < count && range->pages[next] == state &&
               !(is_data && (uint64_t)next * DUMP_PAGE_BYTES / DUMP_MEMBER_BYTES != member))
            next++;

        uint64_t end = range->start + (uint64_t)next * DUMP_PAGE_BYTES;

        end = end < piece->end ? end : piece->end;
        if (is_data)
            err = visit_data(v, at, end);
        else if (state == DUMP_PAGE_ZERO || state == DUMP_PAGE_ABSENT)
            err = visit_zeros(v, at, end);
        else
            v->result.unsaved_bytes += end - at;
        at = end;
    }
    v->result.bytes += piece->end - piece->start;
    return err;
}

struct seep_error *saved_memory_visit(const struct saved_pieces *pieces,
                                      const struct saved_memory_visitor *visitor,
                                      struct saved_memory_result *ret_result)
{
    _cleanup_free_ struct visit *v = calloc(1, sizeof(*v));
    struct seep_error *err = NULL;

    if (!v)
        return error_no_memory();
    v->visitor = visitor;
    for (size_t i = 0; i < pieces->count && !err; i++) {
        const struct saved_piece *piece = &pieces->items[i];

        if (v->dump != piece->dump) {
            mem_source_destroy(v->source);
            v->source = NULL;
            v->dump = piece->dump;
            err = dump_source_create(piece->dump, &v->source);
        }
        if (!err && visitor->begin)
            err = visitor->begin(piece, visitor->context);
        if (!err)
            err = visit_piece(v, piece);
    }
    mem_source_destroy(v->source);
    if (!err)
        *ret_result = v->result;
    return err;
}
