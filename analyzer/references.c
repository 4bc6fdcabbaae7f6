#include "analyzer/references.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/classify.h"
#include "base/units.h"
#include "evidence/snapshot.h"

enum { TOLD = 3 /* holders in a sentence */ };

/* --- regions --- */

static struct seep_error *add_region(struct references *r, const struct references_region *region,
                                     const char *name)
{
    struct references_region copy = *region;
    struct seep_error *err;

    copy.name = strdup(name ? name : "");
    err = copy.name ? vector_push(&r->regions, copy) : error_no_memory();
    if (err)
        free(copy.name);
    return err;
}

/* What lies behind a file's writable data and has no name is its .bss. */
static const char *name_of(const struct maps *maps, size_t i)
{
    const struct vma *vma = &maps->vmas[i];

    if (!vma->name[0] && i && vma[-1].end == vma->start && vma[-1].name[0] == '/' &&
        (vma[-1].perms & VMA_WRITE) && (vma->perms & VMA_WRITE))
        return vma[-1].name;
    return vma->name;
}

/* Half of the address space is the kernel's. What it shows there ([vsyscall]) would make every other
 * word look like an address. */
static bool is_users(uint64_t start, uint64_t end)
{
    return start < end && end <= UINT64_C(1) << 63;
}

static struct seep_error *take_maps(struct references *r, const struct maps *maps,
                                    const char *runtime)
{
    struct seep_error *err = NULL;

    if (!runtime)
        runtime = classify_runtime(maps);
    for (size_t i = 0; i < maps->count && !err; i++) {
        const struct vma *vma = &maps->vmas[i];
        struct references_region region = {
            .start = vma->start,
            .end = vma->end,
            .perms = vma->perms,
            .kind = classify_vma(maps, i, runtime),
            .rss_bytes = vma->fields[SMAPS_RSS],
        };

        if (!is_users(vma->start, vma->end) ||
            (r->regions.count && vma->start < r->regions.items[r->regions.count - 1].end))
            continue; /* or a torn reading */
        err = add_region(r, &region, name_of(maps, i));
    }
    return err;
}

/* What a dump itself says, for want of a look at the process. */
static struct seep_error *take_dump(struct references *r, const struct dump *dump)
{
    struct seep_error *err = NULL;

    for (size_t i = 0; i < dump->regions.count && !err; i++) {
        const struct dump_region *from = &dump->regions.items[i];
        const char *name = from->name ? from->name : "";
        struct references_region region = {
            .start = from->start,
            .end = from->end,
            .perms = from->perms,
            .kind = strcmp(name, "[heap]") == 0    ? REGION_HEAP
                    : strcmp(name, "[stack]") == 0 ? REGION_MAIN_STACK
                    : name[0] == '/'               ? REGION_FILE
                                                   : REGION_ANON_MMAP,
            .rss_bytes = ANALYSIS_UNKNOWN,
        };

        if (is_users(from->start, from->end))
            err = add_region(r, &region, name);
    }
    return err;
}

static uint64_t apart(uint64_t a, uint64_t b)
{
    return a > b ? a - b : b - a;
}

/* The look at PID nearest to TIME_NS; its text belongs to the caller. *FOUND false: there is none. */
static struct seep_error *find_look(struct case_dir *c, pid_t pid, uint64_t time_ns,
                                    struct snapshot_record *best, bool *found)
{
    _cleanup_(snapshots_reader_destroyp) struct snapshots_reader *reader = NULL;
    struct snapshot_record record;
    bool more = true;
    struct seep_error *err = snapshots_reader_create(c->fd, &reader);

    if (err && err->code == ERROR_NOT_FOUND) {
        error_destroy(err);
        return NULL;
    }
    while (!err && !(err = snapshots_reader_next(reader, &record, &more)) && more) {
        if (record.pid != pid ||
            (*found && apart(record.end_ns, time_ns) >= apart(best->end_ns, time_ns))) {
            snapshot_record_deinit(&record);
            continue;
        }
        if (*found)
            snapshot_record_deinit(best);
        *best = record;
        *found = true;
    }
    return err;
}

static struct seep_error *read_regions(struct references *r, struct case_dir *c,
                                       const struct dump *dump, const char *runtime)
{
    struct snapshot_record record = {0};
    struct snapshot snap;
    bool found = false;
    struct seep_error *err = find_look(c, r->pid, dump->begin_ns, &record, &found);

    if (!err && found) {
        err = snapshot_parse(&record, &snap);
        if (!err) {
            err = take_maps(r, &snap.maps, runtime);
            snapshot_deinit(&snap);
        }
    }
    if (found)
        snapshot_record_deinit(&record);
    return err || r->regions.count ? err : take_dump(r, dump);
}

/* How much of each region the pieces hold, and how much they do not. */
static void count_saved(struct references *r)
{
    bool known = true;

    for (size_t i = 0; i < r->pieces.count; i++) {
        const struct saved_piece *piece = &r->pieces.items[i];
        const struct address_ranges ranges = {r->ranges, r->regions.count};

        for (size_t at = address_ranges_from(&ranges, piece->start); at < r->regions.count; at++) {
            struct references_region *region = &r->regions.items[at];
            uint64_t start = region->start > piece->start ? region->start : piece->start;
            uint64_t end = region->end < piece->end ? region->end : piece->end;

            if (start >= end)
                break;
            region->saved_bytes += end - start;
        }
    }
    r->unsearched_bytes = 0;
    for (size_t i = 0; i < r->regions.count; i++) {
        const struct references_region *region = &r->regions.items[i];

        if (!(region->perms & VMA_WRITE))
            continue;
        r->searched_bytes += region->saved_bytes;
        known &= region->rss_bytes != ANALYSIS_UNKNOWN;
        if (known && region->rss_bytes > region->saved_bytes)
            r->unsearched_bytes += region->rss_bytes - region->saved_bytes;
    }
    if (!known)
        r->unsearched_bytes = ANALYSIS_UNKNOWN;
}

static struct seep_error *fill(struct references *r, struct case_dir *c, const struct dumps *dumps,
                               const char *runtime)
{
    const struct dump *newest = NULL;
    struct saved_memory_selection selection = {.pid = r->pid};
    struct seep_error *err;

    for (size_t i = 0; i < dumps->dumps.count; i++)
        if (dumps->dumps.items[i]->pid == r->pid)
            newest = dumps->dumps.items[i];
    if (!newest)
        return NULL;
    err = read_regions(r, c, newest, runtime);
    if (!err)
        err = saved_memory_pieces(dumps, &selection, &r->pieces);
    if (err)
        return err;
    r->ranges = calloc(r->regions.count + 1, sizeof(*r->ranges));
    if (!r->ranges)
        return error_no_memory();
    r->word_bytes = 4;
    for (size_t i = 0; i < r->regions.count; i++) {
        const struct references_region *region = &r->regions.items[i];

        r->ranges[i] = (struct address_range){region->start, region->end};
        if (region->end > UINT64_C(1) << 32)
            r->word_bytes = 8;
    }
    count_saved(r);
    return NULL;
}

struct seep_error *references_open(struct case_dir *c, const struct dumps *dumps, pid_t pid,
                                   const char *runtime, struct references *ret_references)
{
    struct references r = {.pid = pid, .word_bytes = 8};
    struct seep_error *err = fill(&r, c, dumps, runtime);

    if (err)
        references_deinit(&r);
    else
        *ret_references = r;
    return err;
}

void references_deinit(struct references *references)
{
    for (size_t i = 0; i < references->regions.count; i++)
        free(references->regions.items[i].name);
    vector_deinit(&references->regions);
    vector_deinit(&references->pieces);
    free(references->ranges);
    references->ranges = NULL;
}

const struct references_region *references_region(const struct references *references,
                                                  uint64_t address)
{
    const struct address_ranges ranges = {references->ranges, references->regions.count};
    size_t index = address_ranges_from(&ranges, address);

    return index < references->regions.count && references->regions.items[index].start <= address
               ? &references->regions.items[index]
               : NULL;
}

const char *references_region_name(const struct references_region *region)
{
    if (region->kind == REGION_THREAD_STACK)
        return "a thread's stack";
    if (region->kind == REGION_MAIN_STACK)
        return "the main thread's stack";
    if (region->name[0])
        return region->name;
    return region->kind == REGION_ARENA          ? "an arena of malloc"
           : region->kind == REGION_RUNTIME_HEAP ? "the runtime's heap"
                                                 : "anonymous memory";
}

/* --- who points there --- */

static bool is_stack(enum region kind)
{
    return kind == REGION_THREAD_STACK || kind == REGION_MAIN_STACK;
}

/* Regions of one file, all arenas, all stacks are one holder. */
static struct references_holder *find_holder(struct references_result *result,
                                             const struct references_region *region)
{
    for (size_t i = 0; i < result->holders.count; i++) {
        struct references_holder *holder = &result->holders.items[i];

        if (!holder->region || !region) {
            if (holder->region == region)
                return holder;
            continue;
        }
        if (is_stack(region->kind)
                ? holder->region->kind == region->kind
                : !is_stack(holder->region->kind) && strcmp(references_region_name(holder->region),
                                                            references_region_name(region)) == 0)
            return holder;
    }
    return NULL;
}

static struct seep_error *add_source(struct references_result *result,
                                     const struct references_region *region,
                                     const struct pointers_source *source)
{
    struct references_holder *holder = find_holder(result, region);

    if (!holder)
        return vector_push(&result->holders, (struct references_holder){
                                                 .region = region,
                                                 .words = source->words,
                                                 .regions = 1,
                                                 .address = source->address,
                                                 .value = source->value,
                                                 .counts = !region || !is_stack(region->kind),
                                             });
    holder->words += source->words;
    holder->regions++;
    return NULL;
}

static int compare_holders(const void *left, const void *right)
{
    const struct references_holder *a = left, *b = right;

    if (a->counts != b->counts)
        return a->counts ? -1 : 1;
    if (a->words != b->words)
        return a->words > b->words ? -1 : 1;
    return (a->address > b->address) - (a->address < b->address);
}

/* Writable memory that was saved and does not lie in TARGET. */
static uint64_t outside_bytes(const struct references *r, const struct references_target *target)
{
    const struct address_ranges ranges = {target->ranges, target->range_count};
    uint64_t bytes = r->searched_bytes;

    for (size_t i = 0; i < r->regions.count; i++) {
        const struct references_region *region = &r->regions.items[i];
        size_t at = address_ranges_from(&ranges, region->start);
        uint64_t within = 0;

        for (; at < ranges.count && ranges.items[at].start < region->end; at++) {
            uint64_t start = ranges.items[at].start, end = ranges.items[at].end;

            within += (end < region->end ? end : region->end) -
                      (start > region->start ? start : region->start);
        }
        if (region->perms & VMA_WRITE)
            bytes -= within < region->saved_bytes ? within : region->saved_bytes;
    }
    return bytes;
}

static struct seep_error *conclude(const struct references *r,
                                   const struct references_target *target,
                                   struct references_result *result)
{
    struct seep_error *err = NULL;

    for (size_t i = 0; i <= r->regions.count && !err; i++)
        if (result->pointers.sources[i].words)
            err = add_source(result, i < r->regions.count ? &r->regions.items[i] : NULL,
                             &result->pointers.sources[i]);
    if (result->holders.count)
        qsort(result->holders.items, result->holders.count, sizeof(*result->holders.items),
              compare_holders);
    result->outside_bytes = outside_bytes(r, target);
    result->unsearched_bytes = r->unsearched_bytes;
    return err;
}

struct seep_error *references_find(const struct references *references,
                                   const struct references_target *targets, size_t count,
                                   const struct scan_options *options,
                                   struct references_result *results)
{
    const struct address_ranges regions = {references->ranges, references->regions.count};
    _cleanup_free_ struct scan_consumer **consumers = calloc(count + 1, sizeof(*consumers));
    _cleanup_free_ struct address_ranges *ranges = calloc(count + 1, sizeof(*ranges));
    struct saved_memory memory;
    size_t made = 0;
    struct seep_error *err = consumers && ranges ? NULL : error_no_memory();

    while (made < count && !err) {
        struct pointers_options what = {&regions, &ranges[made], references->word_bytes};

        ranges[made] = (struct address_ranges){targets[made].ranges, targets[made].range_count};
        results[made] = (struct references_result){0};
        err = pointers_init(&results[made].pointers, &what);
        if (!err) {
            consumers[made] = &results[made].pointers.consumer;
            made++;
        }
    }
    saved_memory_init(&memory, &references->pieces);
    if (!err)
        err = scan_run(&memory.source, consumers, count, options);
    for (size_t i = 0; i < made && !err; i++)
        err = conclude(references, &targets[i], &results[i]);
    for (size_t i = 0; i < made; i++) {
        results[i].pointers.options.regions = results[i].pointers.options.targets = NULL;
        if (err)
            references_result_deinit(&results[i]);
    }
    return err;
}

void references_result_deinit(struct references_result *result)
{
    pointers_deinit(&result->pointers);
    vector_deinit(&result->holders);
}

/* --- the sentence --- */

static void add_words(struct buffer *out, uint64_t words)
{
    struct units_text text;

    buffer_printf(out, "%s word%s", units_format_count(&text, words), words == 1 ? "" : "s");
}

static void add_holder(struct buffer *out, const struct references_holder *holder)
{
    buffer_printf(out, "%s",
                  holder->region ? references_region_name(holder->region)
                                 : "memory that was no region then");
    if (holder->regions > 1 && holder->region && holder->region->name[0] != '/')
        buffer_printf(out, " and %" PRIu64 " more like it", holder->regions - 1);
    else if (holder->region && !holder->region->name[0] && !is_stack(holder->region->kind))
        buffer_printf(out, " at %" PRIx64, holder->region->start);
    buffer_printf(out, " (");
    add_words(out, holder->words);
    buffer_printf(out, ")");
}

/* "; stacks seem to point there (3 words), which proves little: the process ran on while ..." */
static void add_doubts(struct buffer *out, const struct references_result *result)
{
    struct units_text size;
    uint64_t words = 0;

    for (size_t i = 0; i < result->holders.count; i++)
        words += result->holders.items[i].counts ? 0 : result->holders.items[i].words;
    buffer_printf(out, "; ");
    if (words) {
        add_words(out, words);
        buffer_printf(out, " on stacks may point there, which with registers do not count");
    } else {
        buffer_printf(out, "stacks and registers do not count");
    }
    buffer_printf(out, ": the process ran on while its memory was saved");
    if (result->unsearched_bytes != ANALYSIS_UNKNOWN && result->unsearched_bytes)
        buffer_printf(out, "; %s of its memory were not saved",
                      units_format_size(&size, result->unsearched_bytes));
}

struct seep_error *references_sentence(const struct references_result *result, char **ret_text)
{
    _cleanup_buffer_ struct buffer text = {0};
    struct units_text size;
    size_t counted = 0;

    if (result->outside_bytes == 0) {
        *ret_text = NULL;
        return NULL;
    }
    while (counted < result->holders.count && result->holders.items[counted].counts)
        counted++;
    if (counted == 0)
        buffer_printf(&text, "unreferenced: no word in the %s saved beside it points into it",
                      units_format_size(&size, result->outside_bytes));
    for (size_t i = 0; i < counted && i < TOLD; i++) {
        buffer_printf(&text, "%s",
                      i              ? ", "
                      : counted == 1 ? "referenced only from "
                                     : "referenced from ");
        add_holder(&text, &result->holders.items[i]);
    }
    if (counted > TOLD)
        buffer_printf(&text, " and %zu more places", counted - TOLD);
    add_doubts(&text, result);
    if (text.failed)
        return error_no_memory();
    *ret_text = take_ptr(text.bytes);
    return NULL;
}
