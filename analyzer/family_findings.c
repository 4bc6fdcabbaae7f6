#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/family_internal.h"
#include "base/units.h"

enum {
    MIN_HUGE_BYTES = 64 << 20,
    MIN_MORE_BYTES = 64 << 20, /* that a child has and its parent has not */
    VMAS_TOLD = 8,
    SMALL_BYTES = 32 << 20,
};

static bool known(uint64_t value)
{
    return value != ANALYSIS_UNKNOWN;
}

/* --- shared zones --- */

static bool is_same_zone(const struct analysis_resident *a, const struct analysis_resident *b)
{
    if (a->inode && b->inode && a->inode != b->inode)
        return false;
    return a->start == b->start && a->end == b->end;
}

/* How many processes map ROW's zone; *RET_FIRST: ROW is that of the first of them. */
static size_t count_mappers(const struct analysis *a, const struct analysis_resident *row,
                            bool *ret_first)
{
    size_t count = 0;

    *ret_first = true;
    for (size_t i = 0; i < a->residents.count; i++) {
        const struct analysis_resident *other = &a->residents.items[i];

        if (!family_is_shared_zone(other) || !is_same_zone(row, other))
            continue;
        count++;
        *ret_first &= other->pid >= row->pid;
    }
    return count;
}

static struct seep_error *add_vma(struct finding *f, const struct analysis_resident *row)
{
    struct analysis_vma vma = {
        .pid = row->pid,
        .start = row->start,
        .end = row->end,
        .region = row->region,
        .size_bytes = row->size_bytes,
        .rss_bytes = row->rss_bytes,
        .explained_bytes = ANALYSIS_UNKNOWN,
        .preexisting_bytes = ANALYSIS_UNKNOWN,
        .name = strdup(row->name),
    };
    struct seep_error *err;

    vma_perms_text(row->perms, vma.perms);
    err = vma.name ? vector_push(&f->vmas, vma) : error_no_memory();
    if (err)
        free(vma.name);
    return err;
}

static struct seep_error *conclude_zones(struct analysis *a)
{
    struct finding f = conclusions_finding(VERDICT_NOT_LEAK, REGION_SHARED_MEMORY, CAUSE_BOUNDED);
    struct units_text size, total;
    struct seep_error *err = NULL;
    uint64_t bytes = 0;
    size_t zones = 0, mappers = 0;

    for (size_t i = 0; i < a->residents.count && !err; i++) {
        const struct analysis_resident *row = &a->residents.items[i];
        size_t count;
        bool first;

        if (!family_is_shared_zone(row))
            continue;
        count = count_mappers(a, row, &first);
        if (count < 2 || !first)
            continue;
        zones++;
        mappers = count > mappers ? count : mappers;
        bytes = family_sum(bytes, row->size_bytes);
        err = add_vma(&f, row);
    }
    if (!err && zones) {
        f.bytes = bytes;
        f.count = zones;
        f.confidence = 0.9;
        units_format_size(&size, bytes);
        units_format_size(&total, bytes * mappers);
        err = conclusions_text(&f.title, "%s in %zu shared zone%s that %zu processes map: one copy",
                               size.text, zones, zones == 1 ? "" : "s", mappers);
    }
    if (!err && zones)
        err = conclusions_text(&f.reason,
                               "anonymous memory mapped as shared (`/dev/zero (deleted)` and its "
                               "like: never a file) and inherited by fork: every process shows the "
                               "same %zu, %s if each is counted, and %s once",
                               zones, total.text, size.text);
    if (!err && zones)
        return conclusions_add(a, &f);
    analysis_finding_deinit(&f);
    return err;
}

/* --- files that were replaced --- */

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash && slash[1] ? slash + 1 : path;
}

static bool is_deleted_file(const struct analysis_resident *row)
{
    size_t len = strlen(row->name), suffix = strlen(" (deleted)");

    return !(row->perms & VMA_SHARED) && len > suffix &&
           strcmp(row->name + len - suffix, " (deleted)") == 0 &&
           row->region != REGION_SHARED_MEMORY;
}

static bool was_named_before(const struct analysis *a, size_t at)
{
    const char *name = base_name(a->residents.items[at].name);

    for (size_t i = 0; i < at; i++)
        if (is_deleted_file(&a->residents.items[i]) &&
            strcmp(base_name(a->residents.items[i].name), name) == 0)
            return true;
    return false;
}

static struct seep_error *conclude_deleted(struct analysis *a)
{
    struct finding f = conclusions_finding(VERDICT_NOT_LEAK, REGION_FILE, CAUSE_PAGE_CACHE);
    _cleanup_buffer_ struct buffer names = {0};
    uint64_t size = 0, rss = ANALYSIS_UNKNOWN, dirty = ANALYSIS_UNKNOWN;
    struct units_text resident, written;
    size_t count = 0, files = 0;
    struct seep_error *err;

    for (size_t i = 0; i < a->residents.count; i++) {
        const struct analysis_resident *row = &a->residents.items[i];

        if (!is_deleted_file(row))
            continue;
        count++;
        size = family_sum(size, row->size_bytes);
        rss = family_sum(rss, row->rss_bytes);
        dirty = family_sum(dirty, family_sum(row->dirty_bytes, row->private_dirty_bytes));
        if (was_named_before(a, i))
            continue;
        if (files++ < 6)
            buffer_printf(&names, "%s%.*s", files > 1 ? ", " : "",
                          (int)(strlen(base_name(row->name)) - strlen(" (deleted)")),
                          base_name(row->name));
    }
    if (!count)
        return NULL;
    if (names.failed)
        return error_no_memory();
    f.resident_bytes = rss;
    f.count = count;
    f.confidence = 0.9;
    err = conclusions_text(&f.title, "%zu mappings of %zu deleted file%s (%s%s)", count, files,
                           files == 1 ? "" : "s", names.bytes, files > 6 ? ", ..." : "");
    if (!err)
        err = conclusions_text(
            &f.reason,
            "files that were replaced while the process ran, as an upgrade of libraries does: it "
            "goes on with the old ones, %s of them resident%s%s%s; no memory is lost by that, and "
            "a "
            "restart takes the new ones",
            known(rss) ? units_format_size(&resident, rss) : "an unknown part",
            known(dirty) ? ", " : "", known(dirty) ? units_format_size(&written, dirty) : "",
            known(dirty) ? " written to" : "");
    if (err) {
        analysis_finding_deinit(&f);
        return err;
    }
    return conclusions_add(a, &f);
}

/* --- huge pages --- */

static struct seep_error *conclude_huge(const struct conclusions_input *in,
                                        const struct analysis_process *p, struct analysis *a)
{
    const struct residence *residence = family_residence(in, p->pid);
    const char *setting = a->thp ? a->thp : residence ? residence->thp_enabled : "";
    struct finding f =
        conclusions_finding(VERDICT_INCONCLUSIVE, REGION_ANON_MMAP, CAUSE_HUGE_PAGES);
    struct units_text huge, rss;
    struct seep_error *err = NULL;
    bool always = strcmp(setting, "always") == 0;

    /* With calls, or looks far apart, growth is judged by what grew. */
    if (!known(p->huge_bytes) || !known(p->rss_bytes) || a->has_calls ||
        !conclusions_is_one_moment(a) || p->huge_bytes < MIN_HUGE_BYTES ||
        p->huge_bytes < p->rss_bytes / 2 || (setting[0] && !always))
        return NULL;
    units_format_count(&huge, p->huge_bytes / 1024);
    units_format_count(&rss, p->rss_bytes / 1024);
    f.bytes = f.resident_bytes = p->huge_bytes;
    f.confidence = 0.3;
    f.culprit.pid = p->pid;
    for (size_t i = 0; i < a->residents.count && f.vmas.count < VMAS_TOLD && !err; i++)
        if (a->residents.items[i].pid == p->pid && known(a->residents.items[i].huge_bytes) &&
            a->residents.items[i].huge_bytes)
            err = add_vma(&f, &a->residents.items[i]);
    if (!err)
        err = conclusions_text(&f.title, "%s of %s KiB resident of process %d in huge pages",
                               huge.text, rss.text, (int)p->pid);
    if (!err)
        err = conclusions_text(
            &f.reason,
            "%.1f%% of its RSS is AnonHugePages, transparent huge pages being set to %s: the first "
            "byte touched of 2 MiB brings them all, so that RSS may hold much that was never "
            "written, or was freed in pieces. What of it is used no listing tells: bloat to be "
            "checked, no proof of it",
            100 * (double)p->huge_bytes / (double)p->rss_bytes,
            setting[0] ? setting : "an unknown value");
    if (!err)
        err = conclusions_next(&f, "echo madvise >/sys/kernel/mm/transparent_hugepage/enabled, "
                                   "start it again and compare its RSS under the same work");
    if (!err)
        err = conclusions_next(&f, "seep dump -p %d --all   (its index tells zero pages from data)",
                               (int)p->pid);
    if (err) {
        analysis_finding_deinit(&f);
        return err;
    }
    return conclusions_add(a, &f);
}

/* --- what a child has beyond its parent --- */

static bool is_private_memory(enum region region)
{
    return region == REGION_ANON_MMAP || region == REGION_HEAP || region == REGION_ARENA ||
           region == REGION_RUNTIME_HEAP || region == REGION_THREAD_STACK;
}

/* What of REGION, or of all private memory (REGION_OTHER), PID has beyond FROM. */
static int64_t more_of(const struct analysis *a, pid_t pid, pid_t from, enum region region)
{
    int64_t more = 0;

    for (size_t i = 0; i < a->differences.count; i++) {
        const struct analysis_difference *d = &a->differences.items[i];

        if (d->pid == pid && d->from_pid == from &&
            (region == REGION_OTHER ? is_private_memory(d->region) : d->region == region))
            more += (int64_t)d->bytes - (int64_t)d->from_bytes;
    }
    return more;
}

static struct seep_error *say_more(const struct analysis_process *p, int64_t more, int64_t heap,
                                   const struct analysis *a, struct finding *f)
{
    struct units_text all, brk, least, most;
    uint64_t low = ANALYSIS_UNKNOWN, high = 0;
    struct seep_error *err;
    size_t siblings = 0;

    for (size_t i = 0; i < a->processes.count; i++) {
        const struct analysis_process *sibling = &a->processes.items[i];

        if (sibling->ppid != p->ppid || !known(sibling->rss_bytes))
            continue;
        siblings++;
        low = sibling->rss_bytes < low ? sibling->rss_bytes : low;
        high = sibling->rss_bytes > high ? sibling->rss_bytes : high;
    }
    units_format_size(&all, (uint64_t)more);
    units_format_size(&brk, heap < 0 ? 0 - (uint64_t)heap : (uint64_t)heap);
    err = conclusions_text(&f->title,
                           "%s of private memory in process %d that its parent %d does not have",
                           all.text, (int)p->pid, (int)p->ppid);
    if (err)
        return err;
    return conclusions_text(
        &f->reason,
        "since it was forked; %s%s of that in [heap], the rest in anonymous mappings%s%s%s%s%s; "
        "one "
        "moment shows what there is and not whether it grows",
        heap < 0 ? "-" : "", brk.text, siblings > 1 ? "; it and its siblings hold " : "",
        siblings > 1 ? units_format_size(&least, low) : "", siblings > 1 ? " to " : "",
        siblings > 1 ? units_format_size(&most, high) : "", siblings > 1 ? " each" : "");
}

static struct seep_error *conclude_more(const struct conclusions_input *in, struct analysis *a)
{
    struct finding f = conclusions_finding(VERDICT_INCONCLUSIVE, REGION_ANON_MMAP, CAUSE_UNKNOWN);
    const struct analysis_process *most = NULL;
    struct seep_error *err;
    int64_t more = 0, heap;

    if (a->has_calls || !conclusions_is_one_moment(a))
        return NULL;
    for (size_t i = 0; i < a->processes.count; i++) {
        const struct analysis_process *p = &a->processes.items[i];
        int64_t its = more_of(a, p->pid, p->ppid, REGION_OTHER);

        if (its > more) {
            more = its;
            most = p;
        }
    }
    if (!most || more < MIN_MORE_BYTES)
        return NULL;
    heap = more_of(a, most->pid, most->ppid, REGION_HEAP);
    f.region = heap > more / 2 ? REGION_HEAP : REGION_ANON_MMAP;
    f.bytes = (uint64_t)more;
    f.confidence = 0.3;
    f.culprit.pid = most->pid;
    err = say_more(most, more, heap, a, &f);
    for (size_t i = 0; i < a->residents.count && f.vmas.count < VMAS_TOLD && !err; i++) {
        const struct analysis_resident *row = &a->residents.items[i];

        if (row->pid == most->pid && is_private_memory(row->region))
            err = add_vma(&f, row);
    }
    if (!err && family_residence(in, most->pid))
        err = conclusions_next(&f,
                               "cat /proc/%d/smaps >smaps-2.txt some time later, and import "
                               "both: what grew in between shows",
                               (int)most->pid);
    if (!err)
        err = conclusions_next(&f, "seep trace -p %d --for 10m", (int)most->pid);
    if (err) {
        analysis_finding_deinit(&f);
        return err;
    }
    return conclusions_add(a, &f);
}

/* --- what is too little to have been lost --- */

/* What of its own a process holds, by the best figure that there is. */
static uint64_t own_bytes(const struct analysis_process *p)
{
    return known(p->private_dirty_bytes) ? p->private_dirty_bytes
           : known(p->dirty_bytes)       ? p->dirty_bytes
                                         : p->rss_bytes;
}

bool conclusions_is_small(const struct analysis *a, uint64_t *ret_bytes)
{
    uint64_t held = 0;

    if (a->has_calls || !conclusions_is_one_moment(a) || a->processes.count == 0)
        return false;
    for (size_t i = 0; i < a->processes.count; i++) {
        uint64_t its = own_bytes(&a->processes.items[i]);

        if (its > SMALL_BYTES || (held += its) > SMALL_BYTES)
            return false;
    }
    *ret_bytes = held;
    return true;
}

static struct seep_error *conclude_small(struct analysis *a)
{
    struct finding f = conclusions_finding(VERDICT_NOT_LEAK, REGION_OTHER, CAUSE_UNKNOWN);
    struct units_text size, floor, largest;
    const struct analysis_resident *most = a->residents.count ? &a->residents.items[0] : NULL;
    struct seep_error *err;

    if (!conclusions_is_small(a, &f.bytes))
        return NULL;
    f.confidence = 0.7;
    err = conclusions_text(&f.title, "%s private and dirty in all",
                           units_format_size(&size, f.bytes));
    if (!err)
        err = conclusions_text(
            &f.reason, "less than %s, so that little can have been lost so far%s%s%s%s",
            units_format_size(&floor, SMALL_BYTES), most ? "; the largest region has " : "",
            most ? units_format_size(&largest,
                                     known(most->rss_bytes) ? most->rss_bytes : most->size_bytes)
                 : "",
            most ? " of " : "", most ? region_name(most->region) : "");
    if (err) {
        analysis_finding_deinit(&f);
        return err;
    }
    return conclusions_add(a, &f);
}

struct seep_error *family_findings(const struct conclusions_input *in, struct analysis *a)
{
    struct seep_error *err = conclude_more(in, a);

    for (size_t i = 0; i < a->processes.count && !err; i++)
        err = conclude_huge(in, &a->processes.items[i], a);
    if (!err)
        err = conclude_small(a);
    if (!err)
        err = conclude_zones(a);
    return err ? err : conclude_deleted(a);
}
