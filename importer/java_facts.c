#include "importer/java_facts.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>

#include "base/buffer.h"

enum { MAX_REGIONS = 4096, MAX_SITES = 64, MAX_FUNCTION_BYTES = 120 };

static struct seep_error *put(const struct java_facts_place *place, struct fact fact)
{
    fact.pid = place->pid;
    fact.line = place->line;
    return collection_fact(place->collection, place->when, &fact);
}

static char *copy(struct span s)
{
    return s.len ? strndup(s.text, s.len) : strdup("");
}

struct seep_error *java_facts_value(const struct java_facts_place *place, enum fact_kind kind,
                                    uint64_t value)
{
    if (value == UINT64_MAX)
        return NULL;
    return put(place, (struct fact){.kind = kind, .has_value = true, .value = value});
}

struct seep_error *java_facts_text(const struct java_facts_place *place, enum fact_kind kind,
                                   struct span text)
{
    _cleanup_free_ char *bytes = copy(text);

    if (!bytes)
        return error_no_memory();
    return put(place, (struct fact){.kind = kind, .text = bytes});
}

/* --- native memory tracking --- */

static struct seep_error *put_amount(const struct java_facts_place *place, enum fact_kind kind,
                                     const char *name, const struct nmt_amount *amount)
{
    if (!amount->known)
        return NULL;
    return put(place, (struct fact){
                          .kind = kind, .name = name, .has_value = true, .value = amount->bytes});
}

static struct seep_error *put_category(const struct java_facts_place *place,
                                       const struct nmt_category *category)
{
    _cleanup_free_ char *name = copy(category->name);
    struct seep_error *err;

    if (!name)
        return error_no_memory();
    err = put_amount(place, FACT_NMT_RESERVED, name, &category->reserved);
    if (!err)
        err = put_amount(place, FACT_NMT_COMMITTED, name, &category->committed);
    if (!err)
        err = put_amount(place, FACT_NMT_MALLOC, name, &category->malloc);
    if (!err)
        err = put_amount(place, FACT_NMT_MMAP, name, &category->mmap_committed);
    if (!err && category->committed.delta > 0)
        err = put(place, (struct fact){.kind = FACT_NMT_GROWTH,
                                       .name = name,
                                       .has_value = true,
                                       .value = (uint64_t)category->committed.delta});
    if (!err && category->thread_count)
        err = java_facts_value(place, FACT_NMT_THREADS, category->thread_count);
    return err;
}

/* "ReservedSpace::initialize(unsigned long, bool)+0xab" without arguments and offset. */
static void append_function(struct buffer *text, struct span function)
{
    size_t at;

    if (span_find_last(function, "+0x", &at))
        function = span_first(function, at);
    if (span_find(function, "(", &at) && at > 0)
        function = span_first(function, at);
    function = span_first(function, MAX_FUNCTION_BYTES);
    if (function.len)
        buffer_bytes(text, function.text, function.len);
    else
        buffer_printf(text, "?");
}

static void append_frames(struct buffer *text, const struct nmt *nmt, size_t first, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (i)
            buffer_printf(text, " < ");
        append_function(text, nmt->frames.items[first + i]);
    }
}

/* A reservation and what is committed of it: the regions from INDEX to *RET_NEXT. */
static struct seep_error *put_region(const struct java_facts_place *place, const struct nmt *nmt,
                                     size_t index, size_t *ret_next)
{
    const struct nmt_region *region = &nmt->regions.items[index];
    _cleanup_free_ char *name = copy(region->category);
    _cleanup_buffer_ struct buffer text = {0};
    uint64_t committed = 0;
    size_t next = index + 1;

    for (; next < nmt->regions.count && !nmt->regions.items[next].reserved; next++) {
        const struct nmt_region *part = &nmt->regions.items[next];

        if (__builtin_add_overflow(committed, part->end - part->start, &committed))
            committed = region->end - region->start;
    }
    if (region->committed || committed > region->end - region->start)
        committed = region->end - region->start;
    buffer_printf(&text, "0x%" PRIx64 "-0x%" PRIx64 " ", region->start, region->end);
    append_frames(&text, nmt, region->first_frame, region->frame_count);
    if (!name || text.failed)
        return error_no_memory();
    *ret_next = next;
    /* Of the last one before a text was cut some parts may be missing. */
    return put(place, (struct fact){.kind = FACT_NMT_REGION,
                                    .name = name,
                                    .has_value = region->committed || nmt->map_whole ||
                                                 next < nmt->regions.count,
                                    .value = committed,
                                    .text = text.bytes});
}

static uint64_t site_bytes(const struct nmt_site *site)
{
    return site->malloc.known ? site->malloc.bytes : site->mmap_committed.bytes;
}

static int compare_sites(const void *a, const void *b)
{
    uint64_t first = site_bytes(*(const struct nmt_site *const *)a);
    uint64_t second = site_bytes(*(const struct nmt_site *const *)b);

    return first > second ? -1 : first < second;
}

static struct seep_error *put_site(const struct java_facts_place *place, const struct nmt *nmt,
                                   const struct nmt_site *site)
{
    _cleanup_free_ char *name = copy(site->category);
    _cleanup_buffer_ struct buffer text = {0};

    append_frames(&text, nmt, site->first_frame, site->frame_count);
    buffer_bytes(&text, "", 0);
    if (!name || text.failed)
        return error_no_memory();
    return put(place, (struct fact){.kind = FACT_NMT_SITE,
                                    .name = name[0] ? name : NULL,
                                    .has_value = true,
                                    .value = site_bytes(site),
                                    .text = text.bytes ? text.bytes : ""});
}

static struct seep_error *put_sites(const struct java_facts_place *place, const struct nmt *nmt)
{
    VECTOR(const struct nmt_site *) sites = {0};
    struct seep_error *err = NULL;

    for (size_t i = 0; !err && i < nmt->sites.count; i++)
        err = vector_push(&sites, &nmt->sites.items[i]);
    if (sites.count)
        qsort(sites.items, sites.count, sizeof(sites.items[0]), compare_sites);
    for (size_t i = 0; !err && i < sites.count && i < MAX_SITES; i++)
        err = put_site(place, nmt, sites.items[i]);
    vector_deinit(&sites);
    return err;
}

struct seep_error *java_facts_nmt(const struct java_facts_place *place, const struct nmt *nmt)
{
    struct seep_error *err = NULL;

    if (nmt->total.reserved.known || nmt->total.committed.known)
        err = put_category(place, &nmt->total);
    for (size_t i = 0; !err && i < nmt->categories.count; i++)
        err = put_category(place, &nmt->categories.items[i]);
    if (!err && nmt->categories.count)
        err = java_facts_value(place, FACT_NMT_SCALE, nmt->scale_bytes);

    size_t told = 0;

    for (size_t i = 0; !err && i < nmt->regions.count && told < MAX_REGIONS; told++)
        err = put_region(place, nmt, i, &i);
    if (!err && told == MAX_REGIONS)
        err = collection_remark(place->collection,
                                "only the first %d ranges of the virtual memory map are kept",
                                MAX_REGIONS);
    return err ? err : put_sites(place, nmt);
}

/* --- the heap, options, errors --- */

struct seep_error *java_facts_heap(const struct java_facts_place *place,
                                   const struct java_heap *heap)
{
    struct seep_error *err = java_facts_value(place, FACT_JAVA_HEAP_MAX, heap->max_bytes);

    if (!err)
        err = java_facts_value(place, FACT_JAVA_HEAP_COMMITTED, heap->committed_bytes);
    return err ? err : java_facts_value(place, FACT_JAVA_HEAP_USED, heap->used_bytes);
}

struct seep_error *java_facts_options(const struct java_facts_place *place,
                                      const struct java_options *options)
{
    /* Netty keeps a counter of its own with a limit of its own. */
    uint64_t direct = options->netty_max_direct_bytes != JAVA_OPTIONS_UNKNOWN
                          ? options->netty_max_direct_bytes
                          : options->max_direct_bytes;
    struct seep_error *err = java_facts_value(place, FACT_JAVA_HEAP_MAX, options->max_heap_bytes);

    /* MaxDirectMemorySize=0 means that nobody said: as much as the heap. */
    if (!err && direct != 0)
        err = java_facts_value(place, FACT_DIRECT_MEMORY_MAX, direct);
    return err;
}

struct seep_error *java_facts_error(const struct java_facts_place *place,
                                    const struct java_log_error *error, struct span text)
{
    struct seep_error *err = java_facts_value(place, FACT_DIRECT_MEMORY_WANTED,
                                              error->direct ? error->wanted_bytes : UINT64_MAX);

    if (!err)
        err = java_facts_value(place, FACT_DIRECT_MEMORY_USED, error->used_bytes);
    if (!err)
        err = java_facts_value(place, FACT_DIRECT_MEMORY_MAX, error->max_bytes);
    return err ? err : java_facts_text(place, FACT_OUT_OF_MEMORY, text);
}
