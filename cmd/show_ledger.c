/* seep show CASE ledger: who mapped what, and has not given it back. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "analyzer/finding_paths.h"
#include "analyzer/recording.h"
#include "base/escape.h"
#include "base/units.h"
#include "base/zone.h"
#include "cmd/naming.h"
#include "cmd/show.h"
#include "evidence/case.h"
#include "evidence/syscalls.h"
#include "report/json_parts.h"
#include "report/path_text.h"

extern const struct show_topic show_ledger;

enum { PATH_COLUMNS = 140 };

enum { KEY_JSON = 0x2000, KEY_INTERVALS, KEY_ALL, KEY_PID, KEY_TID, KEY_TOP };

struct arguments {
    struct naming_options naming;
    bool json, intervals, all;
    pid_t pid, tid; /* 0: any */
    uint64_t top;   /* 0: all */
};

VECTOR_TYPE(groups, const struct ledger_group *);

struct listing {
    const struct arguments *arguments;
    struct case_info info;
    struct recording recording;
    struct groups groups;
    struct buffer line;
    pid_t pid; /* of the space whose intervals are listed */
    struct seep_error *err;
};

static void listing_deinit(struct listing *listing)
{
    vector_deinit(&listing->groups);
    buffer_deinit(&listing->line);
    recording_deinit(&listing->recording);
    error_destroy(listing->err);
}

static const char *call_name(uint8_t kind)
{
    const struct syscall_row *row = syscalls_of_event(kind, EVENT_ABI_X86_64);

    return row ? row->name : "?";
}

static const char *backing_name(uint8_t backing)
{
    static const char *const names[] = {
        [LEDGER_ANON] = "anon", [LEDGER_ANON_SHARED] = "shared", [LEDGER_FILE] = "file",
        [LEDGER_SYSV] = "sysv", [LEDGER_HEAP] = "heap",          [LEDGER_OTHER] = "other",
    };

    return names[backing];
}

static bool concerns(const struct arguments *arguments, pid_t pid, pid_t tid)
{
    return (!arguments->pid || arguments->pid == pid) && (!arguments->tid || arguments->tid == tid);
}

static struct seep_error *flush_line(struct listing *listing)
{
    if (listing->line.failed)
        return error_no_memory();
    fwrite(listing->line.bytes, 1, listing->line.len, stdout);
    buffer_clear(&listing->line);
    return NULL;
}

/* --- the groups --- */

static bool take_group(const struct ledger_group *group, void *context)
{
    struct listing *listing = context;

    if ((group->live_count > 0 || listing->arguments->all) &&
        concerns(listing->arguments, group->pid, group->tid))
        listing->err = vector_push(&listing->groups, group);
    return !listing->err;
}

static int compare_groups(const void *a, const void *b)
{
    const struct ledger_group *left = *(const struct ledger_group *const *)a;
    const struct ledger_group *right = *(const struct ledger_group *const *)b;

    if (left->live_bytes != right->live_bytes)
        return left->live_bytes < right->live_bytes ? 1 : -1;
    if (left->calls != right->calls)
        return left->calls < right->calls ? 1 : -1;
    return (left->first_ns > right->first_ns) - (left->first_ns < right->first_ns);
}

static void put_time(struct listing *listing, uint64_t ns)
{
    time_t seconds = (time_t)((ns + listing->info.wall_offset_ns) / NS_PER_S);
    struct tm tm = {0};
    char text[32];
    struct units_text moment;

    if (listing->info.basis >= MOMENT_TIME_OF_DAY) {
        const char *known = moment_json(&moment, listing->info.basis, ns);
        const char *day = known ? strrchr(known, '+') : NULL;

        /* "08:22:40+1d" */
        snprintf(text, sizeof(text), "%.8s%s", known ? known : "-", day && day > known ? day : "");
        buffer_printf(&listing->line, "  %-14s", text);
        return;
    }
    localtime_r(&seconds, &tm);
    strftime(text, sizeof(text), "%m-%d %H:%M:%S", &tm);
    buffer_printf(&listing->line, "  %s", text);
}

static const char *thread_name(const struct listing *listing, pid_t tid, uint64_t time_ns)
{
    return history_thread_name_at(listing->recording.history, tid, time_ns);
}

/* "16067/25900 nio-1" */
static void put_thread(struct listing *listing, pid_t pid, pid_t tid, uint64_t time_ns)
{
    const char *name = thread_name(listing, tid, time_ns);
    char id[32];

    snprintf(id, sizeof(id), "%d/%d", (int)pid, (int)tid);
    buffer_printf(&listing->line, "  %-15s  ", id);
    if (name)
        escape_append(&listing->line, name, strlen(name));
    buffer_printf(&listing->line, "\n");
}

/* The call path in a line of its own. */
static struct seep_error *put_path(struct listing *listing, uint32_t stack_id)
{
    struct analysis_stack stack;
    struct seep_error *err;

    if (!call_paths_get(listing->recording.paths, stack_id))
        return NULL;
    err = finding_paths_make(listing->recording.paths, stack_id, 0, 0, &stack);
    if (err)
        return err;
    buffer_printf(&listing->line, "%12s ", "by");
    path_text_line(&listing->line, &stack, PATH_COLUMNS);
    buffer_printf(&listing->line, "\n");
    analysis_stack_deinit(&stack);
    return NULL;
}

static struct seep_error *table_group(struct listing *listing, const struct ledger_group *group)
{
    struct units_text live, count, unit, calls, freed;

    buffer_printf(
        &listing->line, "%12s %8s %12s %10s %10s  %-16s %-6s",
        units_format_size(&live, group->live_bytes), units_format_count(&count, group->live_count),
        units_format_size(&unit, group->unit_bytes), units_format_count(&calls, group->calls),
        units_format_count(&freed, group->freed), call_name(group->kind),
        backing_name(group->backing));
    put_time(listing, group->first_ns);
    put_time(listing, group->last_ns);
    put_thread(listing, group->pid, group->tid, group->last_ns);

    struct seep_error *err = put_path(listing, group->stack_id);

    return err ? err : flush_line(listing);
}

static json_t *json_time(const struct listing *listing, uint64_t ns)
{
    struct units_text time;

    return json_parts_text(
        moment_json(&time, listing->info.basis, ns + listing->info.wall_offset_ns));
}

static struct seep_error *json_group(const struct listing *listing,
                                     const struct ledger_group *group)
{
    struct seep_error *err = json_parts_write(
        JSON_OBJECT({"pid", json_parts_id(group->pid)}, {"tid", json_parts_id(group->tid)},
                    {"thread", json_parts_text(thread_name(listing, group->tid, group->last_ns))},
                    {"call", json_string(call_name(group->kind))},
                    {"backing", json_string(backing_name(group->backing))},
                    {"stack", json_parts_id((pid_t)group->stack_id)},
                    {"unit_bytes", json_parts_number(group->unit_bytes)},
                    {"live_bytes", json_parts_number(group->live_bytes)},
                    {"live_count", json_parts_number(group->live_count)},
                    {"calls", json_parts_number(group->calls)},
                    {"freed", json_parts_number(group->freed)},
                    {"dropped", json_parts_number(group->dropped)},
                    {"extensions", json_parts_number(group->extensions)},
                    {"advised_bytes", json_parts_number(group->advised_bytes)},
                    {"first", json_time(listing, group->first_ns)},
                    {"last", json_time(listing, group->last_ns)}),
        JSON_COMPACT, stdout);

    putchar('\n');
    return err;
}

static struct seep_error *list_groups(struct listing *listing)
{
    struct groups *groups = &listing->groups;
    uint64_t top = listing->arguments->top ? listing->arguments->top : UINT64_MAX;
    struct seep_error *err = NULL;

    ledger_each_group(listing->recording.ledger, take_group, listing);
    if (listing->err)
        return take_ptr(listing->err);
    if (groups->count)
        qsort(groups->items, groups->count, sizeof(*groups->items), compare_groups);
    if (!listing->arguments->json)
        printf("%12s %8s %12s %10s %10s  %-16s %-6s  %-14s  %-14s  %-15s  %s\n", "LIVE", "COUNT",
               "EACH", "CALLS", "FREED", "CALL", "KIND", "FIRST", "LAST", "PROCESS/THREAD", "NAME");
    for (size_t i = 0; i < groups->count && i < top && !err && !ferror(stdout); i++)
        err = listing->arguments->json ? json_group(listing, groups->items[i])
                                       : table_group(listing, groups->items[i]);
    return err;
}

/* --- the intervals --- */

static void table_interval(struct listing *listing, const struct ledger_interval *interval)
{
    const struct ledger_charge *charge = interval->charge;
    struct units_text size;
    char perms[5];

    buffer_printf(&listing->line, "%7d  %012" PRIx64 "-%012" PRIx64 " %s %12s  %-6s", listing->pid,
                  interval->start, interval->end, vma_perms_text(interval->perms, perms),
                  units_format_size(&size, interval->end - interval->start),
                  backing_name(interval->backing));
    if (!charge) {
        buffer_printf(&listing->line, "  %s\n",
                      interval->inherited ? "inherited by fork" : "of unknown origin");
        return;
    }
    put_time(listing, charge->time_ns);
    buffer_printf(&listing->line, "  %-16s", call_name(charge->group->kind));
    put_thread(listing, charge->pid, charge->tid, charge->time_ns);
}

static json_t *json_charge(const struct listing *listing, const struct ledger_charge *charge)
{
    if (!charge)
        return json_null();
    return JSON_OBJECT(
        {"call", json_string(call_name(charge->group->kind))},
        {"time", json_time(listing, charge->time_ns)}, {"pid", json_parts_id(charge->pid)},
        {"tid", json_parts_id(charge->tid)},
        {"thread", json_parts_text(thread_name(listing, charge->tid, charge->time_ns))},
        {"stack", json_parts_id((pid_t)charge->group->stack_id)},
        {"start", json_parts_address(charge->start)},
        {"mapped_bytes", json_parts_number(charge->mapped_bytes)},
        {"live_bytes", json_parts_number(charge->live_bytes)},
        {"steps", json_integer(charge->steps)});
}

static struct seep_error *json_interval(const struct listing *listing,
                                        const struct ledger_interval *interval)
{
    char perms[5];
    struct seep_error *err =
        json_parts_write(JSON_OBJECT({"pid", json_parts_id(listing->pid)},
                                     {"start", json_parts_address(interval->start)},
                                     {"end", json_parts_address(interval->end)},
                                     {"perms", json_string(vma_perms_text(interval->perms, perms))},
                                     {"backing", json_string(backing_name(interval->backing))},
                                     {"inherited", json_boolean(interval->inherited)},
                                     {"charge", json_charge(listing, interval->charge)}),
                         JSON_COMPACT, stdout);

    putchar('\n');
    return err;
}

static bool print_interval(const struct ledger_interval *interval, void *context)
{
    struct listing *listing = context;

    if (listing->arguments->tid &&
        (!interval->charge || interval->charge->tid != listing->arguments->tid))
        return true;
    if (listing->arguments->json) {
        listing->err = json_interval(listing, interval);
    } else {
        table_interval(listing, interval);
        listing->err = flush_line(listing);
    }
    return !listing->err && !ferror(stdout);
}

static bool print_space(const struct ledger_space *space, pid_t pid, void *context)
{
    struct listing *listing = context;

    if (listing->arguments->pid && listing->arguments->pid != pid)
        return true;
    listing->pid = pid;
    ledger_each(space, 0, UINT64_MAX, print_interval, listing);
    return !listing->err;
}

static struct seep_error *list_intervals(struct listing *listing)
{
    if (!listing->arguments->json)
        printf("%7s  %-25s %s %12s  %-6s  %-14s  %-16s  %-15s  %s\n", "PID", "START-END", "PERM",
               "SIZE", "KIND", "WHEN", "CALL", "PROCESS/THREAD", "NAME");
    ledger_each_space(listing->recording.ledger, print_space, listing);
    return take_ptr(listing->err);
}

/* --- the sum --- */

static struct seep_error *print_sum(const struct listing *listing)
{
    const struct replay_result *result = &listing->recording.replay;
    struct ledger_totals totals;
    struct units_text live, unknown, unexplained, events, lost, comparisons;

    ledger_totals(listing->recording.ledger, &totals);
    if (listing->arguments->json) {
        struct seep_error *err = json_parts_write(
            JSON_OBJECT(
                {"live_bytes", json_parts_number(totals.live_bytes)},
                {"unknown_bytes", json_parts_number(totals.unknown_bytes)},
                {"intervals", json_parts_number(totals.intervals)},
                {"events", json_parts_number(result->events)},
                {"lost_events", json_parts_number(result->lost_events)},
                {"comparisons", json_parts_number(result->comparisons)},
                {"unexplained_bytes",
                 result->compared ? json_parts_number(result->unexplained_bytes) : json_null()},
                {"unexplained_max_bytes",
                 result->compared ? json_parts_number(result->unexplained_max) : json_null()},
                {"conflicts", json_parts_number(totals.conflicts)}),
            JSON_COMPACT, stdout);

        putchar('\n');
        return err;
    }
    printf("\n%s mapped by %s events and still held, %s of unknown origin, %s lost\n",
           units_format_size(&live, totals.live_bytes), units_format_count(&events, result->events),
           units_format_size(&unknown, totals.unknown_bytes),
           units_format_count(&lost, result->lost_events));
    if (result->compared)
        printf("%s bytes differ from what the kernel said, in the last of %s comparisons\n",
               units_format_count(&unexplained, result->unexplained_bytes),
               units_format_count(&comparisons, result->comparisons));
    return NULL;
}

/* --- the topic --- */

/* The lines of the table alone have the paths written out. */
static struct seep_error *read_case(struct case_dir *c, struct listing *listing)
{
    const struct arguments *arguments = listing->arguments;
    struct seep_error *err;

    case_info(c, &listing->info);
    zone_use(listing->info.time_zone);
    err = recording_read(c, &listing->info, &listing->recording);
    if (err || arguments->json || arguments->intervals)
        return err;
    err = recording_name_paths(
        &listing->recording, c->fd,
        &(struct recording_naming){.debug_dirs = naming_dirs(&arguments->naming),
                                   .progress = naming_progress(false)});
    naming_progress_clear();
    return err;
}

static struct seep_error *list(const char *case_path, const struct arguments *arguments)
{
    _cleanup_(case_destroyp) struct case_dir *c = NULL;
    _cleanup_(listing_deinit) struct listing listing = {.arguments = arguments};
    struct seep_error *err = command_open_case(case_path, &c);

    if (!err)
        err = read_case(c, &listing);
    if (!err)
        err = arguments->intervals ? list_intervals(&listing) : list_groups(&listing);
    if (!err)
        err = print_sum(&listing);
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
    case KEY_INTERVALS:
        arguments->intervals = true;
        return 0;
    case KEY_ALL:
        arguments->all = true;
        return 0;
    case KEY_PID:
        arguments->pid = show_parse_id(argument, "--pid", state);
        return 0;
    case KEY_TID:
        arguments->tid = show_parse_id(argument, "--tid", state);
        return 0;
    case KEY_TOP:
        arguments->top = show_parse_top(argument, UINT32_MAX, state);
        return 0;
    case ARGP_KEY_END:
        if (arguments->intervals && (arguments->all || arguments->top))
            argp_error(state, "--all and --top are about groups, not --intervals");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option options[] = {
    {"intervals", KEY_INTERVALS, NULL, 0, "Every mapped range with the call it is charged to", 0},
    {"all", KEY_ALL, NULL, 0, "Also what was given back to the last byte", 0},
    {"top", KEY_TOP, "N", 0, "Only the N that hold most", 0},
    {"pid", KEY_PID, "PID", 0, "Only what this process mapped", 0},
    {"tid", KEY_TID, "TID", 0, "Only what this thread mapped", 0},
    {"json", KEY_JSON, NULL, 0, "One JSON object a line, the last one the sum", 0},
    {0},
};

static const struct argp_child children[] = {{&naming_argp, 0, NULL, 0}, {0}};

static const struct argp argp = {
    .children = children,
    .options = options,
    .parser = parse,
    .doc = "Lists what recorded calls mapped and nobody has given back.",
};

static int run(const struct show_topic *topic, const char *case_path, int argc, char **argv)
{
    struct arguments arguments = {0};

    show_parse(topic, argc, argv, &arguments);
    return command_report(list(case_path, &arguments), "showing the ledger of %s", case_path);
}

const struct show_topic show_ledger = {
    .name = "ledger",
    .summary = "what was mapped and not given back, by thread, size and call",
    .description =
        "Lists the outstanding memory at the end of the recording, gathered by process, thread, "
        "system call and size, the most bytes first: what is left of it (LIVE) in how many calls "
        "(COUNT), how much each added (EACH), how many calls of the kind there were in all, and "
        "how many of these were wholly given back (FREED). With --intervals, every mapped range "
        "with the call that it is charged to: what was mapped before the recording is of unknown "
        "origin, and what a child got from its parent is inherited; neither is charged to anyone.",
    .argp = &argp,
    .run = run,
};
