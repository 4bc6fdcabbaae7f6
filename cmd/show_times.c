/* seep show CASE times: when what is in saved memory was written, region by region. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "analyzer/contents.h"
#include "analyzer/mapped_times.h"
#include "base/escape.h"
#include "base/units.h"
#include "cmd/outstanding.h"
#include "cmd/show_memory.h"
#include "evidence/events_file.h"
#include "report/json_parts.h"

extern const struct show_topic show_times;

enum { KEY_FORM = 0x2000, KEY_JSON, KEY_MAPPINGS };

enum { ROWS = 12, BAR_COLUMNS = 40 };

struct arguments {
    struct show_memory_options memory;
    uint32_t forms; /* 1 << enum timestamps_form; 0: all */
    bool json, mappings;
};

VECTOR_TYPE(mappings, struct contents_mapping);

/* Saved memory of one VMA, and what it says. */
struct area {
    pid_t pid;
    uint64_t start, end;
    const struct dump_region *vma; /* NULL: the dump does not say */
    uint64_t bytes;                /* saved */
    struct contents contents;
    struct mappings mappings; /* calls that mapped some of it, oldest first */
};

struct areas {
    struct area *items;
    size_t count, capacity;
    struct mapped_times *mapped; /* of all; NULL: nothing was traced */
};

static void areas_deinit(struct areas *areas)
{
    for (size_t i = 0; i < areas->count; i++) {
        contents_deinit(&areas->items[i].contents);
        vector_deinit(&areas->items[i].mappings);
    }
    vector_deinit(areas);
    mapped_times_destroy(areas->mapped);
}

/* --- what is written --- */

/* The COUNT pieces are of one VMA. */
static struct seep_error *add_area(struct areas *areas, const struct saved_piece *pieces,
                                   size_t count)
{
    struct area area = {
        .pid = pieces[0].dump->pid,
        .start = pieces[0].start,
        .end = pieces[count - 1].end,
        .vma = saved_memory_region(&pieces[0]),
    };

    for (size_t i = 0; i < count; i++)
        area.bytes += pieces[i].end - pieces[i].start;
    return vector_push(areas, area);
}

static int by_address(const void *left, const void *right)
{
    const struct area *a = left, *b = right;

    if (a->pid != b->pid)
        return a->pid < b->pid ? -1 : 1;
    return (a->start > b->start) - (a->start < b->start);
}

/* The first area of PID, or behind it, that ends after ADDR. */
static size_t find_area(const struct areas *areas, pid_t pid, uint64_t addr)
{
    size_t low = 0, high = areas->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct area *area = &areas->items[middle];

        if (area->pid > pid || (area->pid == pid && area->end > addr))
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static struct contents *contents_of(const struct saved_piece *piece, void *context)
{
    const struct areas *areas = context;

    return &areas->items[find_area(areas, piece->dump->pid, piece->start)].contents;
}

static void note_time(const struct timestamps_found *found, const struct saved_piece *piece,
                      void *context)
{
    struct areas *areas = context;

    if (areas->mapped)
        mapped_times_add(areas->mapped, piece->dump->pid, found->address, found->epoch_ns);
}

static struct seep_error *scan(const struct show_memory *memory,
                               const struct contents_options *options, struct areas *areas,
                               struct saved_memory_result *ret_read)
{
    const struct saved_piece *pieces = memory->pieces.items;
    struct seep_error *err = NULL;

    for (size_t i = 0, next; i < memory->pieces.count && !err; i = next) {
        const struct dump_region *vma = saved_memory_region(&pieces[i]);

        for (next = i + 1; next < memory->pieces.count; next++)
            if (!vma || saved_memory_region(&pieces[next]) != vma)
                break;
        err = add_area(areas, pieces + i, next - i);
    }
    if (err)
        return err;
    if (areas->count)
        qsort(areas->items, areas->count, sizeof(*areas->items), by_address);
    return contents_scan_times(&memory->pieces, options,
                               &(struct contents_areas){contents_of, note_time, areas}, ret_read);
}

/* --- who mapped it --- */

/* What EV made usable; false: nothing. */
static bool mapped_range(const struct event *ev, struct saved_range *ret_range)
{
    uint64_t start = (uint64_t)ev->result, len = 0;

    if (!event_is_syscall(ev) || event_failed(ev))
        return false;
    switch (ev->kind) {
    case EVENT_MMAP:
        len = ev->args[1];
        break;
    case EVENT_MREMAP:
        len = ev->args[2];
        break;
    case EVENT_SHMAT:
        len = ev->args[3];
        break;
    case EVENT_MPROTECT:
        start = ev->args[0];
        len = ev->args[2] & PROT_WRITE ? ev->args[1] : 0;
        break;
    case EVENT_BRK: /* how far it grew is not said; the last byte is new */
        start--;
        len = start + 1 == ev->args[0];
        break;
    default:
        break;
    }
    *ret_range = (struct saved_range){start, start + len};
    return len && start + len > start;
}

static struct seep_error *note_mapping(struct areas *areas, const struct event *ev,
                                       uint64_t wall_offset_ns)
{
    struct saved_range range;
    struct seep_error *err = NULL;

    if (!mapped_range(ev, &range))
        return NULL;
    for (size_t i = find_area(areas, ev->pid, range.start); i < areas->count && !err; i++) {
        struct area *area = &areas->items[i];

        if (area->pid != ev->pid || area->start >= range.end)
            break;
        if (area->contents.bulk.count)
            err = vector_push(&area->mappings,
                              (struct contents_mapping){ev->exit_ns + wall_offset_ns, ev->tid});
    }
    return err;
}

/* A case without events has no mappings to tell of. */
static struct seep_error *read_mappings(const struct show_memory *memory, struct areas *areas)
{
    _cleanup_(event_source_destroyp) struct event_source *source = NULL;
    enum event_source_step step = EVENT_SOURCE_END;
    struct events_reader *reader;
    struct event ev;
    struct seep_error *err = events_reader_create(memory->c->fd, NULL, &reader);

    if (err && err->code == ERROR_NOT_FOUND) {
        error_destroy(err);
        return NULL;
    }
    if (err)
        return err;
    source = &reader->source;
    while (!(err = event_source_next(source, &ev, &step)) && step == EVENT_SOURCE_MORE)
        if ((err = note_mapping(areas, &ev, memory->info.wall_offset_ns)))
            break;
    return err;
}

/* --- for a person --- */

static void print_name(const struct area *area)
{
    const struct dump_region *vma = area->vma;
    _cleanup_free_ char *name = vma && vma->name ? escape_text(vma->name, strlen(vma->name)) : NULL;
    char perms[5];
    struct units_text size;

    printf("pid %d  %" PRIx64 "-%" PRIx64 " %s  %s  %s\n", (int)area->pid, area->start, area->end,
           vma ? vma_perms_text(vma->perms, perms) : "----", name && name[0] ? name : "[anon]",
           units_format_size(&size, area->bytes));
}

static void print_forms(const struct contents *contents)
{
    const char *before = "  forms   ";
    struct units_text count;

    for (int form = 0; form < TIMESTAMPS_FORM_COUNT; form++)
        if (contents->forms[form].count) {
            printf("%s%s %s", before, timestamps_form_name((enum timestamps_form)form),
                   units_format_count(&count, contents->forms[form].count));
            before = ", ";
        }
    putchar('\n');
}

static void print_rows(const struct contents *contents)
{
    struct time_span rows[ROWS];
    uint64_t most = 1;
    size_t count = contents->bulk.last_ns - contents->bulk.first_ns < NS_PER_S ? 1 : ROWS;

    time_histogram_rows(&contents->times, &contents->bulk, rows, count);
    for (size_t i = 0; i < count; i++)
        most = rows[i].count > most ? rows[i].count : most;
    for (size_t i = 0; i < count; i++) {
        int bar = (int)((rows[i].count * BAR_COLUMNS + most - 1) / most);
        struct units_text time, number;

        printf("  %-19.19s  %.*s%s%s\n", units_format_time(&time, rows[i].first_ns, true), bar,
               "########################################", bar ? "  " : "",
               units_format_count(&number, rows[i].count));
    }
}

static struct seep_error *print_area(const struct areas *areas, const struct area *area, bool rows)
{
    const struct contents *contents = &area->contents;
    _cleanup_free_ char *sentence = NULL;
    struct units_text count, first, last;
    struct seep_error *err =
        contents_sentence(&contents->bulk, area->mappings.items, area->mappings.count, &sentence);

    if (err || !sentence)
        return err;
    print_name(area);
    printf("  %s\n  times   %s, %s", sentence, units_format_count(&count, contents->times.count),
           units_format_time(&first, contents->times.first_ns, true));
    if (contents->times.first_ns != contents->times.last_ns)
        printf(" to %s", units_format_time(&last, contents->times.last_ns, true));
    putchar('\n');
    print_forms(contents);
    if (contents->bulk.count < contents->times.count)
        printf("  apart   %s lie far from the others and are not drawn\n",
               units_format_count(&count, contents->times.count - contents->bulk.count));
    print_rows(contents);
    err = outstanding_print(areas->mapped, area->pid, area->start, area->end, rows);
    putchar('\n');
    return err;
}

static void print_others(const struct areas *areas)
{
    uint64_t count = 0, bytes = 0;
    struct units_text number, size;

    for (size_t i = 0; i < areas->count; i++)
        if (areas->items[i].contents.bulk.count == 0) {
            count++;
            bytes += areas->items[i].bytes;
        }
    if (count)
        printf("%s %s, %s, without any time that is plausible for this case\n",
               units_format_count(&number, count), count == 1 ? "region" : "regions",
               units_format_size(&size, bytes));
}

/* --- for a program --- */

static json_t *json_time(uint64_t epoch_ns)
{
    struct units_text text;

    return json_string(units_format_time(&text, epoch_ns, false));
}

static json_t *json_span(uint64_t count, uint64_t first_ns, uint64_t last_ns)
{
    return JSON_OBJECT({"count", json_parts_number(count)},
                       {"first", count ? json_time(first_ns) : json_null()},
                       {"last", count ? json_time(last_ns) : json_null()});
}

static json_t *json_forms(const struct contents *contents)
{
    json_t *forms = json_object();

    for (int form = 0; form < TIMESTAMPS_FORM_COUNT; form++) {
        const struct contents_form *its = &contents->forms[form];

        if (its->count &&
            json_object_set_new(forms, timestamps_form_name((enum timestamps_form)form),
                                json_span(its->count, its->first_ns, its->last_ns))) {
            json_decref(forms);
            return NULL;
        }
    }
    return forms;
}

static json_t *json_rows(const struct contents *contents)
{
    struct time_span rows[ROWS];
    json_t *array = json_array();

    if (!contents->bulk.count)
        return array;
    time_histogram_rows(&contents->times, &contents->bulk, rows, ROWS);
    for (size_t i = 0; i < ROWS; i++)
        if (json_array_append_new(array, JSON_OBJECT({"count", json_parts_number(rows[i].count)},
                                                     {"first", json_time(rows[i].first_ns)},
                                                     {"last", json_time(rows[i].last_ns)}))) {
            json_decref(array);
            return NULL;
        }
    return array;
}

static json_t *json_nearest(const struct area *area)
{
    const struct contents_mapping *nearest =
        contents_nearest(&area->contents.bulk, area->mappings.items, area->mappings.count);

    if (!nearest)
        return json_null();
    return JSON_OBJECT({"time", json_time(nearest->time_ns)}, {"tid", json_parts_id(nearest->tid)},
                       {"of", json_parts_number(area->mappings.count)});
}

static struct seep_error *write_area(const struct areas *areas, const struct area *area, bool each)
{
    const struct contents *contents = &area->contents;
    const struct time_histogram *times = &contents->times;
    const struct time_span *bulk = &contents->bulk;
    const struct dump_region *vma = area->vma;
    char perms[5];
    json_t *mappings = NULL;
    struct seep_error *err =
        outstanding_json(areas->mapped, area->pid, area->start, area->end, each, &mappings);

    if (err)
        return err;
    err = json_parts_write(
        JSON_OBJECT({"pid", json_parts_id(area->pid)}, {"start", json_parts_address(area->start)},
                    {"end", json_parts_address(area->end)},
                    {"perms", vma ? json_string(vma_perms_text(vma->perms, perms)) : json_null()},
                    {"name", json_parts_text(vma ? vma->name : NULL)},
                    {"saved_bytes", json_parts_number(area->bytes)},
                    {"times", json_span(times->count, times->first_ns, times->last_ns)},
                    {"bulk", json_span(bulk->count, bulk->first_ns, bulk->last_ns)},
                    {"forms", json_forms(contents)}, {"histogram", json_rows(contents)},
                    {"mapped", json_nearest(area)}, {"outstanding", mappings}),
        JSON_COMPACT, stdout);

    putchar('\n');
    return err;
}

/* --- the topic --- */

static struct seep_error *show(const char *case_path, struct arguments *arguments)
{
    _cleanup_(show_memory_close) struct show_memory memory = {0};
    _cleanup_(ledger_destroyp) struct ledger *ledger = NULL;
    _cleanup_(areas_deinit) struct areas areas = {0};
    struct contents_options options;
    struct saved_memory_result result = {0};
    struct seep_error *err = show_memory_open(case_path, &arguments->memory, &memory);

    if (err)
        return err;
    contents_window(&memory.info, &memory.dumps, &options);
    options.encodings = 0;
    if (arguments->forms)
        options.forms = arguments->forms;
    err = outstanding_read(memory.c->fd, &memory.info, &ledger, &areas.mapped);
    if (!err)
        err = scan(&memory, &options, &areas, &result);
    if (!err && memory.info.basis == MOMENT_ABSOLUTE)
        err = read_mappings(&memory, &areas);
    for (size_t i = 0; i < areas.count && !err; i++) {
        err = arguments->json ? write_area(&areas, &areas.items[i], arguments->mappings)
                              : print_area(&areas, &areas.items[i], arguments->mappings);
    }
    if (!err && !arguments->json)
        print_others(&areas);
    err = show_end(err);
    if (!err)
        show_memory_warn(&result);
    return err;
}

static uint32_t parse_forms(char *list, struct argp_state *state)
{
    uint32_t forms = 0;

    for (char *name; (name = strsep(&list, ","));) {
        int form = 0;

        while (form < TIMESTAMPS_FORM_COUNT &&
               strcmp(timestamps_form_name((enum timestamps_form)form), name) != 0)
            form++;
        if (form == TIMESTAMPS_FORM_COUNT)
            argp_error(state, "'%s' is no form of time: try epoch-ms, iso8601 ... (see --help)",
                       name);
        forms |= 1U << form;
    }
    return forms;
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct arguments *arguments = state->input;

    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &arguments->memory;
        return 0;
    case KEY_FORM:
        arguments->forms |= parse_forms(argument, state);
        return 0;
    case KEY_JSON:
        arguments->json = true;
        return 0;
    case KEY_MAPPINGS:
        arguments->mappings = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option options_table[] = {
    {"form", KEY_FORM, "FORM[,FORM]", 0,
     "Only these: epoch-s, epoch-ms, epoch-us, epoch-ns, iso8601, rfc2822 (and HTTP), syslog, "
     "common-log, words, python, uuid, snowflake, binary-ms, binary-ns, binary-be-ms, "
     "binary-be-ns, binary-s-ns, binary-filetime, binary-uuid, binary-snowflake",
     0},
    {"mappings", KEY_MAPPINGS, NULL, 0,
     "Each outstanding mapping with times in it, and when it was written", 0},
    {"json", KEY_JSON, NULL, 0, "One JSON object a line and region", 0},
    {0},
};

static const struct argp_child children[] = {{&show_memory_argp, 0, NULL, 0}, {0}};

static const struct argp argp = {
    .options = options_table,
    .parser = parse,
    .children = children,
    .doc = "Says when what is in saved memory was written.",
};

static int run(const struct show_topic *topic, const char *case_path, int argc, char **argv)
{
    struct arguments arguments = {0};

    show_parse(topic, argc, argv, &arguments);
    return command_report(show(case_path, &arguments), "showing the times in %s", case_path);
}

const struct show_topic show_times = {
    .name = "times",
    .summary = "the points in time written in saved memory",
    .description =
        "Looks for points in time in the memory that `seep dump` saved: in text as seconds, "
        "milli-, "
        "micro- or nanoseconds since 1970, as ISO 8601, RFC 2822, HTTP, syslog and web server "
        "dates, "
        "with the month's name in two dozen languages, as Python's datetime, and in UUIDs and "
        "snowflake ids; in binary as 64-bit milliseconds and nanoseconds of either byte order, "
        "seconds with a fraction, FILETIME, UUIDs and snowflakes. A number is taken for a time "
        "when "
        "it lies between 30 days before the recording (or the first dump) and a day after its end; "
        "a binary one, or an id, only when others like it are near.\n"
        "Of each region: when its content was written, which recorded call mapped it nearest to "
        "that, how many times there are in which form, and how they spread. A few times far from "
        "all others are counted but not drawn. Of the mappings in it that were never given back: "
        "how many were written within 30 s of being mapped and never since, how many later too.",
    .argp = &argp,
    .run = run,
};
