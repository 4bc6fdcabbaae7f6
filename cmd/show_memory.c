#include "cmd/show_memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "analyzer/analysis.h"
#include "base/units.h"
#include "base/zone.h"
#include "cmd/command.h"

enum { KEY_REGION = 0x3000, KEY_AROUND, KEY_FINDING, KEY_PID, KEY_DUMP };

enum { PROGRESS_NS = 100 * 1000 * 1000 };

static const struct argp_option options[] = {
    {"region", KEY_REGION, "START-END", 0,
     "Only these addresses, in hexadecimal; may be given more than once", 1},
    {"around", KEY_AROUND, "ADDR", 0, "Only what lies within 64 KiB of this address", 1},
    {"finding", KEY_FINDING, "N", 0, "Only the regions of the report's Nth finding", 1},
    {"pid", KEY_PID, "PID", 0, "Only this process's memory", 1},
    {"dump", KEY_DUMP, "N", 0, "Only dump number N, not of each address the newest", 1},
    {0},
};

static uint64_t parse_number(const char *text, const char *option, struct argp_state *state)
{
    uint64_t number = 0;

    if (!units_parse_number(text, INT32_MAX, &number) || number == 0)
        argp_error(state, "%s wants a number, not '%s'", option, text);
    return number;
}

static void add_range(struct show_memory_options *memory, struct saved_range range,
                      struct argp_state *state)
{
    struct seep_error *err = vector_push(&memory->ranges, range);

    if (err)
        argp_failure(state, COMMAND_FAILED, 0, "%s", err->message);
}

static struct saved_range around(const char *text, struct argp_state *state)
{
    uint64_t address = 0;

    if (!units_parse_address(text, &address))
        argp_error(state, "--around wants an address, such as 7f4674483000, not '%s'", text);
    return (struct saved_range){
        address < SHOW_MEMORY_AROUND_BYTES ? 0 : address - SHOW_MEMORY_AROUND_BYTES,
        address > UINT64_MAX - SHOW_MEMORY_AROUND_BYTES ? UINT64_MAX
                                                        : address + SHOW_MEMORY_AROUND_BYTES,
    };
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct show_memory_options *memory = state->input;
    struct saved_range range = {0};

    switch (key) {
    case KEY_REGION:
        if (!units_parse_range(argument, &range.start, &range.end))
            argp_error(state,
                       "--region wants START-END, such as 7f4674483000-7f46d46e3000, not '%s'",
                       argument);
        add_range(memory, range, state);
        return 0;
    case KEY_AROUND:
        add_range(memory, around(argument, state), state);
        return 0;
    case KEY_FINDING:
        memory->finding = parse_number(argument, "--finding", state);
        return 0;
    case KEY_PID:
        memory->pid = parse_number(argument, "--pid", state);
        return 0;
    case KEY_DUMP:
        memory->number = parse_number(argument, "--dump", state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp show_memory_argp = {.options = options, .parser = parse};

static struct seep_error *nothing_saved(const struct dumps *dumps)
{
    if (dumps->dumps.count == 0)
        return error_remedy(error_create(ERROR_NOT_FOUND, "no memory was saved in this case"),
                            "`seep dump -p PID -o CASE` adds some");
    return error_remedy(error_create(ERROR_NOT_FOUND, "nothing of that was saved"),
                        "the files in the case's mem/NUMBER-PID/ are named by their addresses");
}

/* The findings' ranks are those of an analysis, which needs neither names nor contents for them. */
struct seep_error *show_memory_find(struct case_dir *c, struct show_memory_options *chosen)
{
    _cleanup_(analysis_destroyp) struct analysis *analysis = NULL;
    struct analysis_options quick = {.skip_content = true, .skip_symbols = true};
    const struct finding *f;
    struct seep_error *err;

    if (!chosen->finding)
        return NULL;
    err = analysis_run(c, &quick, &analysis);
    if (err)
        return err;
    if (chosen->finding > analysis->findings.count)
        return error_remedy(
            error_create(ERROR_NOT_FOUND, "the report has no finding %" PRIu64, chosen->finding),
            "`seep analyze CASE` lists them");
    f = &analysis->findings.items[chosen->finding - 1];
    if (f->vmas.count && !chosen->pid)
        chosen->pid = (uint64_t)(f->culprit.pid ? f->culprit.pid : f->vmas.items[0].pid);
    for (size_t i = 0; i < f->vmas.count && !err; i++)
        if ((uint64_t)f->vmas.items[i].pid == chosen->pid)
            err = vector_push(&chosen->ranges,
                              (struct saved_range){f->vmas.items[i].start, f->vmas.items[i].end});
    if (!err && chosen->ranges.count == 0)
        err = error_create(ERROR_NOT_FOUND, "finding %" PRIu64 " is of no region", chosen->finding);
    return err;
}

struct seep_error *show_memory_open(const char *case_path, struct show_memory_options *chosen,
                                    struct show_memory *ret_memory)
{
    _cleanup_(show_memory_close) struct show_memory memory = {0};
    struct saved_memory_selection selection;
    struct seep_error *err = command_open_case(case_path, &memory.c);

    if (!err)
        err = show_memory_find(memory.c, chosen);
    selection = (struct saved_memory_selection){
        .pid = (pid_t)chosen->pid,
        .number = (uint32_t)chosen->number,
        .ranges = chosen->ranges.items,
        .range_count = chosen->ranges.count,
    };
    if (!err)
        err = dumps_open(memory.c->fd, &memory.dumps);
    if (!err)
        err = saved_memory_pieces(&memory.dumps, &selection, &memory.pieces);
    vector_deinit(&chosen->ranges);
    if (!err && memory.pieces.count == 0)
        err = nothing_saved(&memory.dumps);
    if (err)
        return err;
    if (memory.dumps.damaged)
        fprintf(stderr, "seep: %zu damaged files of saved memory are left out\n",
                memory.dumps.damaged);
    case_info(memory.c, &memory.info);
    zone_use(memory.info.time_zone);
    *ret_memory = memory;
    memory = (struct show_memory){0};
    return NULL;
}

void show_memory_close(struct show_memory *memory)
{
    vector_deinit(&memory->pieces);
    dumps_deinit(&memory->dumps);
    case_destroy(memory->c);
}

void show_memory_warn(const struct saved_memory_result *result)
{
    struct units_text size;

    if (result->unsaved_bytes)
        fprintf(stderr, "seep: %s were in swap or not readable when the memory was saved\n",
                units_format_size(&size, result->unsaved_bytes));
    if (result->damaged_bytes)
        fprintf(stderr, "seep: %s are left out: their file is damaged\n",
                units_format_size(&size, result->damaged_bytes));
}

struct seep_error *show_memory_progress(uint64_t done_bytes, void *context)
{
    struct show_memory_progress *progress = context;
    uint64_t now = units_monotonic_ns();

    if (progress->next_ns == 0)
        progress->next_ns = isatty(STDERR_FILENO) ? now + 5 * PROGRESS_NS : UINT64_MAX;
    if (now < progress->next_ns || progress->total_bytes == 0)
        return NULL;
    progress->next_ns = now + PROGRESS_NS;
    progress->shown = true;
    fprintf(stderr, "\rreading memory: %3.0f%%",
            100.0 * (double)done_bytes / (double)progress->total_bytes);
    return NULL;
}

void show_memory_progress_end(struct show_memory_progress *progress)
{
    if (progress->shown)
        fprintf(stderr, "\r                      \r");
    progress->shown = false;
}

struct seep_error *show_memory_scan(const struct show_memory *memory,
                                    struct scan_consumer *const *consumers, size_t count)
{
    struct show_memory_progress progress = {.total_bytes = saved_memory_bytes(&memory->pieces)};
    struct scan_options scan = {.progress = show_memory_progress, .context = &progress};
    struct saved_memory source;
    struct seep_error *err;

    saved_memory_init(&source, &memory->pieces);
    err = scan_run(&source.source, consumers, count, &scan);
    show_memory_progress_end(&progress);
    if (!err)
        show_memory_warn(&source.result);
    return err;
}
