/* seep show CASE vmas: the regions at the last look, how they grew, and who mapped them. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/analysis.h"
#include "base/escape.h"
#include "base/units.h"
#include "cmd/show.h"
#include "evidence/case.h"
#include "report/json_parts.h"
#include "report/report.h"

extern const struct show_topic show_vmas;

enum { KEY_JSON = 0x2000, KEY_SORT, KEY_GROWING, KEY_PID };

enum sort { BY_ADDRESS, BY_SIZE, BY_RSS, BY_GROWTH };

struct arguments {
    enum sort sort;
    bool json, growing;
    pid_t pid; /* 0: all */
};

VECTOR_TYPE(regions, const struct analysis_vma *);

static int compare_numbers(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static uint64_t known(uint64_t bytes)
{
    return bytes == ANALYSIS_UNKNOWN ? 0 : bytes;
}

static int compare_regions(const void *a, const void *b, void *context)
{
    const struct analysis_vma *left = *(const struct analysis_vma *const *)a;
    const struct analysis_vma *right = *(const struct analysis_vma *const *)b;
    const struct arguments *arguments = context;
    int order = 0;

    if (arguments->sort == BY_SIZE)
        order = compare_numbers(right->size_bytes, left->size_bytes);
    else if (arguments->sort == BY_RSS)
        order = compare_numbers(known(right->rss_bytes), known(left->rss_bytes));
    else if (arguments->sort == BY_GROWTH)
        order =
            (right->growth_bytes > left->growth_bytes) - (right->growth_bytes < left->growth_bytes);
    if (!order)
        order = (left->pid > right->pid) - (left->pid < right->pid);
    return order ? order : compare_numbers(left->start, right->start);
}

static struct seep_error *choose(const struct analysis *analysis, struct arguments *arguments,
                                 struct regions *ret_regions)
{
    for (size_t i = 0; i < analysis->vmas.count; i++) {
        const struct analysis_vma *vma = &analysis->vmas.items[i];
        struct seep_error *err;

        if ((arguments->pid && vma->pid != arguments->pid) ||
            (arguments->growing && vma->growth_bytes <= 0))
            continue;
        err = vector_push(ret_regions, vma);
        if (err)
            return err;
    }
    if (ret_regions->count)
        qsort_r(ret_regions->items, ret_regions->count, sizeof(*ret_regions->items),
                compare_regions, arguments);
    return NULL;
}

/* In KiB, "-" where it is not known. */
static const char *kib(struct units_text *buf, uint64_t bytes)
{
    if (bytes == ANALYSIS_UNKNOWN)
        return "-";
    return units_format_count(buf, bytes / 1024);
}

static const char *signed_kib(struct units_text *buf, int64_t bytes)
{
    struct units_text number;
    uint64_t size = bytes < 0 ? -(uint64_t)bytes : (uint64_t)bytes;

    snprintf(buf->text, sizeof(buf->text), "%s%.48s",
             bytes < 0   ? "-"
             : bytes > 0 ? "+"
                         : "",
             kib(&number, size));
    return buf->text;
}

static struct seep_error *print_region(const struct analysis_vma *vma, bool several,
                                       struct buffer *line)
{
    struct units_text size, rss, growth, explained, unknown;

    buffer_clear(line);
    if (several)
        buffer_printf(line, "%7d  ", (int)vma->pid);
    buffer_printf(line, "%012" PRIx64 "-%012" PRIx64 " %s %13s %12s %12s %12s %12s  %-13s  ",
                  vma->start, vma->end, vma->perms, kib(&size, vma->size_bytes),
                  kib(&rss, vma->rss_bytes), signed_kib(&growth, vma->growth_bytes),
                  kib(&explained, vma->explained_bytes), kib(&unknown, vma->preexisting_bytes),
                  region_name(vma->region));
    escape_append(line, vma->name, strlen(vma->name));
    buffer_printf(line, "\n");
    if (line->failed)
        return error_no_memory();
    fwrite(line->bytes, 1, line->len, stdout);
    return NULL;
}

static struct seep_error *print_table(const struct regions *regions)
{
    _cleanup_buffer_ struct buffer line = {0};
    struct analysis_vma sum = {.name = (char *)"", .perms = "    "};
    struct units_text size, rss, growth, explained, unknown;
    struct seep_error *err = NULL;
    bool several = false;
    int indent;

    for (size_t i = 1; i < regions->count; i++)
        several |= regions->items[i]->pid != regions->items[0]->pid;
    indent = several ? 9 : 0;
    printf("%*s%-25s %s %13s %12s %12s %12s %12s  %-13s  %s\n", indent, several ? "PID  " : "",
           "START-END", "PERM", "SIZE KiB", "RSS", "GROWTH", "EXPLAINED", "UNKNOWN", "REGION",
           "NAME");
    for (size_t i = 0; i < regions->count && !err; i++) {
        const struct analysis_vma *vma = regions->items[i];

        err = print_region(vma, several, &line);
        sum.size_bytes += vma->size_bytes;
        sum.rss_bytes += known(vma->rss_bytes);
        sum.growth_bytes += vma->growth_bytes;
        sum.explained_bytes += vma->explained_bytes;
        sum.preexisting_bytes += vma->preexisting_bytes;
    }
    if (err)
        return err;
    printf("%*s%-25s %s %13s %12s %12s %12s %12s\n", indent, "", "total", sum.perms,
           kib(&size, sum.size_bytes), kib(&rss, sum.rss_bytes),
           signed_kib(&growth, sum.growth_bytes), kib(&explained, sum.explained_bytes),
           kib(&unknown, sum.preexisting_bytes));
    return NULL;
}

static struct seep_error *print_json(const struct regions *regions)
{
    struct seep_error *err = NULL;

    for (size_t i = 0; i < regions->count && !err; i++) {
        err = json_parts_write(report_json_vma(regions->items[i]), JSON_COMPACT, stdout);
        putchar('\n');
    }
    return err;
}

static struct seep_error *list(const char *case_path, struct arguments *arguments)
{
    _cleanup_(case_destroyp) struct case_dir *c = NULL;
    _cleanup_(analysis_destroyp) struct analysis *analysis = NULL;
    struct regions regions = {0};
    struct seep_error *err = command_open_case(case_path, &c);

    if (!err)
        err = analysis_run(
            c, &(struct analysis_options){.skip_content = true, .skip_symbols = true}, &analysis);
    if (!err)
        err = choose(analysis, arguments, &regions);
    if (!err)
        err = arguments->json ? print_json(&regions) : print_table(&regions);
    vector_deinit(&regions);
    return show_end(err);
}

static enum sort parse_sort(const char *text, const struct argp_state *state)
{
    static const char *const names[] = {"address", "size", "rss", "growth"};

    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (strcmp(text, names[i]) == 0)
            return (enum sort)i;
    argp_error(state, "--sort wants address, size, rss or growth, not '%s'", text);
    return BY_ADDRESS;
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct arguments *arguments = state->input;

    switch (key) {
    case KEY_JSON:
        arguments->json = true;
        return 0;
    case KEY_SORT:
        arguments->sort = parse_sort(argument, state);
        return 0;
    case KEY_GROWING:
        arguments->growing = true;
        return 0;
    case KEY_PID:
        arguments->pid = show_parse_id(argument, "--pid", state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option options[] = {
    {"sort", KEY_SORT, "address|size|rss|growth", 0, "The order of the regions (address)", 0},
    {"growing", KEY_GROWING, NULL, 0, "Only regions that grew", 0},
    {"pid", KEY_PID, "PID", 0, "Only this process's regions", 0},
    {"json", KEY_JSON, NULL, 0, "One JSON object a line, with the fields of the report's vmas", 0},
    {0},
};

static const struct argp argp = {
    .options = options,
    .parser = parse,
    .doc = "Lists the regions at the last look at the process.",
};

static int run(const struct show_topic *topic, const char *case_path, int argc, char **argv)
{
    struct arguments arguments = {0};

    show_parse(topic, argc, argv, &arguments);
    return command_report(list(case_path, &arguments), "showing the regions of %s", case_path);
}

const struct show_topic show_vmas = {
    .name = "vmas",
    .summary = "the regions, how they grew, and how much of them is explained",
    .description =
        "Lists the regions at the last look: size and resident size, what they grew by while they "
        "were watched, how much of them recorded calls explain (EXPLAINED), and how much is of "
        "unknown origin (UNKNOWN), because it was mapped before the recording began. A region is "
        "followed over time by overlap, so that it may have moved its ends meanwhile.",
    .argp = &argp,
    .run = run,
};
