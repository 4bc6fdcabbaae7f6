#include "target/pagemap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>

#include "base/cleanup.h"

enum {
    ENTRY_BATCH = 4096, /* entries read at once */
    SCAN_REGIONS = 512,
};

/* Bits of an entry. */
#define ENTRY_PRESENT (1ULL << 63)
#define ENTRY_SWAPPED (1ULL << 62)
#define ENTRY_FILE    (1ULL << 61)
#define ENTRY_GUARD   (1ULL << 58) /* 6.15: MADV_GUARD_INSTALL, looks swapped otherwise */

/* include/uapi/linux/fs.h of 6.7; older headers do not have it. */
struct scan_region {
    uint64_t start, end, categories;
};

struct scan_arguments {
    uint64_t size, flags;
    uint64_t start, end, walk_end;
    uint64_t vec, vec_len, max_pages;
    uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};

#define SCAN_IOCTL _IOWR('f', 16, struct scan_arguments)

enum scan_category {
    SCAN_FILE = 1 << 2,
    SCAN_PRESENT = 1 << 3,
    SCAN_SWAPPED = 1 << 4,
    SCAN_ZERO = 1 << 5,
    SCAN_GUARD = 1 << 8, /* 6.15; an unknown category is EINVAL */
};

struct pagemap {
    pid_t pid;
    int fd;
    bool no_scan, no_guard;
    uint64_t page_bytes;
    union {
        uint64_t entries[ENTRY_BATCH];
        struct scan_region regions[SCAN_REGIONS];
    };
};

struct seep_error *pagemap_create(pid_t pid, struct pagemap **ret_pagemap)
{
    struct pagemap *pm = malloc(sizeof(*pm));
    char path[32];

    if (!pm)
        return error_no_memory();
    pm->pid = pid;
    pm->no_scan = pm->no_guard = false;
    pm->page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
    snprintf(path, sizeof(path), "/proc/%d/pagemap", (int)pid);
    pm->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (pm->fd < 0) {
        int errnum = errno;

        free(pm);
        return error_errno(errnum, path, "cannot open %s", path);
    }
    *ret_pagemap = pm;
    return NULL;
}

void pagemap_destroy(struct pagemap *pm)
{
    if (!pm)
        return;
    close(pm->fd);
    free(pm);
}

void pagemap_read_entries(struct pagemap *pm)
{
    pm->no_scan = true;
}

static struct seep_error *gone(const struct pagemap *pm)
{
    return error_create(ERROR_GONE, "process %d has ended, or runs another program now",
                        (int)pm->pid);
}

static struct seep_error *add_run(struct pagemap_runs *runs, uint64_t start, uint64_t end,
                                  uint8_t flags)
{
    struct pagemap_run *last = runs->count ? &runs->items[runs->count - 1] : NULL;

    if (last && last->end == start && last->flags == flags) {
        last->end = end;
        return NULL;
    }
    return vector_push(runs, (struct pagemap_run){start, end, flags});
}

/* --- entries --- */

static uint8_t flags_of_entry(uint64_t entry)
{
    if (entry & ENTRY_GUARD)
        return 0;
    if (entry & ENTRY_PRESENT)
        return entry & ENTRY_FILE ? PAGEMAP_PRESENT | PAGEMAP_FILE : PAGEMAP_PRESENT;
    return entry & ENTRY_SWAPPED ? PAGEMAP_SWAPPED : 0;
}

/* Reads at most COUNT entries; 0: the address space is no more. */
static struct seep_error *read_entries(struct pagemap *pm, uint64_t start, size_t count,
                                       size_t *ret_count)
{
    ssize_t got = TEMP_FAILURE_RETRY(pread(pm->fd, pm->entries, count * sizeof(uint64_t),
                                           (off_t)(start / pm->page_bytes * sizeof(uint64_t))));

    if (got < 0)
        return error_errno(errno, NULL, "cannot read the pagemap of process %d", (int)pm->pid);
    *ret_count = (size_t)got / sizeof(uint64_t);
    return NULL;
}

static struct seep_error *next_by_entries(struct pagemap *pm, uint64_t start, uint64_t end,
                                          struct pagemap_runs *runs, uint64_t *ret_next)
{
    size_t found = 0;

    while (start < end && found < PAGEMAP_BATCH_PAGES) {
        uint64_t left = (end - start) / pm->page_bytes;
        size_t count = left < ENTRY_BATCH ? (size_t)left : ENTRY_BATCH, got = 0;
        struct seep_error *err = read_entries(pm, start, count, &got);

        if (!err && got == 0)
            err = gone(pm);
        for (size_t i = 0; i < got && !err && found < PAGEMAP_BATCH_PAGES; i++) {
            uint8_t flags = flags_of_entry(pm->entries[i]);

            if (flags) {
                err = add_run(runs, start, start + pm->page_bytes, flags);
                found++;
            }
            start += pm->page_bytes;
        }
        if (err)
            return err;
    }
    *ret_next = start;
    return NULL;
}

/* --- PAGEMAP_SCAN --- */

static uint8_t flags_of_categories(uint64_t categories)
{
    if (categories & SCAN_GUARD)
        return 0;
    if (!(categories & SCAN_PRESENT))
        return PAGEMAP_SWAPPED;
    return (uint8_t)(PAGEMAP_PRESENT | (categories & SCAN_FILE ? PAGEMAP_FILE : 0) |
                     (categories & SCAN_ZERO ? PAGEMAP_ZERO : 0));
}

/* false: this kernel has no PAGEMAP_SCAN. */
static bool scan(struct pagemap *pm, struct scan_arguments *arguments, int *ret_count)
{
    int count;

    arguments->return_mask = SCAN_PRESENT | SCAN_SWAPPED | SCAN_FILE | SCAN_ZERO;
    if (!pm->no_guard)
        arguments->return_mask |= SCAN_GUARD;
    count = TEMP_FAILURE_RETRY(ioctl(pm->fd, SCAN_IOCTL, arguments));
    if (count < 0 && errno == EINVAL && !pm->no_guard) {
        pm->no_guard = true;
        return scan(pm, arguments, ret_count);
    }
    *ret_count = count;
    return count >= 0;
}

static struct seep_error *next_by_scan(struct pagemap *pm, uint64_t start, uint64_t end,
                                       struct pagemap_runs *runs, uint64_t *ret_next)
{
    struct scan_arguments arguments = {
        .size = sizeof(arguments),
        .start = start,
        .end = end,
        .vec = (uint64_t)(uintptr_t)pm->regions,
        .vec_len = SCAN_REGIONS,
        .max_pages = PAGEMAP_BATCH_PAGES,
        .category_anyof_mask = SCAN_PRESENT | SCAN_SWAPPED,
    };
    int count = 0;
    size_t alive = 0;

    if (!scan(pm, &arguments, &count)) {
        pm->no_scan = true;
        return next_by_entries(pm, start, end, runs, ret_next);
    }
    for (int i = 0; i < count; i++) {
        const struct scan_region *region = &pm->regions[i];
        uint8_t flags = flags_of_categories(region->categories);
        struct seep_error *err = flags ? add_run(runs, region->start, region->end, flags) : NULL;

        if (err)
            return err;
    }

    /* An address space that is no more has no pages; only the entries tell one from the other. */
    struct seep_error *err = count ? NULL : read_entries(pm, start, 1, &alive);

    if (!err && !count && !alive)
        err = gone(pm);
    if (!err)
        *ret_next = arguments.walk_end > start ? arguments.walk_end : end;
    return err;
}

struct seep_error *pagemap_next(struct pagemap *pm, uint64_t start, uint64_t end,
                                struct pagemap_runs *ret_runs, uint64_t *ret_next)
{
    ret_runs->count = 0;
    return pm->no_scan ? next_by_entries(pm, start, end, ret_runs, ret_next)
                       : next_by_scan(pm, start, end, ret_runs, ret_next);
}
