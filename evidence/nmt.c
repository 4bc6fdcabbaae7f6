#include "evidence/nmt.h"

bool nmt_begins(struct span line)
{
    return span_is(span_trim(line), "Native Memory Tracking:");
}

bool nmt_is_disabled(struct span line)
{
    return span_starts(span_trim(line), "Native memory tracking is not enabled");
}

struct parser {
    struct nmt *nmt;
    enum { BEFORE, SUMMARY, TOTAL, CATEGORY, MAP, SITES } place;
    struct nmt_category *category; /* whose lines are being read */
    struct span reserved_for;
    size_t first_frame; /* of the frames that nobody has yet */
};

/* --- figures --- */

/* "12MB", "12MB +3MB", "12", "12 -3". */
static bool take_amount(struct parser *p, struct span *s, struct nmt_amount *amount)
{
    struct span start = *s, at;
    uint64_t bytes, delta;
    struct nmt_amount read = {.known = true};

    if (!span_take_size(s, &bytes))
        return false;
    read.bytes = bytes;

    size_t digits = 0;

    while (digits < start.len && start.text[digits] >= '0' && start.text[digits] <= '9')
        digits++;
    start = span_from(start, digits);

    uint64_t scale = span_starts(start, "KB")   ? 1 << 10
                     : span_starts(start, "MB") ? 1 << 20
                     : span_starts(start, "GB") ? 1 << 30
                                                : 1;

    if (scale > p->nmt->scale_bytes)
        p->nmt->scale_bytes = scale;
    at = *s;
    if (span_take(&at, " +") || span_take(&at, " -")) {
        bool shrunk = at.text[-1] == '-';

        if (span_take_size(&at, &delta) && delta <= INT64_MAX) {
            read.delta = shrunk ? -(int64_t)delta : (int64_t)delta;
            p->nmt->diff = true;
            *s = at;
        }
    }
    *amount = read;
    return true;
}

/* The figure behind KEY in LINE. */
static bool find_amount(struct parser *p, struct span line, const char *key,
                        struct nmt_amount *amount)
{
    return span_take_through(&line, key, NULL) && take_amount(p, &line, amount);
}

static void find_count(struct span line, uint64_t *count)
{
    if (span_take_through(&line, "#", NULL))
        span_take_number(&line, count);
}

/* --- the summary --- */

/* "-    Native Memory Tracking (reserved=442KB, committed=442KB)" */
static bool parse_headline(struct parser *p, struct span line, struct nmt_category *category)
{
    size_t at;

    if (!span_take(&line, "-") || !span_find_last(line, "(reserved=", &at))
        return false;
    category->name = span_trim(span_first(line, at));
    line = span_from(line, at);
    return category->name.len && find_amount(p, line, "reserved=", &category->reserved) &&
           find_amount(p, line, "committed=", &category->committed);
}

/* A line in parentheses, or one of the two under the total. */
static bool parse_detail(struct parser *p, struct span line, struct nmt_category *category)
{
    if (span_starts(line, "(malloc="))
        find_count(line, &category->malloc_count);
    if (span_starts(line, "malloc:")) {
        line = span_trim(span_from(line, strlen("malloc:")));
        find_count(line, &category->malloc_count);
        return take_amount(p, &line, &category->malloc);
    }
    if (span_starts(line, "(malloc="))
        return find_amount(p, line, "(malloc=", &category->malloc);
    /* The last form is that of a call path in a detail. */
    if (span_starts(line, "(mmap:") || span_starts(line, "mmap:") ||
        span_starts(line, "(reserved="))
        return find_amount(p, line, "reserved=", &category->mmap_reserved) &&
               find_amount(p, line, "committed=", &category->mmap_committed);
    if (span_starts(line, "(stack:"))
        return find_amount(p, line, "reserved=", &category->stack_reserved) &&
               find_amount(p, line, "committed=", &category->stack_committed);
    if (span_starts(line, "(arena="))
        return find_amount(p, line, "(arena=", &category->arena);
    if (span_starts(line, "(tracking overhead="))
        return find_amount(p, line, "overhead=", &category->overhead);
    if (span_starts(line, "(thread"))
        find_count(line, &category->thread_count);
    else if (span_starts(line, "(classes"))
        find_count(line, &category->class_count);
    /* Of metaspace there is more, which repeats what its own category says. */
    return span_starts(line, "(") || span_starts(line, ": (");
}

/* --- the map and the sites --- */

/* "[0x1 - 0x2] reserved and committed 128KB for Java Heap from" */
static bool parse_region(struct parser *p, struct span line, struct nmt_region *region)
{
    uint64_t bytes;

    *region = (struct nmt_region){.first_frame = p->nmt->frames.count};
    if (!span_take(&line, "[") || !span_take_hex(&line, &region->start) ||
        !span_take(&line, " - ") || !span_take_hex(&line, &region->end) ||
        !span_take(&line, "] ") || region->start >= region->end)
        return false;
    region->reserved = span_take(&line, "reserved ");
    if (region->reserved)
        span_take(&line, "and ");
    region->committed = span_take(&line, "committed ");
    if ((!region->reserved && !region->committed) || !span_take_size(&line, &bytes))
        return false;
    if (span_take(&line, " for ")) {
        size_t from;

        region->category = span_trim(line);
        if (span_ends(region->category, " from"))
            region->category = span_trim(span_first(region->category, region->category.len - 5));
        else if (span_find(region->category, " from ", &from))
            region->category = span_first(region->category, from);
    }
    if (region->reserved)
        p->reserved_for = region->category;
    else if (region->category.len == 0)
        region->category = p->reserved_for;
    return true;
}

/* "[0x00007fce6c249efb] ReservedSpace::initialize(...)+0xab" */
static bool parse_frame(struct span line, struct span *ret_function)
{
    uint64_t address;

    if (!span_take(&line, "[") || !span_take_hex(&line, &address) || !span_take(&line, "]"))
        return false;
    *ret_function = span_trim(line);
    return true;
}

/* "(malloc=2KB type=Internal +1KB #1 +1)", "(mmap: reserved=..., committed=... Type=Class)"; 25 says
 * tag and Tag. */
static bool parse_site(struct parser *p, struct span line, struct nmt_site *site)
{
    static const char *const keys[] = {" type=", " Type=", " tag=", " Tag="};
    struct nmt_category figures = {0};

    *site = (struct nmt_site){.first_frame = p->first_frame,
                              .frame_count = p->nmt->frames.count - p->first_frame};
    if (!span_starts(line, "(malloc=") && !span_starts(line, "(mmap:") &&
        !span_starts(line, "(reserved="))
        return false;
    if (!parse_detail(p, line, &figures))
        return false;
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        struct span name = line, delta;
        size_t end = 0;
        uint64_t size;

        if (!span_take_through(&name, keys[i], NULL))
            continue;
        while (end < name.len && !memchr("#+,)(", name.text[end], 5) &&
               !(name.text[end] == '-' && end && name.text[end - 1] == ' '))
            end++;
        site->category = span_trim(span_first(name, end));
        /* Here the delta stands behind the category. */
        delta = span_from(name, end);
        if ((span_take(&delta, "+") || span_take(&delta, "-")) && span_take_size(&delta, &size) &&
            size <= INT64_MAX) {
            struct nmt_amount *amount =
                figures.malloc.known ? &figures.malloc : &figures.mmap_committed;

            amount->delta = name.text[end] == '-' ? -(int64_t)size : (int64_t)size;
            p->nmt->diff = true;
        }
        break;
    }
    site->malloc = figures.malloc;
    site->malloc_count = figures.malloc_count;
    site->mmap_reserved = figures.mmap_reserved;
    site->mmap_committed = figures.mmap_committed;
    return true;
}

static struct seep_error *parse_address_line(struct parser *p, struct span line)
{
    struct nmt *nmt = p->nmt;
    struct nmt_region region;
    struct span function;
    struct seep_error *err;

    if (parse_region(p, line, &region)) {
        p->place = MAP;
        return vector_push(&nmt->regions, region);
    }
    if (!parse_frame(line, &function)) {
        nmt->strange++;
        return NULL;
    }
    /* In a diff the sites follow without a headline of their own. */
    if (p->place != MAP && p->place != SITES) {
        p->place = SITES;
        p->first_frame = nmt->frames.count;
    }
    err = vector_push(&nmt->frames, function);
    if (!err && p->place == MAP && nmt->regions.count)
        nmt->regions.items[nmt->regions.count - 1].frame_count++;
    return err;
}

static struct seep_error *parse_line(struct parser *p, struct span line)
{
    struct nmt *nmt = p->nmt;
    struct nmt_category category = {0};
    struct nmt_site site;
    struct seep_error *err;

    line = span_trim(line);
    if (line.len == 0)
        return NULL;
    if (line.text[0] == '[')
        return parse_address_line(p, line);
    if (span_starts(line, "Total:")) {
        nmt->total.name = span_first(line, strlen("Total"));
        find_amount(p, line, "reserved=", &nmt->total.reserved);
        find_amount(p, line, "committed=", &nmt->total.committed);
        p->place = TOTAL;
        return NULL;
    }
    if (parse_headline(p, line, &category)) {
        err = vector_push(&nmt->categories, category);
        if (!err)
            p->category = &nmt->categories.items[nmt->categories.count - 1];
        p->place = CATEGORY;
        return err;
    }
    if (span_starts(line, "Virtual memory map:")) {
        p->place = MAP;
    } else if (span_starts(line, "Details:")) {
        nmt->map_whole = true;
        p->place = SITES;
        p->first_frame = nmt->frames.count;
    } else if (p->place == SITES && parse_site(p, line, &site)) {
        p->first_frame = nmt->frames.count;
        return vector_push(&nmt->sites, site);
    } else if (p->place == TOTAL || p->place == CATEGORY) {
        if (!parse_detail(p, line, p->place == TOTAL ? &nmt->total : p->category))
            nmt->strange++;
    } else {
        nmt->strange++;
    }
    return NULL;
}

/* "(Omitting categories weighting less than 1KB)", "(1479 call sites weighting less than 1KB each
 * omitted.)" */
static bool is_note(struct span line)
{
    return span_starts(line, "(") && span_has(line, " weighting less than ");
}

struct seep_error *nmt_parse(struct span text, struct nmt *ret_nmt)
{
    struct nmt nmt = {.scale_bytes = 1};
    struct parser p = {.nmt = &nmt, .place = BEFORE};
    struct seep_error *err = NULL;
    struct span line;

    while (!err && span_next_line(&text, &line)) {
        uint64_t pid;

        if (nmt_begins(line)) {
            if (p.place != BEFORE)
                break;
            nmt.enabled = true;
            p.place = SUMMARY;
        } else if (p.place != BEFORE) {
            if (!is_note(line))
                err = parse_line(&p, line);
        } else if (span_take_number(&line, &pid) && span_is(line, ":") && pid <= INT32_MAX) {
            nmt.pid = pid;
        }
    }
    if (err) {
        nmt_deinit(&nmt);
        return err;
    }
    *ret_nmt = nmt;
    return NULL;
}

void nmt_deinit(struct nmt *nmt)
{
    vector_deinit(&nmt->categories);
    vector_deinit(&nmt->regions);
    vector_deinit(&nmt->sites);
    vector_deinit(&nmt->frames);
    *nmt = (struct nmt){0};
}

const struct nmt_category *nmt_find(const struct nmt *nmt, const char *name)
{
    for (size_t i = 0; i < nmt->categories.count; i++)
        if (span_is(nmt->categories.items[i].name, name))
            return &nmt->categories.items[i];
    return NULL;
}
