#include "analyzer/contents.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/units.h"
#include "content/strings_pass.h"
#include "content/templates.h"
#include "content/timestamps_pass.h"
#include "content/top_strings.h"

#define DAY_NS (UINT64_C(86400) * NS_PER_S)

enum { DAYS_BEFORE = 30, DAYS_AFTER = 1, YEAR_2000_S = 946684800 };

struct scan {
    const struct contents_options *options;
    struct top_strings *top;
    struct timestamps_pass times;
    const struct contents_areas *areas;
};

void contents_deinit(struct contents *contents)
{
    for (size_t i = 0; i < contents->strings.count; i++)
        free(contents->strings.items[i].text);
    vector_deinit(&contents->strings);
    for (size_t i = 0; i < contents->templates.count; i++)
        analysis_template_deinit(&contents->templates.items[i]);
    vector_deinit(&contents->templates);
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
        .template_count = CONTENTS_TEMPLATES,
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
    return top_strings_add(context, found);
}

static struct seep_error *on_time(const struct timestamps_found *found, void *context)
{
    struct scan *scan = context;
    const struct contents_areas *areas = scan->areas;
    struct contents *contents = areas->area_of(scan->times.origin, areas->context);
    struct contents_form *form = &contents->forms[found->form];

    if (!form->count || found->epoch_ns < form->first_ns)
        form->first_ns = found->epoch_ns;
    if (!form->count || found->epoch_ns > form->last_ns)
        form->last_ns = found->epoch_ns;
    form->count++;
    if (areas->on_time)
        areas->on_time(found, scan->times.origin, areas->context);
    return time_histogram_add(&contents->times, found->epoch_ns);
}

static struct seep_error *list_strings(const struct top_strings *top, size_t count,
                                       struct contents *contents)
{
    struct top_strings_items items = {0};
    struct seep_error *err = top_strings_list(top, count, &items);

    for (size_t i = 0; i < items.count && !err; i++) {
        struct analysis_string string = {
            .text = strndup(items.items[i].text, items.items[i].len),
            .count = items.items[i].count,
            .bytes = items.items[i].bytes,
        };

        err = string.text ? vector_push(&contents->strings, string) : error_no_memory();
        if (err)
            free(string.text);
    }
    vector_deinit(&items);
    return err;
}

static struct seep_error *list_templates(const struct templates *templates, size_t count,
                                         struct contents *contents)
{
    struct templates_items items = {0};
    struct seep_error *err = templates_list(templates, count, &items);

    for (size_t i = 0; i < items.count && !err; i++) {
        struct templates_item *item = &items.items[i];
        struct analysis_template template = {
            .text = take_ptr(item->text),
            .count = item->count,
            .bytes = item->bytes,
            .block_bytes = item->block_bytes,
        };

        for (size_t e = 0; e < ANALYSIS_EXAMPLES && e < TEMPLATES_EXAMPLES; e++)
            template.examples[e] = take_ptr(item->examples[e]);
        err = vector_push(&contents->templates, template);
        if (err)
            analysis_template_deinit(&template);
    }
    templates_items_deinit(&items);
    return err;
}

/* One pass for strings (into TOP and TEMPLATES; TOP NULL: none) and times. */
static struct seep_error *run(struct scan *scan, const struct saved_pieces *pieces,
                              struct top_strings *top, struct templates *templates,
                              struct saved_memory_result *ret_read)
{
    const struct contents_options *options = scan->options;
    struct strings_options strings_options = {options->encodings, options->min_chars};
    struct timestamps_options times_options = {options->first_ns, options->last_ns,
                                               options->utc_offset_s, options->forms};
    struct scan_options scan_options = {options->threads, options->progress, options->context};
    struct strings_in_order in_order;
    struct strings_sink *sinks[] = {&in_order.sink, templates ? &templates->sink : NULL};
    struct strings_pass strings = {0};
    struct scan_consumer *consumers[2];
    struct saved_memory memory;
    size_t count = 0;
    struct seep_error *err = NULL;

    saved_memory_init(&memory, pieces);
    if (top) {
        strings_in_order_init(&in_order, on_string, top);
        err = strings_pass_init(&strings, &strings_options, sinks, templates ? 2 : 1);
        if (err)
            return err;
        consumers[count++] = &strings.consumer;
    }
    if (options->forms) {
        timestamps_pass_init(&scan->times, &times_options, on_time, scan);
        consumers[count++] = &scan->times.consumer;
    }
    err = scan_run(&memory.source, consumers, count, &scan_options);
    if (top)
        strings_pass_deinit(&strings);
    if (!err)
        *ret_read = memory.result;
    return err;
}

static struct contents *the_only(const struct saved_piece *piece, void *context)
{
    (void)piece;
    return context;
}

struct seep_error *contents_scan_pieces(const struct saved_pieces *pieces,
                                        const struct contents_options *options,
                                        struct contents *ret_contents)
{
    _cleanup_(top_strings_destroyp) struct top_strings *top = NULL;
    _cleanup_(templates_destroyp) struct templates *templates = NULL;
    struct contents contents = {0};
    struct contents_areas areas = {.area_of = the_only, .context = &contents};
    struct scan scan = {.options = options, .areas = &areas};
    struct seep_error *err = options->encodings ? top_strings_create(&top) : NULL;

    if (!err && top && options->template_count)
        err = templates_create(&templates);
    if (!err)
        err = run(&scan, pieces, top, templates, &contents.read);
    if (!err && top)
        err = list_strings(top, options->string_count, &contents);
    if (!err && templates)
        err = list_templates(templates, options->template_count, &contents);
    if (!err)
        err = time_histogram_span(&contents.times, &contents.bulk);
    if (err)
        contents_deinit(&contents);
    else
        *ret_contents = contents;
    return err;
}

struct seep_error *contents_scan_times(const struct saved_pieces *pieces,
                                       const struct contents_options *options,
                                       const struct contents_areas *areas,
                                       struct saved_memory_result *ret_read)
{
    struct scan scan = {.options = options, .areas = areas};
    struct seep_error *err = run(&scan, pieces, NULL, NULL, ret_read);

    for (size_t i = 0; i < pieces->count && !err; i++) {
        struct contents *contents = areas->area_of(&pieces->items[i], areas->context);

        if (contents->bulk.count == 0)
            err = time_histogram_span(&contents->times, &contents->bulk);
    }
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
        buffer_printf(&text, ", mapped at %s", format(&at, nearest->time_ns, dated));
    if (nearest && nearest->tid > 0)
        buffer_printf(&text, " by thread %d", (int)nearest->tid);
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
