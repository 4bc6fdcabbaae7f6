#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "base/vector.h"
#include "report/snap.h"
#include "report/wrap.h"

enum {
    NAME_COLUMNS = 24,    /* of what is mapped, at least */
    MAPPED_MAX_ROWS = 30, /* on a terminal */
    MAX_INDENT = 20,
};

/* --- a row a process --- */

/* The columns of figures: summed over the regions, so that parts and whole agree. */
static const struct {
    const char *label;
    enum smaps_field field, other; /* the same twice: one field; else their sum */
} figures[] = {
    {"Size", SMAPS_SIZE, SMAPS_SIZE}, {"RSS", SMAPS_RSS, SMAPS_RSS},
    {"PSS", SMAPS_PSS, SMAPS_PSS},    {"Private", SMAPS_PRIVATE_CLEAN, SMAPS_PRIVATE_DIRTY},
    {"Swap", SMAPS_SWAP, SMAPS_SWAP},
};

enum { FIGURE_COUNT = ARRAY_SIZE(figures), FIGURE_PSS = 2 };

static void add_figures(const struct maps *maps, uint64_t *sums)
{
    for (size_t f = 0; f < FIGURE_COUNT; f++) {
        for (size_t i = 0; i < maps->count; i++) {
            snap_add(&sums[f], snap_field(&maps->vmas[i], figures[f].field));
            if (figures[f].other != figures[f].field)
                snap_add(&sums[f], snap_field(&maps->vmas[i], figures[f].other));
        }
    }
}

static void write_figures(struct buffer *out, const uint64_t *sums, const size_t *widths)
{
    struct units_text text;

    for (size_t f = 0; f < FIGURE_COUNT; f++)
        buffer_printf(out, " %*s", (int)widths[f], snap_kib(&text, sums[f]));
}

static void write_processes(struct buffer *out, const struct snap_process *processes, size_t count,
                            size_t width)
{
    uint64_t totals[FIGURE_COUNT], threads = 0;
    size_t widths[FIGURE_COUNT], used = 8 + 8;
    struct units_text text;

    memset(totals, 0xff, sizeof(totals));
    for (size_t p = 0; p < count; p++) {
        add_figures(&processes[p].snap->maps, totals);
        snap_add(&threads, processes[p].snap->thread_count);
    }
    buffer_printf(out, "%7s %7s", "PID", "Threads");
    for (size_t f = 0; f < FIGURE_COUNT; f++) {
        widths[f] = strlen(snap_kib(&text, totals[f]));
        widths[f] = widths[f] < 7 ? 7 : widths[f];
        used += widths[f] + 1;
        buffer_printf(out, " %*s", (int)widths[f], figures[f].label);
    }
    buffer_printf(out, " Command\n");
    for (size_t p = 0; p < count; p++) {
        const struct snap_process *process = &processes[p];
        const char *command = process->command ? process->command : "";
        size_t indent = process->depth * 2 < MAX_INDENT ? process->depth * 2 : MAX_INDENT;
        size_t room = width > used + indent + 10 ? width - used - indent : width ? 10 : SIZE_MAX;
        uint64_t sums[FIGURE_COUNT];

        memset(sums, 0xff, sizeof(sums));
        add_figures(&process->snap->maps, sums);
        buffer_printf(out, "%7d", (int)process->snap->pid);
        buffer_printf(out, " %7s",
                      process->snap->thread_count == SNAPSHOT_UNKNOWN
                          ? "-"
                          : units_format_count(&text, process->snap->thread_count));
        write_figures(out, sums, widths);
        buffer_printf(out, " %*s%.*s\n", (int)indent, "",
                      (int)wrap_fit(command, strlen(command), room), command);
    }
    buffer_printf(out, "%7s %7s", "total", units_format_count(&text, threads));
    write_figures(out, totals, widths);
    buffer_printf(out, " %zu process%s\n", count, count == 1 ? "" : "es");
}

/* --- a column a process --- */

struct mapped {
    const char *name;
    size_t process;
    uint64_t pss;
};

static int compare_names(const void *a, const void *b)
{
    const struct mapped *left = a, *right = b;
    int order = strcmp(left->name, right->name);

    if (order)
        return order;
    return (left->process > right->process) - (left->process < right->process);
}

/* One thing that is mapped: the entries [first, end) of the sorted list, and their sum. */
struct group {
    size_t first, end;
    uint64_t pss;
};

static int compare_groups(const void *a, const void *b)
{
    const struct group *left = a, *right = b;

    if (left->pss != right->pss)
        return left->pss > right->pss ? -1 : 1;
    return (left->first > right->first) - (left->first < right->first);
}

struct side_by_side {
    VECTOR(struct mapped) mapped;
    VECTOR(struct group) groups;
    size_t *order; /* processes, those with the most PSS first */
    size_t shown;  /* as many have a column of their own */
    size_t figure_width;
    size_t name_width;
};

static struct seep_error *collect(struct side_by_side *s, const struct snap_process *processes,
                                  size_t count)
{
    struct seep_error *err = NULL;

    for (size_t p = 0; p < count; p++) {
        const struct maps *maps = &processes[p].snap->maps;

        for (size_t i = 0; !err && i < maps->count; i++)
            if (maps->vmas[i].fields[SMAPS_PSS] != MAPS_UNKNOWN && maps->vmas[i].fields[SMAPS_PSS])
                err = vector_push(&s->mapped, (struct mapped){snap_vma_name(&maps->vmas[i]), p,
                                                              maps->vmas[i].fields[SMAPS_PSS]});
    }
    if (err || !s->mapped.count)
        return err;
    qsort(s->mapped.items, s->mapped.count, sizeof(*s->mapped.items), compare_names);
    for (size_t i = 0; !err && i < s->mapped.count; i++) {
        if (i == 0 || strcmp(s->mapped.items[i].name, s->mapped.items[i - 1].name) != 0)
            err = vector_push(&s->groups, (struct group){.first = i});
        if (!err) {
            struct group *group = &s->groups.items[s->groups.count - 1];

            group->end = i + 1;
            snap_add(&group->pss, s->mapped.items[i].pss);
        }
    }
    if (!err)
        qsort(s->groups.items, s->groups.count, sizeof(*s->groups.items), compare_groups);
    return err;
}

struct by_pss {
    uint64_t pss;
    size_t process;
};

static int compare_by_pss(const void *a, const void *b)
{
    const struct by_pss *left = a, *right = b;

    if (left->pss != right->pss)
        return left->pss > right->pss ? -1 : 1;
    return (left->process > right->process) - (left->process < right->process);
}

/* Decides which processes have a column of their own, and how wide all is. */
static struct seep_error *lay_out(struct side_by_side *s, size_t count, size_t width)
{
    _cleanup_free_ struct by_pss *sums = calloc(count, sizeof(*sums));
    struct units_text text;
    uint64_t total = 0;

    s->order = calloc(count, sizeof(*s->order));
    if (!sums || !s->order)
        return error_no_memory();
    for (size_t p = 0; p < count; p++)
        sums[p].process = p;
    for (size_t i = 0; i < s->mapped.count; i++) {
        snap_add(&sums[s->mapped.items[i].process].pss, s->mapped.items[i].pss);
        snap_add(&total, s->mapped.items[i].pss);
    }
    qsort(sums, count, sizeof(*sums), compare_by_pss);
    for (size_t p = 0; p < count; p++)
        s->order[p] = sums[p].process;
    s->figure_width = strlen(snap_kib(&text, total));
    s->figure_width = s->figure_width < 7 ? 7 : s->figure_width;
    s->shown = count;
    if (width) {
        size_t fit = width > NAME_COLUMNS ? (width - NAME_COLUMNS) / (s->figure_width + 1) : 0;

        /* The total takes one, and those without a column another. */
        if (count + 1 > fit)
            s->shown = fit > 3 ? fit - 2 : 1;
        size_t used = (s->shown + 1 + (s->shown < count)) * (s->figure_width + 1);
        s->name_width = width > used + NAME_COLUMNS ? width - used : NAME_COLUMNS;
    }
    return NULL;
}

static void write_group(struct buffer *out, const struct side_by_side *s, size_t count,
                        const struct group *group, uint64_t *sums)
{
    struct units_text text;
    uint64_t others = 0;

    memset(sums, 0, count * sizeof(*sums));
    for (size_t i = group->first; i < group->end; i++)
        snap_add(&sums[s->mapped.items[i].process], s->mapped.items[i].pss);
    buffer_printf(out, "%*s ", (int)s->figure_width, snap_kib(&text, group->pss));
    for (size_t p = 0; p < count; p++) {
        uint64_t sum = sums[s->order[p]];

        if (p < s->shown)
            buffer_printf(out, "%*s ", (int)s->figure_width, snap_kib(&text, sum));
        else
            snap_add(&others, sum);
    }
    if (s->shown < count)
        buffer_printf(out, "%*s ", (int)s->figure_width, snap_kib(&text, others));
    snap_name(out, s->mapped.items[group->first].name, s->name_width);
    buffer_u8(out, '\n');
}

static struct seep_error *write_mapped(struct buffer *out, const struct side_by_side *s,
                                       const struct snap_process *processes, size_t count,
                                       size_t width)
{
    _cleanup_free_ uint64_t *sums = calloc(count, sizeof(*sums));
    struct units_text text;
    uint64_t rest = 0;
    size_t rows = s->groups.count;

    if (!sums)
        return error_no_memory();
    if (width && rows > MAPPED_MAX_ROWS)
        rows = MAPPED_MAX_ROWS;
    buffer_printf(out, "\n%*s ", (int)s->figure_width, "PSS");
    for (size_t p = 0; p < s->shown; p++)
        buffer_printf(out, "%*d ", (int)s->figure_width, (int)processes[s->order[p]].snap->pid);
    if (s->shown < count)
        buffer_printf(out, "%*s ", (int)s->figure_width, "others");
    buffer_printf(out, "Mapping\n");
    for (size_t i = 0; i < s->groups.count; i++) {
        if (i < rows)
            write_group(out, s, count, &s->groups.items[i], sums);
        else
            snap_add(&rest, s->groups.items[i].pss);
    }
    if (rows < s->groups.count)
        buffer_printf(out, "%*s in %zu mappings more\n", (int)s->figure_width,
                      snap_kib(&text, rest), s->groups.count - rows);
    return NULL;
}

struct seep_error *snap_tree(struct buffer *out, const struct snap_process *processes, size_t count,
                             size_t width)
{
    static const char footer[] =
        "Sizes are KiB. PSS counts what several processes share once in all; RSS counts it in each "
        "of them. Private is what ends with the process.";
    struct side_by_side s = {0};
    struct seep_error *err = collect(&s, processes, count);

    write_processes(out, processes, count, width);
    if (!err && s.groups.count)
        err = lay_out(&s, count, width);
    if (!err && s.groups.count)
        err = write_mapped(out, &s, processes, count, width);
    wrap_append(out, width ? width : SIZE_MAX / 2, "", 0, footer);
    vector_deinit(&s.mapped);
    vector_deinit(&s.groups);
    free(s.order);
    if (err)
        return err;
    return out->failed ? error_no_memory() : NULL;
}
