#include "analyzer/contents.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/units.h"
#include "content/top_strings.h"

#define DAY_NS (UINT64_C(86400) * NS_PER_S)

enum { DAYS_BEFORE = 30, DAYS_AFTER = 1, YEAR_2000_S = 946684800 };

struct scan {
    const struct contents_options *options;
    struct strings_scan strings;
    struct timestamps_scan timestamps;
    struct top_strings *top;
    struct contents contents;
};

void contents_deinit(struct contents *contents)
{
    for (size_t i = 0; i < contents->strings.count; i++)
        free(contents->strings.items[i].text);
    vector_deinit(&contents->strings);
    time_histogram_deinit(&contents->times);
}

void contents_window(const struct case_info *info, const struct dumps *dumps,
                     struct contents_options *ret_options)
{
    bool is_wall_clock = info->wall_offset_ns || info->has_dated_calls;
    uint64_t first = UINT64_MAX, last = 0;
    struct contents_options options = {
        .encodings = STRINGS_ASCII | STRINGS_UTF8 | STRINGS_UTF16LE,
        .min_chars = STRINGS_DEFAULT_MIN,
        .string_count = CONTENTS_STRINGS,
        .forms = TIMESTAMPS_ALL_FORMS,
    };

    if (info->started_ns && is_wall_clock)
        first = last = info->started_ns + info->wall_offset_ns;
    if (info->ended_ns && is_wall_clock)
        last = info->ended_ns + info->wall_offset_ns;
    for (size_t i = 0; i < dumps->dumps.count; i++) {
        const struct dump *dump = dumps->dumps.items[i];
        uint64_t took = dump->end_ns > dump->begin_ns ? dump->end_ns - dump->begin_ns : 0;

        if (!dump->wall_begin_ns || info->basis != MOMENT_ABSOLUTE)
            continue;
        if (dump->wall_begin_ns < first)
            first = dump->wall_begin_ns;
        if (dump->wall_begin_ns + took > last)
            last = dump->wall_begin_ns + took;
    }
    if (info->imported && !info->has_dated_calls) {
        first = YEAR_2000_S * (uint64_t)NS_PER_S + DAYS_BEFORE * DAY_NS;
        last = units_wall_ns();
    }
    options.first_ns =
        first > last || first < DAYS_BEFORE * DAY_NS ? 0 : first - DAYS_BEFORE * DAY_NS;
    options.last_ns = first > last || last > UINT64_MAX - DAYS_AFTER * DAY_NS
                          ? UINT64_MAX
                          : last + DAYS_AFTER * DAY_NS;

    time_t seconds = (time_t)(last / NS_PER_S);
    struct tm tm;

    if (localtime_r(&seconds, &tm))
        options.utc_offset_s = (int32_t)tm.tm_gmtoff;
    *ret_options = options;
}

/* --- the scan --- */

static struct seep_error *on_string(const struct strings_found *found, void *context)
{
    struct scan *scan = context;

    return top_strings_add(scan->top, found);
}

static struct seep_error *on_time(const struct timestamps_found *found, void *context)
{
    struct scan *scan = context;
    struct contents_form *form = &scan->contents.forms[found->form];

    if (!form->count || found->epoch_ns < form->first_ns)
        form->first_ns = found->epoch_ns;
    if (!form->count || found->epoch_ns > form->last_ns)
        form->last_ns = found->epoch_ns;
    form->count++;
    return time_histogram_add(&scan->contents.times, found->epoch_ns);
}

static struct seep_error *end_piece(struct scan *scan)
{
    struct seep_error *err = NULL;

    if (scan->options->encodings)
        err = strings_scan_finish(&scan->strings);
    return err || !scan->options->forms ? err : timestamps_scan_finish(&scan->timestamps);
}

static struct seep_error *on_piece(const struct saved_piece *piece, void *context)
{
    (void)piece;
    return end_piece(context);
}

static struct seep_error *on_bytes(uint64_t address, const void *bytes, size_t len, void *context)
{
    struct scan *scan = context;
    struct seep_error *err = NULL;

    if (scan->options->encodings)
        err = strings_scan_push(&scan->strings, address, bytes, len);
    if (!err && scan->options->forms)
        err = timestamps_scan_push(&scan->timestamps, address, bytes, len);
    return err;
}

static struct seep_error *list_strings(struct scan *scan)
{
    struct top_strings_items items = {0};
    struct seep_error *err = top_strings_list(scan->top, scan->options->string_count, &items);

    for (size_t i = 0; i < items.count && !err; i++) {
        struct analysis_string string = {
            .text = strndup(items.items[i].text, items.items[i].len),
            .count = items.items[i].count,
            .bytes = items.items[i].bytes,
        };

        err = string.text ? vector_push(&scan->contents.strings, string) : error_no_memory();
        if (err)
            free(string.text);
    }
    vector_deinit(&items);
    return err;
}

struct seep_error *contents_scan_pieces(const struct saved_pieces *pieces,
                                        const struct contents_options *options,
                                        struct contents *ret_contents)
{
    struct scan scan = {.options = options};
    struct saved_memory_visitor visitor = {on_piece, on_bytes, &scan};
    struct strings_options strings = {options->encodings, options->min_chars};
    struct timestamps_options times = {options->first_ns, options->last_ns, options->utc_offset_s,
                                       options->forms};
    struct seep_error *err = NULL;

    timestamps_scan_init(&scan.timestamps, &times, on_time, &scan);
    if (options->encodings)
        err = strings_scan_init(&scan.strings, &strings, on_string, &scan);
    if (!err && options->encodings)
        err = top_strings_create(&scan.top);
    if (!err)
        err = saved_memory_visit(pieces, &visitor, &scan.contents.read);
    if (!err)
        err = end_piece(&scan);
    if (!err && options->encodings)
        err = list_strings(&scan);
    if (!err)
        err = time_histogram_span(&scan.contents.times, &scan.contents.bulk);
    if (err)
        contents_deinit(&scan.contents);
    else
        *ret_contents = scan.contents;
    top_strings_destroy(scan.top);
    strings_scan_deinit(&scan.strings);
    return err;
}

struct seep_error *contents_scan(const struct dumps *dumps,
                                 const struct saved_memory_selection *selection,
                                 const struct contents_options *options,
                                 struct contents *ret_contents)
{
    struct saved_pieces pieces = {0};
    struct seep_error *err = saved_memory_pieces(dumps, selection, &pieces);

    if (!err)
        err = contents_scan_pieces(&pieces, options, ret_contents);
    vector_deinit(&pieces);
    return err;
}

/* --- the sentence --- */

static uint64_t apart(uint64_t a, uint64_t b)
{
    return a > b ? a - b : b - a;
}

const struct contents_mapping *contents_nearest(const struct time_span *bulk,
                                                const struct contents_mapping *mappings,
                                                size_t count)
{
    const struct contents_mapping *nearest = NULL;

    for (size_t i = 0; i < count; i++)
        if (!nearest ||
            apart(mappings[i].time_ns, bulk->first_ns) < apart(nearest->time_ns, bulk->first_ns))
            nearest = &mappings[i];
    return nearest;
}

static void local_day(uint64_t epoch_ns, struct tm *ret_tm)
{
    time_t seconds = (time_t)(epoch_ns / NS_PER_S);

    memset(ret_tm, 0, sizeof(*ret_tm));
    localtime_r(&seconds, ret_tm);
}

static bool same_day(uint64_t a, uint64_t b)
{
    struct tm left, right;

    local_day(a, &left);
    local_day(b, &right);
    return left.tm_year == right.tm_year && left.tm_yday == right.tm_yday;
}

static const char *format(struct units_text *buf, uint64_t epoch_ns, bool with_date)
{
    struct tm tm;

    local_day(epoch_ns, &tm);
    strftime(buf->text, sizeof(buf->text), with_date ? "%Y-%m-%d %H:%M:%S" : "%H:%M:%S", &tm);
    return buf->text;
}

struct seep_error *contents_sentence(const struct time_span *bulk,
                                     const struct contents_mapping *mappings, size_t count,
                                     char **ret_text)
{
    const struct contents_mapping *nearest = contents_nearest(bulk, mappings, count);
    bool dated = !same_day(bulk->first_ns, bulk->last_ns) ||
                 (nearest && !same_day(bulk->first_ns, nearest->time_ns));
    _cleanup_buffer_ struct buffer text = {0};
    struct units_text from, to, at, number;

    if (bulk->count == 0) {
        *ret_text = NULL;
        return NULL;
    }
    buffer_printf(&text, "content written %s", format(&from, bulk->first_ns, dated));
    if (bulk->last_ns / NS_PER_S != bulk->first_ns / NS_PER_S)
        buffer_printf(&text, " to %s", format(&to, bulk->last_ns, dated));
    if (nearest)
        buffer_printf(&text, ", mapped at %s by thread %d", format(&at, nearest->time_ns, dated),
                      (int)nearest->tid);
    if (count > 1)
        buffer_printf(&text, " (the nearest of %s mappings)", units_format_count(&number, count));
    if (text.failed)
        return error_no_memory();
    *ret_text = take_ptr(text.bytes);
    return NULL;
}

struct seep_error *contents_sentence_alone(const struct time_span *bulk, char **ret_text)
{
    struct units_text first, last;
    char *text = NULL;

    if (bulk->count) {
        units_format_time(&first, bulk->first_ns, false);
        units_format_time(&last, bulk->last_ns, false);
        if (asprintf(&text,
                     "content written %.10s %.8s%s%.*s%s%.*s UTC, which the calls' times, "
                     "without date and zone, are not compared with",
                     first.text, first.text + 11, strncmp(first.text, last.text, 19) ? " to " : "",
                     strncmp(first.text, last.text, 10) ? 10 : 0, last.text,
                     strncmp(first.text, last.text, 10) ? " " : "",
                     strncmp(first.text, last.text, 19) ? 8 : 0, last.text + 11) < 0)
            return error_no_memory();
    }
    *ret_text = text;
    return NULL;
}
