/* seep show CASE stacks: the call paths that were recorded, with their frames. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/finding_paths.h"
#include "analyzer/recording.h"
#include "base/units.h"
#include "cmd/naming.h"
#include "cmd/show.h"
#include "report/json_parts.h"
#include "report/path_text.h"
#include "report/report.h"

extern const struct show_topic show_stacks;

enum { KEY_JSON = 0x2000, KEY_TOP };

struct arguments {
    struct naming_options naming;
    bool json;
    uint64_t top; /* 0: all */
};

/* What came by one path. */
struct total {
    uint32_t stack_id;
    uint64_t live_bytes, live_count, calls;
};

struct listing {
    const struct arguments *arguments;
    struct recording recording;
    struct total *totals; /* by number less one, then sorted */
    uint32_t count;
};

static void listing_deinit(struct listing *listing)
{
    free(listing->totals);
    recording_deinit(&listing->recording);
}

static bool take_group(const struct ledger_group *group, void *context)
{
    struct listing *listing = context;
    struct total *total;

    if (group->stack_id == 0 || group->stack_id > listing->count)
        return true;
    total = &listing->totals[group->stack_id - 1];
    total->live_bytes += group->live_bytes;
    total->live_count += group->live_count;
    total->calls += group->calls;
    return true;
}

static int compare_totals(const void *a, const void *b)
{
    const struct total *x = a, *y = b;

    if (x->live_bytes != y->live_bytes)
        return x->live_bytes < y->live_bytes ? 1 : -1;
    if (x->calls != y->calls)
        return x->calls < y->calls ? 1 : -1;
    return (x->stack_id > y->stack_id) - (x->stack_id < y->stack_id);
}

static struct seep_error *sum_up(struct listing *listing)
{
    listing->count = stack_table_count(listing->recording.stacks);
    listing->totals = calloc((size_t)listing->count + 1, sizeof(*listing->totals));
    if (!listing->totals)
        return error_no_memory();
    for (uint32_t i = 0; i < listing->count; i++)
        listing->totals[i].stack_id = i + 1;
    ledger_each_group(listing->recording.ledger, take_group, listing);
    qsort(listing->totals, listing->count, sizeof(*listing->totals), compare_totals);
    return NULL;
}

static struct seep_error *print_text(const struct total *total, const struct analysis_stack *stack)
{
    _cleanup_buffer_ struct buffer text = {0};
    struct units_text live, count, calls;

    buffer_printf(&text, "stack %u  %s held in %s of %s calls\n", total->stack_id,
                  units_format_size(&live, total->live_bytes),
                  units_format_count(&count, total->live_count),
                  units_format_count(&calls, total->calls));
    path_text_frames(&text, stack, "");
    if (text.failed)
        return error_no_memory();
    fwrite(text.bytes, 1, text.len, stdout);
    return NULL;
}

static struct seep_error *print_json(const struct total *total, const struct analysis_stack *stack)
{
    json_t *json = report_json_stack(stack);
    struct seep_error *err;

    if (json && (json_object_set_new(json, "stack", json_integer(total->stack_id)) < 0 ||
                 json_object_set_new(json, "calls", json_parts_number(total->calls)) < 0)) {
        json_decref(json);
        json = NULL;
    }
    err = json_parts_write(json, JSON_COMPACT, stdout);
    putchar('\n');
    return err;
}

static struct seep_error *print_all(struct listing *listing)
{
    uint64_t top = listing->arguments->top ? listing->arguments->top : UINT64_MAX;
    struct seep_error *err = NULL;

    for (uint32_t i = 0; i < listing->count && i < top && !err && !ferror(stdout); i++) {
        const struct total *total = &listing->totals[i];
        struct analysis_stack stack;

        err = finding_paths_make(listing->recording.paths, total->stack_id, total->live_count,
                                 total->live_bytes, &stack);
        if (err)
            break;
        err = listing->arguments->json ? print_json(total, &stack) : print_text(total, &stack);
        analysis_stack_deinit(&stack);
    }
    return err;
}

static struct seep_error *list(const char *case_path, const struct arguments *arguments)
{
    _cleanup_(case_destroyp) struct case_dir *c = NULL;
    _cleanup_(listing_deinit) struct listing listing = {.arguments = arguments};
    struct case_info info;
    struct seep_error *err = command_open_case(case_path, &c);

    if (err)
        return err;
    case_info(c, &info);
    err = recording_read(c, &info, &listing.recording);
    if (!err)
        err = recording_name_paths(
            &listing.recording, c->fd,
            &(struct recording_naming){.debug_dirs = naming_dirs(&arguments->naming),
                                       .progress = naming_progress(false)});
    naming_progress_clear();
    if (!err)
        err = sum_up(&listing);
    if (!err && listing.count == 0)
        fprintf(stderr, "seep: the case holds no call paths\n");
    if (!err)
        err = print_all(&listing);
    return show_end(err);
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct arguments *arguments = state->input;

    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &arguments->naming;
        return 0;
    case KEY_JSON:
        arguments->json = true;
        return 0;
    case KEY_TOP:
        arguments->top = show_parse_top(argument, UINT32_MAX, state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option options[] = {
    {"top", KEY_TOP, "N", 0, "Only the N that hold most", 0},
    {"json", KEY_JSON, NULL, 0, "One JSON object a line", 0},
    {0},
};

static const struct argp_child children[] = {{&naming_argp, 0, NULL, 0}, {0}};

static const struct argp argp = {
    .children = children,
    .options = options,
    .parser = parse,
    .doc = "Lists the call paths that were recorded, those that hold most first.",
};

static int run(const struct show_topic *topic, const char *case_path, int argc, char **argv)
{
    struct arguments arguments = {0};

    show_parse(topic, argc, argv, &arguments);
    return command_report(list(case_path, &arguments), "showing the call paths of %s", case_path);
}

const struct show_topic show_stacks = {
    .name = "stacks",
    .summary = "the call paths of growth, with what came by each and is still held",
    .description =
        "Lists every call path that was recorded, the ones that hold most at the end first: its "
        "number, by which `events --json` and `ledger --json` name it, what is still held of what "
        "came by it, how many calls there were, and its frames, innermost first.",
    .argp = &argp,
    .run = run,
};
