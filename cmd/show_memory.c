#include "cmd/show_memory.h"

#include <stdio.h>

#include "base/units.h"
#include "base/zone.h"

enum { KEY_REGION = 0x3000, KEY_PID, KEY_DUMP };

static const struct argp_option options[] = {
    {"region", KEY_REGION, "START-END", 0,
     "Only these addresses, in hexadecimal; may be given more than once", 1},
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

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct show_memory_options *memory = state->input;
    struct saved_range range = {0};
    struct seep_error *err;

    switch (key) {
    case KEY_REGION:
        if (!units_parse_range(argument, &range.start, &range.end))
            argp_error(state,
                       "--region wants START-END, such as 7f4674483000-7f46d46e3000, not '%s'",
                       argument);
        err = vector_push(&memory->ranges, range);
        if (err)
            argp_failure(state, COMMAND_FAILED, 0, "%s", err->message);
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

struct seep_error *show_memory_open(const char *case_path, struct show_memory_options *chosen,
                                    struct show_memory *ret_memory)
{
    _cleanup_(show_memory_close) struct show_memory memory = {0};
    struct saved_memory_selection selection = {
        .pid = (pid_t)chosen->pid,
        .number = (uint32_t)chosen->number,
        .ranges = chosen->ranges.items,
        .range_count = chosen->ranges.count,
    };
    struct seep_error *err = case_open(case_path, &memory.c);

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
