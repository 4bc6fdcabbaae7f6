#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "report/snap.h"
#include "report/wrap.h"

enum {
    /* Of the name, before a further column is let in: those of the first ranks crowd it more. */
    NAME_MIN_COLUMNS = 22,
    NAME_CROWDED_COLUMNS = 14,
    CROWDING_RANK = 5,
    HELD_MAX_ROWS = 20,
};

enum cell {
    CELL_START,
    CELL_END,
    CELL_PERMS,
    CELL_OFFSET,
    CELL_DEVICE,
    CELL_INODE,
    CELL_FIELD,
    CELL_THP,
    CELL_KEY,
    CELL_FLAGS
};

/* In the order they are shown. RANK: the order in which they are let in; 0 always is. */
static const struct column {
    const char *label;
    enum cell cell;
    enum smaps_field field;
    unsigned rank;
} columns[] = {
    {"Address", CELL_START, 0, 0},
    {"End", CELL_END, 0, 11},
    {"Perm", CELL_PERMS, 0, 0},
    {"Offset", CELL_OFFSET, 0, 20},
    {"Device", CELL_DEVICE, 0, 21},
    {"Inode", CELL_INODE, 0, 22},
    {"Size", CELL_FIELD, SMAPS_SIZE, 0},
    {"Rss", CELL_FIELD, SMAPS_RSS, 0},
    {"Pss", CELL_FIELD, SMAPS_PSS, 1},
    {"PssDirty", CELL_FIELD, SMAPS_PSS_DIRTY, 16},
    {"ShClean", CELL_FIELD, SMAPS_SHARED_CLEAN, 13},
    {"ShDirty", CELL_FIELD, SMAPS_SHARED_DIRTY, 12},
    {"PrClean", CELL_FIELD, SMAPS_PRIVATE_CLEAN, 14},
    {"PrDirty", CELL_FIELD, SMAPS_PRIVATE_DIRTY, 2},
    {"Refd", CELL_FIELD, SMAPS_REFERENCED, 15},
    {"Anon", CELL_FIELD, SMAPS_ANONYMOUS, 10},
    {"KSM", CELL_FIELD, SMAPS_KSM, 9},
    {"LazyFree", CELL_FIELD, SMAPS_LAZY_FREE, 5},
    {"AnonHuge", CELL_FIELD, SMAPS_ANON_HUGE_PAGES, 4},
    {"ShmemPmd", CELL_FIELD, SMAPS_SHMEM_PMD_MAPPED, 7},
    {"FilePmd", CELL_FIELD, SMAPS_FILE_PMD_MAPPED, 8},
    {"ShHugetlb", CELL_FIELD, SMAPS_SHARED_HUGETLB, 6},
    {"PrHugetlb", CELL_FIELD, SMAPS_PRIVATE_HUGETLB, 6},
    {"Swap", CELL_FIELD, SMAPS_SWAP, 3},
    {"SwapPss", CELL_FIELD, SMAPS_SWAP_PSS, 17},
    {"Locked", CELL_FIELD, SMAPS_LOCKED, 6},
    {"KernelPage", CELL_FIELD, SMAPS_KERNEL_PAGE_SIZE, 24},
    {"MMUPage", CELL_FIELD, SMAPS_MMU_PAGE_SIZE, 25},
    {"THP", CELL_THP, 0, 23},
    {"Key", CELL_KEY, 0, 26},
    {"Flags", CELL_FLAGS, 0, 27},
};

enum { COLUMN_COUNT = ARRAY_SIZE(columns) };

struct table {
    const struct maps *maps;
    size_t *order; /* indexes into maps->vmas, as they are shown */
    uint64_t totals[SMAPS_FIELD_COUNT];
    size_t widths[COLUMN_COUNT];
    bool told[COLUMN_COUNT]; /* at least one region says something here, other than 0 */
    bool known[COLUMN_COUNT];
    bool shown[COLUMN_COUNT];
    size_t name_width; /* 0: any */
};

static bool is_summed(const struct column *column)
{
    return column->cell == CELL_FIELD && column->field != SMAPS_KERNEL_PAGE_SIZE &&
           column->field != SMAPS_MMU_PAGE_SIZE;
}

struct cell_text {
    char text[128];
};

static const char *cell(struct cell_text *buf, const struct column *column, const struct vma *vma)
{
    struct units_text number;
    char *text = buf->text;
    size_t size = sizeof(buf->text);

    switch (column->cell) {
    case CELL_START:
        snprintf(text, size, "%08" PRIx64, vma->start);
        break;
    case CELL_END:
        snprintf(text, size, "%08" PRIx64, vma->end);
        break;
    case CELL_PERMS:
        return vma_perms_text(vma->perms, text);
    case CELL_OFFSET:
        snprintf(text, size, "%08" PRIx64, vma->offset);
        break;
    case CELL_DEVICE:
        snprintf(text, size, "%02x:%02x", vma->major, vma->minor);
        break;
    case CELL_INODE:
        snprintf(text, size, "%" PRIu64, vma->inode);
        break;
    case CELL_FIELD:
        snprintf(text, size, "%s", snap_kib(&number, snap_field(vma, column->field)));
        break;
    case CELL_THP:
        snprintf(text, size, "%s", vma->thp_eligible > 0 ? "1" : vma->thp_eligible ? "-" : "0");
        break;
    case CELL_KEY:
        snprintf(text, size, "%" PRId32, vma->protection_key < 0 ? 0 : vma->protection_key);
        break;
    case CELL_FLAGS:
        snprintf(text, size, "%s", vma->flags[0] ? vma->flags : "-");
        break;
    }
    return text;
}

static void measure(struct table *t)
{
    for (size_t f = 0; f < SMAPS_FIELD_COUNT; f++) {
        t->totals[f] = MAPS_UNKNOWN;
        for (size_t i = 0; i < t->maps->count; i++)
            snap_add(&t->totals[f], snap_field(&t->maps->vmas[i], f));
    }
    for (size_t c = 0; c < COLUMN_COUNT; c++) {
        const struct column *column = &columns[c];
        struct units_text number;
        struct cell_text buf;

        t->widths[c] = strlen(column->label);
        if (is_summed(column)) {
            size_t len = strlen(snap_kib(&number, t->totals[column->field]));

            t->known[c] = t->totals[column->field] != MAPS_UNKNOWN;
            t->told[c] = t->known[c] && t->totals[column->field] > 0;
            t->widths[c] = len > t->widths[c] ? len : t->widths[c];
            continue;
        }
        bool may_be_unknown = column->cell == CELL_THP || column->cell == CELL_KEY;

        t->known[c] =
            column->cell == CELL_FIELD ? t->totals[column->field] != MAPS_UNKNOWN : !may_be_unknown;
        t->told[c] = !may_be_unknown;
        for (size_t i = 0; i < t->maps->count; i++) {
            const struct vma *vma = &t->maps->vmas[i];
            size_t len = strlen(cell(&buf, column, vma));
            int32_t value = column->cell == CELL_THP ? vma->thp_eligible : vma->protection_key;

            t->widths[c] = len > t->widths[c] ? len : t->widths[c];
            t->known[c] |= may_be_unknown && value >= 0;
            t->told[c] |= may_be_unknown && value > 0;
        }
    }
}

/* The column to be let in next: those that say something first, then by rank. */
static size_t next_column(const struct table *t, const bool *tried)
{
    size_t best = COLUMN_COUNT;

    for (size_t c = 0; c < COLUMN_COUNT; c++) {
        if (tried[c] || !t->known[c])
            continue;
        if (best == COLUMN_COUNT || columns[c].rank == 0 ||
            (columns[best].rank != 0 &&
             (t->told[c] > t->told[best] ||
              (t->told[c] == t->told[best] && columns[c].rank < columns[best].rank))))
            best = c;
    }
    return best;
}

static void choose_columns(struct table *t, size_t width)
{
    bool tried[COLUMN_COUNT] = {false};
    size_t used = 0, c;

    while ((c = next_column(t, tried)) < COLUMN_COUNT) {
        size_t need = t->widths[c] + 1;
        size_t name = columns[c].rank <= CROWDING_RANK ? NAME_CROWDED_COLUMNS : NAME_MIN_COLUMNS;

        if (width && columns[c].rank && used + need + name > width)
            break;
        tried[c] = t->shown[c] = true;
        used += need;
    }
    if (width)
        t->name_width = used + NAME_CROWDED_COLUMNS < width ? width - used : NAME_CROWDED_COLUMNS;
}

static void add_cell(struct buffer *out, const struct table *t, size_t c, const char *text)
{
    enum cell kind = columns[c].cell;
    bool left = kind == CELL_PERMS || kind == CELL_FLAGS;

    buffer_printf(out, "%*s ", left ? -(int)t->widths[c] : (int)t->widths[c], text);
}

static void write_rows(struct buffer *out, const struct table *t)
{
    struct cell_text buf;

    for (size_t c = 0; c < COLUMN_COUNT; c++)
        if (t->shown[c])
            add_cell(out, t, c, columns[c].label);
    buffer_printf(out, "Mapping\n");
    for (size_t i = 0; i < t->maps->count; i++) {
        const struct vma *vma = &t->maps->vmas[t->order[i]];

        for (size_t c = 0; c < COLUMN_COUNT; c++)
            if (t->shown[c])
                add_cell(out, t, c, cell(&buf, &columns[c], vma));
        snap_name(out, snap_vma_name(vma), t->name_width);
        buffer_u8(out, '\n');
    }
}

static void write_totals(struct buffer *out, const struct table *t)
{
    struct units_text number;

    for (size_t c = 0; c < COLUMN_COUNT; c++) {
        if (!t->shown[c])
            continue;
        if (is_summed(&columns[c]))
            add_cell(out, t, c, snap_kib(&number, t->totals[columns[c].field]));
        else
            add_cell(out, t, c, columns[c].cell == CELL_START ? "total" : "");
    }
    buffer_printf(out, "%s mapping%s\n", units_format_count(&number, t->maps->count),
                  t->maps->count == 1 ? "" : "s");
}

/* Names the columns that are not shown although the kernel has figures for them. */
static void write_footer(struct buffer *out, const struct table *t, size_t width)
{
    _cleanup_buffer_ struct buffer line = {0}, zeros = {0}, left = {0};
    struct units_text number;

    for (size_t c = 0; c < COLUMN_COUNT; c++) {
        struct buffer *list = t->told[c] ? &left : &zeros;

        if (!t->known[c] || t->shown[c])
            continue;
        buffer_printf(list, "%s%s", list->len ? ", " : "", columns[c].label);
        if (t->told[c] && is_summed(&columns[c]))
            buffer_printf(list, " (%s)", snap_kib(&number, t->totals[columns[c].field]));
    }
    buffer_printf(&line, "Sizes are KiB.");
    if (zeros.len)
        buffer_printf(&line, " Zero throughout: %s.", zeros.bytes);
    if (left.len)
        buffer_printf(&line, " A wider terminal also shows: %s.", left.bytes);
    if (!t->maps->has_smaps)
        buffer_printf(&line, " Only the map was read: smaps would tell what is resident.");
    if (t->maps->torn)
        buffer_printf(&line, " The process mapped while it was read: some entries are older than "
                             "others.");
    out->failed |= line.failed || zeros.failed || left.failed;
    if (!out->failed)
        wrap_append(out, width ? width : SIZE_MAX / 2, "", 0, line.bytes);
}

/* --- what is held without being mapped --- */

static int compare_held(const void *a, const void *b)
{
    const struct snapshot_held *left = *(const struct snapshot_held *const *)a;
    const struct snapshot_held *right = *(const struct snapshot_held *const *)b;

    if (left->held_bytes != right->held_bytes)
        return left->held_bytes > right->held_bytes ? -1 : 1;
    return (left->id > right->id) - (left->id < right->id);
}

static struct seep_error *write_held(struct buffer *out, const struct snapshot *snap, size_t width)
{
    size_t count = snap->held.count;
    uint64_t rest = 0;
    struct units_text held, size;

    if (!count)
        return NULL;

    _cleanup_free_ const struct snapshot_held **sorted =
        reallocarray(NULL, count, sizeof(const struct snapshot_held *));

    if (!sorted)
        return error_no_memory();
    for (size_t i = 0; i < count; i++)
        sorted[i] = &snap->held.items[i];
    qsort(sorted, count, sizeof(*sorted), compare_held);
    buffer_u8(out, '\n');
    wrap_append(out, width ? width : SIZE_MAX / 2, "", 0,
                "Shared memory held by descriptor or as its creator, mapped or not, KiB:");
    for (size_t i = 0; i < count; i++) {
        const struct snapshot_held *h = sorted[i];

        if (width && i >= HELD_MAX_ROWS) {
            snap_add(&rest, h->held_bytes);
            continue;
        }
        buffer_printf(out, "%s %-6" PRId64 " %12s of %12s ",
                      h->kind == SNAPSHOT_HELD_SYSV ? "shmid" : "fd   ", h->id,
                      snap_kib(&held, h->held_bytes), snap_kib(&size, h->size_bytes));
        snap_name(out, h->name, width > 55 ? width - 43 : width ? 12 : 0);
        buffer_u8(out, '\n');
    }
    if (width && count > HELD_MAX_ROWS)
        buffer_printf(out, "and %zu more: %s\n", count - HELD_MAX_ROWS, snap_kib(&held, rest));
    if (snap->held_skipped)
        buffer_printf(out, "%s descriptors were not looked at\n",
                      units_format_count(&held, snap->held_skipped));
    return NULL;
}

/* --- order --- */

static enum smaps_field sort_field(enum snap_sort sort)
{
    return sort == SNAP_BY_RSS     ? SMAPS_RSS
           : sort == SNAP_BY_PSS   ? SMAPS_PSS
           : sort == SNAP_BY_DIRTY ? SMAPS_PRIVATE_DIRTY
           : sort == SNAP_BY_SWAP  ? SMAPS_SWAP
                                   : SMAPS_SIZE;
}

struct sorting {
    const struct maps *maps;
    enum smaps_field field;
};

/* The largest first, what is unknown last, equals by address. */
static int compare_vmas(const void *a, const void *b, void *context)
{
    const struct sorting *sorting = context;
    size_t i = *(const size_t *)a, j = *(const size_t *)b;
    uint64_t left = snap_field(&sorting->maps->vmas[i], sorting->field) + 1;
    uint64_t right = snap_field(&sorting->maps->vmas[j], sorting->field) + 1;

    if (left != right)
        return left > right ? -1 : 1;
    return (i > j) - (i < j);
}

struct seep_error *snap_table(struct buffer *out, const struct snap_process *process,
                              const struct snap_table_options *options)
{
    struct table t = {.maps = &process->snap->maps};
    struct sorting sorting = {t.maps, sort_field(options->sort)};
    _cleanup_free_ size_t *order = reallocarray(NULL, t.maps->count + 1, sizeof(*order));

    if (!order)
        return error_no_memory();
    for (size_t i = 0; i < t.maps->count; i++)
        order[i] = i;
    if (options->sort != SNAP_BY_ADDRESS)
        qsort_r(order, t.maps->count, sizeof(*order), compare_vmas, &sorting);
    t.order = order;
    measure(&t);
    choose_columns(&t, options->width);
    snap_heading(out, process, options->width);
    buffer_u8(out, '\n');
    write_rows(out, &t);
    write_totals(out, &t);
    write_footer(out, &t, options->width);

    struct seep_error *err = write_held(out, process->snap, options->width);

    if (err)
        return err;
    return out->failed ? error_no_memory() : NULL;
}
