/* seep show CASE pages: what every page of saved memory holds, region by region. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "base/units.h"
#include "cmd/grep.h"
#include "cmd/hex_lines.h"
#include "cmd/show_memory.h"
#include "content/page_map.h"
#include "report/json_parts.h"

extern const struct show_topic show_pages;

enum { KEY_JSON = 0x2000, KEY_GREP };

enum { STRIP_COLUMNS = 64, REPEATS = 8, RECORD_BYTES_SHOWN = 256 };

struct arguments {
    struct show_memory_options memory;
    const char *pattern; /* NULL: none */
    bool json;
};

struct output {
    bool json;
    struct grep *grep;
    uint64_t totals[PAGE_KIND_COUNT];
    uint64_t plain_regions, plain_pages; /* of zeros alone */
};

static const struct dump_region *vma_of(const struct page_map_region *region)
{
    return saved_memory_region(region->origin);
}

/* --- for a person --- */

static void print_name(const struct page_map_region *region)
{
    const struct saved_piece *piece = region->origin;
    const struct dump_region *vma = vma_of(region);
    _cleanup_free_ char *name = vma && vma->name ? escape_text(vma->name, strlen(vma->name)) : NULL;
    char perms[5];
    struct units_text size;

    printf("pid %d  %" PRIx64 "-%" PRIx64 " %s  %s  %s\n", (int)piece->dump->pid, region->start,
           region->end, vma ? vma_perms_text(vma->perms, perms) : "----",
           name && name[0] ? name : "[anon]",
           units_format_size(&size, page_strip_pages(&region->strip) * PAGE_KIND_BYTES));
}

static int by_pages(const void *left, const void *right, void *context)
{
    const uint64_t *totals = context;
    const int *a = left, *b = right;

    if (totals[*a] != totals[*b])
        return totals[*a] > totals[*b] ? -1 : 1;
    return *a - *b;
}

/* "mail 45.2%, text 30.1%, zeros 24.7%" */
static void print_kinds(uint64_t *totals, const char *label)
{
    int kinds[PAGE_KIND_COUNT];
    uint64_t all = 0;

    for (int kind = 0; kind < PAGE_KIND_COUNT; kind++) {
        kinds[kind] = kind;
        all += totals[kind];
    }
    qsort_r(kinds, PAGE_KIND_COUNT, sizeof(kinds[0]), by_pages, totals);
    printf("  %-8s", label);
    for (int i = 0; i < PAGE_KIND_COUNT && totals[kinds[i]]; i++)
        printf("%s%s %.1f%% (%c)", i ? ", " : "", page_kind_title((enum page_kind)kinds[i]),
               100.0 * (double)totals[kinds[i]] / (double)all,
               page_kind_letter((enum page_kind)kinds[i]));
    putchar('\n');
}

static void print_records(const struct page_map_region *region)
{
    const struct page_map_period *period = page_map_period(region);
    struct units_text len, samples, of;
    size_t kept;

    if (!period)
        return;
    kept = period->kept < RECORD_BYTES_SHOWN ? period->kept : RECORD_BYTES_SHOWN;
    printf("  records of %s bytes, in %s of %s samples; one of them, what varies as ..%s\n",
           units_format_count(&len, period->period.len),
           units_format_count(&samples, period->samples), units_format_count(&of, region->samples),
           kept < period->period.len ? ", its beginning" : "");
    hex_lines_print(stdout, 4, period->address, period->record, period->constant, kept);
}

static void print_strip(const struct page_strip *strip)
{
    struct units_text size;

    if (strip->pages_per_cell == 1)
        printf("  a letter a page\n");
    else
        printf("  a letter for each %s\n",
               units_format_size(&size, strip->pages_per_cell * PAGE_KIND_BYTES));
    for (size_t cell = 0; cell < strip->cell_count; cell += STRIP_COLUMNS) {
        printf("    %012" PRIx64 "  ",
               strip->start + cell * strip->pages_per_cell * PAGE_KIND_BYTES);
        for (size_t i = cell; i < cell + STRIP_COLUMNS && i < strip->cell_count; i++)
            putchar(page_strip_letter(strip, i));
        putchar('\n');
    }
}

static void print_region(struct output *out, const struct page_map_region *region)
{
    uint64_t totals[PAGE_KIND_COUNT];

    memcpy(totals, region->strip.totals, sizeof(totals));
    if (totals[PAGE_KIND_ZERO] == page_strip_pages(&region->strip)) {
        out->plain_regions++;
        out->plain_pages += totals[PAGE_KIND_ZERO];
        return;
    }
    print_name(region);
    print_kinds(totals, "kinds");
    print_records(region);
    print_strip(&region->strip);
    putchar('\n');
}

static void print_repeats(const struct page_map_repeats *repeats)
{
    struct units_text count, size;

    for (size_t i = 0; i < repeats->count; i++) {
        const struct page_map_repeat *repeat = &repeats->items[i];

        if (repeat->len == PAGE_KIND_BYTES)
            printf("%s copies of one page of %s, the first at %" PRIx64 "\n",
                   units_format_count(&count, repeat->count), page_kind_title(repeat->kind),
                   repeat->address);
        else
            printf("%s copies of %s at the beginning of blocks, in pages of %s, the first at "
                   "%" PRIx64 "\n",
                   units_format_count(&count, repeat->count), units_format_size(&size, repeat->len),
                   page_kind_title(repeat->kind), repeat->address);
        hex_lines_print(stdout, 4, repeat->address, repeat->bytes, NULL, repeat->kept);
    }
    if (repeats->count)
        putchar('\n');
}

static void print_end(struct output *out)
{
    struct units_text count, size;

    if (out->plain_regions)
        printf("%s %s of zeros alone, %s\n\n", units_format_count(&count, out->plain_regions),
               out->plain_regions == 1 ? "region" : "regions",
               units_format_size(&size, out->plain_pages * PAGE_KIND_BYTES));
    printf("All of it\n");
    print_kinds(out->totals, "kinds");
}

/* --- for a program --- */

static json_t *json_kinds(const uint64_t *totals)
{
    json_t *kinds = json_object();

    for (int kind = 0; kind < PAGE_KIND_COUNT; kind++)
        if (totals[kind] && json_object_set_new(kinds, page_kind_name((enum page_kind)kind),
                                                json_parts_number(totals[kind]))) {
            json_decref(kinds);
            return NULL;
        }
    return kinds;
}

static json_t *json_hex(const uint8_t *bytes, const bool *shown, size_t len)
{
    char text[2 * PAGE_MAP_RECORD_BYTES + 1] = "";

    for (size_t i = 0; i < len; i++)
        if (shown && !shown[i])
            memcpy(text + 2 * i, "..", 3);
        else
            snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    return json_string(text);
}

static json_t *json_records(const struct page_map_region *region)
{
    const struct page_map_period *period = page_map_period(region);

    if (!period)
        return json_null();
    return JSON_OBJECT({"bytes", json_parts_number(period->period.len)},
                       {"samples", json_parts_number(period->samples)},
                       {"of", json_parts_number(region->samples)},
                       {"address", json_parts_address(period->address)},
                       {"constant_bytes", json_parts_number(period->period.constants)},
                       {"hex", json_hex(period->record, period->constant, period->kept)});
}

static struct seep_error *write_region(const struct page_map_region *region)
{
    const struct saved_piece *piece = region->origin;
    const struct dump_region *vma = vma_of(region);
    const struct page_strip *strip = &region->strip;
    char letters[PAGE_STRIP_CELLS + 1] = "", perms[5];
    struct seep_error *err;

    for (size_t i = 0; i < strip->cell_count; i++)
        letters[i] = page_strip_letter(strip, i);
    err = json_parts_write(
        JSON_OBJECT(
            {"pid", json_parts_id(piece->dump->pid)}, {"start", json_parts_address(region->start)},
            {"end", json_parts_address(region->end)},
            {"perms", vma ? json_string(vma_perms_text(vma->perms, perms)) : json_null()},
            {"name", json_parts_text(vma ? vma->name : NULL)}, {"pages", json_kinds(strip->totals)},
            {"pages_per_letter", json_parts_number(strip->pages_per_cell)},
            {"strip", json_string(letters)}, {"records", json_records(region)}),
        JSON_COMPACT, stdout);
    putchar('\n');
    return err;
}

static json_t *json_repeats(const struct page_map_repeats *repeats)
{
    json_t *array = json_array();

    for (size_t i = 0; i < repeats->count; i++) {
        const struct page_map_repeat *repeat = &repeats->items[i];

        if (json_array_append_new(
                array, JSON_OBJECT({"count", json_parts_number(repeat->count)},
                                   {"bytes", json_parts_number(repeat->len)},
                                   {"address", json_parts_address(repeat->address)},
                                   {"kind", json_string(page_kind_name(repeat->kind))},
                                   {"hex", json_hex(repeat->bytes, NULL, repeat->kept)}))) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static struct seep_error *write_end(const struct output *out, pid_t pid,
                                    const struct page_map_repeats *repeats)
{
    struct seep_error *err = json_parts_write(JSON_OBJECT({"pid", json_parts_id(pid)},
                                                          {"pages", json_kinds(out->totals)},
                                                          {"repeats", json_repeats(repeats)}),
                                              JSON_COMPACT, stdout);

    putchar('\n');
    return err;
}

/* --- the topic --- */

static struct seep_error *on_region(const struct page_map_region *region, void *context)
{
    struct output *out = context;
    const struct dump_region *vma = vma_of(region);
    const char *name = vma && vma->name ? vma->name : "";

    if (!grep_matches(out->grep, name, strlen(name)))
        return NULL;
    for (int kind = 0; kind < PAGE_KIND_COUNT; kind++)
        out->totals[kind] += region->strip.totals[kind];
    if (out->json)
        return write_region(region);
    print_region(out, region);
    return NULL;
}

static const void *group_of(const void *origin)
{
    const struct dump_region *vma = saved_memory_region(origin);

    return vma ? (const void *)vma : origin;
}

VECTOR_TYPE(ranges, struct address_range);

/* What was mapped in PID, as its dumps say: sorted, apart. */
static struct seep_error *find_known(const struct show_memory *memory, pid_t pid,
                                     struct ranges *known)
{
    const struct dump *newest = NULL;
    struct seep_error *err = NULL;

    for (size_t i = 0; i < memory->dumps.dumps.count; i++)
        if (memory->dumps.dumps.items[i]->pid == pid)
            newest = memory->dumps.dumps.items[i];
    for (size_t i = 0; newest && i < newest->regions.count && !err; i++) {
        const struct dump_region *region = &newest->regions.items[i];

        /* What lies in the kernel's half would make all words look like addresses. */
        if (region->start < region->end && region->end <= UINT64_C(1) << 63 &&
            (known->count == 0 || known->items[known->count - 1].end <= region->start))
            err = vector_push(known, (struct address_range){region->start, region->end});
    }
    return err;
}

/* The pieces of one process, whose addresses are its own. */
static struct seep_error *scan_process(const struct show_memory *memory,
                                       const struct saved_pieces *pieces, struct output *out)
{
    struct show_memory part = *memory;
    struct page_map_repeats repeats = {0};
    struct ranges known = {0};
    struct page_map map = {0};
    struct seep_error *err = find_known(memory, pieces->items[0].dump->pid, &known);
    struct address_ranges ranges = {known.items, known.count};
    struct scan_consumer *consumers[] = {&map.consumer};

    memcpy(&part.pieces, pieces, sizeof(part.pieces));
    if (out->json) /* each process has its own line */
        memset(out->totals, 0, sizeof(out->totals));
    if (!err)
        err = page_map_init(&map, &ranges, on_region, out);
    if (!err) {
        map.group = group_of;
        err = show_memory_scan(&part, consumers, ARRAY_SIZE(consumers));
    }
    if (!err && !out->grep)
        err = page_map_repeats(&map, REPEATS, &repeats);
    if (!err && !out->json)
        print_repeats(&repeats);
    if (!err && out->json)
        err = write_end(out, pieces->items[0].dump->pid, &repeats);
    vector_deinit(&repeats);
    page_map_deinit(&map);
    vector_deinit(&known);
    return err;
}

static struct seep_error *show(const char *case_path, struct arguments *arguments)
{
    _cleanup_(show_memory_close) struct show_memory memory = {0};
    _cleanup_(grep_destroyp) struct grep *grep = NULL;
    struct output out = {.json = arguments->json};
    struct seep_error *err = arguments->pattern ? grep_create(arguments->pattern, &grep) : NULL;

    out.grep = grep;
    if (!err)
        err = show_memory_open(case_path, &arguments->memory, &memory);
    for (size_t i = 0, next; !err && i < memory.pieces.count; i = next) {
        pid_t pid = memory.pieces.items[i].dump->pid;

        for (next = i + 1; next < memory.pieces.count; next++)
            if (memory.pieces.items[next].dump->pid != pid)
                break;
        err = scan_process(
            &memory, &(struct saved_pieces){.items = memory.pieces.items + i, .count = next - i},
            &out);
    }
    if (!err && !out.json)
        print_end(&out);
    return show_end(err);
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct arguments *arguments = state->input;

    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &arguments->memory;
        return 0;
    case KEY_GREP:
        arguments->pattern = argument;
        return 0;
    case KEY_JSON:
        arguments->json = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option options[] = {
    {"grep", KEY_GREP, "RE", 0,
     "Only regions whose name matches this Perl-compatible regular expression", 0},
    {"json", KEY_JSON, NULL, 0, "One JSON object a line and region, then one for each process", 0},
    {0},
};

static const struct argp_child children[] = {{&show_memory_argp, 0, NULL, 0}, {0}};

static const struct argp argp = {
    .options = options,
    .parser = parse,
    .children = children,
    .doc = "Says what every page of saved memory holds, and what repeats.",
};

static int run(const struct show_topic *topic, const char *case_path, int argc, char **argv)
{
    struct arguments arguments = {0};

    show_parse(topic, argc, argv, &arguments);
    return command_report(show(case_path, &arguments), "showing the pages of %s", case_path);
}

const struct show_topic show_pages = {
    .name = "pages",
    .summary = "what each page of saved memory holds, and what repeats",
    .description =
        "Tells the kind of each page of 4 KiB that `seep dump` saved by its bytes: zeros, text, "
        "UTF-16, pointers, small integers, floating point, compressed or encrypted bytes, machine "
        "code, or a known format that begins in it: HTTP, mail, JSON, XML, protobuf, TLS, gzip, "
        "PNG, JPEG, serialized Java objects, class files, SQLite, ELF. Of each region the shares "
        "are told, and a strip with a letter for each page, or for each so many.\n"
        "A region that is an array of records is told with their length, and one of them is shown, "
        "bytes that are not the same in all as `..'. Then come the pages that are there more than "
        "once, and what blocks begin with again and again. The second page of a picture looks like "
        "any compressed bytes, and counts as such.",
    .argp = &argp,
    .run = run,
};
