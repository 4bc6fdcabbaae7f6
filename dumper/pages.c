#include "dumper/pages.h"

#include <string.h>

enum { MAX_RUNS = 4096 }; /* looked up at a time */

static bool begins(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* [vdso], [uprobes], [sigpage]: the kernel gives their pages, an absent one is not zeros. */
static bool is_special(const struct vma *vma)
{
    return vma->name[0] == '[' && !begins(vma->name, "[heap") && !begins(vma->name, "[stack") &&
           !begins(vma->name, "[anon");
}

static bool has_object(const struct pages *p)
{
    return p->object.kind == OBJECT_MEMORY || p->object.kind == OBJECT_FILE;
}

static bool is_all_there(const struct vma *vma)
{
    return vma->fields[SMAPS_RSS] == vma_size(vma);
}

/* Without pagemap only a region that smaps says is wholly there, or not at all, is known. */
static const char *why_unknown(const struct pages *p)
{
    const struct vma *vma = p->vma;

    if (p->pagemap)
        return NULL;
    if (has_object(p) && ((vma->perms & VMA_SHARED) ||
                          (vma->fields[SMAPS_ANONYMOUS] == 0 && vma->fields[SMAPS_SWAP] == 0)))
        return NULL;
    if (is_all_there(vma) || (vma->fields[SMAPS_RSS] == 0 && vma->fields[SMAPS_SWAP] == 0))
        return NULL;
    return "pagemap is refused, so that reading it could add pages to the process";
}

void pages_init(struct pages *p, pid_t pid, const struct vma *vma, struct pagemap *pagemap,
                bool swapped, const char **ret_skipped)
{
    *p = (struct pages){.vma = vma, .pagemap = pagemap, .swapped = swapped};
    object_open(pid, vma, &p->object);
    /* The pages of a private mapping of huge pages are its own, and read() of its object gives
     * zeros page by page. */
    if (vma_has_flag(vma, "ht") && !(vma->perms & VMA_SHARED)) {
        object_deinit(&p->object);
        p->object.kind = OBJECT_NONE;
    }
    *ret_skipped = p->object.kind == OBJECT_DEVICE ? "a device's memory" : why_unknown(p);
}

void pages_deinit(struct pages *p)
{
    object_deinit(&p->object);
    vector_deinit(&p->scratch);
}

static struct seep_error *add(struct pages_runs *runs, struct pages_run run)
{
    struct pages_run *last = runs->count ? &runs->items[runs->count - 1] : NULL;

    if (run.start >= run.end)
        return NULL;
    if (last && last->from == run.from && last->state == run.state &&
        (run.from != PAGES_FROM_OBJECT ||
         run.object_offset == last->object_offset + (run.start - last->start))) {
        last->end = run.end;
        return NULL;
    }
    return vector_push(runs, run);
}

static struct seep_error *add_nowhere(struct pages_runs *runs, uint64_t start, uint64_t end,
                                      enum dump_page state)
{
    return add(runs, (struct pages_run){start, end, PAGES_FROM_NOWHERE, state, 0});
}

static uint64_t round_up(uint64_t offset)
{
    return (offset + DUMP_PAGE_BYTES - 1) / DUMP_PAGE_BYTES * DUMP_PAGE_BYTES;
}

/* Data of shared memory that is in swap would be read back into memory. */
static struct seep_error *add_data(struct pages *p, uint64_t start, uint64_t end, uint64_t offset,
                                   struct pages_runs *runs)
{
    bool ask = !p->swapped && p->object.kind == OBJECT_MEMORY && !vma_has_flag(p->vma, "ht") &&
               p->vma->fields[SMAPS_SWAP] != 0;
    struct seep_error *err = NULL;

    while (start < end && runs->count < MAX_RUNS && !err) {
        bool resident = true;
        uint64_t len = ask ? object_resident(&p->object, offset, offset + (end - start), &resident)
                           : end - start;

        err = resident ? add(runs, (struct pages_run){start, start + len, PAGES_FROM_OBJECT,
                                                      DUMP_PAGE_DATA, offset})
                       : add_nowhere(runs, start, start + len, DUMP_PAGE_SWAPPED);
        start += len;
        offset += len;
    }
    return err;
}

/* [START, END) is absent from the page table: holes, data and what lies behind the end. */
static struct seep_error *add_object(struct pages *p, uint64_t start, uint64_t end,
                                     struct pages_runs *runs)
{
    uint64_t offset = p->vma->offset + (start - p->vma->start);
    uint64_t size = round_up(p->object.size_bytes);
    uint64_t left = size > offset ? size - offset : 0; /* of the object */
    uint64_t stop = left < end - start ? start + left : end;
    struct seep_error *err = NULL;

    while (start < stop && runs->count < MAX_RUNS && !err) {
        uint64_t data, data_end, len;

        object_data(&p->object, offset, offset + (stop - start), &data, &data_end);
        data -= data % DUMP_PAGE_BYTES;
        len = data > offset ? data - offset : 0;
        err = add_nowhere(runs, start, start + len, DUMP_PAGE_ABSENT);
        start += len;
        offset += len;
        len = round_up(data_end) - offset;
        if (len > stop - start)
            len = stop - start;
        if (!err)
            err = add_data(p, start, start + len, offset, runs);
        start += len;
        offset += len;
    }
    if (!err && runs->count < MAX_RUNS)
        err = add_nowhere(runs, stop, end, DUMP_PAGE_UNREADABLE);
    return err;
}

static struct seep_error *add_absent(struct pages *p, uint64_t start, uint64_t end,
                                     struct pages_runs *runs)
{
    if (start >= end)
        return NULL;
    if (has_object(p))
        return add_object(p, start, end, runs);
    if (p->object.kind == OBJECT_NONE && !is_special(p->vma))
        return add_nowhere(runs, start, end, DUMP_PAGE_ABSENT);
    return add_nowhere(runs, start, end, DUMP_PAGE_UNREADABLE);
}

static struct seep_error *add_there(const struct pages *p, const struct pagemap_run *run,
                                    struct pages_runs *runs)
{
    if (run->flags & PAGEMAP_ZERO)
        return add_nowhere(runs, run->start, run->end, DUMP_PAGE_ZERO);
    if ((run->flags & PAGEMAP_SWAPPED) && !p->swapped)
        return add_nowhere(runs, run->start, run->end, DUMP_PAGE_SWAPPED);
    return add(runs,
               (struct pages_run){run->start, run->end, PAGES_FROM_MEMORY, DUMP_PAGE_DATA, 0});
}

static bool has_swapped(const struct pagemap_runs *runs)
{
    for (size_t i = 0; i < runs->count; i++)
        if (runs->items[i].flags & PAGEMAP_SWAPPED)
            return true;
    return false;
}

static struct seep_error *look_by_pagemap(struct pages *p, uint64_t start, uint64_t end,
                                          struct pages_runs *runs)
{
    uint64_t next = end, at = start;
    struct seep_error *err = pagemap_next(p->pagemap, start, end, &p->scratch, &next);

    /* A page that the kernel is just moving (compaction, NUMA balancing) looks swapped for some
     * microseconds: its migration entry is a swap entry. */
    if (!err && !p->swapped && has_swapped(&p->scratch))
        err = pagemap_next(p->pagemap, start, end, &p->scratch, &next);
    for (size_t i = 0; i < p->scratch.count && runs->count < MAX_RUNS && !err; i++) {
        const struct pagemap_run *run = &p->scratch.items[i];

        err = add_absent(p, at, run->start, runs);
        if (!err && runs->count < MAX_RUNS)
            err = add_there(p, run, runs);
        at = run->end;
    }
    if (!err && runs->count < MAX_RUNS)
        err = add_absent(p, at, next, runs);
    return err;
}

struct seep_error *pages_look(struct pages *p, uint64_t start, uint64_t end,
                              struct pages_runs *ret_runs, uint64_t *ret_next)
{
    struct pagemap_run all = {start, end, PAGEMAP_PRESENT};
    struct seep_error *err;

    ret_runs->count = 0;
    if (p->pagemap)
        err = look_by_pagemap(p, start, end, ret_runs);
    else if (is_all_there(p->vma))
        err = add_there(p, &all, ret_runs);
    else
        err = add_absent(p, start, end, ret_runs);
    if (!err)
        *ret_next = ret_runs->items[ret_runs->count - 1].end;
    return err;
}
