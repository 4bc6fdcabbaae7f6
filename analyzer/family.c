#include "analyzer/family_internal.h"

#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"

enum { MAX_RESIDENTS = 4096, MAX_PROCESSES = 512, REGIONS = REGION_OTHER + 1 };

static bool known(uint64_t value)
{
    return value != ANALYSIS_UNKNOWN;
}

uint64_t family_sum(uint64_t a, uint64_t b)
{
    uint64_t sum;

    if (!known(a) || !known(b))
        return known(a) ? a : b;
    return __builtin_add_overflow(a, b, &sum) ? ANALYSIS_UNKNOWN - 1 : sum;
}

struct analysis_process *family_find(const struct analysis *a, pid_t pid)
{
    for (size_t i = 0; i < a->processes.count; i++)
        if (a->processes.items[i].pid == pid)
            return &a->processes.items[i];
    return NULL;
}

const struct residence *family_residence(const struct conclusions_input *in, pid_t pid)
{
    const struct history_process *p = history_find(in->history, pid);

    return p && p->residence.detail != RESIDENCE_NONE ? &p->residence : NULL;
}

bool family_is_shared_zone(const struct analysis_resident *row)
{
    return row->region == REGION_SHARED_MEMORY && (row->perms & VMA_SHARED);
}

/* --- who belongs to it --- */

static struct seep_error *add_process(struct analysis *a, pid_t pid)
{
    if (pid <= 0 || a->processes.count >= MAX_PROCESSES || family_find(a, pid))
        return NULL;
    return vector_push(&a->processes, (struct analysis_process){
                                          .pid = pid,
                                          .rss_bytes = ANALYSIS_UNKNOWN,
                                          .pss_bytes = ANALYSIS_UNKNOWN,
                                          .virtual_bytes = ANALYSIS_UNKNOWN,
                                          .shared_bytes = ANALYSIS_UNKNOWN,
                                          .private_clean_bytes = ANALYSIS_UNKNOWN,
                                          .private_dirty_bytes = ANALYSIS_UNKNOWN,
                                          .dirty_bytes = ANALYSIS_UNKNOWN,
                                          .huge_bytes = ANALYSIS_UNKNOWN,
                                      });
}

struct kinship {
    uint64_t parent;
    pid_t pid;
};

static int compare_kinships(const void *a, const void *b)
{
    const struct kinship *x = a, *y = b;

    if (x->parent != y->parent)
        return x->parent < y->parent ? -1 : 1;
    return (x->pid > y->pid) - (x->pid < y->pid);
}

static size_t first_child(const struct kinship *kinships, size_t count, pid_t parent)
{
    size_t low = 0, high = count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (kinships[middle].parent < (uint64_t)parent)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* A list of processes is one of the whole machine: only the target and its children are of interest. */
static struct seep_error *add_relatives(const struct told *told, struct analysis *a)
{
    VECTOR(struct kinship) kinships = {0};
    struct seep_error *err =
        told_find(told, FACT_PROCESS, a->info.pid, NULL) ? add_process(a, a->info.pid) : NULL;

    for (size_t i = 0; i < told->facts.count && !err; i++)
        if (told->facts.items[i].kind == FACT_PARENT && told->facts.items[i].has_value)
            err = vector_push(
                &kinships, (struct kinship){told->facts.items[i].value, told->facts.items[i].pid});
    if (kinships.count > 1)
        qsort(kinships.items, kinships.count, sizeof(*kinships.items), compare_kinships);
    /* The list grows while it is walked: children of children are reached too. */
    for (size_t i = 0; i < a->processes.count && !err; i++) {
        pid_t parent = a->processes.items[i].pid;

        for (size_t k = first_child(kinships.items, kinships.count, parent);
             k < kinships.count && kinships.items[k].parent == (uint64_t)parent && !err; k++)
            err = add_process(a, kinships.items[k].pid);
    }
    vector_deinit(&kinships);
    return err;
}

static int compare_processes(const void *a, const void *b)
{
    const struct analysis_process *x = a, *y = b;

    return (x->pid > y->pid) - (x->pid < y->pid);
}

/* --- what is known of each --- */

static void take(uint64_t *figure, uint64_t told)
{
    if (!known(*figure))
        *figure = told;
}

static struct seep_error *fill_process(const struct conclusions_input *in,
                                       struct analysis_process *p)
{
    const struct residence *residence = family_residence(in, p->pid);
    const struct fact *listed = told_find(in->told, FACT_PROCESS, p->pid, NULL);
    uint64_t parent = told_value(in->told, FACT_PARENT, p->pid, NULL);

    if (residence && !residence->partial) {
        const struct analysis_resident *total = &residence->total;

        take(&p->rss_bytes, total->rss_bytes);
        /* Of several looks at one moment the one that tells most: its figures belong together. */
        if (residence->detail == RESIDENCE_SPLIT)
            p->rss_bytes = total->rss_bytes;
        take(&p->pss_bytes, total->pss_bytes);
        p->shared_bytes = family_sum(total->shared_clean_bytes, total->shared_dirty_bytes);
        p->private_clean_bytes = total->private_clean_bytes;
        p->private_dirty_bytes = total->private_dirty_bytes;
        p->dirty_bytes = total->dirty_bytes;
        p->huge_bytes = total->huge_bytes;
        p->virtual_bytes = total->size_bytes;
    }
    take(&p->rss_bytes, told_value(in->told, FACT_PROCESS, p->pid, NULL));
    take(&p->virtual_bytes, told_value(in->told, FACT_VIRTUAL, p->pid, NULL));
    take(&p->shared_bytes, told_value(in->told, FACT_RSS_SHARED, p->pid, NULL));
    take(&p->private_clean_bytes, told_value(in->told, FACT_RSS_PRIVATE_CLEAN, p->pid, NULL));
    take(&p->private_dirty_bytes, told_value(in->told, FACT_RSS_PRIVATE_DIRTY, p->pid, NULL));
    if (!p->ppid && parent <= INT_MAX)
        p->ppid = (pid_t)parent;
    if (listed && listed->name && !p->command) {
        p->command = strdup(listed->name);
        if (!p->command)
            return error_no_memory();
    }
    return NULL;
}

/* Of one moment: what no look told a listing does, and there is no first and last. */
static void fill_memory(struct analysis *a)
{
    uint64_t rss = ANALYSIS_UNKNOWN, size = ANALYSIS_UNKNOWN;

    for (size_t i = 0; i < a->processes.count; i++) {
        rss = family_sum(rss, a->processes.items[i].rss_bytes);
        size = family_sum(size, a->processes.items[i].virtual_bytes);
    }
    if (!conclusions_is_one_moment(a) && known(a->rss_last_bytes))
        return;
    if (conclusions_is_one_moment(a)) {
        a->growth_bytes_per_s = NAN;
        a->rss_first_bytes = a->rss_last_bytes = rss;
        a->virtual_first_bytes = a->virtual_last_bytes = size;
    }
    take(&a->rss_last_bytes, rss);
    take(&a->virtual_last_bytes, size);
}

/* --- what of its regions is resident --- */

static uint64_t weight(const struct analysis_resident *row)
{
    if (known(row->private_dirty_bytes))
        return family_sum(row->private_dirty_bytes, row->private_clean_bytes);
    if (known(row->shared_clean_bytes) || known(row->shared_dirty_bytes))
        return 0;
    if (row->perms & VMA_SHARED)
        return 0;
    if (known(row->rss_bytes))
        return known(row->dirty_bytes) ? row->dirty_bytes : row->rss_bytes;
    return row->perms & (VMA_READ | VMA_WRITE | VMA_EXEC) ? row->size_bytes : 0;
}

static int compare_rows(const void *a, const void *b)
{
    const struct analysis_resident *x = a, *y = b;
    uint64_t weights[] = {weight(x), weight(y)};
    uint64_t rss[] = {known(x->rss_bytes) ? x->rss_bytes : 0,
                      known(y->rss_bytes) ? y->rss_bytes : 0};

    if (weights[0] != weights[1])
        return weights[0] < weights[1] ? 1 : -1;
    if (rss[0] != rss[1])
        return rss[0] < rss[1] ? 1 : -1;
    if (x->pid != y->pid)
        return x->pid < y->pid ? -1 : 1;
    return (x->start > y->start) - (x->start < y->start);
}

static struct seep_error *push_row(struct analysis *a, struct analysis_resident row,
                                   const char *name)
{
    struct seep_error *err;

    row.name = strdup(name ? name : "");
    err = row.name ? vector_push(&a->residents, row) : error_no_memory();
    if (err)
        free(row.name);
    return err;
}

static struct seep_error *add_listed_row(const struct fact *fact, struct analysis *a)
{
    struct analysis_resident row;
    uint64_t clean, dirty;

    residence_row_init(&row);
    if (!fact->text || sscanf(fact->text, "%" SCNu64 " %" SCNu64, &clean, &dirty) != 2)
        return NULL;
    row.pid = fact->pid;
    row.size_bytes = fact->value;
    row.rss_bytes = family_sum(clean, dirty);
    row.region = fact->name && strcmp(fact->name, "[heap]") == 0    ? REGION_HEAP
                 : fact->name && strcmp(fact->name, "[stack]") == 0 ? REGION_MAIN_STACK
                 : fact->name && fact->name[0] == '/'               ? REGION_FILE
                 : fact->name && fact->name[0]                      ? REGION_OTHER
                                                                    : REGION_ANON_MMAP;
    if (fact->kind == FACT_REGION_PRIVATE) {
        row.private_clean_bytes = clean;
        row.private_dirty_bytes = dirty;
    } else {
        row.shared_clean_bytes = clean;
        row.shared_dirty_bytes = dirty;
    }
    return push_row(a, row, fact->name);
}

static struct seep_error *fill_residents(const struct conclusions_input *in, struct analysis *a)
{
    struct seep_error *err = NULL;

    for (size_t i = 0; i < a->processes.count && !err; i++) {
        const struct residence *residence = family_residence(in, a->processes.items[i].pid);

        for (size_t r = 0; residence && r < residence->rows.count && !err; r++)
            err = push_row(a, residence->rows.items[r], residence->rows.items[r].name);
    }
    for (size_t i = 0; i < in->told->facts.count && !err; i++) {
        const struct fact *fact = &in->told->facts.items[i];

        if (fact->kind == FACT_REGION_PRIVATE || fact->kind == FACT_REGION_SHARED)
            err = add_listed_row(fact, a);
    }
    if (a->residents.count > 1)
        qsort(a->residents.items, a->residents.count, sizeof(*a->residents.items), compare_rows);
    while (a->residents.count > MAX_RESIDENTS)
        free(a->residents.items[--a->residents.count].name);
    return err;
}

/* --- side by side --- */

/* The row that begins at START, of rows by address. */
static const struct analysis_resident *row_at(const struct residence *residence, uint64_t start)
{
    size_t low = 0, high = residence->rows.count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (residence->rows.items[middle].start < start)
            low = middle + 1;
        else
            high = middle;
    }
    return low < residence->rows.count && residence->rows.items[low].start == start
               ? &residence->rows.items[low]
               : NULL;
}

static struct seep_error *compare(const struct residence *from, pid_t from_pid,
                                  const struct residence *to, pid_t pid, struct analysis *a)
{
    struct analysis_difference found[REGIONS] = {{0}};
    struct seep_error *err = NULL;

    for (size_t i = 0; i < to->rows.count; i++) {
        const struct analysis_resident *row = &to->rows.items[i];
        const struct analysis_resident *old = row_at(from, row->start);

        found[row->region].bytes += row->size_bytes;
        found[row->region].appeared += !old;
        found[row->region].resized += old && old->size_bytes != row->size_bytes;
    }
    for (size_t i = 0; i < from->rows.count; i++) {
        const struct analysis_resident *row = &from->rows.items[i];

        found[row->region].from_bytes += row->size_bytes;
        found[row->region].gone += !row_at(to, row->start);
    }
    for (int i = 0; i < REGIONS && !err; i++) {
        struct analysis_difference *d = &found[i];

        if (!d->appeared && !d->gone && !d->resized)
            continue;
        d->pid = pid;
        d->from_pid = from_pid;
        d->region = (enum region)i;
        err = vector_push(&a->differences, *d);
    }
    return err;
}

static const struct residence *whole(const struct conclusions_input *in, pid_t pid)
{
    const struct residence *residence = family_residence(in, pid);

    return residence && !residence->partial ? residence : NULL;
}

/* The last look at it with the first one. */
static struct seep_error *compare_looks(const struct conclusions_input *in, pid_t pid,
                                        struct analysis *a)
{
    const struct history_process *p = history_find(in->history, pid);

    if (p->last_look_ns - p->first_look_ns < (uint64_t)NS_PER_S)
        return NULL;
    return compare(&p->first_residence, pid, &p->residence, pid, a);
}

/* Each with its own past and with its parent, and the largest of siblings with the smallest. */
static struct seep_error *fill_differences(const struct conclusions_input *in, struct analysis *a)
{
    struct seep_error *err = NULL;

    for (size_t i = 0; i < a->processes.count && !err; i++) {
        const struct analysis_process *p = &a->processes.items[i], *least = NULL;
        const struct residence *its = whole(in, p->pid), *parents = whole(in, p->ppid);
        bool largest = its;

        if (its)
            err = compare_looks(in, p->pid, a);
        if (!err && its && parents)
            err = compare(parents, p->ppid, its, p->pid, a);
        for (size_t n = 0; n < a->processes.count && its && p->ppid; n++) {
            const struct analysis_process *sibling = &a->processes.items[n];

            if (sibling == p || sibling->ppid != p->ppid || !whole(in, sibling->pid))
                continue;
            largest &= sibling->virtual_bytes <= p->virtual_bytes;
            if (!least || sibling->virtual_bytes < least->virtual_bytes)
                least = sibling;
        }
        if (!err && largest && least)
            err = compare(whole(in, least->pid), least->pid, its, p->pid, a);
    }
    return err;
}

struct seep_error *family_conclude(const struct conclusions_input *in, struct analysis *a)
{
    const struct fact *thp = told_find(in->told, FACT_THP_ENABLED, 0, NULL);
    struct seep_error *err = add_relatives(in->told, a);

    if (!err && a->processes.count > 1)
        qsort(a->processes.items, a->processes.count, sizeof(*a->processes.items),
              compare_processes);
    for (size_t i = 0; i < a->processes.count && !err; i++)
        err = fill_process(in, &a->processes.items[i]);
    if (err)
        return err;
    fill_memory(a);
    a->machine_huge_bytes = told_value(in->told, FACT_HUGE_PAGES, 0, NULL);
    if (thp && thp->text) {
        a->thp = strdup(thp->text);
        if (!a->thp)
            return error_no_memory();
    }
    err = fill_residents(in, a);
    if (!err)
        err = fill_differences(in, a);
    return err ? err : family_findings(in, a);
}
