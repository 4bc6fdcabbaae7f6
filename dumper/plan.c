#include "dumper/plan.h"

#include <inttypes.h>
#include <string.h>

#include "evidence/dump.h"

VECTOR_TYPE(ranges, struct dumper_range);

static bool begins(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool is_kernel_page(const struct vma *vma)
{
    return begins(vma->name, "[vvar") || strcmp(vma->name, "[vsyscall]") == 0;
}

/* Reading device memory can have effects. The names are for when VmFlags are not known. */
static bool is_device(const struct vma *vma)
{
    return vma_has_flag(vma, "io") || vma_has_flag(vma, "pf") ||
           (begins(vma->name, "/dev/") && !begins(vma->name, "/dev/shm/") &&
            !begins(vma->name, "/dev/zero") && !begins(vma->name, "/dev/hugepages"));
}

static bool is_clean_file(const struct vma *vma)
{
    if (vma->inode == 0 || (vma->perms & VMA_SHARED))
        return false;
    if (vma->fields[SMAPS_ANONYMOUS] == MAPS_UNKNOWN)
        return !(vma->perms & VMA_WRITE);
    return vma->fields[SMAPS_ANONYMOUS] == 0 &&
           (vma->fields[SMAPS_SWAP] == 0 || vma->fields[SMAPS_SWAP] == MAPS_UNKNOWN);
}

static const char *why_skipped(const struct vma *vma, enum dumper_what what)
{
    if (is_kernel_page(vma))
        return "the kernel's own page";
    if (is_device(vma))
        return "a device's memory";
    if (what == DUMPER_ALL && strcmp(vma->name, "[vdso]") == 0)
        return "the kernel's own code";
    if (what == DUMPER_ALL && is_clean_file(vma))
        return "unchanged since it was mapped from its file";
    return NULL;
}

static uint64_t present_bytes(const struct vma *vma, uint64_t len)
{
    uint64_t rss = vma->fields[SMAPS_RSS];

    if (rss == MAPS_UNKNOWN)
        return 0;
    return (uint64_t)((double)rss * (double)len / (double)vma_size(vma));
}

static struct seep_error *add(const struct vma *vma, uint64_t start, uint64_t end,
                              enum dumper_what what, struct plan_regions *regions)
{
    const char *skipped = why_skipped(vma, what);

    return vector_push(regions, (struct plan_region){
                                    .start = start,
                                    .end = end,
                                    .vma = vma,
                                    .skipped = skipped,
                                    .present_bytes = skipped ? 0 : present_bytes(vma, end - start),
                                });
}

static int compare(const void *a, const void *b)
{
    const struct dumper_range *left = a, *right = b;

    return left->start < right->start ? -1 : left->start > right->start;
}

/* Widens to whole pages, sorts, and joins what overlaps or touches. */
static struct seep_error *normalise(const struct dumper_options *options, struct ranges *ranges)
{
    size_t kept = 0;

    for (size_t i = 0; i < options->range_count; i++) {
        struct dumper_range range = options->ranges[i];
        struct seep_error *err;

        range.start -= range.start % DUMP_PAGE_BYTES;
        if (range.end % DUMP_PAGE_BYTES)
            range.end = range.end > UINT64_MAX - DUMP_PAGE_BYTES
                            ? UINT64_MAX - DUMP_PAGE_BYTES + 1
                            : range.end - range.end % DUMP_PAGE_BYTES + DUMP_PAGE_BYTES;
        err = range.start < range.end ? vector_push(ranges, range) : NULL;
        if (err)
            return err;
    }
    if (ranges->count)
        qsort(ranges->items, ranges->count, sizeof(*ranges->items), compare);
    for (size_t i = 0; i < ranges->count; i++) {
        struct dumper_range *last = kept ? &ranges->items[kept - 1] : NULL;

        if (!last || ranges->items[i].start > last->end)
            ranges->items[kept++] = ranges->items[i];
        else if (ranges->items[i].end > last->end)
            last->end = ranges->items[i].end;
    }
    ranges->count = kept;
    return NULL;
}

static struct seep_error *add_ranges(const struct maps *maps, const struct dumper_options *options,
                                     struct plan_regions *regions)
{
    struct ranges ranges = {0};
    struct seep_error *err = normalise(options, &ranges);

    for (size_t r = 0; r < ranges.count && !err; r++) {
        const struct dumper_range *range = &ranges.items[r];

        for (size_t i = maps_lower_bound(maps, range->start);
             i < maps->count && maps->vmas[i].start < range->end && !err; i++) {
            const struct vma *vma = &maps->vmas[i];

            err = add(vma, vma->start > range->start ? vma->start : range->start,
                      vma->end < range->end ? vma->end : range->end, DUMPER_RANGES, regions);
        }
    }
    vector_deinit(&ranges);
    return err;
}

static struct seep_error *nothing(const struct dumper_options *options)
{
    if (options->what == DUMPER_HEAP)
        return error_remedy(error_create(ERROR_NOT_FOUND, "the process has no [heap]"),
                            "its allocator uses mmap: try --growing or --all");
    if (options->what == DUMPER_RANGES && options->range_count == 1)
        return error_remedy(error_create(ERROR_NOT_FOUND,
                                         "nothing is mapped in %" PRIx64 "-%" PRIx64,
                                         options->ranges[0].start, options->ranges[0].end),
                            "`seep snap -p PID` lists what is");
    return error_create(ERROR_NOT_FOUND, "nothing of what was asked for is mapped");
}

struct seep_error *plan_make(const struct maps *maps, const struct dumper_options *options,
                             struct plan_regions *ret_regions)
{
    struct plan_regions regions = {0};
    struct seep_error *err = NULL;

    if (options->what == DUMPER_RANGES)
        err = add_ranges(maps, options, &regions);
    for (size_t i = 0; i < maps->count && options->what != DUMPER_RANGES && !err; i++) {
        const struct vma *vma = &maps->vmas[i];

        if (options->what == DUMPER_ALL || strcmp(vma->name, "[heap]") == 0)
            err = add(vma, vma->start, vma->end, options->what, &regions);
    }
    if (!err && regions.count == 0)
        err = nothing(options);
    if (err) {
        vector_deinit(&regions);
        return err;
    }
    *ret_regions = regions;
    return NULL;
}
